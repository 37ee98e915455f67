"""Quantise–dequantise pairs: their form, and the graph against its own definition in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import parts

torch = parts.require("torch")
onnx = parts.require("onnx")
onnxruntime = parts.require("onnxruntime")

from onnx import numpy_helper  # noqa: E402

import narrow_nets as nets  # noqa: E402
from tubecam.export import export  # noqa: E402
from tubecam.export.onnx.constant_folding import without_copies  # noqa: E402
from tubecam.export.precision.float16 import halve  # noqa: E402
from tubecam.export.precision.int8 import (  # noqa: E402
    observed,
    quantisable,
    quantise,
    weight_steps,
)

ROUNDING = 2e-6  # of the greatest value: float32 sums of some hundred terms


@pytest.fixture(scope="module", params=["build", "by_gradient"])
def wide(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wide") / request.param
    export(f"narrow_nets:{request.param}", folder, clip=nets.CLIP, measure=False)
    return onnx.load(str(folder / "model.onnx"))


def run(model, clip, target=-1):
    """By name, in ONNX Runtime as it stands: nothing fused."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, ["CPUExecutionProvider"]
    )
    feeds = {"clip": clip, "target": np.array([target], np.int64)}
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, feeds)))


def quantised(wide, limit=3.0):
    layers = quantisable(wide)
    return layers, quantise(wide, layers, dict.fromkeys(observed(layers), limit))


def producers(model):
    return {name: node for node in model.graph.node for name in node.output}


def test_every_pair_is_symmetric_and_weights_have_a_scale_a_channel(wide):
    layers, model = quantised(wide)
    onnx.checker.check_model(model, full_check=True)
    assert model.opset_import[0].version == 17
    values = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    made, convolutions = producers(model), 0
    pairs = [n for n in model.graph.node if n.op_type in ("QuantizeLinear", "DequantizeLinear")]
    for node in pairs:
        scale, zero = (values[name] for name in node.input[1:])
        assert zero.dtype == np.int8 and not zero.any() and scale.dtype == np.float32
        assert zero.shape == scale.shape and (scale > 0).all()
    for layer in layers:
        source, weight = (made[name] for name in made[layer.name].input[:2])
        assert source.op_type == weight.op_type == "DequantizeLinear"
        before = [made[node.input[0]] for node in (source, weight)]
        assert all(node.op_type == "QuantizeLinear" for node in before)
        assert values[source.input[1]].shape == ()
        whole = values[layer.weight]  # float32 behind its own pair, for TensorRT 8
        assert before[1].input[0] == layer.weight and whole.dtype == np.float32
        assert before[1].attribute[0].i == weight.attribute[0].i == layer.axis
        assert values[weight.input[1]].shape == (whole.shape[layer.axis],)
        convolutions += layer.kind == "Conv"
    assert convolutions == 5


def test_heads_gradients_and_whatever_the_target_decides_stay_as_they_are(wide):
    _, model = quantised(wide)
    made, late = producers(model), {"target"}
    for node in model.graph.node:
        if late.intersection(node.input):
            late.update(node.output)
            assert node.op_type not in ("QuantizeLinear", "DequantizeLinear")
    assert late & {"weight", "gradient"}
    logits = made["logits"]
    assert logits.op_type == "Gemm"
    assert all(made[n].op_type != "DequantizeLinear" for n in logits.input if n in made)


def test_a_hidden_linear_layer_is_quantised_and_the_last_is_not(wide):
    kinds = [layer.kind for layer in quantisable(wide)]
    by_gradient = any(output.name == "gradient" for output in wide.graph.output)
    assert kinds.count("Gemm") == (1 if by_gradient else 0)


def test_residuals_beside_a_quantised_convolution_are_read_in_eight_bits(wide):
    _, model = quantised(wide)
    made = producers(model)
    adds = [n for n in model.graph.node if n.op_type == "Add" and "target" not in n.input]
    residual = [n for n in adds if any(x in made and made[x].op_type == "DequantizeLinear"
                                       for x in n.input)]  # fmt: skip
    assert len(residual) == 2


