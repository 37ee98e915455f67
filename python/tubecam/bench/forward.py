"""OpenVINO through its Python API, set as the core sets it in csrc/engine/engine_openvino.cc."""

from __future__ import annotations

import numpy as np

_TYPES = {"auto": "f32", "fp32": "f32", "fp16": "f16", "bf16": "bf16"}


def compile_model(model, threads: int, precision: str):
    """A model, or the bytes of an ONNX file, compiled for the CPU."""
    import openvino

    core = openvino.Core()
    if isinstance(model, bytes):
        model = core.read_model(model)
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": "1",
        "INFERENCE_PRECISION_HINT": _TYPES[precision],
        "INFERENCE_NUM_THREADS": threads,
    }
    return core.compile_model(model, "CPU", settings)


class Forward:
    """One run of a graph whose only input is the clip."""

    def __init__(self, graph: bytes, clip: np.ndarray, threads: int, precision: str) -> None:
        self._request = compile_model(graph, threads, precision).create_infer_request()
        self._inputs = {"clip": clip}

    def __call__(self):
        return self._request.infer(self._inputs, share_inputs=True, share_outputs=True)
