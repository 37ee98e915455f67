"""The sanity of one method of relevance to the input, and what its relevance sums to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..trace.graph import run_nodes
from ..trace.model_input import feeds, model_input
from ..trace.recorder import plain_operators
from ..verify.class_sanity import Examination
from ..verify.engine import compile_in_engine
from ..verify.sanity import UNSPECIFIC, Sanity
from .graph import RelevanceGraph
from .propagate import cells_of
from .reference import Case


def examine_relevance(
    file: Path, graph: RelevanceGraph, cases: Sequence[Case], model: nn.Module, time_first: bool
) -> Sanity:
    """Examines the exported graph on the clips of its check."""
    compiled, name = compile_in_engine(file), graph.method

    def exported(clip: np.ndarray, target: int):
        result = compiled(feeds(clip, target))
        maps = [result[i + 1] for i in range(len(graph.layers))]
        return result["logits"].copy(), {name: joined(maps)}

    def by_rules(clip: np.ndarray, target: int):
        with torch.no_grad():
            logits, *maps = graph.relevance(torch.from_numpy(clip), torch.tensor([target]))
        return logits.numpy(), {name: joined([each.numpy() for each in maps])}

    captured, clips = graph.relevance.captured, [case.clip for case in cases]
    examination = Examination(exported, by_rules, partial(_gradient, graph), captured, clips)
    found = examination.run()[name]
    if graph.relevance.method.class_agnostic:
        found = replace(found, dependence=UNSPECIFIC, why="by its definition it has no class")
    shares = conservation(graph, cases, model, time_first)
    return replace(found, conservation=shares[0], constants=shares[1])


def _gradient(graph: RelevanceGraph, clip: np.ndarray, target: int) -> np.ndarray:
    """Gradient × input over the method's cells; the gradient where the colours stay apart."""
    captured, method = graph.relevance.captured, graph.relevance.method
    x = torch.from_numpy(clip).requires_grad_()
    with torch.enable_grad(), plain_operators():
        values = {captured.clip: x}
        run_nodes(captured.module, graph.relevance.nodes, values)
        (slope,) = torch.autograd.grad(values[captured.logits][0, target], x)
    if method.by_colour:
        return slope.numpy()
    cells = cells_of(slope * x.detach(), graph.relevance.pool)
    return joined([each.numpy() for each in cells])


def joined(maps: Sequence[np.ndarray]) -> np.ndarray:
    """The relevance of all inputs in one array."""
    return np.concatenate([each.ravel() for each in maps])


def conservation(
    graph: RelevanceGraph, cases: Sequence[Case], model: nn.Module, time_first: bool
) -> tuple[float | None, float | None]:
    """Relevance over the logit, or over its difference from the reference clip's; constants' too.

    What neither took was lost to the rules.
    """
    method = graph.relevance.method
    if not method.total:
        return None, None
    beside = np.zeros(graph.classes)
    if method.compares:
        clip = graph.relevance.reference_like(torch.from_numpy(cases[0].clip))
        with torch.no_grad():
            beside = model(model_input(clip, time_first)).double().numpy()[0]
    given = found = constants = 0.0
    for case in cases:
        at = case.target if case.target >= 0 else int(case.logits.argmax())
        shared = float(case.logits[0, at] - beside[at])
        given += abs(shared)
        found += math.copysign(1, shared) * float(joined(case.relevance).sum())
        constants += math.copysign(1, shared) * case.constants
    if given == 0:
        return None, None
    return found / given, constants / given if method.gated else None
