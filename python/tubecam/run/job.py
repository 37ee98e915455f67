"""What `tubecam run` and `tubecam demo` do: a job, and what came of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ..bundle.bundle import Bundle
from ..drawing.heat import HeatStyle
from ..errors import DamageError
from ..text.counting import counted
from ..video.source import Source


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
    append: bool = False  # to the file of JSON lines
    pad: str = "last"  # of sampling.PADS
    sampling: str = "rate"  # of sampling.RULES
    quiet: bool = False


@dataclass
class Result:
    """What came of it."""

    frames: int = 0
    seconds: float = 0.0
    windows: int = 0
    dropped: int = 0
    labels: Counter = field(default_factory=Counter)
    notes: dict[str, None] = field(
        default_factory=dict
    )  # how windows were sampled, if not as usual
    written: list[Path] = field(default_factory=list)
    signal: int = 0  # that ended it early
    damage: DamageError | None = None  # of the input; what could be read is explained


def sheet_info(job: Job, result: Result):
    """The words and colours of a job's contact sheet."""
    from ..figures.contact_sheet import SheetInfo, clock

    method = job.explain.get("method") or job.bundle.default_method
    facts = [
        f"model {job.bundle.name}",
        f"{method} at {job.bundle.graph_of(method).layer.name}",
        f"{clock(result.seconds)}, {counted(result.frames, 'frame')},"
        f" {counted(result.windows, 'window')}",
    ]
    return SheetInfo(
        job.source.path.name if job.source.path else job.source.name,
        facts,
        job.style,
        job.bundle.clip.length / job.bundle.clip.sample_fps,
    )
