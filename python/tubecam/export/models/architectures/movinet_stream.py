"""MoViNet-A0, the causal form, which can take a stream slice by slice.

Kondratyuk et al., "MoViNets: Mobile Video Networks for Efficient Video Recognition", CVPR 2021,
section 3.2, with the parameter names of its common PyTorch port: kernels are taken apart into space
and time, and hard swish and hard sigmoid stand for swish and sigmoid.

Notes
-----
*Stream buffers.* No slice sees a later one: a convolution over k slices sees its own and the k − 1
before it, and the pool in front of a gate is the mean of all slices so far. Modules that look back
can therefore keep what they need, and slices that come one by one, or in chunks, give what the
whole clip gives. Before the first slice lies zero.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import nn

from .architecture import Architecture
from .movinet import CLIP, KINETICS600_CLASSES, Bottleneck, MoViNet
from .same_padding import pad_same


class LookingBack(nn.Module):
    """A module that needs earlier slices; what it keeps of them is zero for a clip of its own."""

    kept: torch.Tensor | None = None
    keeps = False

    def earlier(self) -> torch.Tensor | None:
        return self.kept if self.keeps else None

    def keep(self, value: torch.Tensor) -> None:
        if self.keeps:
            self.kept = value.detach()

    def forget(self) -> None:
        self.kept = None


class SpaceConvolution(nn.Conv2d):
    """Each slice of [N, C, t, h, w] alone, SAME padding."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kernel, stride = (1, *self.kernel_size), (1, *self.stride)
        weight = self.weight.unsqueeze(2)
        return F.conv3d(pad_same(x, kernel, stride), weight, self.bias, stride, groups=self.groups)


class TimeConvolution(nn.Conv2d, LookingBack):
    """Each slice of [N, C, t, h, w] with those before it; the kernel is [C, 1, k, 1]."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        behind = self.kernel_size[0] - 1
        earlier = self.earlier()
        if earlier is None:
            x = F.pad(x, (0, 0, 0, 0, behind, 0))
        else:
            x = torch.cat([earlier, x], 2)
        self.keep(x[:, :, -behind:])
        return F.conv3d(x, self.weight.unsqueeze(-1), groups=self.groups)


class MeanSoFar(LookingBack):
    """The mean of each slice of [N, C, t, 1, 1] and all before it."""

    seen = 0  # slices that `kept` is the sum of

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        earlier = self.earlier()
        seen, length = (0 if earlier is None else self.seen), x.shape[2]
        # A product with a constant instead of a running sum: any engine has it, and relevance too.
        upto = torch.ones(length, length, dtype=x.dtype, device=x.device).triu()
        total = (x.flatten(2) @ upto)[..., None, None]
        if earlier is not None:
            total = total + earlier
        self.keep(total[:, :, -1:])
        self.seen = seen + length
        count = torch.arange(seen + 1, self.seen + 1, dtype=x.dtype, device=x.device)
        return total / count.reshape(-1, 1, 1)


def _convolution(conv: nn.Conv2d, activation: type[nn.Module] | None) -> nn.Sequential:
    """Named layers; without an activation there is no batch normalisation either."""
    layers = nn.Sequential()
    layers.add_module("conv2d", conv)
    if activation is not None:
        layers.add_module("norm", nn.BatchNorm3d(conv.out_channels, eps=1e-3))
        layers.add_module("act", activation())
    nn.init.kaiming_normal_(conv.weight, mode="fan_out")
    return layers


class Convolution(nn.Module):
    """Space, then time where the kernel is longer than a slice; each normalised and activated."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        temporal: int = 1,
        spatial: int = 1,
        stride: int = 1,
        groups: int = 1,
        activation: type[nn.Module] | None = nn.Hardswish,
    ) -> None:
        super().__init__()
        bias = activation is None
        space = SpaceConvolution(inputs, outputs, spatial, stride, groups=groups, bias=bias)
        self.conv_1 = _convolution(space, activation)
        self.conv_2: nn.Module | None = None
        if temporal > 1:
            time = TimeConvolution(outputs, outputs, (temporal, 1), groups=groups, bias=bias)
            self.conv_2 = _convolution(time, activation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv_1(x)
        return x if self.conv_2 is None else self.conv_2(x)


class SqueezeExcitation(nn.Module):
    """Gates each channel of a slice by its mean there and its mean so far."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 4 * 2
        reduced = max(8, (half + 4) // 8 * 8)
        reduced += 8 if reduced < 0.9 * half else 0
        self.so_far = MeanSoFar()
        self.fc1 = Convolution(2 * channels, reduced, activation=None)
        self.fc2 = Convolution(reduced, channels, activation=None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        now = x.mean((3, 4), keepdim=True)
        gate = self.fc2(F.hardswish(self.fc1(torch.cat([self.so_far(now), now], 1))))
        # 0.2·gate + 0.5 within 0…1, where torch's own has a sixth for the slope.
        return F.hardsigmoid(1.2 * gate) * x


class StreamBottleneck(Bottleneck):
    convolution, gate = Convolution, SqueezeExcitation


class StreamMoViNet(MoViNet):
    """Takes [N, 3, T, H, W] float32 in 0…1: a clip with nothing before it."""

    bottleneck = StreamBottleneck

    def __init__(self, classes: int) -> None:
        super().__init__(classes)
        self.so_far = MeanSoFar()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv7(self.blocks(self.conv1(x))).mean((3, 4), keepdim=True)
        return self.classifier(self.so_far(x)[:, :, -1:]).flatten(1)

    def stream(self, x: torch.Tensor) -> torch.Tensor:
        """Logits [N, classes] after these slices, which follow those of earlier calls."""
        modules = list(self._looking_back())
        for module in modules:
            module.keeps = True
        try:
            return self(x)
        finally:
            for module in modules:
                module.keeps = False

    def forget(self) -> None:
        """The next slice of a stream is its first."""
        for module in self._looking_back():
            module.forget()

    def _looking_back(self) -> Iterator[LookingBack]:
        return (m for m in self.modules() if isinstance(m, LookingBack))


ARCHITECTURES = (
    Architecture(
        "movinet_a0_stream", StreamMoViNet, CLIP, 3_748_031, 2.43, "Kondratyuk et al. 2021",
        "the PyTorch port's modelA0_stream_statedict", "classifier.3.conv_1.conv2d.weight",
        KINETICS600_CLASSES, excludes=("cam", "deconvolution", "guided-backprop"),
    ),
)  # fmt: skip
