"""The 3D CNN of seven pictures whose first layer is fixed: grey, gradients and optical flow.

Ji et al., "3D Convolutional Neural Networks for Human Action Recognition", TPAMI 2013: 33 maps in
five groups (7 grey, 7 gradients in x, 7 in y, 6 flows in x, 6 in y), each with convolutions of its
own until they meet in a layer of 128 units. A group's share of the decision is its relevance.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from ...spec import ClipSpec, FlowSpec
from .architecture import Architecture

CLIP = ClipSpec(7, 60, 40, 12.5, (0.0,) * 3, (1.0,) * 3, short_side=60, flow=FlowSpec())
LUMA = (0.299, 0.587, 0.114)
GROUPS = ("grey", "gradient-x", "gradient-y", "flow-x", "flow-y")
FIRST_SETS = 2  # of 7×7×3 kernels a group
SECOND_SETS = 3  # of 7×6×3 kernels for each of those
UNITS = 128
CLASSES = 3


class Subsampling(nn.Module):
    """The mean of n×n cells, times a coefficient, plus a bias, both of every map (LeCun 1998).

    Maps of one group and set at different times are different maps.
    """

    def __init__(self, sets: int, length: int, size: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool3d((1, size, size))
        self.coefficient = nn.Parameter(torch.ones(sets, length, 1, 1))
        self.bias = nn.Parameter(torch.zeros(sets, length, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.pool(x) * self.coefficient + self.bias


class Group(nn.Module):
    """The convolutions of one group of maps, [N, 1, t, 60, 40] → [N, features]."""

    def __init__(self, length: int) -> None:
        super().__init__()
        inner, last = FIRST_SETS, FIRST_SETS * SECOND_SETS
        self.conv2 = nn.Conv3d(1, inner, (3, 7, 7))
        self.pool3 = Subsampling(inner, length - 2, 2)
        self.conv4 = nn.Conv3d(inner, last, (3, 7, 6), groups=inner)
        self.pool5 = Subsampling(last, length - 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool3(torch.tanh(self.conv2(x)))
        return self.pool5(torch.tanh(self.conv4(x))).flatten(1, 2)


class Hardwired(nn.Module):
    """A fixed picture of every slice: a kernel on the colours, or a channel of the flow."""

    def __init__(self, kernel: torch.Tensor | None, channel: int = 0) -> None:
        super().__init__()
        self.channel = channel
        self.register_buffer("kernel", kernel, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.kernel is None:
            return x[:, self.channel : self.channel + 1, :-1]
        rows, columns = (n // 2 for n in self.kernel.shape[-2:])
        x = nn.functional.pad(x[:, :3], (columns, columns, rows, rows, 0, 0), "replicate")
        return nn.functional.conv3d(x, self.kernel)


class Conv3d7Ch(nn.Module):
    """Takes [N, 5, 7, 60, 40]: colours 0…1, and flow; grey, gradients and flow by fixed layers.

    Parameters are 9 856 fewer than the paper counts: it gives each of the 78×128 connections of the
    last layer but one a bias, of which those of one unit only ever act as their sum.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        luma = torch.tensor(LUMA).reshape(1, 3, 1, 1, 1)
        slope = torch.tensor([-0.5, 0.0, 0.5])
        fixed: dict[str, Callable[[], nn.Module]] = {
            "grey": lambda: Hardwired(luma),
            "gradient-x": lambda: Hardwired(luma * slope),
            "gradient-y": lambda: Hardwired(luma * slope[:, None]),
            "flow-x": lambda: Hardwired(None, 3),
            "flow-y": lambda: Hardwired(None, 4),
        }
        self.inputs = nn.ModuleDict({name: fixed[name]() for name in GROUPS})
        lengths = [CLIP.length - name.startswith("flow") for name in GROUPS]
        self.groups = nn.ModuleDict({name: Group(n) for name, n in zip(GROUPS, lengths)})
        maps = FIRST_SETS * SECOND_SETS * sum(n - 4 for n in lengths)
        self.conv6 = nn.Conv2d(maps, UNITS, (7, 4))
        self.fc = nn.Linear(UNITS, classes, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if tuple(x.shape[1:]) != (5, CLIP.length, CLIP.height, CLIP.width):
            raise ValueError(f"this network takes clips of 7x60x40, not {list(x.shape[2:])}")
        found = [self.groups[name](self.inputs[name](x)) for name in GROUPS]
        return self.fc(torch.tanh(self.conv6(torch.cat(found, 1))).flatten(1))


ARCHITECTURES = (
    Architecture(
        "conv3d_7ch", Conv3d7Ch, CLIP, 285_602, 0.0155, "Ji et al. 2013",
        "none are published", "fc.weight", CLASSES,
        tuple(f"{name}=inputs.{name}" for name in GROUPS),
        ("cam", "guided-backprop", "deconvolution"),
    ),
)  # fmt: skip
