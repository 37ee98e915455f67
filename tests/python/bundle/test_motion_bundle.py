"""The demo's trained bundle: whole, small, and as good as it says on clips made just now."""

from __future__ import annotations

import hashlib
import json
import sys

import numpy as np
import pytest

from places import ROOT

sys.path.insert(0, str(ROOT))  # the recipe is no part of the installed package

from engines.motion_recipe import data, evaluate  # noqa: E402

from tubecam.scene.scene import LABELS  # noqa: E402

BUNDLE = ROOT / "engines" / "motion"
SEED = 20_000  # of no render that the recipe makes


@pytest.fixture(scope="module")
def sidecar() -> dict:
    return json.loads((BUNDLE / "bundle.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def figures() -> evaluate.Figures:
    clips = data.render("held-out", 108, SEED)
    predict = evaluate.BundlePredict(BUNDLE, clips)
    return evaluate.evaluate(predict, clips, predict.layer)


def test_files_are_those_that_were_exported(sidecar: dict) -> None:
    assert set(sidecar["files"]) >= {"model.onnx", "labels.txt"}
    for name, digest in sidecar["files"].items():
        assert hashlib.sha256((BUNDLE / name).read_bytes()).hexdigest() == digest


def test_graph_is_small_and_has_no_backward(sidecar: dict) -> None:
    size = sum((BUNDLE / name).stat().st_size for name in sidecar["files"])
    assert size < 3_000_000
    assert set(sidecar["graphs"][0]["outputs"]) == {"logits", "activation", "weight"}


def test_sidecar_fits_the_recipe(sidecar: dict) -> None:
    assert (BUNDLE / "labels.txt").read_text(encoding="utf-8").split() == list(LABELS)
    assert sidecar["clip"] == data.CLIP
    assert sidecar["check"]["max_relative_error"] < 1e-3
    assert sidecar["provenance"]["license"] == "Apache-2.0"


def test_cells_lie_symmetrically_in_the_clip(sidecar: dict) -> None:
    """First and last cell are equally far from the clip's ends: no half-cell shift."""
    layer, clip = sidecar["graphs"][0]["layer"], sidecar["clip"]
    sizes = clip["length"], clip["height"], clip["width"]
    for n, stride, offset, size in zip(layer["shape"][1:], layer["stride"], layer["offset"], sizes):
        assert offset + stride * (n - 1) == size - 1 - offset


def test_recorded_figures_reach_what_the_demo_needs(sidecar: dict) -> None:
    found = sidecar["provenance"]["figures"]
    assert found["held_out_clips"] >= 900
    assert found["held_out_accuracy"] >= 0.95
    assert found["pointing_game"] >= 0.90
    assert found["pointing_game_frame_centre"] < 0.5 * found["pointing_game"]


def test_names_the_motion_of_unseen_clips(figures: evaluate.Figures) -> None:
    assert figures.accuracy >= 0.90, str(figures)


def test_peaks_inside_the_object_that_moves(figures: evaluate.Figures) -> None:
    assert figures.pointing >= 0.85, str(figures)
    assert figures.centre < 0.5 * figures.pointing


def test_the_tube_explains_the_logit() -> None:
    """The tube's mean is the logit but for the head's bias: one constant a class."""
    clips = data.render("held-out", 36, SEED + 1)
    predict = evaluate.BundlePredict(BUNDLE, clips)
    left: dict[int, list[float]] = {}
    for i in range(len(clips.labels)):
        logits, activation, weight = predict(i)
        answer = int(logits.argmax())
        tube = np.einsum("c,cthw->thw", weight, activation)
        left.setdefault(answer, []).append(float(logits[answer] - tube.mean()))
    assert max(map(np.ptp, left.values())) < 1e-3
    assert max(map(len, left.values())) > 1


def test_pointing_game_of_known_tubes() -> None:
    """The measure itself: a tube that is the mask always hits, its complement never."""
    clips = data.render("held-out", 16, SEED + 2)
    layer = {"stride": [1, 1, 1], "offset": [0, 0, 0]}

    def told(sign: int):
        def predict(i: int):
            activation = clips.masks[i].astype(np.float32)[None]
            return np.eye(len(LABELS))[clips.labels[i]], activation, np.array([sign], np.float32)

        return predict

    assert evaluate.evaluate(told(1), clips, layer).pointing == 1
    assert evaluate.evaluate(told(1), clips, layer).accuracy == 1
    assert evaluate.evaluate(told(-1), clips, layer).pointing == 0


def test_upsampling_gives_the_cells_back() -> None:
    rng = np.random.default_rng(0)
    tube = rng.normal(size=(4, 9, 16))
    layer = {"stride": [4, 8, 8], "offset": [2, 4, 4]}
    full = evaluate.upsample(tube, layer, (16, 72, 128))
    assert np.allclose(full[2::4, 4::8, 4::8], tube)
    assert np.allclose(full[2, 8, 4], tube[0, :2, 0].mean())
    peak = np.unravel_index(tube.argmax(), tube.shape)
    assert evaluate.peak(tube, layer, (16, 72, 128)) == tuple(
        int(o + s * i) for o, s, i in zip(layer["offset"], layer["stride"], peak)
    )
