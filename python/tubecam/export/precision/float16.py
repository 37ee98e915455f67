"""The explained graph in half precision: float16 tensors where a model spends its time.

Notes
-----
*One graph for TensorRT 8, 10 and 11.* From 10 on they compute in the types that the graph states,
so that weights stored in half and cast back would be computed in float32. Here the tensors
themselves are float16, between explicit casts.

*What stays float32.* Inputs and outputs; the last layers, so that logits are not rounded; whatever
depends on `target`, so that small gradients neither vanish nor overflow; sums over many values,
powers and exponentials (`WIDE`), in which half precision does the most harm.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper, shape_inference

from ...errors import ExportError
from ..onnx.constant_folding import drop_unread
from .int8 import depending_on, last_layers

FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16
WIDE = {
    "CumSum", "Exp", "GRU", "GlobalAveragePool", "InstanceNormalization", "LSTM",
    "LayerNormalization", "Log", "LogSoftmax", "Pow", "RNN", "Range", "Reciprocal", "ReduceL2",
    "ReduceMean", "ReduceSum", "Resize", "Softmax", "Sqrt",
}  # fmt: skip
LARGEST = float(np.finfo(np.float16).max)


def halve(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy that computes in float16, with the same inputs and outputs.

    Raises
    ------
    ExportError
        A weight is greater than float16 can hold.
    """
    made = shape_inference.infer_shapes(model)
    halved = _Halving(made).run()
    halved.graph.ClearField("value_info")
    return halved


class _Halving:
    """Rebuilds the node list; `half.x` is the float16 form of a tensor x."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        graph = model.graph
        infos = (*graph.input, *graph.output, *graph.value_info)
        self.floats = {v.name for v in infos if v.type.tensor_type.elem_type == FLOAT}
        self.constants = {t.name: t for t in graph.initializer}
        self.floats |= {name for name, t in self.constants.items() if t.data_type == FLOAT}
        self.wide = depending_on(model, {"target"} | last_layers(model))
        self.nodes: list[NodeProto] = []
        self.known: set[str] = self.floats & ({v.name for v in graph.input} | set(self.constants))
        self.half: set[str] = set()  # names without the prefix

    def run(self) -> onnx.ModelProto:
        for old in self.model.graph.node:
            node = NodeProto.FromString(old.SerializeToString())
            narrow = self._computes_in_half(node)
            for place, name in enumerate(node.input):
                if name in self.floats:
                    node.input[place] = self._as_half(name) if narrow else self._as_float(name)
            self._keep_outputs(node, narrow)
            self.nodes.append(node)
        for output in self.model.graph.output:
            if output.name in self.floats:
                self._as_float(output.name)
        graph = self.model.graph
        del graph.node[:]
        graph.node.extend(self.nodes)
        drop_unread(self.model)
        return self.model

    def _computes_in_half(self, node: NodeProto) -> bool:
        gives_floats = any(name in self.floats for name in node.output)
        late = any(name in self.wide for name in node.output)
        return gives_floats and not late and node.op_type not in WIDE

    def _keep_outputs(self, node: NodeProto, narrow: bool) -> None:
        for place, name in enumerate(node.output):
            if name not in self.floats:
                continue
            (self.half if narrow else self.known).add(name)
            if narrow:
                node.output[place] = f"half.{name}"
        for attribute in node.attribute if narrow else ():
            if attribute.name == "to" and attribute.i == FLOAT:
                attribute.i = HALF
            elif attribute.name == "value" and attribute.t.data_type == FLOAT:
                attribute.t.CopyFrom(_halved(attribute.t, attribute.t.name))

    def _as_half(self, name: str) -> str:
        if name in self.half:
            return f"half.{name}"
        self.half.add(name)
        if name in self.constants:
            tensor = _halved(self.constants[name], f"half.{name}")
            self.model.graph.initializer.append(tensor)
        else:
            self.nodes.append(helper.make_node("Cast", [name], [f"half.{name}"], to=HALF))
        return f"half.{name}"

    def _as_float(self, name: str) -> str:
        if name not in self.known:
            self.known.add(name)
            self.nodes.append(helper.make_node("Cast", [f"half.{name}"], [name], to=FLOAT))
        return name


def _halved(tensor: TensorProto, name: str) -> TensorProto:
    values = numpy_helper.to_array(tensor)
    if values.size and np.abs(values).max() > LARGEST:
        raise ExportError(f"'{tensor.name}' does not fit float16; export with float32.")
    return numpy_helper.from_array(values.astype(np.float16), name)
