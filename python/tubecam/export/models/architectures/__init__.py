"""The architectures that are exported by name, one file a family, in plain torch."""

from __future__ import annotations

from . import (
    c3d,
    conv3d_7ch,
    frame_resnet,
    i3d,
    lrcn,
    movinet,
    movinet_stream,
    resnet3d,
    slowfast,
    two_stream,
    video_resnet,
    x3d,
)
from .architecture import KINETICS_CLASSES, Architecture

__all__ = ["ARCHITECTURES", "KINETICS_CLASSES", "Architecture"]

_FAMILIES = (
    video_resnet, resnet3d, c3d, conv3d_7ch, i3d, x3d, slowfast, movinet, movinet_stream,
    frame_resnet, two_stream, lrcn,
)  # fmt: skip
ARCHITECTURES: dict[str, Architecture] = {
    architecture.name: architecture for family in _FAMILIES for architecture in family.ARCHITECTURES
}
