"""The zoo itself: every network runs, is tiny, gives what its row says, and never changes."""

from __future__ import annotations

import pytest

import parts

torch = parts.require("torch")

import zoo  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")
MOST_PARAMETERS = 20_000


def outputs(name, clip):
    """What the network gives, and its layer's output."""
    entry, model, kept = zoo.NETWORKS[name], zoo.network(name), []
    hook = lambda module, inputs, output: kept.append(output)  # noqa: E731
    model.get_submodule(entry.layer).register_forward_hook(hook)
    return model(clip if entry.time_first else clip.transpose(1, 2)), kept[-1]


@pytest.mark.parametrize("name", zoo.NETWORKS)
def test_a_network_is_what_its_row_says(name):
    entry = zoo.NETWORKS[name]
    result, volume = outputs(name, zoo.clip(name))
    if entry.head in ("tuple", "dict"):
        result = result[1] if entry.head == "tuple" else result["actions"]
    assert result.shape[0] == 1 and result.dim() == 2 and torch.isfinite(result).all()
    length, *_ = entry.clip
    assert volume.dim() == 5 and volume.shape[0] == 1 or volume.shape[0] == length
    assert sum(p.numel() for p in zoo.network(name).parameters()) <= MOST_PARAMETERS
    other, _ = outputs(name, zoo.clip(name, 1))
    other = other[1] if entry.head == "tuple" else other
    other = other["actions"] if entry.head == "dict" else other
    assert not torch.equal(result, other)  # it sees the clip


def test_networks_are_the_same_in_every_run():
    first, second = (zoo.network("swin-3d").state_dict() for _ in range(2))
    assert all(torch.equal(value, second[name]) for name, value in first.items())
