"""Cameras and network sources that cannot be reached, end, or stand still: in words for people."""

from __future__ import annotations

from ..errors import SourceLostError
from .gstreamer import Gst
from .source import Source

_RESOURCE, _CORE = "gst-resource-error-quark", "gst-core-error-quark"
_REASONS = {
    Gst.ResourceError.NOT_FOUND: "there is nothing at this address",
    Gst.ResourceError.NOT_AUTHORIZED: "it wants a user and a password, or other ones",
    Gst.ResourceError.BUSY: "it is in use by another program",
}


def is_lost(message: Gst.Message, source: Source) -> bool:
    """Whether an error is about the way to the source, and not about what it sends."""
    if source.kind not in ("stream", "camera"):
        return False
    factory = message.src.get_factory() if isinstance(message.src, Gst.Element) else None
    at_source = factory is not None and "Source" in factory.get_metadata("klass")
    domain = message.parse_error()[0].domain
    return domain == _RESOURCE or (at_source and domain != _CORE)


def loss(message: Gst.Message, source: Source, seconds: float | None) -> SourceLostError:
    """The error; `seconds`: of video that had come, None for nothing."""
    error = message.parse_error()[0]
    known = {int(code): text for code, text in _REASONS.items()}
    reason = known.get(error.code) if error.domain == _RESOURCE else None
    if reason is None:
        reason = "it cannot be reached" if seconds is None else f"it was lost after {seconds:.1f} s"
    return SourceLostError(f"{source.name}: {reason}")


def ended(source: Source, seconds: float) -> SourceLostError:
    """A live source has no end of its own."""
    return SourceLostError(f"{source.name}: the source went away after {seconds:.1f} s")


def standstill(source: Source, seconds: float, frames: int) -> SourceLostError:
    """Nothing comes any more."""
    where = f"after frame {frames}" if frames else "before any frame"
    return SourceLostError(f"{source.name}: nothing came for {seconds:.0f} s, {where}")
