"""From a traced graph to an ONNX file: opset 17, standard operators, external data where needed."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, fx

from ...errors import ExportError
from ..torch_private import convert_to_onnx, unconvertible
from .constant_folding import drop_unread, fold_integers, without_copies

OPSET = 17
STANDARD_DOMAINS = {"", "ai.onnx"}
INLINE_LIMIT = 1_500_000_000  # bytes; protobuf messages end at 2 GiB
MESSAGE_LIMIT = 64_000_000  # bytes that are held in memory for an engine besides the model itself
HALF_FROM = 1024  # elements: smaller constants stay float32


def to_onnx(
    module: fx.GraphModule, inputs: tuple[Tensor, ...], names: Sequence[str], outputs: Sequence[str]
) -> onnx.ModelProto:
    """Converts a module of ATen operators.

    Raises
    ------
    ExportError
        An operator has no standard ONNX form at opset 17; it is named.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        path = Path(folder) / "model.onnx"
        try:
            convert_to_onnx(module, inputs, str(path), names, outputs, OPSET)
        except Exception as error:
            raise ExportError(f"no ONNX form at opset {OPSET} was found for this model.") from error
        model = onnx.load(str(path))
    _tidy(model)
    return model


def unknown_operators(module: fx.GraphModule) -> list[str]:
    """Operators of a traced graph that the converter has no standard form of."""
    calls = [n.target for n in module.graph.nodes if n.op == "call_function"]
    return unconvertible(calls, OPSET)


def _tidy(model: onnx.ModelProto) -> None:
    """Drops what varies from run to run and refuses operators of other domains."""
    model.doc_string = ""
    foreign = sorted({n.op_type for n in model.graph.node if n.domain not in STANDARD_DOMAINS})
    if foreign:
        raise ExportError(f"the graph needs non-standard operators: {', '.join(foreign)}.")
    for node in model.graph.node:
        node.doc_string = ""
    fold_integers(model)
    without_copies(model)
    drop_unread(model)


def without_outputs(model: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    """A copy that gives fewer outputs and computes nothing that only they needed."""
    graph = model.graph
    outputs = [o for o in graph.output if o.name not in set(names)]
    needed = {o.name for o in outputs}
    nodes = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            nodes.append(node)
    # Field by field: weights are large, and are copied once, those that are kept.
    kept = [t for t in graph.initializer if t.name in needed]
    smaller = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    smaller.producer_name, smaller.producer_version = model.producer_name, model.producer_version
    smaller.graph.name = graph.name
    for field, values in (("input", graph.input), ("output", outputs), ("node", nodes[::-1]),
                          ("value_info", graph.value_info), ("initializer", kept)):  # fmt: skip
        getattr(smaller.graph, field).extend(values)
    return smaller


def halve_weights(model: onnx.ModelProto) -> None:
    """Stores float32 constants of 1024 elements or more as float16, each behind a Cast.

    Engines fold the cast or keep the weights small; the arithmetic's precision stays theirs.
    """
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < HALF_FROM:
            continue
        values = numpy_helper.to_array(tensor)
        if np.abs(values).max() > np.finfo(np.float16).max:
            raise ExportError(f"'{tensor.name}' does not fit float16; export with float32.")
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    body = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(casts + body)


def as_engine_input(model: onnx.ModelProto, folder: Path) -> bytes | Path:
    """The model as one message where it is small, else saved into `folder`."""
    if _weight_bytes(model) < MESSAGE_LIMIT:
        return model.SerializeToString()
    return folder / save(model, folder)[0]


def is_large(model: onnx.ModelProto) -> bool:
    """Whether one message might not hold it."""
    return _weight_bytes(model) >= INLINE_LIMIT


def _weight_bytes(model: onnx.ModelProto) -> int:
    return sum(len(t.raw_data) for t in model.graph.initializer)


def save(model: onnx.ModelProto, folder: Path, name: str = "model.onnx") -> list[str]:
    """Writes the model; weights go to ``<name>.data`` where one message would be too large.

    Returns
    -------
    list of str
        The names of the files written.
    """
    path = folder / name
    if not is_large(model):
        onnx.checker.check_model(model)
        path.write_bytes(model.SerializeToString(deterministic=True))
        return [name]
    onnx.save_model(
        model, str(path), save_as_external_data=True, all_tensors_to_one_file=True,
        location=f"{name}.data", size_threshold=1024,
    )  # fmt: skip
    onnx.checker.check_model(str(path))
    onnx.load_external_data_for_model(model, str(folder))  # saving has taken it out
    return [name, f"{name}.data"]
