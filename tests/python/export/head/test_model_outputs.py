"""Models that give more than one tensor, or a prediction for each of several times."""

from __future__ import annotations

import numpy as np
import pytest

import parts

torch = parts.require("torch")

import head_nets as nets  # noqa: E402
import tubecam  # noqa: E402
from tubecam.errors import ExportError, UsageError  # noqa: E402
from tubecam.export import export  # noqa: E402
from tubecam.export.head.outputs import Selection, select  # noqa: E402

ROW, FEATURES, VOLUME = torch.arange(4.0)[None], torch.ones(1, 8), torch.ones(1, 8, 4, 2, 2)


def chosen(given, key=None, reduce=None, labels=None, length=4):
    return select(given, key, reduce, labels, length)


@pytest.mark.parametrize(
    "given, key, path",
    [
        (ROW, None, ()),
        ({"logits": ROW, "maps": VOLUME}, None, ("logits",)),
        ({"logits": ROW, "features": FEATURES}, "logits", ("logits",)),
        (nets.Output(None, ROW), None, ("logits",)),
        (nets.Named(FEATURES, ROW), "logits", ("logits",)),
        (nets.Named(FEATURES, ROW), "1", ("1",)),
        ((VOLUME, ROW), None, ("1",)),
        ([ROW], None, ("0",)),
        ({"heads": {"verb": ROW, "noun": FEATURES}}, "heads.verb", ("heads", "verb")),
        ({"heads": [FEATURES, ROW]}, "heads.1", ("heads", "1")),
    ],
)
def test_the_prediction_is_found_or_named(given, key, path):
    selection = chosen(given, key)
    assert selection == Selection(path)
    assert torch.equal(selection.row(given), ROW)


@pytest.mark.parametrize("shape", [(1, 4), (4,), (1, 4, 1, 1, 1), (1, 1, 4), (4, 1)])
def test_axes_of_one_are_left_out(shape):
    given = ROW.reshape(shape)
    assert torch.equal(chosen(given, length=8).row(given), ROW)


@pytest.mark.parametrize(
    "shape, labels, axis", [((1, 3, 4), None, 2), ((3, 4), None, 1), ((1, 4, 3), 4, 1),
                            ((1, 4, 3, 2, 2), None, 1)],
)  # fmt: skip
@pytest.mark.parametrize("reduce", ["mean", "max", "last"])
def test_several_times_become_one(shape, labels, axis, reduce):
    given = torch.from_numpy(np.random.default_rng(1).normal(size=shape))
    rows = np.moveaxis(given.numpy(), axis, -1).reshape(-1, 4)
    want = {"mean": rows.mean(0), "max": rows.max(0), "last": rows[-1]}[reduce]
    selection = chosen(given, reduce=reduce, labels=labels)
    np.testing.assert_allclose(selection.row(given)[0].numpy(), want)


@pytest.mark.parametrize(
    "given, arguments, error, words",
    [
        ({"logits": ROW, "features": FEATURES}, {}, ExportError,
         r"logits \[1, 4\], features \[1, 8\]: name the one .*--output-key"),
        ({"maps": VOLUME, "more": 2 * VOLUME}, {}, ExportError, r"maps \[1, 8, 4, 2, 2\], more"),
        ({"logits": ROW}, {"key": "logit"}, UsageError, "no output 'logit'; it gives logits"),
        ({"a": {"b": ROW}}, {"key": "a"}, UsageError, "'a' is more than one tensor; it gives a.b"),
        (ROW, {"key": "0"}, UsageError, "gives one tensor, .*leave --output-key out"),
        (torch.ones(1, 16, 5), {}, ExportError, r"\[1, 16, 5\] for one clip.*--reduce mean, max"),
        (torch.ones(2, 5), {}, ExportError, r"\[2, 5\] for one clip"),
        (torch.ones(1, 4, 1), {}, ExportError, "4 classes, or one value for each of 4 slices"),
        (ROW, {"reduce": "median"}, UsageError, "choose mean, max or last"),
        (None, {}, ExportError, "the model gave NoneType"),
        ("text", {}, ExportError, "the model gave str"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_asked_for(given, arguments, error, words):
    with pytest.raises(error, match=words):
        chosen(given, **arguments)


def test_labels_tell_classes_from_slices():
    assert chosen(torch.ones(1, 4, 1), labels=4) == Selection()


def test_a_model_of_a_dictionary_is_exported(tmp_path):
    model = nets.seeded(lambda z: {"aux": {"features": z[:, :2]}, "logits": z})
    with pytest.raises(ExportError, match=r"aux.features \[1, 2\], logits \[1, 4\]"):
        export(model, tmp_path / "b", clip=nets.CLIP, measure=False)
    said: list[str] = []
    export(model, tmp_path / "b", clip=nets.CLIP, measure=False, output="logits", methods=["cam"],
           layer="relu", progress=said.append)  # fmt: skip
    clip = np.random.default_rng(2).normal(0, 1, nets.SHAPE).astype(np.float32)
    with tubecam.Explainer(tmp_path / "b") as explainer, torch.no_grad():
        want = model(torch.from_numpy(clip)[None].transpose(1, 2))["logits"][0].numpy()
        np.testing.assert_allclose(explainer.explain(clip).logits, want, atol=1e-5)


def test_predictions_of_each_slice_are_reduced(tmp_path):
    model = nets.seeded(lambda z: z, by_slice=True)
    export(model, tmp_path / "b", clip=nets.CLIP, measure=False, reduce="last",
           methods=["hirescam"])  # fmt: skip
    clip = np.random.default_rng(2).normal(0, 1, nets.SHAPE).astype(np.float32)
    with tubecam.Explainer(tmp_path / "b") as explainer, torch.no_grad():
        found = explainer.explain(clip)
        want = model(torch.from_numpy(clip)[None].transpose(1, 2))[0, -1].numpy()
        np.testing.assert_allclose(found.logits, want, atol=1e-5)
    assert not found.tube[:-1].any() and found.tube[-1].any()
