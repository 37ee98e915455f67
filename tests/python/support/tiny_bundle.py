"""Makes tiny bundles in an instant, good ones and bad ones.

The network: a 3D convolution with ReLU, then either global average pooling and a linear layer
(`head="pool"`, output `weight`), or a linear layer on all cells (`head="full"`, output `gradient`).
With `head="relevance"` the former's only explanation is the output `relevance`: `relevance(clip)`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LENGTH, SIZE, CHANNELS, CLASSES = 8, 16, 6, 5
CELLS = (4, 4, 4)
STRIDE, OFFSET = (2, 4, 4), (0.5, 1.5, 1.5)
POOL = 4  # pixels on a side of a cell of `relevance`
METHODS = ["gradcam", "gradcam-frame", "hirescam", "layercam", "gradcam++", "xgradcam"]


def weights(head: str = "pool", seed: int = 3) -> dict[str, np.ndarray]:
    """The network's parameters: kernel, kernel_bias, head [K, C or C·t·h·w], bias [K]."""
    rng = np.random.default_rng(seed)
    columns = CHANNELS * int(np.prod(CELLS)) if head == "full" else CHANNELS
    arrays = {
        "kernel": rng.normal(0, 0.2, (CHANNELS, 3, *STRIDE)),
        "kernel_bias": rng.normal(0.1, 0.1, CHANNELS),
        "head": rng.normal(0, 1, (CLASSES, columns)),
        "bias": rng.normal(0, 1, CLASSES),
    }
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def clip(seed: int = 5) -> np.ndarray:
    """A random clip, float32 [T, 3, H, W]."""
    return np.random.default_rng(seed).normal(0, 1, (LENGTH, 3, SIZE, SIZE)).astype(np.float32)


def model(
    head: str = "pool", nan_in: str = "", without: str = "", seed: int = 3
) -> onnx.ModelProto:
    """The explained graph.

    `nan_in` names an output that holds one NaN; `without`, one that the graph lacks.
    """
    arrays = weights(head, seed)
    arrays["zero"] = np.zeros(1, np.int64)
    nodes = [
        helper.make_node("Transpose", ["clip"], ["channels_first"], perm=[0, 2, 1, 3, 4]),
        helper.make_node(
            "Conv", ["channels_first", "kernel", "kernel_bias"], ["z"], strides=STRIDE
        ),
        helper.make_node("Relu", ["z"], ["clean_activation"]),
        *_head(head, arrays),
        helper.make_node("Gemm", ["features", "head", "bias"], ["clean_logits"], transB=1),
        helper.make_node("ArgMax", ["clean_logits"], ["predicted"], axis=1, keepdims=0),
        helper.make_node("Less", ["target", "zero"], ["is_auto"]),
        helper.make_node("Where", ["is_auto", "predicted", "target"], ["chosen"]),
        helper.make_node("Gather", ["head", "chosen"], ["row"], axis=0),
        *_explanation(head, arrays),
    ]
    shapes = {"logits": [1, CLASSES], **_explanation_shapes(head)}
    for name in shapes:
        poison = np.zeros(shapes[name], np.float32)
        poison.flat[-1] = np.nan if name == nan_in else 0
        arrays[f"poison_{name}"] = poison
        nodes.append(helper.make_node("Add", [f"clean_{name}", f"poison_{name}"], [name]))
    return _assemble(nodes, arrays, {n: shape for n, shape in shapes.items() if n != without})


