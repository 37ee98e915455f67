"""Stream mode: the pipeline that `tubecam run` plays, at full speed and at the video's own pace.

Full speed: passes with the elements and without them take turns; what explaining costs a frame.
Own pace: 1, 2, 4 … streams at once, each as from a camera, until frames come late or windows are
left out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..bundle.bundle import Bundle
from ..errors import StreamError, UsageError
from ..run.signals import interruptible
from ..video.source import Source, parse_source
from . import memory
from .statistics import paired_ratio, summarise

if TYPE_CHECKING:
    from ..run.player import Player

LATE_SHARE, DROPPED_SHARE = 0.02, 0.05  # beyond these a machine is saturated
FULL_SPEED_SHARE = 0.4  # of the time
PASSES = 3  # of each kind at least


@dataclass
class StreamSettings:
    """What stream mode does.

    Attributes
    ----------
    explain
        Properties of the element `tubecam`.
    streams
        The most at once.
    seconds
        For everything together.
    """

    source: Source
    bundle: Bundle
    explain: dict[str, Any]
    streams: int
    seconds: float


@dataclass
class StreamBench:
    """Measures; after an interruption `facts` gives what there is."""

    settings: StreamSettings
    on: list[dict[str, float]] = field(default_factory=list)
    off: list[dict[str, float]] = field(default_factory=list)
    live: list[dict[str, Any]] = field(default_factory=list)
    _playing: list[Player] = field(default_factory=list)
    _interrupts: Sequence[int] = ()

    def measure(self, progress: Callable[[float], object]) -> None:
        """Both parts. Raises KeyboardInterrupt after a Ctrl-C, when the pipelines are closed."""
        with interruptible(self._interrupted) as self._interrupts:
            self._measure(progress)

    def _measure(self, progress: Callable[[float], object]) -> None:
        levels = stream_counts(self.settings.streams)
        part = self.settings.seconds * (1 - FULL_SPEED_SHARE) / len(levels)
        for i, count in enumerate(levels):
            self._live(count, part)
            progress((1 - FULL_SPEED_SHARE) * (i + 1) / len(levels))
            if self.live[-1]["saturated"]:
                break
        self._full_speed(progress)

    def facts(self) -> dict[str, Any]:
        """Everything in JSON."""
        times = [[p["seconds"] / p["frames"] for p in passes] for passes in (self.on, self.off)]
        count = min(map(len, times))
        return {
            "source": self.settings.source.name,
            "explain": {k: str(v) for k, v in self.settings.explain.items()},
            "live": self.live,
            "full_speed": {
                "on": _rates(self.on),
                "off": _rates(self.off),
                "cost": paired_ratio(times[0][:count], times[1][:count]) if count else None,
            },
            "peak_memory_mb": round(memory.peak(), 1),
        }

    # ---- full speed ----

    def _full_speed(self, progress: Callable[[float], object]) -> None:
        start, seconds = time.monotonic(), self.settings.seconds * FULL_SPEED_SHARE
        longest = max(2.0, seconds / PASSES)  # seconds of video; it plays faster than that
        while len(self.off) < PASSES or time.monotonic() - start < seconds * 0.9:
            self.on.append(self._pass(True, longest))
            self.off.append(self._pass(False, longest))
            share = min(1, (time.monotonic() - start) / seconds)
            progress(1 - FULL_SPEED_SHARE * (1 - share))
        progress(1)

    def _pass(self, explained: bool, longest: float) -> dict[str, float]:
        explain = {**self.settings.explain, "align": "delayed", "late_windows": "wait"}
        elements = (explain, {}) if explained else (None, None)
        player, probe = self._player(*elements, longest, paced=False)
        self._play([player])
        seconds, frames = probe.seconds(), len(probe.seen["sink"]) - 1
        if frames < 1 or seconds <= 0:
            raise StreamError(f"{self.settings.source.name} has too few frames to measure")
        return {"seconds": seconds, "frames": frames, "windows": len(probe.results)}

    # ---- the video's own pace ----

    def _live(self, count: int, seconds: float) -> None:
        """Adds what `count` streams at once gave, also when they are interrupted."""
        explain = {**self.settings.explain, "align": "latest", "late_windows": "drop"}
        runs = [self._player(explain, {}, seconds, paced=True) for _ in range(count)]
        busy, wall = time.process_time(), time.perf_counter()
        try:
            self._play([player for player, _ in runs])
        finally:
            cores = (time.process_time() - busy) / (time.perf_counter() - wall)
            facts = self._live_facts([probe for _, probe in runs])
            if facts["frames"]:
                self.live.append({"streams": count, "cpu_cores": cores, **facts})

    def _live_facts(self, probes: list[Any]) -> dict[str, Any]:
        stages: dict[str, list[float]] = {}
        for probe in probes:
            for name, values in probe.stages().items():
                stages.setdefault(name, []).extend(values)
        if str(self.settings.explain.get("device", "cpu")) == "cpu":
            # The engine reads the window where preprocess wrote it.
            stages["transfer"] = [0.0] * len(stages["engine"])
        frames = sum(len(p.seen["sink"]) for p in probes)
        late = sum(p.late_frames() for p in probes)
        windows = sum(len(p.results) for p in probes)
        dropped = sum(p.dropped_windows for p in probes)
        seconds = max((p.seconds() for p in probes), default=0.0)
        return {
            "frames": frames,
            "late_frames": late,
            "missing_frames": sum(p.missing_frames() for p in probes),
            "windows": windows,
            "dropped_windows": dropped,
            "windows_per_s": windows / seconds if seconds else 0.0,
            "saturated": late > LATE_SHARE * frames
            or dropped > DROPPED_SHARE * (windows + dropped),
            "stages_ms": {name: summarise(values) for name, values in stages.items()},
            "samples_ms": {
                name: [round(v, 3) for v in stages[name]]
                for name in ("engine", "explanation", "last frame to result")
            },
        }

    def _player(self, explain: dict | None, overlay: dict | None, seconds: float, paced: bool):
        """A player of a new pipeline, and the probe on it."""
        from ..run.pipeline import Options, Pipeline
        from ..run.player import Listeners, Player
        from .stream_probe import StreamProbe

        options = Options(explain, overlay, duration=seconds)
        pipeline = Pipeline(self.settings.source, options)
        probe = StreamProbe(pipeline, paced)
        return Player(pipeline, Listeners()), probe

    def _play(self, players: list[Player]) -> None:
        self._playing = players
        if not self._interrupts:
            _play_together(players)
        if self._interrupts:
            raise KeyboardInterrupt

    def _interrupted(self, count: int) -> None:
        for player in self._playing:
            player.abort()
        if count > 1:
            raise KeyboardInterrupt


def _play_together(players: list[Player]) -> None:
    """Plays all to their end; raises what one of them raised."""
    errors: list[BaseException] = []

    def play(player: Player) -> None:
        try:
            player.play()
        except BaseException as error:  # it belongs to the caller's thread
            errors.append(error)

    threads = [threading.Thread(target=play, args=(p,), daemon=True) for p in players]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def stream_counts(most: int) -> list[int]:
    """1, 2, 4 … and the last one asked for."""
    counts, count = [], 1
    while count < most:
        counts.append(count)
        count *= 2
    return [*counts, most]


def open_stream(text: str, bundle: Bundle) -> Source:
    """The video, known to be readable and long enough for a window.

    Raises
    ------
    StreamError
        It cannot be opened or decoded, or is shorter than two windows.
    UsageError
        It is not a file: a bench needs the same frames every time.
    """
    from ..video.reader import read_frames

    source = parse_source(text)
    if source.kind != "file":
        raise UsageError(f"--stream {text}: give a video file, the same frames every time")
    spec, first = bundle.clip, None
    needed = 2 * spec.length / spec.sample_fps
    frames, last = read_frames(source), 0.0
    try:
        for pts, _ in frames:
            first = pts if first is None else first
            last = (pts - first) / 1e9
            if last >= needed:
                return source
    finally:
        frames.close()
    raise StreamError(
        f"{text} is too short: {last:.2f} s, and two windows of {bundle.name} take {needed:.2f} s"
    )


def _rates(passes: list[dict[str, float]]) -> dict[str, Any]:
    seconds = sum(p["seconds"] for p in passes)
    return {
        "passes": len(passes),
        "frames_per_s": sum(p["frames"] for p in passes) / seconds if seconds else None,
        "windows_per_s": sum(p["windows"] for p in passes) / seconds if seconds else None,
        "frame_ms": [p["seconds"] / p["frames"] * 1e3 for p in passes],
    }
