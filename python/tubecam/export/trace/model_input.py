"""Models that take optical flow: one tensor of five channels here, two inputs in the graph.

Within the export a clip of such a model is [1, T, 5, H, W]: colours, then the flow to the next
slice, which is zero for the last one. The graph that is written takes ``clip`` [1, T, 3, H, W] and
``flow`` [1, T − 1, 2, H, W], as the runtime has them.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, fx

from .graph import Capture, ancestors, run_nodes

COLOURS = 3


def model_input(clip: Tensor, time_first: bool) -> Tensor:
    """Turns the runtime's [1, T, 3, H, W] into what the model takes."""
    return clip if time_first else clip.transpose(1, 2)


def packed(clip: Tensor, flow: Tensor | None = None) -> Tensor:
    """Both inputs as one tensor; a tensor that is packed already comes back."""
    if flow is None:
        return clip
    return torch.cat([clip, torch.cat([flow, torch.zeros_like(flow[:, :1])], 1)], 2)


def with_flow(clip: Tensor) -> Tensor:
    """A clip of colours alone with a flow of nothing."""
    return packed(clip, torch.zeros_like(clip[:, 1:, :2]))


def parts(clip: Tensor) -> tuple[Tensor, ...]:
    """The graph's inputs: the clip alone, or clip and flow."""
    if clip.shape[2] == COLOURS:
        return (clip,)
    return clip[:, :, :COLOURS].contiguous(), clip[:, :-1, COLOURS:].contiguous()


def input_names(clip: Tensor) -> tuple[str, ...]:
    return ("clip", "target") if clip.shape[2] == COLOURS else ("clip", "flow", "target")


def without_last_flow(clip: Tensor) -> Tensor:
    """A packed clip as the runtime would give it: no flow leads out of it."""
    if clip.shape[2] > COLOURS:
        clip[:, -1, COLOURS:] = 0
    return clip


def feeds(clip: np.ndarray, target: int) -> dict[str, np.ndarray]:
    """What an engine is given for a clip and a target."""
    inputs = [part.numpy() for part in parts(torch.from_numpy(clip))]
    inputs.append(np.array([target], np.int64))
    return dict(zip(input_names(torch.from_numpy(clip)), inputs, strict=True))


def sees_flow_alone(captured: Capture, node: fx.Node, clip: Tensor) -> bool:
    """Whether a layer's value depends on the flow and on no colour."""
    if clip.shape[2] == COLOURS:
        return False
    needed = ancestors(node)
    ordered = [n for n in captured.module.graph.nodes if n in needed]

    def value(x: Tensor) -> Tensor:
        values = {captured.clip: x}
        with torch.no_grad():
            run_nodes(captured.module, ordered, values)
        return values[node]

    before = value(clip)
    other = clip.clone()
    other[:, :, :COLOURS] = clip[:, :, :COLOURS].flip(1) + 0.5
    return torch.equal(before, value(other))
