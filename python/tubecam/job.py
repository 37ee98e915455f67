"""A run from its checks to its last file: what `tubecam run` and `tubecam demo` do."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from .bundle import Bundle
from .errors import StreamError
from .gallery import Gallery
from .heat import HeatStyle
from .interruption import interruptible
from .jsonl import JsonLines
from .output import (
    check_encoders,
    check_screen,
    check_writable,
    container_of,
    is_playable,
    partial_name,
)
from .progress import Progress
from .record import WindowRecord
from .source import Source

_THUMBNAIL = 720  # pixels, longest side


@dataclass
class Job:
    """What to explain, how, and what to write; `explain` are properties of the element."""

    source: Source
    bundle: Bundle
    explain: dict
    style: HeatStyle = field(default_factory=HeatStyle)
    overlay: bool = True  # on the video; a sheet has heat in any case
    output: Path | None = None
    jsonl: str | None = None  # a file's name, or `-` for standard output
    sheet: Path | None = None
    display: bool = False
    duration: float | None = None
    timeout: float = 30.0
    overwrite: bool = False
    quiet: bool = False


@dataclass
class Result:
    """What came of it."""

    frames: int = 0
    seconds: float = 0.0
    windows: int = 0
    dropped: int = 0
    labels: Counter = field(default_factory=Counter)
    interrupted: bool = False


def check(job: Job) -> None:
    """Finds before work starts what would be found after it; raises any TubecamError."""
    if job.output is not None:
        container = container_of(job.output)
        check_writable(job.output, job.source.path, job.overwrite)
        check_encoders(container)
    if job.display:
        check_screen()
    for path in filter(None, (job.sheet, _jsonl_path(job))):
        check_writable(path, job.source.path, job.overwrite)


def execute(job: Job) -> Result:
    """Runs a job; each file has its name only when it is finished.

    Raises
    ------
    TubecamError
        Something failed; what could be written is kept, and the message says so.
    """
    from .metadata import read_structure
    from .pipeline import Options, Pipeline
    from .player import Listeners, Player

    check(job)
    result, gallery = Result(), Gallery()
    clip = job.bundle.clip
    rate = Gallery.rate(clip.length, clip.sample_fps)
    pipeline = Pipeline(
        job.source,
        Options(
            job.explain, job.style.properties() if job.overlay else None, job.output, job.display,
            (_THUMBNAIL, rate) if job.sheet else None, job.duration,
        ),
    )  # fmt: skip
    with Progress(job.source.name, job.quiet) as progress, _json_lines(job) as write:

        def window(structure) -> None:
            fields = read_structure(structure)
            record = WindowRecord.from_fields(fields, job.bundle.labels)
            result.windows += 1
            result.dropped = int(fields.get("dropped-windows", 0))
            result.labels[record.label] += record.valid
            write(record)
            if job.sheet:
                gallery.add_window(record)

        def show(player: Player) -> None:
            length = min(filter(None, (player.length, job.duration)), default=None)
            progress.update(pipeline.frames, pipeline.seconds, length, result.windows)

        listeners = Listeners(window, gallery.add_picture, show, progress.say)
        player = Player(pipeline, listeners, job.timeout)
        try:
            with _interruptible(player, progress) as interrupts:
                player.play()
        finally:
            result.frames, result.interrupted = pipeline.frames, bool(interrupts)
            result.seconds = pipeline.seconds
            _finish(job, result, gallery, failed=sys.exc_info()[1])
    return result


def _finish(job: Job, result: Result, gallery: Gallery, failed: BaseException | None) -> None:
    """Gives the video its name, draws the sheet, and adds to an error what was kept."""
    kept = []
    if job.output is not None:
        part = partial_name(job.output)
        if result.frames and is_playable(part):
            part.replace(job.output)
            kept.append(job.output)
        else:
            part.unlink(missing_ok=True)
    if job.sheet and result.frames:
        from .sheet import write_sheet

        write_sheet(job.sheet, gallery, sheet_info(job, result))
        kept.append(job.sheet)
    if isinstance(failed, StreamError) and kept:
        names = " and ".join(map(str, kept))
        failed.args = (f"{failed}; {names} holds what came before ({result.frames} frames)",)


def sheet_info(job: Job, result: Result):
    """The words and colours of a job's contact sheet."""
    from .sheet import SheetInfo, clock

    method = job.explain.get("method") or job.bundle.default_method
    facts = [
        f"model {job.bundle.name}",
        f"{method} at {job.bundle.graph_of(method).layer.name}",
        f"{clock(result.seconds)}, {result.frames} frames, {result.windows} windows",
    ]
    return SheetInfo(
        job.source.path.name if job.source.path else job.source.name,
        facts,
        job.style,
        job.bundle.clip.length / job.bundle.clip.sample_fps,
    )


def _jsonl_path(job: Job) -> Path | None:
    return Path(job.jsonl) if job.jsonl and job.jsonl != "-" else None


@contextlib.contextmanager
def _json_lines(job: Job) -> Iterator[Callable[[WindowRecord], None]]:
    """A function that writes a window, or does nothing."""
    if job.jsonl == "-":
        yield JsonLines(sys.stdout).write
    elif job.jsonl:
        with _open(Path(job.jsonl)) as file:
            yield JsonLines(file).write
    else:
        yield lambda record: None


def _open(path: Path) -> IO[str]:
    try:
        return path.open("w", encoding="utf-8", newline="\n")
    except OSError as error:
        raise StreamError(f"cannot write {path}: {error.strerror}") from error


def _interruptible(player, progress: Progress) -> contextlib.AbstractContextManager[list[int]]:
    """The first Ctrl-C ends the stream in good order, the second at once; gives those so far."""

    def handle(count: int) -> None:
        if count == 1:
            progress.say("finishing what is under way; press Ctrl-C again to stop at once")
            player.stop()
        else:
            player.abort()

    return interruptible(handle)
