"""A video's explanations without the elements: GStreamer decodes, an Explainer explains."""

from __future__ import annotations

from collections.abc import Iterator

from ..video.reader import measure, read_frames
from ..video.source import Source, parse_source
from ..windows import sampling
from .explain_frames import Streaming, explained, too_short
from .explanation import Explanation


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


def uniform_rate(source: Source, explainer: Streaming, timeout: float = 30.0) -> float:
    """Slices a second for one window over the whole video."""
    extent = measure(source, timeout)
    return sampling.uniform_rate(extent.first, extent.last, explainer.clip_spec.length)
