"""Ctrl-C, SIGTERM and SIGHUP: an exception as a rule, a call while a pipeline plays.

Note [Interrupts]
Python raises an exception in whatever code the main thread runs just then. In a function that
GStreamer called, it is printed and forgotten; in the initialisation of a compiled module it becomes
another one. So code that raises also remembers, and code that plays a pipeline takes the signal
himself. A signal that the process was started to ignore (nohup, a shell's background) stays
ignored.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


# Threads of this name may still be at work in a library when all else is over.
STUCK = "tubecam-stuck"


class Interrupted(KeyboardInterrupt):
    """A signal asks the process to end; `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class _Taker:
    """A signal handler that remembers."""

    def __init__(self, handle: Callable[[int], object], seen: list[int]) -> None:
        self.handle, self.seen = handle, seen

    def __call__(self, number: int, _frame) -> None:
        self.seen.append(number)
        self.handle(len(self.seen))


@contextlib.contextmanager
def raising() -> Iterator[list[int]]:
    """Signals raise Interrupted in the main thread; gives the list of those that came."""
    seen: list[int] = []

    def interrupt(_count: int) -> None:
        raise Interrupted(seen[0])

    with _taking(_Taker(interrupt, seen)):
        yield seen


@contextlib.contextmanager
def interruptible(handle: Callable[[int], object]) -> Iterator[list[int]]:
    """Gives a list that signals append themselves to, in place of what they else do.

    Parameters
    ----------
    handle
        Takes how many have come so far; called in the main thread. One that came before, within
        `raising`, and was forgotten, counts.

    Notes
    -----
    In another thread than the main one, which alone may handle signals, nothing changes.
    """
    before = (signal.getsignal(number) for number in SIGNALS)
    seen = next((taker.seen[:] for taker in before if isinstance(taker, _Taker)), [])
    with _taking(_Taker(handle, seen)):
        if seen:
            handle(len(seen))
        yield seen


@contextlib.contextmanager
def _taking(taker: _Taker) -> Iterator[None]:
    before = {}
    with contextlib.suppress(ValueError):  # not the main thread
        for number in SIGNALS:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, taker)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
