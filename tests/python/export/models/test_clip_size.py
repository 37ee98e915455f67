"""Clips that a network cannot take: the smallest that it takes is named, and is right."""

from __future__ import annotations

import pytest

import parts

torch = parts.require("torch")

from torch import nn  # noqa: E402

import export_nets as nets  # noqa: E402
from tubecam.errors import UsageError  # noqa: E402
from tubecam.export import export  # noqa: E402
from tubecam.export.models.architectures import ARCHITECTURES  # noqa: E402
from tubecam.export.trace.clip_size import smallest_clip  # noqa: E402

SMALLEST = {"c3d": (16, 96, 96), "i3d": (9, 193, 193), "slowfast_r50": (4, 8, 8)}
WITH_FLOW = {"i3d_flow": (10, 193, 193), "two_stream": (11, 16, 16), "tsn": (18, 16, 16)}
LEAST = (1, 8, 8)  # that the runtime takes
UNLIKELY = (3, 9, 9)


def takes(model, size, channels=3):
    length, height, width = size
    try:
        with torch.no_grad():
            return model(torch.zeros(1, channels, length, height, width)).dim() == 2
    except (RuntimeError, ValueError):
        return False


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name != "conv3d_7ch"])
def test_the_smallest_clip_of_each_architecture(name):
    model = ARCHITECTURES[name].make(3).eval()
    channels = ARCHITECTURES[name].clip.input_shape[2]
    length, *sides = found = smallest_clip(model, UNLIKELY, False, channels)
    assert found == {**SMALLEST, **WITH_FLOW}.get(name, LEAST)
    assert takes(model, found, channels)
    if length > 1:
        assert not takes(model, (length - 1, *sides), channels)
    if sides[0] > (8 if channels == 3 else 16):
        assert not takes(model, (length, sides[0] - 1, sides[1] - 1), channels)


def test_a_network_of_one_size_says_so_itself():
    model = ARCHITECTURES["conv3d_7ch"].make(3).eval()
    assert smallest_clip(model, UNLIKELY, False, 5) is None
    with pytest.raises(ValueError, match="7x60x40"):
        model(torch.zeros(1, 5, 7, 60, 41))


@pytest.mark.parametrize(("name", "size"), [*SMALLEST.items()])
def test_an_export_names_it(tmp_path, name, size):
    asked = {"length": 3, "height": 40, "width": 40}
    words = "{}x{}x{} \\(slices x height x width\\)".format(*size)
    with pytest.raises(UsageError, match=rf"\[1, 3, 3, 40, 40\].*smallest clip .* is {words}"):
        export(name, tmp_path / "b", random_weights=True, clip=asked)
    assert list(tmp_path.iterdir()) == []


def test_the_proportions_that_were_asked_for_may_be_the_only_ones():
    model = nets.seeded(nets.Hard)  # whose linear layer fits 8×24×32
    assert smallest_clip(model, (2, 24, 32), False) == (7, 24, 32)


def test_a_network_that_takes_no_usual_clip(tmp_path):
    class Odd(nn.Module):
        def forward(self, x):
            return nn.functional.conv3d(x, torch.ones(2, 7, 1, 1, 1)).mean((2, 3, 4))

    assert smallest_clip(Odd(), (8, 64, 64), False) is None
    with pytest.raises(UsageError, match="time before colour"):
        export(Odd(), tmp_path / "b")
