"""The head of a sidecar, in everything that the runtime tells: Python, JSON, metadata, pictures."""

from __future__ import annotations

import json

import numpy as np
import pytest

import parts
import tiny_bundle
import tubecam
from tubecam.drawing.overlay import CaptionPainter
from tubecam.windows.window_record import WindowRecord

LOGITS = tiny_bundle.forward(tiny_bundle.clip())[0]
LABELS = [f"class {i}" for i in range(tiny_bundle.CLASSES)]


def expected(head: str) -> np.ndarray:
    powers = np.exp(LOGITS - LOGITS.max())
    return {
        "softmax": powers / powers.sum(), "sigmoid": 1 / (1 + np.exp(-LOGITS)), "scores": LOGITS,
    }[head]  # fmt: skip


def bundle(folder, head: dict | None):
    def change(sidecar):
        if head is not None:
            sidecar["head"] = head

    return tiny_bundle.write(folder, change=change)


@pytest.mark.parametrize(
    "head, kind, unit",
    [
        (None, "softmax", "logit"),
        ({"kind": "softmax"}, "softmax", "logit"),
        ({"kind": "softmax", "unit": "log-probability"}, "softmax", "log-probability"),
        ({"kind": "sigmoid"}, "sigmoid", "logit"),
        ({"kind": "scores"}, "scores", "score"),
    ],
)
def test_scores_follow_the_head(tmp_path, head, kind, unit):
    with tubecam.Explainer(bundle(tmp_path, head)) as explainer:
        found = explainer.explain(tiny_bundle.clip())
    np.testing.assert_allclose(found.scores, expected(kind), rtol=1e-4)
    assert found.head == kind and found.receipt.unit == unit
    assert found.label_index == LOGITS.argmax() and found.score == found.scores[found.label_index]
    told = json.loads(found.to_json())
    assert told["head"] == kind and told["receipt"]["unit"] == unit
    best = np.argsort(-expected(kind), kind="stable")
    assert [entry["label"] for entry in told["top5"]] == [LABELS[i] for i in best]
    present = [LABELS[i] for i in best if expected(kind)[i] > 0.5] if kind == "sigmoid" else None
    assert [e["label"] for e in told["present"]] == present if present else "present" not in told


def test_what_was_not_finite_has_no_scores(tmp_path):
    with tubecam.Explainer(tiny_bundle.write(tmp_path, nan_in="logits")) as explainer:
        found = explainer.explain(tiny_bundle.clip())
    assert not found.valid and found.scores.size == 0
    assert found.record().top == () and found.to_dict()["top5"] == []


UNITS = {
    "pool": {m: "logit" for m in ("gradcam", "cam", "hirescam", "gradcam++", "motion-split")},
    "relevance": {"lrp-epsilon-plus": "logit", "selective-relevance": "logit"},
}


@pytest.mark.parametrize("head", UNITS)
def test_every_tube_has_its_unit(tmp_path, head):
    with tubecam.Explainer(tiny_bundle.write(tmp_path, head)) as explainer:
        for method, unit in UNITS[head].items():
            explainer.method = method
            assert explainer.explain(tiny_bundle.clip()).receipt.unit == unit


def test_cam_sums_to_the_logit_less_its_bias(tmp_path):
    """The unit that it claims: as HiResCAM behind a pooled head, and not Z times as much."""
    clip = tiny_bundle.clip()
    with tubecam.Explainer(tiny_bundle.write(tmp_path), method="cam") as explainer:
        found = explainer.explain(clip)
        shared = found.receipt.logit - tiny_bundle.weights()["bias"][found.label_index]
        assert found.receipt.relevance_sum == pytest.approx(shared, rel=1e-4)
        assert found.tube.sum() == pytest.approx(shared, rel=1e-4)
        explainer.method = "gradcam++"
        pooled = tiny_bundle.forward(clip)[1].mean((1, 2, 3))
        row = tiny_bundle.weights()["head"][found.label_index]
        weights = np.maximum(row, 0) / (2 + row * pooled)
        found = explainer.explain(clip)
        assert found.receipt.relevance_sum == pytest.approx(weights @ pooled, rel=1e-4)


# ---- the elements ----


@pytest.mark.parametrize("kind", ["softmax", "sigmoid", "scores"])
def test_metadata_and_caption_follow_the_head(tmp_path, kind):
    parts.require("plugin")
    from pipelines import play

    folder = bundle(tmp_path / "b", {"kind": kind})
    played = play(
        "videotestsrc num-buffers=30 pattern=ball ! "
        "video/x-raw,format=RGB,width=640,height=240,framerate=30/1 ! "
        f"tubecam name=t bundle={folder} align=delayed ! "
        "tubeoverlay name=o show-heat=false show-strip=false ! fakesink",
        probed=("t", "o"), pixels=("t", "o"),
    )  # fmt: skip
    fields = played.windows["t"][-1]
    record = WindowRecord.from_fields(fields, LABELS)
    assert record.head == fields["head"] == kind and fields["unit"] == record.receipt["unit"]
    logits = fields["logits"].astype(np.float64)
    scores = {"sigmoid": 1 / (1 + np.exp(-logits)), "scores": logits}.get(kind)
    if scores is not None:
        np.testing.assert_allclose(fields["scores"], scores, rtol=1e-5)
    assert fields["score"] == fields["scores"][fields["label-index"]]
    others = [f"{name} {100 * s:.0f} %" for name, s in record.present if name != record.label]
    assert fields.get("also", "") == ", ".join(others) and (others or kind != "sigmoid")
    words = f"{fields['score']:.3g}" if kind == "scores" else f"{100 * fields['score']:.0f} %"
    assert record.score_text == words
    fields = played.frames["t"][-1][1]
    below, drawn = (played.pixels[n][-1].reshape(240, 640, 3).copy() for n in ("t", "o"))
    also = f"also {fields['also']}; " if "also" in fields else ""
    assert "coarse-grid" in [mark.key for mark in record.marks]  # 4×4 cells
    note = also + fields["method"] + "".join(f" ({mark.text})" for mark in record.marks)
    CaptionPainter().draw(below, label=fields["label"], score=words, note=note)
    np.testing.assert_array_equal(below, drawn)
