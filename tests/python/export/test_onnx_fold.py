"""Whole numbers in ONNX graphs: chains of constants become constants, and nothing else changes."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

import parts

torch = parts.require("torch")

from torch import nn  # noqa: E402

import export_nets as nets  # noqa: E402
from tubecam.export import export  # noqa: E402
from tubecam.export.onnx.constant_folding import fold_integers  # noqa: E402


class Same(nn.Module):
    """Paddings that differ at the two ends, as TensorFlow's SAME has them."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv3d(3, 6, 3, 2), nn.Conv3d(6, 8, 3)
        self.fc = nn.Linear(8, nets.CLASSES)

    def forward(self, x):
        x = self.first(nn.functional.pad(x, (0, 1, 0, 1, 1, 1))).relu()
        x = self.second(nn.functional.pad(x, (1, 1, 1, 1, 1, 1))).relu()
        return self.fc(x.mean((2, 3, 4)))


def test_paddings_are_constants_and_every_shape_is_known(tmp_path):
    report = export(nets.seeded(Same), tmp_path / "b", clip=nets.CLIP, methods=["gradcam"])
    assert report.check.max_relative_error < 1e-5
    model = onnx.shape_inference.infer_shapes(onnx.load(tmp_path / "b" / "model.onnx"))
    pads = [node for node in model.graph.node if node.op_type == "Pad"]
    constants = {t.name for t in model.graph.initializer}
    assert len(pads) == 2 and all(node.input[1] in constants for node in pads)
    assert not {n.op_type for n in model.graph.node} & {"ConstantOfShape", "Slice", "Reshape"}
    known = {v.name for v in (*model.graph.value_info, *model.graph.output)}
    assert {name for node in model.graph.node for name in node.output} <= known


def chain():
    """y = x padded by a computed padding; n = a whole number that is a result itself."""
    nodes = [
        helper.make_node("Concat", ["a", "b"], ["ends"], axis=0),
        helper.make_node("Cast", ["ends"], ["pads"], to=TensorProto.INT64),
        helper.make_node("Pad", ["x", "pads"], ["y"]),
        helper.make_node("Cast", ["a"], ["n"], to=TensorProto.INT64),
    ]
    tensor, value = helper.make_tensor, helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "chain", [value("x", TensorProto.FLOAT, [3])],
        [value("y", TensorProto.FLOAT, [6]), value("n", TensorProto.INT64, [1])],
        [tensor("a", TensorProto.INT32, [1], [1]), tensor("b", TensorProto.INT32, [1], [2])],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def answers(model):
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"x": np.arange(1, 4, dtype=np.float32)})


def test_results_stay_what_they_are():
    model = chain()
    before = answers(model)
    fold_integers(model)
    assert [node.op_type for node in model.graph.node] == ["Pad", "Cast"]
    for got, want in zip(answers(model), before, strict=True):
        np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(before[0], [0, 1, 2, 3, 0, 0])


def test_a_number_without_dimensions_keeps_none():
    """Gather by it drops a dimension, by a list of one it would not."""
    model = chain()
    scalar = helper.make_tensor("at", TensorProto.INT64, [], [1])
    model.graph.node.insert(0, helper.make_node("Constant", [], ["at"], value=scalar))
    model.graph.node.append(helper.make_node("Gather", ["x", "at"], ["second"]))
    model.graph.output.append(helper.make_tensor_value_info("second", TensorProto.FLOAT, []))
    fold_integers(model)
    assert answers(model)[2] == 2.0 and answers(model)[2].shape == ()


def test_floats_and_large_constants_are_left_alone():
    model = chain()
    big = helper.make_tensor("big", TensorProto.INT64, [100], list(range(100)))
    model.graph.initializer.append(big)
    model.graph.node.append(helper.make_node("Cast", ["big"], ["f"], to=TensorProto.FLOAT))
    fold_integers(model)
    assert "f" in {name for node in model.graph.node for name in node.output}
    assert "big" in {tensor.name for tensor in model.graph.initializer}
