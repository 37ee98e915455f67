"""Resampling, shifts, slices, constants made on the way: what moves values about."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .entry import CHANNELS, Apply, Entry, Frames, behind_stem


def conv(inputs: int = CHANNELS) -> nn.Module:
    return nn.Conv3d(inputs, CHANNELS, 3, 1, 1)


def around(function, inputs: int = CHANNELS) -> nn.Module:  # noqa: ANN001
    """The function between two convolutions."""
    return behind_stem(conv(), nn.SiLU(), Apply(function), conv(inputs))


def resized(**options) -> nn.Module:  # noqa: ANN003
    return around(lambda x: F.interpolate(x, **options))


def resized_frames(**options) -> nn.Module:  # noqa: ANN003
    return behind_stem(conv(), Frames(Apply(lambda x: F.interpolate(x, **options))), conv())


def space_to_depth(x: Tensor) -> Tensor:
    n, c, t, h, w = x.shape
    x = x.reshape(n, c, t, h // 2, 2, w // 2, 2).permute(0, 1, 4, 6, 2, 3, 5)
    return x.reshape(n, 4 * c, t, h // 2, w // 2)


def depth_to_space(x: Tensor) -> Tensor:
    n, c, t, h, w = x.shape
    x = x.reshape(n, c // 4, 2, 2, t, h, w).permute(0, 1, 4, 5, 2, 6, 3)
    return x.reshape(n, c // 4, t, 2 * h, 2 * w)


def shift_by_assignment(x: Tensor) -> Tensor:
    """TSM as published: slices of a fresh tensor are written one after another."""
    fold = x.shape[1] // 4
    out = torch.zeros_like(x)
    out[:, :fold, :-1] = x[:, :fold, 1:]
    out[:, fold : 2 * fold, 1:] = x[:, fold : 2 * fold, :-1]
    out[:, 2 * fold :] = x[:, 2 * fold :]
    return out


def shift_by_concatenation(x: Tensor) -> Tensor:
    first, second, rest = x.split([2, 2, x.shape[1] - 4], 1)
    nothing = x.new_zeros(x.shape[0], 2, 1, *x.shape[3:])
    later = torch.cat([first[:, :, 1:], nothing], 2)
    earlier = torch.cat([nothing, second[:, :, :-1]], 2)
    return torch.cat([later, earlier, rest], 1)


def written_over(x: Tensor) -> Tensor:
    """Writes with steps, into single cells, through views, and by index."""
    y = x.clone()
    y[:, ::2, 1:] *= 0.5
    y[:, 1, 0] = x[:, 0, 1]
    y[..., 0] = 0.25
    y[:, :, -1].add_(x[:, :, 0])
    y.transpose(3, 4)[:, 3, :, 1] = 1.0
    y[:, [1, 3]] = x[:, [2, 0]]
    return y


def filled(x: Tensor) -> Tensor:
    """Constants of the values' own kind."""
    n, _, t, h, w = x.shape
    extra = [x.new_zeros(n, 1, t, h, w), torch.zeros_like(x[:, :1]), torch.ones_like(x[:, :1]),
             torch.full_like(x[:, :1], 0.3), x.new_full((n, 1, t, h, w), -0.2)]  # fmt: skip
    return torch.cat([x, *extra], 1)


def positions(x: Tensor) -> Tensor:
    """Coordinates as channels, computed where they are needed."""
    n, _, t, h, w = x.shape
    grid = torch.meshgrid(
        *(torch.linspace(-1, 1, size, dtype=x.dtype) for size in (t, h, w)), indexing="ij"
    )
    return torch.cat([x, torch.stack(grid)[None].expand(n, -1, -1, -1, -1)], 1)


def sinusoids(x: Tensor) -> Tensor:
    channels, t = x.shape[1:3]
    rates = torch.exp(torch.arange(0, channels, 2) * (-4.0 / channels)).to(x.dtype)
    angles = torch.arange(t)[:, None] * rates
    table = torch.stack([angles.sin(), angles.cos()], -1).flatten(1).t()
    return x + table[None, :, :, None, None]


def masked(x: Tensor) -> Tensor:
    _, _, t, h, w = x.shape
    earlier = torch.ones(t, h, w, dtype=torch.bool).tril()
    x = x.masked_fill(~earlier, -0.1)
    return torch.where(x > 0, x, 0.3 * x) * (x.abs() < 5)


def chosen_slices(x: Tensor) -> Tensor:
    """Uniform sampling in time, some slices twice, by an index tensor."""
    index = torch.linspace(0, x.shape[2] - 1, 6).long()
    return torch.index_select(x[:, :, index], 1, torch.arange(CHANNELS - 1, -1, -1))


