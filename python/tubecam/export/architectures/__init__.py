"""The architectures that are exported by name, one file a family, in plain torch."""

from __future__ import annotations

from . import c3d, frame_resnet, i3d, lrcn, movinet, resnet3d, slowfast, video_resnet, x3d
from .architecture import KINETICS_CLASSES, Architecture

__all__ = ["ARCHITECTURES", "KINETICS_CLASSES", "Architecture"]

_FAMILIES = (video_resnet, resnet3d, c3d, i3d, x3d, slowfast, movinet, frame_resnet, lrcn)
ARCHITECTURES: dict[str, Architecture] = {
    architecture.name: architecture for family in _FAMILIES for architecture in family.ARCHITECTURES
}
