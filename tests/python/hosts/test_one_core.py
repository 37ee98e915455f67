"""Graphs whose elementwise subgraphs OpenVINO cannot compile: Note [Snippets].

Each is compiled in a process of its own, since what this is against is a signal.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import parts
import tiny_bundle
from places import SUPPORT

RUN = """
import os, sys
sys.path.insert(0, {tests!r})
if {one_cpu}:
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
import numpy as np, tiny_bundle, tubecam
with tubecam.Explainer({folder!r}, threads={threads}) as explainer:
    np.save({out!r}, explainer.explain(tiny_bundle.clip()).tube)
"""


def explained(folder: Path, threads: int, one_cpu: bool = False) -> np.ndarray:
    out = folder / f"tube-{threads}.npy"
    code = RUN.format(
        tests=str(SUPPORT), folder=str(folder), threads=threads, out=str(out), one_cpu=one_cpu
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, (done.returncode, done.stderr)
    return np.load(out)


def perceptron(rows: int) -> onnx.ModelProto:
    """Two layers on `rows` rows of the clip, whose result meets another elementwise operation.

    relevance = broadcast(sum(mlp(x)·exp(x))), x = [rows, 16] means of the clip.
    """
    rng = np.random.default_rng(4)
    cells = tiny_bundle.SIZE // tiny_bundle.POOL
    length, classes = tiny_bundle.LENGTH, tiny_bundle.CLASSES
    arrays = {
        "shape": np.array([rows, -1]),
        "columns": np.array([1]),
        "first": rng.normal(0, 0.3, (16, 16)).astype(np.float32),
        "second": rng.normal(0, 0.3, (16, 16)).astype(np.float32),
        "head": rng.normal(0, 1, (16, classes)).astype(np.float32),
        "grid": np.array([1, length, cells, cells]),
        "all": np.array([0, 1]),
        "nothing": np.zeros((1, 1), np.int64),
        "take": np.array([rows, 16, 3 * length * tiny_bundle.SIZE**2 // rows // 16]),
        "depth": np.array([2]),
    }
    node = helper.make_node
    nodes = [
        node("Reshape", ["clip", "take"], ["pieces"]),
        node("ReduceMean", ["pieces"], ["x"], axes=[2], keepdims=0),
        node("MatMul", ["x", "first"], ["a"]),
        node("Relu", ["a"], ["b"]),
        node("MatMul", ["b", "second"], ["c"]),
        node("Exp", ["x"], ["d"]),
        node("Mul", ["c", "d"], ["e"]),
        node("ReduceMean", ["e"], ["features"], axes=[0], keepdims=1),
        node("MatMul", ["features", "head"], ["logits"]),
        node("ReduceSum", ["e", "all"], ["sum"], keepdims=0),
        node("Expand", ["sum", "grid"], ["spread"]),
        node("Cast", ["target"], ["asked"], to=TensorProto.FLOAT),
        node("Add", ["spread", "asked"], ["relevance"]),
        node("Identity", ["c"], ["kept"]),
    ]
    used = {name for made in nodes for name in made.input}
    constants = [numpy_helper.from_array(v, k) for k, v in arrays.items() if k in used]

    def tensor(name: str, shape: list[int], kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    size = tiny_bundle.SIZE
    graph = helper.make_graph(
        nodes, "perceptron",
        [tensor("clip", [1, length, 3, size, size]), tensor("target", [1], TensorProto.INT64)],
        [tensor("logits", [1, classes]), tensor("relevance", [1, length, cells, cells]),
         tensor("kept", [rows, 16])],
        constants,
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


@pytest.mark.parametrize("rows, threads", [(1, 1), (4, 2)])
def test_layers_in_a_row_beside_another_subgraph(tmp_path, rows, threads):
    # One row is too little work for two threads, four are not: it is no matter of cores alone.
    graph = perceptron(rows).SerializeToString()
    folder = tiny_bundle.write(tmp_path / "mlp", "relevance", graph=graph)
    np.testing.assert_allclose(
        explained(folder, threads), explained(folder, 8), rtol=1e-4, atol=1e-5
    )


def test_one_cpu_explains_like_many(tmp_path):
    folder = tiny_bundle.write(
        tmp_path / "mlp", "relevance", graph=perceptron(1).SerializeToString()
    )
    alone = explained(folder, 0, one_cpu=True)
    np.testing.assert_allclose(alone, explained(folder, 8), rtol=1e-4, atol=1e-5)


def test_relevance_behind_a_head_of_several_layers(tmp_path):
    torch = parts.require("torch")
    from torch import nn

    from tubecam.export import export

    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Conv3d(3, 16, 3, (1, 2, 2), 1), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(),
        nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3),
    )  # fmt: skip
    clip = {"length": tiny_bundle.LENGTH, "height": tiny_bundle.SIZE, "width": tiny_bundle.SIZE}
    export(
        model, tmp_path / "b", methods=["lrp-epsilon-plus"], clip=clip, measure=False, force=True
    )
    one, two = explained(tmp_path / "b", 1), explained(tmp_path / "b", 2)
    np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5 * np.abs(two).max())