def repeated(x: Tensor) -> Tensor:
    x = x[:, :4].repeat(1, 2, 1, 1, 1) + x[:, 4:].repeat_interleave(2, 1)
    return x + x.mean((3, 4), keepdim=True).expand_as(x) + x[:, :, :1].tile(1, 1, 4, 1, 1)


def taken_apart(x: Tensor) -> Tensor:
    first, *others = x.unbind(2)
    rising = torch.stack([first, *(a - first for a in others)], 2)
    left, right = rising.tensor_split(2, 1)
    return torch.cat([torch.flip(left, (3,)), right.movedim(1, 1)], 1).contiguous()


def sliding(x: Tensor) -> Tensor:
    """Overlapping pieces in time (unfold), each averaged."""
    return x.unfold(2, 2, 1).mean(-1)


def differences(x: Tensor) -> Tensor:
    """Of neighbouring slices, padded in front."""
    return F.pad(x[:, :, 1:] - x[:, :, :-1], (0, 0, 0, 0, 1, 0)) + torch.diff(x, dim=3, n=1).mean()


def shuffled(x: Tensor) -> Tensor:
    n, c, *rest = x.shape
    return x.view(n, 2, c // 2, *rest).transpose(1, 2).reshape(n, c, *rest)


ENTRIES = [
    Entry("nearest", lambda: resized(scale_factor=(1, 2, 2), mode="nearest")),
    Entry("nearest-uneven", lambda: resized(size=(6, 11, 5), mode="nearest")),
    Entry("trilinear", lambda: resized(size=(6, 12, 12), mode="trilinear")),
    Entry("trilinear-smaller", lambda: resized(size=(3, 5, 4), mode="trilinear")),
    Entry(
        "trilinear-corners", lambda: resized(scale_factor=2, mode="trilinear", align_corners=True)
    ),
    Entry("bilinear", lambda: resized_frames(scale_factor=2, mode="bilinear")),
    Entry(
        "bilinear-corners",
        lambda: resized_frames(size=(5, 11), mode="bilinear", align_corners=True),
    ),
    Entry("nearest-frames", lambda: resized_frames(scale_factor=2)),
    Entry("space-to-depth", lambda: around(space_to_depth, 4 * CHANNELS)),
    Entry("depth-to-space", lambda: around(depth_to_space, CHANNELS // 4)),
    Entry(
        "pixel-shuffle",
        lambda: behind_stem(
            Frames(nn.PixelShuffle(2), nn.Conv2d(CHANNELS // 4, CHANNELS, 3), nn.PixelUnshuffle(2)),
            conv(4 * CHANNELS),
        ),
    ),
    Entry("shift-by-assignment", lambda: around(shift_by_assignment), notes="TSM, in place"),
    Entry("shift-by-concatenation", lambda: around(shift_by_concatenation)),
    Entry("roll", lambda: around(lambda x: x.roll((1, -3), (2, 3)) + x.roll(2, 1))),
    Entry("written-over", lambda: around(written_over)),
    Entry("filled", lambda: around(filled, CHANNELS + 5)),
    Entry("coordinates", lambda: around(positions, CHANNELS + 3)),
    Entry("sinusoids", lambda: around(sinusoids)),
    Entry("masked", lambda: around(masked), clip=(4, 16, 16)),
    Entry("chosen-slices", lambda: around(chosen_slices)),
    Entry("repeated", lambda: around(repeated)),
    Entry(
        "taken-apart",
        lambda: around(taken_apart),
        layer="trunk.1",
        notes="half of its channels are mirrored, so that what lies behind is no layer",
    ),
    Entry("sliding-in-time", lambda: around(sliding)),
    Entry("differences", lambda: around(differences)),
    Entry("channel-shuffle", lambda: around(shuffled)),
    Entry("reflected-edges", lambda: behind_stem(nn.ReflectionPad3d(1), nn.Conv3d(8, 8, 3))),
    Entry("repeated-edges", lambda: behind_stem(nn.ReplicationPad3d(1), nn.Conv3d(8, 8, 3))),
    Entry(
        "circular-edges",
        lambda: behind_stem(
            nn.Conv3d(8, 8, 3, padding=1, padding_mode="circular"), nn.SiLU(), conv()
        ),
    ),
    Entry(
        "uneven-edges",
        lambda: behind_stem(nn.ConstantPad3d((2, 1, 0, 1, 2, 0), 0.1), nn.Conv3d(8, 8, 3)),
    ),
    Entry(
        "cropped-edges",
        lambda: behind_stem(nn.ConstantPad3d((-1, 1, 2, -2, 0, -1), 0.0), nn.Conv3d(8, 8, 3)),
    ),
]
