"""Carries a job out: plays the pipeline, takes the windows, finishes the files."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DamageError, StreamError, UsageError
from ..figures.key_frames import Gallery
from ..libraries.extras import needed_for
from ..text.counting import counted
from ..video.output import (
    check_encoders,
    check_remains,
    check_writable,
    container_of,
    has_screen,
    is_playable,
    partial_name,
)
from ..windows import sampling
from ..windows.jsonl import JsonLines, open_lines
from ..windows.window_record import WindowRecord
from .job import Job, Result, sheet_info
from .progress import Progress
from .signals import Interrupted, interruptible

if TYPE_CHECKING:
    from .player import Player

_THUMBNAIL = 720  # pixels, longest side
_PICTURES = 64  # for a contact sheet, of a window that spans a video
# What the element `tubecam` holds at most (csrc/plugin/elements/hold_queue.cc), with some room.
_MOST_BYTES, _MOST_FRAMES = 480 << 20, 4000


def check(job: Job) -> None:
    """Finds before work starts what would be found after it; raises any TubecamError."""
    if job.output is not None:
        container = container_of(job.output)
        check_writable(job.output, job.source.path, job.overwrite)
        check_remains(job.output, job.overwrite)
        check_encoders(container)
    for path in filter(None, (job.sheet, _jsonl_path(job))):
        replaced = job.overwrite or (job.append and path != job.sheet)
        check_writable(path, job.source.path, replaced)
    if job.sheet:
        with needed_for("a contact sheet", "cli"):
            from ..figures import contact_sheet  # noqa: F401
    if job.display and not has_screen():
        _refuse_screen(job)


def _refuse_screen(job: Job) -> None:
    """Says first what is wrong with a live source, which a run without a screen would not find."""
    instead = "write a file instead: -o out.mp4, or lines: --jsonl -"
    if not job.source.live:
        raise StreamError(
            "there is no screen to show the video on (neither DISPLAY nor WAYLAND_DISPLAY is set);"
            f" {instead}"
        )
    from ..video.reader import first_frame

    frame = first_frame(job.source, job.timeout)
    raise StreamError(
        f"{job.source.name} plays ({frame.width}×{frame.height}), but there is no screen to show"
        f" it on; {instead}"
    )


def execute(job: Job) -> Result:
    """Runs a job; each file has its name only when it is finished.

    Raises
    ------
    TubecamError
        Something failed; what could be written is kept, and the message says so.
    """
    run = _Run(job)
    with interruptible(run.interrupt) as run.signals:
        return run.execute()


class _Run:
    """One execution of a job, and what signals do to it.

    The first signal ends the stream in good order, and the files are finished; the second one ends
    that too.
    """

    def __init__(self, job: Job) -> None:
        self.job, self.result, self.gallery = job, Result(), Gallery()
        self._explain = {**job.explain, "padding": job.pad}
        self._fps = job.bundle.clip.sample_fps
        self.signals: list[int] = []
        self._progress: Progress | None = None
        self._player: Player | None = None
        self._playing = self._settling = False

    def interrupt(self, count: int) -> None:
        if count == 1:
            if self._playing:
                self._progress.log(
                    "finishing what is under way; press Ctrl-C again to stop at once"
                )
            if self._player is not None:
                self._player.stop()
        elif self._playing:
            self._player.abort()
        elif not self._settling:
            raise Interrupted(self.signals[0])

    def execute(self) -> Result:
        check(self.job)
        with Progress(self.job.source.name, self.job.quiet) as self._progress:
            with _json_lines(self.job) as write:
                if self.job.sampling == "uniform":
                    self._spread()
                self._player = self._make_player(write)
                if self.signals:
                    return self._ended()
                try:
                    self._play()
                finally:
                    try:
                        self._finish(sys.exc_info()[1])
                    finally:
                        self._settle()
        return self._ended()

    def _play(self) -> None:
        self._playing = True
        try:
            self._player.play()
        except DamageError as error:
            self.result.damage = error
        finally:
            self._playing = False

    def _finish(self, failed: BaseException | None) -> None:
        pipeline = self._player.pipeline
        self.result.frames, self.result.seconds = pipeline.frames, pipeline.seconds
        _finish(self.job, self.result, self.gallery, failed or self.result.damage)

    def _settle(self) -> None:
        """Whatever happened, and whatever signals still come: no half file stays."""
        self._settling = True
        _keep_video(self.job, self.result)

    def _ended(self) -> Result:
        self.result.signal = self.signals[0] if self.signals else 0
        return self.result

    def _spread(self) -> None:
        """Lets one window span the video, which is read once for that."""
        from ..video.reader import measure

        job, length = self.job, self.job.bundle.clip.length
        extent = measure(job.source, job.timeout, job.duration, lambda: bool(self.signals))
        self._fps = sampling.uniform_rate(extent.first, extent.last, length) or self._fps
        self._explain |= {"sample_fps": self._fps, "hop": length}
        self.gallery = Gallery((extent.last - extent.first) // _PICTURES)
        held = job.explain.get("align") == "delayed" and (job.output or job.display)
        if held and (extent.bytes > _MOST_BYTES or extent.frames > _MOST_FRAMES):
            raise UsageError(
                f"{job.source.name} is too long for --sampling uniform: {extent.frames} pictures,"
                f" {extent.bytes >> 20} MiB, would have to be held until they are explained; leave"
                " out -o and --display, or take a part of it: --duration"
            )

    def _make_player(self, write: Callable[[WindowRecord], None]) -> Player:
        from .pipeline import Options, Pipeline
        from .player import Listeners, Player

        job = self.job
        rate = Gallery.rate(job.bundle.clip.length, self._fps)
        pipeline = Pipeline(
            job.source,
            Options(
                self._explain, job.style.properties() if job.overlay else None,
                job.output, job.display, (_THUMBNAIL, rate) if job.sheet else None, job.duration,
            ),
        )  # fmt: skip

        def show(player: Player) -> None:
            length = min(filter(None, (player.length, job.duration)), default=None)
            windows = self.result.windows
            self._progress.update(pipeline.frames, pipeline.seconds, length, windows)

        def window(structure) -> None:
            write(self._take(structure))

        listeners = Listeners(window, self.gallery.add_picture, show, self._progress.log)
        return Player(pipeline, listeners, job.timeout)

    def _take(self, structure) -> WindowRecord:
        from ..video.metadata import read_structure

        fields = read_structure(structure)
        record = WindowRecord.from_fields(fields, self.job.bundle.labels)
        self.result.windows += 1
        self.result.dropped = int(fields.get("dropped-windows", 0))
        self.result.labels[record.label] += record.valid
        self.result.notes |= {m.text: None for m in record.marks if m.key in sampling.MARKS}
        if self.job.sheet:
            self.gallery.add_window(record)
        return record


def _finish(job: Job, result: Result, gallery: Gallery, failed: BaseException | None) -> None:
    """Gives the video its name, draws the sheet, and adds to an error what was kept."""
    _keep_video(job, result)
    if path := _jsonl_path(job):
        result.written.append(path)
    if job.sheet and result.frames:
        from ..figures.contact_sheet import write_sheet

        write_sheet(job.sheet, gallery, sheet_info(job, result))
        result.written.append(job.sheet)
    if isinstance(failed, StreamError) and result.frames and result.written:
        hold = "holds" if len(result.written) == 1 else "hold"
        what = "the rest" if isinstance(failed, DamageError) else "what came before"
        names = " and ".join(map(str, result.written))
        failed.args = (f"{failed}; {names} {hold} {what} ({counted(result.frames, 'frame')})",)


def _keep_video(job: Job, result: Result) -> None:
    """Gives it its name where it can be played; there is nothing left to do the second time."""
    if job.output is None:
        return
    part = partial_name(job.output)
    if result.frames and is_playable(part):
        part.replace(job.output)
        result.written.append(job.output)
    else:
        part.unlink(missing_ok=True)


def _jsonl_path(job: Job) -> Path | None:
    return Path(job.jsonl) if job.jsonl and job.jsonl != "-" else None


@contextlib.contextmanager
def _json_lines(job: Job) -> Iterator[Callable[[WindowRecord], None]]:
    """A function that writes a window, or does nothing."""
    if job.jsonl == "-":
        yield JsonLines(sys.stdout).write
    elif job.jsonl:
        with open_lines(Path(job.jsonl), job.append) as file:
            yield JsonLines(file, job.jsonl).write
    else:
        yield lambda record: None
