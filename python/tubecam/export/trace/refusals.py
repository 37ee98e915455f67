"""Sentences on models that cannot be explained: which operator, in which module, what to do."""

from __future__ import annotations

import operator

import torch
from torch import fx

from ...errors import ExportError
from .graph import ancestors
from .nodes import MODULE, aten, base_name, tensors_of

RANDOM = (
    "rand", "bernoulli", "native_dropout", "normal", "multinomial", "uniform", "exponential",
    "poisson", "rrelu_with_noise", "fractional_max_pool",
)  # fmt: skip
READS_VALUES = ("_local_scalar_dense", "nonzero", "unique", "masked_select")
TRAINS = {  # batch normalisations with running statistics, and the argument that makes them train
    aten.native_batch_norm.default: 5,
    aten._native_batch_norm_legit.default: 5,
    aten._native_batch_norm_legit_functional.default: 5,
}
UNTRACED = {
    "mutating": "writes into a buffer of its own (running statistics, a count) in evaluation mode, "
    "too. Let it do so only where self.training is true.",
    "numpy": "computes with NumPy, which a trace does not see. Write it with torch operators.",
    "cuda": "asks for a GPU by itself. Let it follow its input (x.device, register_buffer).",
}


class NoFormError(ExportError):
    """An operator has no derivative or no form here. What works instead is still to be found."""


class LostLayerError(ExportError):
    """Cells cannot be followed to where the best layer may be.

    Attributes
    ----------
    layer : str
        The last one that can be followed.
    behind : (str, (t, h, w)) or None
        The last picture behind that, and the cells that it may have.
    """

    def __init__(
        self, message: str, layer: str, behind: tuple[str, tuple[int, int, int]] | None
    ) -> None:
        super().__init__(message)
        self.layer, self.behind = layer, behind


def reads_values(where: str, operator: str = "") -> str:
    """On control flow, sizes and numbers that are taken from a tensor's values."""
    how = operator or "an `if` on a tensor, .item(), int(tensor), nonzero()"
    return (
        f"{where} reads a tensor's values while it runs ({how}), so its graph depends on data. "
        "Replace that by torch.where or by a constant."
    )


def untraceable(error: Exception, where: str) -> str:
    """One sentence on what could not be traced, where, and what to do."""
    text = f"{type(error).__name__} {error}"
    if "_local_scalar_dense" in text or "data-dependent" in text.lower() or "DataDep" in text:
        return reads_values(where)
    for word, sentence in UNTRACED.items():
        if word in text.lower():
            return f"{where} {sentence}"
    return (
        f"{where} cannot be traced: it does something that torch cannot record as operators on "
        "tensors. Write it with torch operators, out of place."
    )


def refuse_unfit(logits: fx.Node, clip: fx.Node) -> None:
    """Finds what makes a captured model one that no graph can stand for.

    Raises
    ------
    ExportError
        The logits do not depend on the clip; or an operator between them is random, depends on
        data, trains, or computes in half precision or with complex numbers; its module is named.
    """
    needed = ancestors(logits)
    if clip not in needed:
        raise ExportError(
            "the model gives the same logits for every clip: nothing leads from the clip to them."
        )
    for node in (n for n in logits.graph.nodes if n in needed and n.op == "call_function"):
        reason = _unfit(node)
        if reason:
            raise ExportError(reason)


def _unfit(node: fx.Node) -> str:
    name, where = base_name(node), node.meta.get(MODULE) or "the model"
    if any(word in name for word in READS_VALUES):
        return reads_values(where, f"aten.{name}")
    if any(not isinstance(size, int) for v in tensors_of(node) for size in v.shape):
        return reads_values(where, "a Boolean index")
    if any(word in name for word in RANDOM):
        return (
            f"the model is random: {where} draws random numbers (aten.{name}) in evaluation mode, "
            "too. Let it do so only where self.training is true."
        )
    if node.target in TRAINS and node.args[TRAINS[node.target]]:
        return (
            f"{where} normalises a clip by its own statistics and updates the running ones, as in "
            "training, although the model is in evaluation mode. Let it follow self.training."
        )
    if name.startswith("max_pool") and _reads_places(node):
        return (
            f"what follows {where} reads the places of its maxima (max unpooling), which engines "
            "do not give. Replace the unpooling by an interpolation."
        )
    kinds = {v.dtype for v in tensors_of(node)}
    if any(kind.is_complex for kind in kinds):
        return f"{where} computes with complex numbers (aten.{name}), which engines do not know."
    if kinds & {torch.float16, torch.bfloat16}:
        return (
            f"{where} computes in half precision by itself (aten.{name}). Let it compute in the "
            "type of its input; --precision float16 makes a graph in half precision."
        )
    return ""


def _reads_places(pool: fx.Node) -> bool:
    return any(user.args[1] == 1 for user in pool.users if user.target is operator.getitem)
