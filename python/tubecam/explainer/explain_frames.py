"""The explanations of frames that come one after the other, with their times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from ..bundle.clip_spec import ClipSpec
from ..errors import StreamError, UsageError
from ..windows import sampling
from .explanation import Explanation


class Streaming(Protocol):
    """What a video's frames are given to: an `Explainer`."""

    sample_fps: float

    @property
    def clip_spec(self) -> ClipSpec: ...
    def reset(self) -> None: ...
    def push(self, frame: object, pts: float) -> Explanation | None: ...
    def finish(self, pad: str) -> Explanation | None: ...


def explain_frames(
    explainer: Streaming, frames: Iterable[tuple[Any, float]], pad: str, rule: str
) -> Iterator[Explanation]:
    """As `Explainer.explain_video` for pairs of a frame and its time in seconds."""
    sampling.check(pad, rule)
    if rule == "uniform":
        raise UsageError("frames that come one by one cannot be sampled uniformly: give a file")
    if not isinstance(frames, Iterable):
        raise UsageError(
            f"a video is a path, a URI, camera:N or pairs of frame and time, not {frames!r:.60}"
        )
    return _windows(explainer, frames, pad)


def _windows(
    explainer: Streaming, frames: Iterable[tuple[Any, float]], pad: str
) -> Iterator[Explanation]:
    explainer.reset()
    windows = 0
    for *_, found in explained(explainer, (_timed(each) for each in frames), pad):
        if found is not None:
            windows += 1
            yield found
    if not windows:
        raise too_short("the video", explainer)


def _timed(pair: Any) -> tuple[float, Any]:
    try:
        frame, seconds = pair
        return float(seconds) * 1e9, frame
    except (TypeError, ValueError) as error:
        raise UsageError("a video's frames come as pairs of a frame and its seconds") from error


def explained(
    explainer: Streaming, frames: Iterable[tuple[float, Any]], pad: str
) -> Iterator[tuple[float, Any, Explanation | None]]:
    """Each frame with its time and with the explanation of the window that it completes.

    Where none is complete at the end, the last frame comes once more with that of a padded one.
    """
    last = None
    for last in frames:
        yield *last, explainer.push(last[1], last[0] / 1e9)
    if last is not None and (padded := explainer.finish(pad)) is not None:
        yield *last, padded


def too_short(name: str, explainer: Streaming) -> StreamError:
    """The error of a video without a window."""
    spec = explainer.clip_spec
    seconds = spec.length / spec.sample_fps
    return StreamError(
        f"{name} is too short: one window takes {seconds:.2f} s; padding it (pad last or loop) or"
        " spreading the window over all of it (sampling uniform) explains it all the same"
    )