def _explanation_shapes(head: str) -> dict[str, list[int]]:
    if head == "relevance":
        return {"relevance": [1, LENGTH, SIZE // POOL, SIZE // POOL]}
    cells = [1, CHANNELS, *CELLS]
    return {
        "activation": cells,
        **({"weight": cells[:2]} if head == "pool" else {"gradient": cells}),
    }


def _head(head: str, arrays: dict[str, np.ndarray]) -> list[onnx.NodeProto]:
    if head == "full":
        return [helper.make_node("Flatten", ["clean_activation"], ["features"])]
    return [
        helper.make_node("GlobalAveragePool", ["clean_activation"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
    ]


def _explanation(head: str, arrays: dict[str, np.ndarray]) -> list[onnx.NodeProto]:
    if head == "pool":
        return [helper.make_node("Identity", ["row"], ["clean_weight"])]
    if head == "relevance":
        arrays.update(colours=np.array([2]), first=np.array([0]))
        return [
            helper.make_node("ReduceSum", ["clip", "colours"], ["grey"], keepdims=0),
            helper.make_node("AveragePool", ["grey"], ["blocks"], kernel_shape=[POOL] * 2,
                             strides=[POOL] * 2),
            helper.make_node("Gather", ["row", "first"], ["scale"], axis=1),
            helper.make_node("Mul", ["blocks", "scale"], ["clean_relevance"]),
        ]  # fmt: skip
    arrays["cells"] = np.array([1, CHANNELS, *CELLS], np.int64)
    return [helper.make_node("Reshape", ["row", "cells"], ["clean_gradient"])]


def _assemble(nodes, arrays, shapes) -> onnx.ModelProto:
    def tensors(names: dict[str, list[int]], kind: int) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(name, kind, shape) for name, shape in names.items()]

    inputs = tensors({"clip": [1, LENGTH, 3, SIZE, SIZE]}, TensorProto.FLOAT)
    inputs += tensors({"target": [1]}, TensorProto.INT64)
    constants = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    outputs = tensors(shapes, TensorProto.FLOAT)
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def sidecar(head: str = "pool") -> dict:
    """The sidecar of `model(head)`, still without the files' hashes."""
    outputs = {name: name for name in ("logits", *_explanation_shapes(head))}
    return {
        "format": 1,
        "name": f"tiny-{head}",
        "labels": "labels.txt",
        "files": {},
        "clip": {
            "length": LENGTH,
            "height": SIZE,
            "width": SIZE,
            "sample_fps": 10.0,
            "mean": [0.43, 0.39, 0.38],
            "std": [0.23, 0.22, 0.22],
            "color": "RGB",
            "resize": {"rule": "crop", "short_side": SIZE},
        },
        "graphs": [
            {
                "file": "model.onnx",
                "methods": METHODS + (["cam"] if head == "pool" else []),
                "default_method": "gradcam",
                "outputs": outputs,
                "layer": {
                    "name": "conv",
                    "shape": [CHANNELS, *CELLS],
                    "stride": list(STRIDE),
                    "offset": list(OFFSET),
                },
            }
            if head != "relevance"
            else _relevance_entry(outputs)
        ],
        "precision": "float32",
        "check": {
            "inputs": 3,
            "max_relative_error": 1e-7,
            "reference": "NumPy float64",
            "engine": "OpenVINO",
        },
        "provenance": {
            "source": "tests/python/support/tiny_bundle.py",
            "license": "Apache-2.0",
            "created_by": "tubecam",
        },
    }


def _relevance_entry(outputs: dict[str, str]) -> dict:
    return {
        "file": "model.onnx",
        "methods": ["lrp-epsilon-plus"],
        "default_method": "lrp-epsilon-plus",
        "outputs": outputs,
        "layer": {
            "name": "clip",
            "shape": [1, LENGTH, SIZE // POOL, SIZE // POOL],
            "stride": [1, POOL, POOL],
            "offset": [0, (POOL - 1) / 2, (POOL - 1) / 2],
        },
    }


def write(
    folder: Path,
    head: str = "pool",
    *,
    nan_in: str = "",
    without: str = "",
    labels: str = "".join(f"class {i}\n" for i in range(CLASSES)),
    graph: bytes | None = None,
    seed: int = 3,
    change: Callable[[dict], object] = lambda sidecar: None,
) -> Path:
    """Writes a bundle into `folder` and gives it back. `change` edits the finished sidecar."""
    folder.mkdir(parents=True, exist_ok=True)
    graph = model(head, nan_in, without, seed).SerializeToString() if graph is None else graph
    text = sidecar(head)
    for name, content in (("model.onnx", graph), ("labels.txt", labels.encode())):
        (folder / name).write_bytes(content)
        text["files"][name] = hashlib.sha256(content).hexdigest()
    change(text)
    (folder / "bundle.json").write_text(json.dumps(text, indent=2, ensure_ascii=False) + "\n")
    return folder


def write_two(folder: Path, second: bytes) -> Path:
    """A bundle of two graphs: `model()`, and `second` for lrp-epsilon-plus, whatever it holds."""
    entry = sidecar("relevance")["graphs"][0] | {"file": "second.onnx"}

    def add(sidecar: dict) -> None:
        (folder / "second.onnx").write_bytes(second)
        sidecar["files"]["second.onnx"] = hashlib.sha256(second).hexdigest()
        sidecar["graphs"].append(entry)

    return write(folder, change=add)


def forward(clip: np.ndarray, head: str = "pool") -> tuple[np.ndarray, np.ndarray]:
    """Logits [K] and activation [C, t, h, w] of a clip [T, 3, H, W], in float64 NumPy."""
    arrays = {name: array.astype(np.float64) for name, array in weights(head).items()}
    (t, h, w), (st, sh, sw) = CELLS, STRIDE
    blocks = clip.transpose(1, 0, 2, 3).reshape(3, t, st, h, sh, w, sw)
    z = np.einsum("ctahbwd,kcabd->kthw", blocks, arrays["kernel"])
    activation = np.maximum(z + arrays["kernel_bias"][:, None, None, None], 0)
    features = activation.ravel() if head == "full" else activation.mean(axis=(1, 2, 3))
    return arrays["head"] @ features + arrays["bias"], activation


def relevance(clip: np.ndarray, row: np.ndarray) -> np.ndarray:
    """What `head="relevance"` gives for the head's row of the target, [T, cells, cells]."""
    n = SIZE // POOL
    return clip.sum(axis=1).reshape(LENGTH, n, POOL, n, POOL).mean(axis=(2, 4)) * row[0]
