"""Captured networks and their relevance in float64, for the tests of rules."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import zoo
from tubecam.export.relevance.composites import take_apart
from tubecam.export.relevance.constants import constant_share
from tubecam.export.relevance.domain import domain_of
from tubecam.export.relevance.propagate import Relevance
from tubecam.export.spec import ClipSpec
from tubecam.export.trace.batch_norm_folding import fold_batch_norm, fold_constants
from tubecam.export.trace.capture import capture
from tubecam.export.trace.graph import Capture
from tubecam.export.trace.nodes import shape_of


def captured_of(model: nn.Module, clip: Tensor, time_first: bool = False) -> Capture:
    captured = capture(model, clip, time_first)
    fold_constants(captured.module)
    fold_batch_norm(captured, ())
    return captured


def explained(model: nn.Module, method: str, clip: Tensor, time_first: bool = False) -> Relevance:
    """The method on a model of clips like `clip`; each number is a cell."""
    return rules_of(captured_of(model, clip, time_first), method)


def rules_of(captured: Capture, method: str) -> Relevance:
    """The same of a captured graph, which is rewritten."""
    take_apart(captured)
    _, length, _, *sides = shape_of(captured.clip)
    spec = ClipSpec(length, *(max(side, 8) for side in sides))
    return Relevance(captured, method, (1, 1, 1), domain_of(spec, None))


def relevance(
    model: nn.Module, method: str, clip: Tensor, target: int = -1
) -> tuple[Tensor, Tensor]:
    """Logits and relevance [1, T, H, W] in float64."""
    with torch.no_grad():
        return explained(model, method, clip.float())(clip.double(), torch.tensor([target]))


def shares(relevance: Relevance, clip: Tensor, target: int = -1) -> tuple[float, float, float]:
    """The logit, what the clip's numbers took of it, and what constants took."""
    taken = 0.0

    def visit(*call: object) -> None:
        nonlocal taken
        taken += constant_share(*call)

    with torch.no_grad():
        found = relevance.explain(*relevance.evaluate(clip.double()), torch.tensor([target]), visit)
    logits, cells = found
    at = int(logits.argmax()) if target < 0 else target
    return float(logits[0, at]), float(cells.sum()), taken


def zoo_capture(name: str) -> tuple[Capture, Tensor]:
    clip = zoo.clip(name)
    return captured_of(zoo.network(name), clip, zoo.NETWORKS[name].time_first), clip


def zoo_network(name: str, method: str) -> tuple[Relevance, Tensor]:
    captured, clip = zoo_capture(name)
    return rules_of(captured, method), clip
