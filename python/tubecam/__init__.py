"""TubeCAM explains video models while they run: where, when and how they looked.

    import tubecam

    with tubecam.Explainer() as explainer:
        for explanation in explainer.explain_video("clip.mp4"):
            print(explanation.label_name, explanation.peak.time)

Importing the package is light: the compiled core, NumPy, GStreamer and the engines are loaded when
they are first needed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from . import unwinding  # noqa: F401  (before anything loads GStreamer)
from ._version import __version__

if TYPE_CHECKING:
    from .bundle import Bundle, load_bundle
    from .errors import (
        BundleError,
        EngineError,
        ExportError,
        StreamError,
        TubecamError,
        UnavailableError,
        UsageError,
    )
    from .explain import Explainer
    from .explanation import Box, Explanation, Peak, Receipt, Timings
    from .marks import Mark
    from .options import MethodOptions
    from .pathway import Pathway

# Where each public name is defined.
_HOMES = {
    "Box": "explanation",
    "Bundle": "bundle",
    "BundleError": "errors",
    "EngineError": "errors",
    "Explainer": "explain",
    "Explanation": "explanation",
    "ExportError": "errors",
    "Mark": "marks",
    "MethodOptions": "options",
    "Pathway": "pathway",
    "Peak": "explanation",
    "Receipt": "explanation",
    "StreamError": "errors",
    "Timings": "explanation",
    "TubecamError": "errors",
    "UnavailableError": "errors",
    "UsageError": "errors",
    "load_bundle": "bundle",
}

__all__ = [
    "Box",
    "Bundle",
    "BundleError",
    "EngineError",
    "Explainer",
    "Explanation",
    "ExportError",
    "Mark",
    "MethodOptions",
    "Pathway",
    "Peak",
    "Receipt",
    "StreamError",
    "Timings",
    "TubecamError",
    "UnavailableError",
    "UsageError",
    "__version__",
    "load_bundle",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_HOMES))
