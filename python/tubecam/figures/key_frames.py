"""What a contact sheet shows, gathered while a video plays, in bounded memory.

Note [Key frames]
Every window proposes the frame at its peak. Time is divided into equal spans, of each of which the
strongest proposal is kept; when there are more spans than `_SPANS`, neighbours are merged. So the
pictures are spread over the video and are the strongest of their time, however long it lasts.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

import numpy as np

from .._core import full_curve, full_heat
from ..drawing.heat import evidence_of, has_few_times, steps_of
from ..windows.marks import Mark
from ..windows.window_record import WindowRecord

_SPANS = 48
_BINS = 2048
_RECENT = 96  # pictures of the last seconds; 640×360 in RGB are 0.7 MB
_STACK = 9  # pictures of the tube


@dataclass(frozen=True, eq=False)
class Shot:
    """A picture, uint8 [H, W, 3] RGB, at a time in seconds, with the window that explains it.

    Its heat is that at `pts`, nanoseconds: the picture is the nearest one that is there.
    """

    time: float
    picture: np.ndarray
    window: WindowRecord
    pts: int


@dataclass
class Bin:
    """A span of the timeline: relevance summed over `count` samples, and votes for labels."""

    total: float = 0.0
    count: int = 0
    labels: Counter = field(default_factory=Counter)

    def merge(self, other: Bin) -> None:
        self.total += other.total
        self.count += other.count
        self.labels += other.labels


class Timeline:
    """Relevance and labels over a whole video, in at most `_BINS` bins of `step` seconds."""

    def __init__(self, step: float) -> None:
        # Half a step earlier, so that samples lie in the middle of the first bins.
        self.step, self.bins, self._half = step, {}, step / 2

    def add_label(self, window: WindowRecord) -> None:
        for time in window.times[: window.shown]:
            self._bin(time).labels[window.label] += 1

    def add_relevance(self, pts: np.ndarray, values: np.ndarray) -> None:
        """Times int64 [n] in nanoseconds, and values float32 [n]."""
        for time, value in zip(pts / 1e9, values):
            place = self._bin(time)
            place.total += float(value)
            place.count += 1
        if len(self.bins) > _BINS:
            self.bins, self.step = merge_pairs(self.bins), 2 * self.step

    def points(self) -> list[tuple[float, float, str]]:
        """(seconds, mean relevance, most frequent label) in order of time."""
        return [
            (
                (index + 0.5) * self.step - self._half,
                place.total / place.count,
                place.labels.most_common(1)[0][0],
            )
            for index, place in sorted(self.bins.items())
            if place.count and place.labels
        ]

    def _bin(self, time: float) -> Bin:
        return self.bins.setdefault(int((time + self._half) / self.step), Bin())


def _interval(times: np.ndarray) -> float:
    """Seconds between slices."""
    return max(1e-3, float(np.median(np.diff(times))))


def merge_pairs(bins: dict[int, Bin]) -> dict[int, Bin]:
    """Bins of twice the width."""
    merged: dict[int, Bin] = {}
    for index, place in bins.items():
        merged.setdefault(index // 2, Bin()).merge(place)
    return merged


def _peak_pts(window: WindowRecord) -> int:
    """When relevance is greatest, ns; of what is not shown for the first time nothing counts."""
    if window.sampling.padding != "loop":
        return window.peak_pts
    return int(window.pts[np.argmax(window.curve[: window.shown])])


def _high(values: deque[float]) -> float:
    """What few of the values exceed, and above 0."""
    return max(1e-9, float(np.percentile(values, 95))) if values else 1.0


class Gallery:
    """Takes pictures and windows as they come, in any order of the two."""

    def __init__(self, apart: int = 0) -> None:
        """apart: ns between pictures, for windows that are longer than the recent ones cover."""
        self.windows = 0
        self._apart = apart
        self.marks: Counter[Mark] = Counter()  # windows that bear each
        self.timeline: Timeline | None = None
        self._first: WindowRecord | None = None
        self._last: WindowRecord | None = None  # whose relevance is not in the timeline yet
        self.stack: list[Shot] = []  # the strongest window's pictures, in order of time
        self.invalid, self.problem = 0, ""  # windows, and what was wrong with the first of them
        self._full: deque[float] = deque(maxlen=4096)  # a window's relevance of full heat
        self._full_curve: deque[float] = deque(maxlen=4096)
        self._recent: deque[tuple[int, np.ndarray]] = deque(maxlen=_RECENT)
        self._waiting: deque[WindowRecord] = deque()
        self._spans: dict[int, Shot] = {}
        self._span = 0.25  # seconds

    @staticmethod
    def rate(clip_length: int, sample_fps: float) -> int:
        """Pictures a second that `add_picture` needs, so that a window's stay among the recent."""
        seconds = clip_length / sample_fps
        return max(1, int(min(sample_fps, _RECENT / (2 * seconds))))

    def add_picture(self, pts: int, picture: np.ndarray) -> None:
        if not self._recent or pts >= self._recent[-1][0] + self._apart:
            self._recent.append((pts, np.ascontiguousarray(picture)))
        while self._waiting and self._waiting[0].pts[-1] <= pts:
            self._place(self._waiting.popleft())

    def add_window(self, window: WindowRecord) -> None:
        if not window.valid:
            self.invalid += 1
            self.problem = self.problem or window.problem
            return
        self.windows += 1
        self.marks.update(window.marks)
        evidence = evidence_of(window)
        self._full.append(full_heat(evidence))
        self._full_curve.append(full_curve(evidence, float(window.curve.max())))
        if self._first is None:
            self._first = window
            step = 1 / window.sampling.fps if window.sampling.fps else _interval(window.times)
            self.timeline = Timeline(step)
        self.timeline.add_label(window)
        self.timeline.add_relevance(*window.signal)
        self._last = window
        self._waiting.append(window)
        if len(self._waiting) > _RECENT:
            self._place(self._waiting.popleft())

    def finish(self) -> None:
        """Places what still waits for pictures; the signal is complete then."""
        if self._last is not None:
            last, self._last = self._last, None
            shown = slice(last.shown)  # what plays again has its place already
            curve = last.curve if last.fused_curve is None else last.fused_curve
            values = steps_of(last) if self.stepped else curve[shown]
            self.timeline.add_relevance(last.pts[: len(values)], values)
        while self._waiting:
            self._place(self._waiting.popleft())

    @property
    def stepped(self) -> bool:
        """Whether the timeline is that of one window, and this has few cells in time."""
        return self.windows == 1 and has_few_times(self._first)

    def notes(self) -> list[str]:
        """The windows' marks in words, with their number where it is not all of them."""
        return [
            mark.text + ("" if count == self.windows else f" ({count} of {self.windows} windows)")
            for mark, count in self.marks.items()
        ]

    def segments(self) -> list[list[Shot]]:
        """The proposals in order of time, in runs of one label each."""
        runs: list[list[Shot]] = []
        for _, shot in sorted(self._spans.items()):
            if runs and runs[-1][-1].window.label == shot.window.label:
                runs[-1].append(shot)
            else:
                runs.append([shot])
        return runs

    def key_shots(self, count: int) -> list[Shot]:
        """At most `count` key frames in order of time: the strongest of each label's segment.

        With more segments than `count` the longest ones count; with fewer, the rest of the
        pictures are those farthest in time from the ones taken.
        """
        runs = self.segments()
        longest = sorted(runs, key=len, reverse=True)[:count]
        chosen = [max(run, key=lambda shot: shot.window.peak_value) for run in longest]
        left = [shot for run in runs for shot in run if shot not in chosen]
        while left and len(chosen) < count:
            best = max(left, key=lambda s: min(abs(s.time - other.time) for other in chosen))
            chosen.append(best)
            left.remove(best)
        return sorted(chosen, key=lambda shot: shot.time)

    def scale(self) -> float:
        """Relevance shown as full heat, logit units: one for the whole sheet."""
        return _high(self._full)

    def full_curve(self) -> float:
        """The same of relevance over time."""
        return _high(self._full_curve)

    def _place(self, window: WindowRecord) -> None:
        if not self._recent:
            return
        shot = self._nearest(_peak_pts(window), window)
        place = int(shot.time / self._span)
        kept = self._spans.get(place)
        if kept is None or kept.window.peak_value < window.peak_value:
            self._spans[place] = shot
        if len(self._spans) > _SPANS:
            self._merge_spans()
        if not self.stack or window.peak_value > self.stack[0].window.peak_value:
            wanted = np.linspace(window.pts[0], window.pts[window.shown - 1], _STACK)
            shots = {s.time: s for s in (self._nearest(int(pts), window) for pts in wanted)}
            self.stack = list(shots.values())

    def _nearest(self, pts: int, window: WindowRecord) -> Shot:
        time, picture = min(self._recent, key=lambda item: (abs(item[0] - pts), -item[0]))
        return Shot(time / 1e9, picture, window, pts)

    def _merge_spans(self) -> None:
        merged: dict[int, Shot] = {}
        for shot in self._spans.values():
            place = int(shot.time / (2 * self._span))
            kept = merged.get(place)
            if kept is None or kept.window.peak_value < shot.window.peak_value:
                merged[place] = shot
        self._spans, self._span = merged, 2 * self._span
