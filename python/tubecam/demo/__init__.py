"""The demo's world: scenes rendered with NumPy, of which everything is known."""

from __future__ import annotations

from .scene import LABELS
from .video import write_demo_video

__all__ = ["LABELS", "write_demo_video"]
