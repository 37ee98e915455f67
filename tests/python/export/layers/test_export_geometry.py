"""Stride and offset of a layer's cells, against the measured centre of what a cell sees."""

from __future__ import annotations

import pytest

import parts

torch = parts.require("torch")

from torch import nn  # noqa: E402

from tubecam.export.layers.candidates import Candidates  # noqa: E402
from tubecam.export.layers.choose import choose_layers  # noqa: E402
from tubecam.export.models.architectures import ARCHITECTURES  # noqa: E402
from tubecam.export.trace.capture import capture  # noqa: E402


class Headed(nn.Module):
    """Layers named `body`, then a head that keeps them relevant."""

    def __init__(self, *layers):
        super().__init__()
        self.body = nn.Sequential(*layers)

    def forward(self, x):
        return self.body(x).flatten(1)[:, :2]


class FrameWise(nn.Module):
    """A 2-D network with the frames as its batch."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.AvgPool2d(2))

    def forward(self, x):
        n, c, t, h, w = x.shape
        frames = self.body(x.transpose(1, 2).reshape(n * t, c, h, w))
        return frames.mean((0, 2, 3))[None]


class Patches(nn.Module):
    """Tubelets as tokens, back to a volume."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Conv3d(3, 6, (2, 8, 8), (2, 8, 8))
        self.norm = nn.LayerNorm(6)
        self.volume = nn.Identity()

    def forward(self, x):
        x = self.embed(x)
        n, c, t, h, w = x.shape
        tokens = self.norm(x.flatten(2).transpose(1, 2))
        x = self.volume(tokens.transpose(1, 2).reshape(n, c, t, h, w))
        return x.mean((2, 3, 4))


def place(model, path, shape=(1, 16, 3, 64, 64)):
    clip = torch.randn(shape)
    (layer,) = choose_layers(Candidates(capture(model.eval(), clip)), path)
    return layer.geometry


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("r3d_18", {"stem": (1, 2, 2), "layer3": (4, 8, 8), "layer4": (8, 16, 16)}),
        ("mc3_18", {"layer4": (1, 16, 16)}),
        ("r2plus1d_18", {"layer2.0": (2, 4, 4), "layer4": (8, 16, 16)}),
    ],
)
def test_known_networks(name, places):
    captured = capture(ARCHITECTURES[name].make(4).eval(), torch.zeros(1, 8, 3, 32, 32))
    candidates = Candidates(captured)
    assert candidates.default().name == "layer4"
    for path, stride in places.items():
        got = candidates.at(path).geometry
        assert (got.stride, got.offset, got.exact) == (stride, (0, 0, 0), True)


class Grey(nn.Module):
    """One channel of the colours, in one of the ways to write it."""

    def __init__(self, way):
        super().__init__()
        self.way = way

    def forward(self, x):
        return {
            "summed": lambda: (x * 0.3).sum(1, keepdim=True),
            "averaged": lambda: x.mean(1).unsqueeze(1),
            "greatest": lambda: x.amax((1,), keepdim=True),
        }[self.way]()


BODIES = {
    "summed": [Grey("summed"), nn.Conv3d(1, 4, (3, 5, 5), (1, 2, 2))],
    "averaged": [Grey("averaged"), nn.Conv3d(1, 4, (3, 5, 5), (1, 2, 2))],
    "greatest": [Grey("greatest"), nn.Conv3d(1, 4, (3, 5, 5), (1, 2, 2))],
    "even kernels": [nn.Conv3d(3, 4, (2, 4, 4), (2, 2, 2))],
    "padded": [nn.Conv3d(3, 4, (3, 5, 4), (1, 2, 3), (1, 2, 1))],
    "dilated": [nn.Conv3d(3, 4, (3, 3, 2), 1, 0, (2, 3, 4))],
    "deep": [nn.Conv3d(3, 4, 3, 2, 0), nn.AvgPool3d(2), nn.Conv3d(4, 4, 2, 1)],
    "pooled": [nn.Conv3d(3, 4, 3, (1, 2, 2), 1), nn.AvgPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))],
    "padded apart": [nn.ConstantPad3d((2, 0, 1, 3, 0, 1), 0.0), nn.Conv3d(3, 4, 3, 2)],
    "upsampled": [nn.Conv3d(3, 4, 4, 4), nn.Upsample(scale_factor=2, mode="nearest")],
    "transposed": [nn.Conv3d(3, 4, 4, 4), nn.ConvTranspose3d(4, 4, 2, 2)],
}


