"""Motion against appearance: splits, selective relevance, and what the elements say of it."""

from __future__ import annotations

import math

import numpy as np
import pytest

import parts
import tubecam
from tubecam import MethodOptions

SLICES = 6
CLIP = {"length": SLICES, "height": 16, "width": 20}


@pytest.fixture
def motion_clip(motion_bundle):
    """A bright square that moves to the right over a noisy still background."""
    random = np.random.default_rng(4)
    spec = tubecam.load_bundle(motion_bundle).clip
    clip = np.repeat(0.3 * random.standard_normal((1, 3, spec.height, spec.width)), spec.length, 0)
    for t in range(spec.length):
        clip[t, :, 30:46, 10 + 6 * t : 26 + 6 * t] = 2
    return clip.astype(np.float32)


def frozen(clip, at):
    return np.repeat(clip[at][None], len(clip), axis=0)


def share(relevance, still):
    """Note [Motion share] of csrc/explain/methods/motion.h, in NumPy."""
    beyond = relevance - np.maximum(still, 0)
    beyond[(relevance <= 0) | (beyond <= 1e-5 * np.abs(relevance).max())] = 0
    cells = np.divide(beyond, relevance, out=np.zeros_like(beyond), where=relevance > 0)
    return cells, beyond.sum() / np.maximum(relevance, 0).sum()


# ---- splits ----


def test_live_split_is_the_difference_to_the_frozen_clip(motion_bundle, motion_clip):
    with tubecam.Explainer(motion_bundle) as explainer:
        plain = explainer.explain(motion_clip)
        explainer.target = plain.target_index
        for at in (-1, 0, 5, 15):
            middle = len(motion_clip) // 2 if at < 0 else at
            explainer.method = "gradcam"
            still = explainer.explain(frozen(motion_clip, middle))
            explainer.method, explainer.options = "motion-split", MethodOptions(frozen_slice=at)
            found = explainer.explain(motion_clip)
            cells, _ = share(plain.tube, still.tube)
            np.testing.assert_array_equal(found.tube, plain.tube)
            np.testing.assert_allclose(found.motion, cells, atol=1e-5)
            nearest = np.abs(found.offset[0] + found.stride[0] * np.arange(4) - middle).argmin()
            of_slice = share(plain.tube[nearest], still.tube[nearest])[1]
            assert found.motion_share == pytest.approx(of_slice, abs=1e-5)
            assert found.motion_by == "split" and found.receipt.passes == 2


def test_exact_split_reads_each_slice_at_its_own_time(motion_bundle, motion_clip):
    with tubecam.Explainer(motion_bundle, method="motion-split-exact") as explainer:
        found = explainer.explain(motion_clip)
        explainer.method, explainer.target = "gradcam", found.target_index
        stills = [explainer.explain(frozen(motion_clip, at)).tube for at in range(16)]
    centres = found.offset[0] + found.stride[0] * np.arange(4)
    nearest = np.array([np.abs(centres - at).argmin() for at in range(16)])
    still = np.stack([
        np.mean([stills[at][i] for at in np.flatnonzero(nearest == i)], axis=0) for i in range(4)
    ])  # fmt: skip
    cells, whole = share(found.tube, still)
    np.testing.assert_allclose(found.motion, cells, atol=1e-5)
    assert found.motion_share == pytest.approx(whole, abs=1e-5)
    assert found.motion_by == "split-exact" and found.receipt.passes == 17


@pytest.mark.parametrize("method", ["motion-split", "motion-split-exact"])
def test_moving_classes_are_motion(motion_bundle, motion_clip, method):
    with tubecam.Explainer(motion_bundle, method=method) as explainer:
        moving = explainer.explain(motion_clip)
        still = explainer.explain(frozen(motion_clip, 8))
    assert moving.label == "right" and moving.motion_share > 0.5
    assert still.motion_share == 0 and not still.motion.any()


