"""Ctrl-C while a pipeline plays.

Note [Interrupts]
Python raises KeyboardInterrupt in whatever code the main thread runs just then. In a function that
GStreamer called, it is printed and forgotten. So whoever plays a pipeline takes the signal himself.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def interruptible(handle: Callable[[int], object]) -> Iterator[list[int]]:
    """Gives a list that SIGINT and SIGTERM append themselves to, in place of what they else do.

    Parameters
    ----------
    handle
        Takes how many have come so far; called in the main thread.

    Notes
    -----
    In another thread than the main one, which alone may handle signals, nothing changes.
    """
    interrupts: list[int] = []

    def take(number: int, _frame) -> None:
        interrupts.append(number)
        handle(len(interrupts))

    try:
        before = {n: signal.signal(n, take) for n in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:
        before = {}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