def measured_centre(model, path, cell, shape):
    """Centre of the clip cells that one cell of the layer depends on, by autograd."""
    for parameter in model.parameters():
        nn.init.ones_(parameter)
    clip = torch.randn(shape, requires_grad=True)
    outputs = []
    handle = model.get_submodule(path).register_forward_hook(lambda m, i, o: outputs.append(o))
    model(clip.transpose(1, 2))
    handle.remove()
    (seen,) = torch.autograd.grad(outputs[0][0, 0][cell], clip)
    axes = seen[0].abs().sum(1)  # [T, H, W]
    found = [axes.sum([d for d in range(3) if d != i]).nonzero() for i in range(3)]
    return [float(f.min() + f.max()) / 2 for f in found]


@pytest.mark.parametrize("body", BODIES)
def test_cells_lie_where_autograd_sees_them(body):
    model = Headed(*BODIES[body]).eval()
    shape = (1, 24, 3, 40, 40)
    got = place(model, "body", shape)
    assert got.exact
    for cell in [(2, 4, 4), (3, 4, 5)]:  # far enough inside for its field to be whole
        want = measured_centre(model, "body", cell, shape)
        if body in ("upsampled", "transposed"):  # cells between their sources: within half a source
            expected = [o + s * i for o, s, i in zip(got.offset, got.stride, cell, strict=True)]
            assert all(abs(e - w) <= 2 for e, w in zip(expected, want, strict=True))
        else:
            expected = [o + s * i for o, s, i in zip(got.offset, got.stride, cell, strict=True)]
            assert expected == pytest.approx(want)


class Causal(nn.Module):
    """Two causal convolutions with a shortcut, then pooling in space."""

    def __init__(self, stride=1):
        super().__init__()
        self.first = nn.Conv3d(3, 4, (3, 3, 3), (stride, 1, 1), (0, 1, 1))
        self.second = nn.Conv3d(4, 4, (5, 3, 3), 1, (0, 1, 1))
        self.body = nn.Sequential(nn.Identity(), nn.AvgPool3d((1, 2, 2)))

    def forward(self, x):
        x = self.first(nn.functional.pad(x, (0, 0, 0, 0, 2, 0)))
        x = x + self.second(nn.functional.pad(x, (0, 0, 0, 0, 4, 0)))
        return self.body(x).mean((2, 3, 4))


@pytest.mark.parametrize("stride", [1, 2])
def test_cells_of_a_causal_network_lie_on_their_own_slice(stride):
    got = place(Causal(stride), "body", (1, 16, 3, 32, 32))
    assert (got.stride, got.offset, got.exact) == ((stride, 2, 2), (0, 0.5, 0.5), True)


def test_the_causal_architecture_lies_on_its_own_slices():
    captured = capture(
        ARCHITECTURES["movinet_a0_stream"].make(4).eval(), torch.zeros(1, 6, 3, 64, 64)
    )
    layer = Candidates(captured).default()
    got = layer.geometry
    assert layer.name == "conv7" and got.exact
    assert (got.stride[0], got.offset[0]) == (1, 0)


def test_frames_as_the_batch():
    got = place(FrameWise(), None, (1, 8, 3, 32, 32))
    assert (got.stride, got.offset, got.exact) == ((1, 4, 4), (0, 1, 1), True)


def test_tokens_are_followed_through_reshapes():
    got = place(Patches(), "volume", (1, 8, 3, 32, 48))
    assert (got.stride, got.offset, got.exact) == ((2, 8, 8), (0.5, 3.5, 3.5), True)


def test_slowfasts_pathways_lie_in_time():
    """Slow frames are the nearest to eight even steps over 32 slices, 31/7 apart."""
    architecture = ARCHITECTURES["slowfast_r50"]
    captured = capture(architecture.make(3).eval(), torch.zeros(1, 32, 3, 32, 32))
    slow, fast = choose_layers(Candidates(captured), architecture.layer)
    assert (slow.shape[1], fast.shape[1]) == (8, 32)
    place = slow.geometry
    assert place.stride == (pytest.approx(31 / 7), 32, 32)
    assert place.offset == (0, 0, 0) and place.exact
    place = fast.geometry
    assert (place.stride, place.offset, place.exact) == ((1, 32, 32), (0, 0, 0), True)
