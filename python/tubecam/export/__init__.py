"""Export: a torch video model and its explanation become one graph in a bundle (needs torch)."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from ..libraries.extras import needed_for

with needed_for("export", "export"):
    import onnx  # noqa: F401
    import torch  # noqa: F401

from .attribute import Attribution, attribute
from .exporter import export
from .listing import Listing, list_layers
from .methods import CAM_METHODS, METHODS
from .options import ExportOptions
from .report import ExportReport
from .spec import ClipSpec

__all__ = [
    "CAM_METHODS", "METHODS", "Attribution", "ClipSpec", "ExportOptions", "ExportReport", "Listing",
    "attribute", "export", "list_layers",
]  # fmt: skip


class _Room(ModuleType):
    """So that ``tubecam.export(...)`` is the function, and ``tubecam.export.X`` what lies here."""

    def __call__(self, source: Any, out: Any, **options: Any) -> ExportReport:
        return export(source, out, **options)


sys.modules[__name__].__class__ = _Room
