"""Export: a torch video model and its explanation become one graph in a bundle (needs torch)."""

from __future__ import annotations

from ..libraries.extras import needed_for

with needed_for("export", "export"):
    import onnx  # noqa: F401
    import torch  # noqa: F401

from .exporter import export
from .listing import Listing, list_layers
from .methods import CAM_METHODS, METHODS
from .options import ExportOptions
from .report import ExportReport
from .spec import ClipSpec

__all__ = [
    "CAM_METHODS", "METHODS", "ClipSpec", "ExportOptions", "ExportReport", "Listing",
    "export", "list_layers",
]  # fmt: skip
