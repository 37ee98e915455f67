"""The explained graph in eight bits: explicit quantise–dequantise pairs, standard ONNX, opset 17.

Notes
-----
*Form.* Weights are int8, symmetric, a scale an output channel; activations int8, symmetric, a scale
a tensor, and every zero point is 0: the one form that TensorRT 8 to 11, OpenVINO and ONNX Runtime
all run in integers. (uint8 behind a ReLU would use the range better, and TensorRT refuses it;
OpenVINO turns this form into that one by itself, and runs both in the same time.) The file holds
the weights as they were, in float32, each behind its pair: weights that are stored in eight bits
and only dequantised are refused by TensorRT 8. Engines quantise them when they compile. Jacob et
al. 2018, "Quantization and training of neural networks for efficient integer-arithmetic-only
inference".

*What is quantised.* Convolutions and linear layers with constant weights, but for
- the last ones before the logits: they are small, and the class-activation map is made with their
  weights, so that both stay exact;
- whatever depends on `target`: gradients and looked-up weights.
A residual that is quantised already for the convolution beside it is read in that form, so that an
engine passes eight bits from convolution to convolution. Biases and accumulators stay wide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper

from ..onnx.constant_folding import drop_unread

LEVELS = 127  # of a sign


@dataclass(frozen=True)
class Layer:
    """A layer to quantise: its node's first output, what it reads, its weight and their axis."""

    name: str
    kind: str  # Conv, Gemm, MatMul
    source: str
    weight: str
    axis: int  # of the output channels in the weight


def quantisable(model: onnx.ModelProto) -> list[Layer]:
    """The layers that are quantised, in the order of the graph."""
    layers = _layers(model)
    last = last_layers(model, layers)
    return [layer for layer in layers if layer.name not in last]


def _layers(model: onnx.ModelProto) -> list[Layer]:
    """All layers with constant weights that do not depend on the target."""
    values = _constants(model)
    late = depending_on(model, {"target"})
    found = [_layer(node, values) for node in model.graph.node]
    return [layer for layer in found if layer is not None and layer.name not in late]


def _layer(node: NodeProto, values: Mapping[str, np.ndarray]) -> Layer | None:
    """A node with a constant weight of two dimensions or more behind its input."""
    if node.op_type not in ("Conv", "Gemm", "MatMul") or node.input[0] in values:
        return None
    weight = values.get(node.input[1])
    if weight is None or weight.ndim < 2 or weight.dtype != np.float32:
        return None
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type == "MatMul" and weight.ndim > 2 or attributes.get("transA"):
        return None
    rows_first = node.op_type == "Conv" or bool(attributes.get("transB"))
    axis = 0 if rows_first else 1
    return Layer(node.output[0], node.op_type, node.input[0], node.input[1], axis)


def _constants(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}


def depending_on(model: onnx.ModelProto, names: set[str]) -> set[str]:
    """`names`, and the names of all that is computed from them."""
    names = set(names)
    for node in model.graph.node:
        if names.intersection(node.input):
            names.update(node.output)
    return names


def last_layers(model: onnx.ModelProto, layers: Iterable[Layer] | None = None) -> set[str]:
    """Names of the layers from which the logits are reached without passing another."""
    names = {layer.name for layer in (_layers(model) if layers is None else layers)}
    last, wanted = set(), {model.graph.output[0].name}
    for node in reversed(model.graph.node):
        if not wanted.intersection(node.output):
            continue
        if node.output[0] in names:
            last.add(node.output[0])
        else:
            wanted.update(node.input)
    return last


def observed(layers: Iterable[Layer]) -> list[str]:
    """Names of the tensors whose range has to be known, each once."""
    return list(dict.fromkeys(layer.source for layer in layers))


def quantise(
    model: onnx.ModelProto, layers: Sequence[Layer], ranges: Mapping[str, float]
) -> onnx.ModelProto:
    """A copy in which `layers` read quantised tensors and weights.

    Parameters
    ----------
    ranges : mapping
        By tensor of `observed`: the magnitude that becomes ±127. Greater ones are clipped.
    """
    made = onnx.ModelProto()
    made.CopyFrom(model)
    return _Rewriting(made, {layer.name: layer for layer in layers}, ranges).run()


class _Rewriting:
    """Rebuilds the node list; a pair stands before the first node that reads it.

    `int8.x` and `again.x` are the two forms of a tensor x. Engines put the names of tensors that
    become one together, so that these must not begin like an output's.
    """

    def __init__(
        self, model: onnx.ModelProto, layers: Mapping[str, Layer], ranges: Mapping[str, float]
    ) -> None:
        self.model, self.layers, self.ranges = model, layers, ranges
        self.constants = _constants(model)
        self.nodes: list[NodeProto] = []
        self.done: dict[str, str] = {}  # a tensor → what it is once it is dequantised

    def run(self) -> onnx.ModelProto:
        graph = self.model.graph
        quantised = {layer.source for layer in self.layers.values()}
        for old in graph.node:
            node = NodeProto.FromString(old.SerializeToString())
            layer = self.layers.get(node.output[0])
            if layer is not None:
                node.input[0] = self._activation(layer.source)
                node.input[1] = self._weight(layer)
            elif node.op_type == "Add" and quantised.intersection(node.input):
                self._residuals(node, quantised)
            self.nodes.append(node)
        del graph.node[:]
        graph.node.extend(self.nodes)
        drop_unread(self.model)
        return self.model

    def _residuals(self, node: NodeProto, quantised: set[str]) -> None:
        """An addition of two computed tensors; constants are biases, which stay as they are."""
        if any(name in self.constants for name in node.input):
            return
        for place, name in enumerate(node.input):
            if name in quantised:
                node.input[place] = self._activation(name)

    def _activation(self, name: str) -> str:
        if name not in self.done:
            step = np.float32(self.ranges[name] / LEVELS)
            self.done[name] = self._pair(name, name, step)
        return self.done[name]

    def _weight(self, layer: Layer) -> str:
        key = f"{layer.weight}.{layer.axis}"
        if key not in self.done:
            steps = weight_steps(self.constants[layer.weight], layer.axis)
            self.done[key] = self._pair(layer.weight, key, steps, axis=layer.axis)
        return self.done[key]

    def _pair(self, name: str, key: str, steps: np.ndarray, **attributes: int) -> str:
        """Rounds a tensor to whole steps; gives the name of the result."""
        whole, again, scale, zero = (f"{word}.{key}" for word in ("int8", "again", "scale", "zero"))
        for tensor, value in ((scale, steps), (zero, np.zeros_like(steps, np.int8))):
            self.model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), tensor))
        for kind, source, result in (
            ("QuantizeLinear", name, whole), ("DequantizeLinear", whole, again),
        ):  # fmt: skip
            inputs = [source, scale, zero]
            self.nodes.append(helper.make_node(kind, inputs, [result], **attributes))
        return again


def weight_steps(weight: np.ndarray, axis: int) -> np.ndarray:
    """Of each channel, float32: the greatest magnitude becomes ±127."""
    others = tuple(i for i in range(weight.ndim) if i != axis)
    greatest = np.abs(weight).max(axis=others)
    return np.where(greatest > 0, greatest / LEVELS, 1.0).astype(np.float32)
