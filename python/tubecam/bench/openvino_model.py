"""OpenVINO through its Python API, set as csrc/engine/openvino/engine_openvino.cc sets it."""

from __future__ import annotations

from ..libraries.openvino_core import openvino_core

_TYPES = {"float16": "f16", "bfloat16": "bf16"}  # others compute in f32


def compile_model(model, threads: int, precision: str):
    """A model, or the bytes of an ONNX file, compiled for the CPU."""
    core = openvino_core()
    if isinstance(model, bytes):
        model = core.read_model(model)
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": "1",
        "INFERENCE_PRECISION_HINT": _TYPES.get(precision, "f32"),
        "INFERENCE_NUM_THREADS": threads,
    }
    return core.compile_model(model, "CPU", settings)
