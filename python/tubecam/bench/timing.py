"""Interleaved runs: everything that is compared takes its turn in every round.

Note [Fair turns]
Clocks, neighbours and heat change within seconds. A round runs each contender once, in an order
that is redrawn, so that a disturbance meets all alike and ratios are taken within rounds. A run
of less than `SHORT` is preceded by an untimed one: none pays for another's caches, or for threads
of another library that are still spinning.
"""

from __future__ import annotations

import gc
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

SHORT = 0.05  # seconds
WARM_UP, ENOUGH = 3, 1.0  # runs; seconds, after two of them
LEAST, MOST = 5, 400  # rounds


@dataclass
class Contender:
    """Something that is timed.

    Attributes
    ----------
    name : str
    run : callable
        One whole run. Its result is dropped.
    clock : callable
        Gives seconds. `time.thread_time` leaves out what other processes take, and is right for
        work of the calling thread alone.
    seconds : list of float
        One a round; NaN where it had no turn.
    """

    name: str
    run: Callable[[], object]
    clock: Callable[[], float] = time.perf_counter
    seconds: list[float] = field(default_factory=list)
    _expected: float = math.inf

    def warm_up(self, runs: int = WARM_UP) -> None:
        """Runs untimed, long ones fewer times; the fastest shows what to expect."""
        seconds: list[float] = []
        while len(seconds) < runs and (len(seconds) < 2 or sum(seconds) < ENOUGH):
            seconds.append(self._timed())
        self._expected = min(seconds)

    def turn(self) -> None:
        """One timed run."""
        if self._expected < SHORT:
            self.run()
        self.seconds.append(self._timed())

    @property
    def cost(self) -> float:
        """Expected seconds of a turn."""
        return self._expected * (2 if self._expected < SHORT else 1)

    def _timed(self) -> float:
        start = self.clock()
        self.run()
        return self.clock() - start


class Rounds:
    """Rounds of turns.

    Parameters
    ----------
    slots : sequence of sequences of Contender
        One contender of each slot runs in a round; several in a slot take turns.
    """

    def __init__(self, slots: Sequence[Sequence[Contender]], seed: int = 0) -> None:
        self.slots = [list(slot) for slot in slots if slot]
        self.count = 0
        self._random = random.Random(seed)

    @property
    def cost(self) -> float:
        """Expected seconds of a round, after warm-up."""
        return sum(sum(c.cost for c in slot) / len(slot) for slot in self.slots)

    def expected(self, seconds: float, least: int = LEAST, most: int = MOST) -> int:
        """How many rounds fit into a time."""
        return max(least, min(most, int(seconds / max(self.cost, 1e-6))))

    def run(
        self,
        seconds: float,
        least: int = LEAST,
        most: int = MOST,
        progress: Callable[[float], object] = lambda share: None,
    ) -> None:
        """Runs rounds until the time is over; `progress` takes the share that is done, 0…1.

        KeyboardInterrupt passes; what was measured in whole rounds stays.
        """
        start, was_enabled = time.perf_counter(), gc.isenabled()
        gc.disable()
        try:
            while self.count < most:
                passed = time.perf_counter() - start
                mean = passed / self.count if self.count else 0
                if self.count >= least and passed + mean > seconds:
                    break
                self._round()
                by_time = (time.perf_counter() - start) / seconds
                progress(min(1, max(min(by_time, self.count / least), self.count / most)))
        finally:
            self._align()
            if was_enabled:
                gc.enable()
        progress(1)

    def _round(self) -> None:
        chosen = [slot[self.count % len(slot)] for slot in self.slots]
        for contender in self._random.sample(chosen, len(chosen)):
            contender.turn()
        self.count += 1
        self._align()

    def _align(self) -> None:
        """Every series has one entry a whole round."""
        for slot in self.slots:
            for contender in slot:
                del contender.seconds[self.count :]
                contender.seconds += [math.nan] * (self.count - len(contender.seconds))


def compare(
    *runs: Callable[[], object],
    rounds: int = 25,
    clock: Callable[[], float] = time.perf_counter,
) -> list[list[float]]:
    """Seconds of each of several functions, interleaved, one list each."""
    contenders = [Contender(str(i), run, clock) for i, run in enumerate(runs)]
    for contender in contenders:
        contender.warm_up()
    Rounds([[c] for c in contenders]).run(math.inf, least=rounds, most=rounds)
    return [c.seconds for c in contenders]
