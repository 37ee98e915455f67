"""A graph compiled by the engine that exports are checked with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ...errors import ExportError
from ...libraries.openvino_core import openvino_core


def compile_in_engine(graph: bytes | str | Path) -> Any:
    """The graph compiled by OpenVINO for the CPU at float32 precision."""
    core = openvino_core()
    settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    try:
        model = core.read_model(graph if isinstance(graph, bytes) else str(graph))
        return core.compile_model(model, "CPU", settings)
    except RuntimeError as error:
        failed = re.search(r"Conversion is failed for: ([\w ,-]+)", str(error))
        operators = f": it lacks {failed[1]}" if failed else ""
        raise ExportError(
            f"{engine_version()} does not take the graph of this model{operators}. Nothing was "
            "written."
        ) from error


def engine_version() -> str:
    import openvino as ov

    return f"OpenVINO {ov.__version__.split('-')[0]}"
