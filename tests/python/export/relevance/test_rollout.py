"""Attention rollout: exported graphs against whole matrices of a model's own attentions."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

import parts

torch = parts.require("torch")
parts.require("transformers")

import tubecam  # noqa: E402
from tubecam.errors import ExportError  # noqa: E402
from tubecam.export import export  # noqa: E402
from video_transformers import KINDS, saved  # noqa: E402

METHOD = "attention-rollout"


def clips(count):
    random = torch.Generator().manual_seed(5)
    return [torch.randn(1, 4, 3, 32, 32, generator=random) for _ in range(count)]


def attentions(model, clip):
    """Every softmax of a float64 forward pass, mean over heads: [sequences, n, n] each."""
    found, softmax = [], torch.Tensor.softmax

    def recorded(*arguments, **options):
        result = softmax(*arguments, **options)
        if result.dim() == 4:
            found.append(result.mean(1).numpy())
        return result

    if model.config.model_type != "timesformer":  # which has no other
        model.set_attn_implementation("eager")
    try:
        torch.Tensor.softmax = recorded
        with torch.no_grad():
            model.double()(pixel_values=clip.double())
    finally:
        torch.Tensor.softmax = softmax
    return found


def joint(found, front, mean_pooled):
    """Equation 1 of the paper with whole matrices."""
    n = found[0].shape[-1]
    rollout = np.eye(n)
    for (attention,) in found:
        mixed = attention + np.eye(n)
        rollout = mixed / mixed.sum(1, keepdims=True) @ rollout
    row = rollout.mean(0) if mean_pooled else rollout[0]
    return row[front:].reshape(2, 4, 4)


def divided(found, t=4, places=16):
    """The same where each block has a matrix over time and one over space; one loop a token."""
    n = 1 + places * t  # the class token, then slice by slice
    rollout = np.eye(n)
    for over_time, over_space in zip(found[::2], found[1::2], strict=True):
        first = np.eye(n)
        for p in range(places):
            at = [1 + s * places + p for s in range(t)]
            first[np.ix_(at, at)] = (np.eye(t) + over_time[p]) / 2
        second = np.eye(n)
        for s in range(t):
            at = [0, *(1 + s * places + p for p in range(places))]
            second[np.ix_(at[1:], at)] += over_space[s][1:]
            second[0, at] += over_space[s][0] / t
        rollout = second / 2 @ first @ rollout
    np.testing.assert_allclose(rollout.sum(1), 1)
    return rollout[0, 1:].reshape(t, 4, 4)


def expected(kind, model, clip):
    found = attentions(model, clip)
    if kind == "timesformer":
        return divided(found)
    return joint(found, front=int(kind == "vivit"), mean_pooled=kind == "videomae")


@pytest.mark.parametrize("kind", KINDS)
def test_exported_rollout_is_that_of_the_models_own_attentions(tmp_path, kind):
    model = saved(tmp_path, kind)
    methods = ["gradcam", "gradient-x-input", METHOD]
    report = export(f"transformers:{tmp_path}", tmp_path / "b", methods=methods)
    assert report.check.max_relative_error < 1e-4
    explainer = tubecam.Explainer(tmp_path / "b", method=METHOD)
    session = onnxruntime.InferenceSession(tmp_path / "b" / f"{METHOD}.onnx")
    feeds = {"target": np.array([1], np.int64)}
    for clip in clips(2):
        want = expected(kind, model, clip)
        assert want.std() > 0.01 * want.mean()  # tokens do differ
        ran = session.run(["relevance"], {"clip": clip.numpy(), **feeds})[0][0]
        tube = explainer.explain(clip[0].numpy()).tube
        for got in (ran, tube):
            np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * want.max())
        assert 0 < tube.sum() <= 1 + 1e-5


def test_cells_are_tokens_and_the_receipt_says_not_class_specific(tmp_path):
    saved(tmp_path, "vivit")
    said = []
    report = export(
        f"transformers:{tmp_path}", tmp_path / "b", methods=[METHOD], progress=said.append
    )
    assert any("not class-specific" in line for line in said)
    assert report.layer == "tokens" and report.layer_shape == (1, 2, 4, 4)
    assert report.geometry.stride == (2, 8, 8) and report.geometry.offset == (0.5, 3.5, 3.5)
    explainer = tubecam.Explainer(tmp_path / "b")
    assert explainer.method == METHOD
    (clip,) = clips(1)
    maps = []
    for target in (0, 2):
        explainer.target = target
        explanation = explainer.explain(clip[0].numpy())
        assert not explanation.receipt.class_specific
        maps.append(explanation.tube)
    np.testing.assert_array_equal(*maps)


def test_videomae_without_mean_pooling_reads_its_first_token(tmp_path):
    from transformers import VideoMAEForVideoClassification

    model = saved(tmp_path, "videomae")
    model.config.use_mean_pooling = False
    other = VideoMAEForVideoClassification(model.config).eval()
    other.load_state_dict(model.state_dict(), strict=False)
    other.save_pretrained(tmp_path)
    export(f"transformers:{tmp_path}", tmp_path / "b", methods=[METHOD])
    (clip,) = clips(1)
    got = tubecam.Explainer(tmp_path / "b").explain(clip[0].numpy()).tube
    want = joint(attentions(other, clip), front=0, mean_pooled=False)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * want.max())


def test_a_network_without_known_tokens_is_refused(tmp_path):
    with pytest.raises(ExportError, match="none that can be followed"):
        export("x3d_xs", tmp_path / "b", random_weights=True, methods=[METHOD],
               clip={"length": 2, "height": 32, "width": 32})  # fmt: skip
    assert not (tmp_path / "b").exists()


def test_a_timesformer_of_joint_attention(tmp_path):
    """Its tokens lie row by row, time last; the cells come out time first."""
    model = saved(tmp_path / "m", "timesformer", attention_type="joint_space_time")
    export(f"transformers:{tmp_path / 'm'}", tmp_path / "b", methods=[METHOD])
    (clip,) = clips(1)
    got = tubecam.Explainer(tmp_path / "b").explain(clip[0].numpy()).tube
    n = 1 + 4 * 16
    rollout = np.eye(n)
    for (attention,) in attentions(model, clip):
        rollout = (attention + np.eye(n)) / 2 @ rollout
    want = rollout[0, 1:].reshape(4, 4, 4).transpose(2, 0, 1)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * want.max())
