"""TubeCAM explains video models while they run: where, when and how they looked.

    import tubecam

    with tubecam.Explainer() as explainer:
        for explanation in explainer.explain_video("clip.mp4"):
            print(explanation.label, explanation.peak.time)

Importing the package is light: the compiled core, NumPy, GStreamer and the engines are loaded when
they are first needed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from ._version import __version__
from .libraries import preload_libgcc  # noqa: F401  (before anything loads GStreamer)

if TYPE_CHECKING:
    from . import export
    from ._core import DeviceTube, EngineInfo, ExplainedLayer, Frame, GraphSpec, LayerSpec
    from .bundle.bundle import Bundle, load_bundle
    from .bundle.clip_spec import ClipSpec, FlowSpec
    from .drawing.heat import HeatStyle
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
    from .explainer.explanation import Explanation
    from .explainer.load_explanation import load_explanation
    from .explainer.options import MethodOptions
    from .explainer.places import Box, Peak, Signal
    from .explainer.receipt import Receipt, Timings
    from .export.attribute import Attribution, attribute
    from .export.axes.receptive_field import Geometry
    from .export.head.head import Head
    from .export.listing import ListedLayer, Listing, list_layers
    from .export.options import ExportOptions
    from .export.report import ExportReport
    from .export.verify.check_report import CheckReport
    from .export.verify.sanity import Sanity
    from .video.metadata import read_metadata
    from .windows.marks import Mark
    from .windows.pathway import Pathway
    from .windows.sampling import Sampling
    from .windows.window_record import WindowRecord

# Where each public name is defined; `export` is a room of its own that can be called.
_HOMES = {
    "Attribution": "export.attribute",
    "Box": "explainer.places",
    "Bundle": "bundle.bundle",
    "BundleError": "errors",
    "CheckReport": "export.verify.check_report",
    "ClipSpec": "bundle.clip_spec",
    "DamageError": "errors",
    "DamageWarning": "errors",
    "DeviceError": "errors",
    "DeviceTube": "_core",
    "EngineError": "errors",
    "EngineInfo": "_core",
    "ExplainedLayer": "_core",
    "Explainer": "explainer.explainer",
    "Explanation": "explainer.explanation",
    "ExportError": "errors",
    "ExportOptions": "export.options",
    "ExportReport": "export.report",
    "FlowSpec": "bundle.clip_spec",
    "Frame": "_core",
    "Geometry": "export.axes.receptive_field",
    "GraphSpec": "_core",
    "Head": "export.head.head",
    "HeatStyle": "drawing.heat",
    "LayerSpec": "_core",
    "ListedLayer": "export.listing",
    "Listing": "export.listing",
    "Mark": "windows.marks",
    "MethodOptions": "explainer.options",
    "OutputError": "errors",
    "Pathway": "windows.pathway",
    "Peak": "explainer.places",
    "Receipt": "explainer.receipt",
    "Sampling": "windows.sampling",
    "Sanity": "export.verify.sanity",
    "Signal": "explainer.places",
    "SourceLostError": "errors",
    "StreamError": "errors",
    "StreamWarning": "errors",
    "Timings": "explainer.receipt",
    "TubecamError": "errors",
    "UnavailableError": "errors",
    "UsageError": "errors",
    "WindowRecord": "windows.window_record",
    "attribute": "export.attribute",
    "list_layers": "export.listing",
    "load_bundle": "bundle.bundle",
    "load_explanation": "explainer.load_explanation",
    "read_metadata": "video.metadata",
}

# What `*` imports needs neither torch nor GStreamer; the other names are there all the same.
__all__ = [
    "Box",
    "Bundle",
    "BundleError",
    "ClipSpec",
    "DamageError",
    "DamageWarning",
    "DeviceError",
    "DeviceTube",
    "EngineError",
    "EngineInfo",
    "ExplainedLayer",
    "Explainer",
    "Explanation",
    "ExportError",
    "FlowSpec",
    "Frame",
    "GraphSpec",
    "HeatStyle",
    "LayerSpec",
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
    "WindowRecord",
    "__version__",
    "load_bundle",
    "load_explanation",
]


def __getattr__(name: str) -> object:
    if name == "export":
        return importlib.import_module(f"{__name__}.export")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_HOMES) | {"export"})
