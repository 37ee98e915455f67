"""How far a bench is: what it loads, then a bar; lines where there is no terminal."""

from __future__ import annotations

import sys


class BenchProgress:
    """Use it as a context; everything goes to the standard error."""

    def __init__(self, quiet: bool) -> None:
        self._quiet, self._bar, self._shown = quiet, None, 0.0
        if not quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}", markup=False), BarColumn(bar_width=None),
                TextColumn("{task.percentage:>3.0f} %"), TimeRemainingColumn(compact=True),
                console=Console(stderr=True), transient=True,
            )  # fmt: skip
            self._task = self._bar.add_task("starting", total=None)

    def __enter__(self) -> BenchProgress:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def log(self, step: str) -> None:
        """A step of loading, whose time is not known."""
        if self._bar:
            self._bar.update(self._task, description=step, total=None)
        elif not self._quiet:
            print(step, file=sys.stderr, flush=True)

    def note(self, text: str) -> None:
        """Something to know before the measurement ends."""
        if self._bar:
            self._bar.console.print(text, markup=False, highlight=False)
        elif not self._quiet:
            print(text, file=sys.stderr, flush=True)

    def share(self, share: float) -> None:
        """The part of the measurement that is done, 0…1."""
        if self._bar:
            self._bar.update(self._task, description="measuring", total=1, completed=share)
        elif not self._quiet and share - self._shown >= 0.25:
            self._shown = share
            print(f"measuring: {100 * share:.0f} %", file=sys.stderr, flush=True)