def test_the_graph_is_its_definition(wide):
    """Layer by layer: what a layer reads is rounded in NumPy, and must be what the graph gives."""
    layers = quantisable(wide)
    limits = {name: 1.5 + 0.25 * i for i, name in enumerate(observed(layers))}
    model = quantise(wide, layers, limits)
    names = [*observed(layers), *(f"again.{name}" for name in observed(layers))]
    names += [layer.name for layer in layers]
    for name in names:
        if name not in {o.name for o in model.graph.output}:
            model.graph.output.append(
                onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
            )
    got = run(model, nets.clips(1)[0][None])
    for name in observed(layers):
        step = np.float32(limits[name] / 127)
        whole = np.clip(np.rint(got[name] / step), -128, 127)
        np.testing.assert_allclose(got[f"again.{name}"], whole * step, rtol=1e-6)
        assert np.abs(got[f"again.{name}"] - got[name])[np.abs(got[name]) < limits[name]].max() <= (
            step / 2 * 1.0001
        )
    values = {t.name: numpy_helper.to_array(t) for t in wide.graph.initializer}
    made = producers(wide)
    for layer in layers:
        node = made[layer.name]
        x = torch.from_numpy(got[f"again.{layer.source}"].astype(np.float64))
        weight = values[layer.weight]
        shape = [-1 if i == layer.axis else 1 for i in range(weight.ndim)]
        steps = weight_steps(weight, layer.axis).reshape(shape)
        w = torch.from_numpy(np.rint(weight / steps).astype(np.float64) * steps)
        b = torch.from_numpy(values[node.input[2]].astype(np.float64))
        if layer.kind == "Conv":
            facts = {a.name: list(a.ints) or a.i for a in node.attribute}
            half = facts["pads"][:3]
            want = torch.nn.functional.conv3d(
                x, w, b, facts["strides"], half, facts["dilations"], facts["group"]
            )
        else:
            want = torch.nn.functional.linear(x, w if layer.axis == 0 else w.T, b)
        error = np.abs(got[layer.name] - want.numpy()).max() / np.abs(want.numpy()).max()
        assert error < ROUNDING, layer


def test_a_channel_of_zeros_and_the_greatest_weight():
    weight = np.zeros((3, 2, 1, 1, 1), np.float32)
    weight[1, 0] = -0.5
    weight[2] = [[[[1.0]]], [[[0.25]]]]
    steps = weight_steps(weight, 0)
    assert steps.dtype == np.float32
    np.testing.assert_allclose(steps, [1, 0.5 / 127, 1 / 127], rtol=1e-6)
    columns = weight_steps(np.array([[1, 4], [-2, 8]], np.float32), 1)
    np.testing.assert_allclose(columns, [2 / 127, 8 / 127], rtol=1e-6)


def test_half_keeps_tensors_in_float16_between_float32_ends(wide):
    model = halve(wide)
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    graph = inferred.graph
    values = (*graph.value_info, *graph.output, *graph.input)
    types = {v.name: v.type.tensor_type.elem_type for v in values}
    half, full = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT
    assert all(types[name] == full for name in ("clip", *(o.name for o in wide.graph.output)))
    convolutions = [n for n in model.graph.node if n.op_type == "Conv"]
    forward = [n for n in convolutions if types.get(n.output[0]) == half]
    assert len(forward) == 5
    # A parser that takes biases from initializers alone finds them there.
    constants = {t.name for t in model.graph.initializer}
    assert all(name in constants for n in forward for name in n.input[1:])


@pytest.mark.parametrize("target", [-1, 2])
def test_half_agrees_with_float32_in_onnx_runtime(wide, target):
    clip = nets.clips(1, seed=8)[0][None]
    got, want = run(halve(wide), clip, target), run(wide, clip, target)
    errors = {n: np.abs(got[n] - want[n]).max() / np.abs(want[n]).max() for n in want}
    assert max(errors.values()) < 1e-2 and max(errors.values()) > 1e-6


def test_a_weight_beyond_float16_is_refused(wide):
    from tubecam.errors import ExportError

    large = onnx.ModelProto()
    large.CopyFrom(wide)
    name = quantisable(wide)[0].weight
    for tensor in large.graph.initializer:
        if tensor.name == name:
            values = numpy_helper.to_array(tensor) * np.float32(1e7)
            tensor.CopyFrom(numpy_helper.from_array(values, name))
    with pytest.raises(ExportError, match="float16"):
        halve(large)


def test_copies_of_initializers_are_read_directly():
    x = onnx.helper.make_tensor_value_info("x", 1, [2])
    y = onnx.helper.make_tensor_value_info("y", 1, [2])
    nodes = [
        onnx.helper.make_node("Identity", ["b"], ["c"]),
        onnx.helper.make_node("Identity", ["c"], ["d"]),
        onnx.helper.make_node("Add", ["x", "d"], ["y"]),
    ]
    bias = numpy_helper.from_array(np.ones(2, np.float32), "b")
    model = onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", [x], [y], [bias]))
    without_copies(model)
    assert [list(n.input) for n in model.graph.node] == [["x", "b"]]
