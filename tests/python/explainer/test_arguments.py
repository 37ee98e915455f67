"""What a call of explain() asks for: clips in every layout, classes, contrasts, methods."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import tiny_bundle
import tubecam
from tubecam.errors import UsageError


@pytest.fixture(scope="module")
def explainer(tmp_path_factory):
    with tubecam.Explainer(tiny_bundle.write(tmp_path_factory.mktemp("face"))) as shared:
        yield shared


@pytest.fixture
def video(rng):
    return rng.integers(0, 256, (tiny_bundle.LENGTH, 24, 40, 3), np.uint8)


def same(first, second):
    np.testing.assert_array_equal(first.tube, second.tube)


def test_pixels_in_every_layout(explainer, video):
    expected = explainer.explain(video)
    for clip in (video.transpose(0, 3, 1, 2), video.transpose(3, 0, 1, 2), list(video)):
        same(explainer.explain(clip), expected)
    same(explainer.explain(video / 255, normalised=False), expected)
    same(
        explainer.explain((video / 255).astype("f4").transpose(3, 0, 1, 2), normalised=False),
        expected,
    )


def test_normalised_values_in_every_layout(explainer):
    clip = tiny_bundle.clip()
    expected = explainer.explain(clip)
    for axes in ((1, 0, 2, 3), (0, 2, 3, 1)):
        same(explainer.explain(clip.transpose(axes)), expected)
    same(explainer.explain(clip, layout="TCHW", normalised=True), expected)


def test_a_target_may_be_a_number_of_any_library(explainer, video):
    for target in (np.array(3), np.int64(3)):
        assert explainer.explain(video, target).target_index == 3
    assert [each.target_index for each in explainer.explain(video, np.array([3, 1]))] == [3, 1]


def test_a_batch_gives_a_list_and_so_do_targets(explainer, video):
    one, two = video, video[::-1].copy()
    found = explainer.explain(np.stack([one, two]), target=["class 1", 3])
    assert [[each.target_index for each in clip] for clip in found] == [[1, 3], [1, 3]]
    same(found[1][0], explainer.explain(two, 1))
    assert len(explainer.explain(video[None])) == 1 and explainer.explain(video, target=[]) == []
    times = np.arange(8) / 4 + np.array([[0], [5]])
    late = explainer.explain([one, two], times=times)
    assert [each.times[0] for each in late] == [0, 5]


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        (lambda v: v[:7], {}, r"uint8 \[7, 24, 40, 3\].*\[8, H, W, 3\]"),
        (lambda v: v[:, :, :3], {"layout": None}, ""),
        (lambda v: v[..., :3].transpose(0, 3, 1, 2)[..., :3], {}, "could be TCHW or THWC"),
        (lambda v: v, {"layout": "HWTC"}, "choose one of TCHW"),
        (lambda v: v, {"layout": "TCHW"}, r"is none of this model"),
        (lambda v: v, {"normalised": True}, "pixels, which are not normalised"),
        (lambda v: v.astype("f8"), {"normalised": False}, "lie in 0…1, and this clip's do not"),
        (lambda v: "clip.mp4", {}, "explain_video"),
        (
            lambda v: np.random.default_rng(1).random((8, 3, 16, 16), "f4"),
            {},
            "say normalised=False",
        ),
        (lambda v: np.full((8, 3, 16, 16), 255, "f4") * np.eye(16, dtype="f4"), {}, "as uint8"),
        (lambda v: [frame[..., 0] for frame in v], {}, r"\[H, W, 3\].*not uint8 \[24, 40\]"),
        (lambda v: v, {"target": True}, "target True: no such class"),
        (lambda v: v, {"method": 3}, "method must be a text, not 3"),
    ],
)
def test_what_is_unclear_is_refused(explainer, video, change, options, words):
    if not words:  # narrow frames are frames
        assert explainer.explain(change(video), **options).valid
        return
    with pytest.raises(UsageError, match=words):
        explainer.explain(change(video), **options)


def test_a_contrast_is_the_difference_of_linear_maps(explainer):
    clip = tiny_bundle.clip()
    for method in ("hirescam", "cam"):
        first, second, both = explainer.explain(clip, ["class 0", 3, "class 0:3"], method)
        np.testing.assert_allclose(both.tube, first.tube - second.tube, atol=1e-6)
        assert both.receipt.logit == pytest.approx(first.receipt.logit - second.receipt.logit)
        assert both.receipt.relevance_sum == pytest.approx(
            first.receipt.relevance_sum - second.receipt.relevance_sum, abs=1e-5
        )
        assert (both.target, both.target_index, both.against_index) == ("class 0:class 3", 0, 3)
        assert both.receipt.passes == 2 and first.against_index == -1


def test_a_contrast_of_grad_cam_is_that_of_the_difference_of_gradients(explainer):
    clip = tiny_bundle.clip()
    both = explainer.explain(clip, "class 4:class 1", "gradcam")
    _, activation = tiny_bundle.forward(clip)
    rows = tiny_bundle.weights()["head"]
    want = np.maximum(np.tensordot(rows[4] - rows[1], activation, 1), 0) / activation[0].size
    np.testing.assert_allclose(both.tube, want, atol=1e-5 * want.max())


@pytest.mark.parametrize("target", ["class 1:class 1", "-1:2", "class 0:nonsense", ":"])
def test_contrasts_that_are_none(explainer, target):
    with pytest.raises(UsageError, match="target"):
        explainer.explain(tiny_bundle.clip(), target)


def test_a_stream_may_be_explained_by_contrast(explainer):
    explainer.target = "class 2:class 0"
    try:
        assert explainer.explain(tiny_bundle.clip()).target == "class 2:class 0" == explainer.target
    finally:
        explainer.target = -1


def test_a_call_is_not_disturbed_by_other_threads(explainer):
    clip, wrong = tiny_bundle.clip(), []

    def ask(target, method):
        for _ in range(30):
            found = explainer.explain(clip, target, method)
            if (found.target_index, found.method) != (target, method):
                wrong.append(found)

    asked = [(0, "gradcam"), (1, "hirescam"), (2, "layercam")]
    threads = [threading.Thread(target=ask, args=each) for each in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [] and (explainer.method, explainer.target) == ("gradcam", -1)


def test_frames_with_their_times(explainer, video):
    times = np.arange(8) / explainer.clip_spec.sample_fps + 2
    (window,) = explainer.explain_video(zip(video, times))
    np.testing.assert_allclose(window.times, times)
    same(window, explainer.explain(video))
    with pytest.raises(UsageError, match="pairs of a frame"):
        list(explainer.explain_video(video))
    with pytest.raises(UsageError, match="sampled uniformly"):
        explainer.explain_video(zip(video, range(8)), sampling="uniform")
