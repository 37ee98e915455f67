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

from ._version import __version__
from .libraries import preload_libgcc  # noqa: F401  (before anything loads GStreamer)

if TYPE_CHECKING:
    from .bundle.bundle import Bundle, load_bundle
    from .errors import (
        BundleError,
        DamageError,
        DamageWarning,
        DeviceError,
        EngineError,
        ExportError,
        OutputError,
        SourceLostError,
        StreamError,
        StreamWarning,
        TubecamError,
        UnavailableError,
        UsageError,
    )
    from .explainer.explainer import Explainer
    from .explainer.explanation import Box, Explanation, Peak, Signal, Timings
    from .explainer.options import MethodOptions
    from .explainer.receipt import Receipt
    from .windows.marks import Mark
    from .windows.pathway import Pathway
    from .windows.sampling import Sampling

# Where each public name is defined.
_HOMES = {
    "Box": "explainer.explanation",
    "Bundle": "bundle.bundle",
    "BundleError": "errors",
    "DamageError": "errors",
    "DamageWarning": "errors",
    "DeviceError": "errors",
    "EngineError": "errors",
    "Explainer": "explainer.explainer",
    "Explanation": "explainer.explanation",
    "ExportError": "errors",
    "Mark": "windows.marks",
    "MethodOptions": "explainer.options",
    "OutputError": "errors",
    "Pathway": "windows.pathway",
    "Peak": "explainer.explanation",
    "Receipt": "explainer.receipt",
    "Sampling": "windows.sampling",
    "Signal": "explainer.explanation",
    "SourceLostError": "errors",
    "StreamError": "errors",
    "StreamWarning": "errors",
    "Timings": "explainer.explanation",
    "TubecamError": "errors",
    "UnavailableError": "errors",
    "UsageError": "errors",
    "load_bundle": "bundle.bundle",
}

__all__ = [
    "Box",
    "Bundle",
    "BundleError",
    "DamageError",
    "DamageWarning",
    "DeviceError",
    "EngineError",
    "Explainer",
    "Explanation",
    "ExportError",
    "Mark",
    "MethodOptions",
    "OutputError",
    "Pathway",
    "Peak",
    "Receipt",
    "Sampling",
    "Signal",
    "SourceLostError",
    "StreamError",
    "StreamWarning",
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