def test_a_network_that_sees_single_frames_has_no_motion(tmp_path):
    """Not even round-off of its convolutions is taken for any."""
    torch = parts.require("torch")
    from torch import nn

    from tubecam.export import export

    class Frames(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv3d(3, 8, (1, 3, 3), padding=(0, 1, 1))
            self.second = nn.Conv3d(8, 12, (1, 3, 3), padding=(0, 1, 1), stride=(1, 2, 2))
            self.head = nn.Linear(12, 4)

        def forward(self, x):
            x = self.second(self.first(x).relu()).relu().mean((3, 4))
            return self.head(x.transpose(1, 2).relu()).mean(1)

    torch.manual_seed(2)
    model = Frames().eval()
    clip = np.random.default_rng(6).standard_normal((SLICES, 3, 16, 20)).astype(np.float32)
    for base in ("gradient-x-input", "gradcam-frame"):
        export(model, tmp_path / base, methods=[base], clip=CLIP, layer="second", measure=False)
        with tubecam.Explainer(tmp_path / base) as explainer:
            for target in range(4):
                explainer.target = target
                for method in ("motion-split", "motion-split-exact"):
                    explainer.method = method
                    found = explainer.explain(clip)
                    if found.tube.max() > 0:
                        assert found.motion_share == 0, (base, method)
            explainer.method, explainer.options = "selective-relevance", MethodOptions(sigma=0)
            still = explainer.explain(frozen(clip, 2))
            assert still.motion_share == 0 and not still.tube.any()


# ---- selective relevance ----


def sobel(tube):
    """|∂/∂t| by the 3-D Sobel filter, from its definition."""
    smooth, slope = np.array([1, 2, 1]) / 4, np.array([-1, 0, 1]) / 2
    kernel = slope[:, None, None] * smooth[None, :, None] * smooth[None, None, :]
    padded = np.pad(tube.astype(np.float64), 1, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3, 3))
    return np.abs(np.einsum("thwijk,ijk->thw", windows, kernel))


@pytest.mark.parametrize("sigma", [0.0, 1.0, 3.0])
def test_selective_relevance_keeps_what_changes(motion_bundle, motion_clip, sigma):
    options = MethodOptions(sigma=sigma)
    with tubecam.Explainer(motion_bundle, options=options) as explainer:
        plain = explainer.explain(motion_clip)
        explainer.method = "selective-relevance"
        found = explainer.explain(motion_clip)
    change = sobel(plain.tube)
    kept = change > max(sigma * change.std(), 1e-4 * np.abs(plain.tube).max())
    np.testing.assert_array_equal(found.tube, np.where(kept, plain.tube, 0))
    expected = found.tube.clip(0).sum() / plain.tube.clip(0).sum()
    assert found.motion_share == pytest.approx(expected, abs=1e-5)
    assert plain.motion_share == found.motion_share and plain.motion_by == "selective"


def test_relevance_to_the_input_is_selected_where_there_is_one(tmp_path):
    parts.require("torch")
    import export_nets as nets
    from tubecam.export import export

    methods = ["gradcam", "gradient-x-input"]
    export(nets.seeded(nets.Hard), tmp_path / "b", methods=methods, clip=nets.CLIP, measure=False)
    shape = (nets.CLIP["length"], 3, nets.CLIP["height"], nets.CLIP["width"])
    clip = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    with tubecam.Explainer(tmp_path / "b", method="selective-relevance") as explainer:
        found = explainer.explain(clip)
        explainer.method = "motion-split"
        split = explainer.explain(clip)
    assert found.tube.shape == (shape[0], *shape[2:]) and split.tube.shape != found.tube.shape


def test_a_clip_of_one_slice_has_no_motion(tmp_path):
    parts.require("torch")
    from torch import nn

    from tubecam.export import export

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv3d(3, 4, (1, 3, 3))
            self.head = nn.Linear(4, 2)

        def forward(self, x):
            return self.head(self.conv(x).relu().mean((2, 3, 4)))

    export(Net().eval(), tmp_path / "b", clip={"length": 1, "height": 8, "width": 8}, measure=False)
    clip = np.random.default_rng(1).standard_normal((1, 3, 8, 8)).astype(np.float32)
    with tubecam.Explainer(tmp_path / "b", hop=1) as explainer:
        assert math.isnan(explainer.explain(clip).motion_share)
        for method in ("motion-split", "motion-split-exact"):
            explainer.method = method
            found = explainer.explain(clip)
            assert found.motion_share == 0 or not found.tube.any()


# ---- everywhere ----


def test_all_explanations_say_how_much_is_motion(motion_bundle, motion_clip):
    with tubecam.Explainer(motion_bundle) as explainer:
        for method in explainer.methods:
            explainer.method = method
            found = explainer.explain(motion_clip)
            assert 0 <= found.motion_share <= 1, method
            assert found.to_dict()["motion"]["share"] == pytest.approx(found.motion_share, abs=1e-6)


def test_a_method_that_is_not_offered_is_named(motion_bundle):
    with tubecam.Explainer(motion_bundle) as explainer:
        with pytest.raises(tubecam.UsageError, match="choose one of gradcam, .*motion-split"):
            explainer.method = "integrated-gradients"
