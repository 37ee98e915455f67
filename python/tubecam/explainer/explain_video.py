"""A video's explanations without the elements: GStreamer decodes, an Explainer explains."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from .. import _core
from ..errors import StreamError
from ..video.reader import measure, read_frames
from ..video.source import Source, parse_source
from ..windows import sampling
from .explanation import Explanation


class Streaming(Protocol):
    """What a video's frames are given to: an `Explainer`."""

    sample_fps: float

    @property
    def clip_spec(self) -> _core.ClipSpec: ...
    def reset(self) -> None: ...
    def push(self, frame: object, pts: float) -> Explanation | None: ...
    def finish(self, pad: str) -> Explanation | None: ...


def explain_video(
    explainer: Streaming, source: str, pad: str, rule: str, timeout: float = 30.0
) -> Iterator[Explanation]:
    """Decodes a video and yields an explanation a window; closing the generator ends decoding.

    Parameters
    ----------
    explainer
        Is reset first; its hop, method and target hold, and may be changed in between.
    source
        A file's path, a URI or `camera:N`.
    pad, rule
        Of `sampling.PADS` and `sampling.RULES`.
    timeout
        Seconds without a frame after which it fails.

    Raises
    ------
    StreamError
        It cannot be opened or decoded, stands still, or is shorter than a window without padding.
    UsageError
        It is no input that TubeCAM knows.
    """
    parsed = parse_source(source)
    sampling.check(pad, rule)
    windows = 0
    explainer.reset()
    explainer.sample_fps = uniform_rate(parsed, explainer, timeout) if rule == "uniform" else 0.0
    try:
        for _, _, found in explained(explainer, read_frames(parsed, timeout), pad):
            if found is not None:
                windows += 1
                yield found
    finally:
        explainer.sample_fps = 0.0
    if not windows:
        raise too_short(parsed.name, explainer)


def explained(
    explainer: Streaming, frames: Iterable[tuple[int, object]], pad: str
) -> Iterator[tuple[int, object, Explanation | None]]:
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


def uniform_rate(source: Source, explainer: Streaming, timeout: float = 30.0) -> float:
    """Slices a second for one window over the whole video."""
    extent = measure(source, timeout)
    return sampling.uniform_rate(extent.first, extent.last, explainer.clip_spec.length)
