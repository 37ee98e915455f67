"""How far a run is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time

from ..text.counting import counted
from ..text.redaction import redact

_EVERY = 10.0  # seconds between lines that are not a bar


class Progress:
    """Shows frames, frames a second and the time left; use it as a context.

    Parameters
    ----------
    name
        The input.
    length
        Seconds of video, when known.
    quiet
        Shows nothing but warnings.
    """

    def __init__(self, name: str, quiet: bool = False) -> None:
        self._name, self._quiet = redact(name), quiet
        self._bar = None if quiet or not sys.stderr.isatty() else _make_bar()
        if self._bar:
            self._task = self._bar.add_task(self._name, total=None, rate="", windows="")
        self._started = self._shown = time.monotonic()

    def __enter__(self) -> Progress:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_exception) -> None:
        if self._bar:
            self._bar.stop()

    def update(self, frames: int, seconds: float, length: float | None, windows: int) -> None:
        """Frames so far, the newest one's time, the whole length, windows explained so far."""
        now = time.monotonic()
        if self._quiet or now - self._shown < (0.1 if self._bar else _EVERY):
            return
        self._shown = now
        rate = f"{frames / max(now - self._started, 1e-3):.0f} frames/s"
        if self._bar:
            done = min(seconds, length) if length else seconds
            self._bar.update(
                self._task,
                completed=done,
                total=length,
                rate=rate,
                windows=counted(windows, "window"),
            )
            return
        share = f" ({100 * min(1, seconds / length):.0f} %)" if length else ""
        self.log(f"{self._name}: {seconds:.1f} s{share}, {counted(windows, 'window')}, {rate}")

    def log(self, text: str) -> None:
        """A line of its own, above the bar."""
        text = redact(text)
        if self._bar:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=sys.stderr, flush=True)


def _make_bar():
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
    except ImportError:
        return None
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[rate]}  {task.fields[windows]}  left", style="dim"),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
        transient=True,
    )
