"""The Explainer from Python: the whole path against NumPy, streams, settings, and bad input."""

from __future__ import annotations

import gc
import hashlib
import json
import sys
import threading
import time

import numpy as np
import pytest

import tiny_bundle
import tubecam
from tolerances import TOLERANCES
from tubecam import _core
from tubecam.errors import UsageError
from tubecam.reference import cam3d as cam3d_reference

HEADS = ["pool", "full"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("bundles")
    return {head: tiny_bundle.write(root / head, head) for head in HEADS}


@pytest.fixture(scope="module")
def explainer(folders):
    with tubecam.Explainer(folders["pool"]) as shared:
        yield shared


def frames(rng, count=tiny_bundle.LENGTH, height=24, width=40):
    return rng.integers(0, 256, (count, height, width, 3), np.uint8)


@pytest.mark.parametrize("head", HEADS)
def test_whole_path_equals_numpy(folders, head):
    clip = tiny_bundle.clip()
    logits, activation = tiny_bundle.forward(clip, head)
    rows = tiny_bundle.weights(head)["head"]
    with tubecam.Explainer(folders[head]) as explainer:
        for method in explainer.bundle.graphs[0].methods:
            for target in (-1, 0, 3):
                explainer.method, explainer.target = method, target
                result = explainer.explain(clip)
                row = rows[logits.argmax() if target < 0 else target]
                other = (
                    {"weight": row}
                    if head == "pool"
                    else {"gradient": row.reshape(activation.shape)}
                )
                tube, relevance = cam3d_reference.cam3d(activation, method, **other)
                largest = np.abs(logits).max()
                np.testing.assert_allclose(
                    result.logits / largest, logits / largest, **TOLERANCES["engine"]
                )
                unit = np.abs(relevance).max()
                np.testing.assert_allclose(result.tube / unit, tube / unit, **TOLERANCES["engine"])
                assert result.method == result.receipt.method == method


def test_relevance_of_the_graph_itself_becomes_the_tube(tmp_path):
    clip = tiny_bundle.clip()
    logits, _ = tiny_bundle.forward(clip, "relevance")
    rows = tiny_bundle.weights("relevance")["head"]
    with tubecam.Explainer(tiny_bundle.write(tmp_path, "relevance")) as explainer:
        assert explainer.method == "lrp-epsilon-plus"
        for target in (-1, 2):
            explainer.target = target
            result = explainer.explain(clip)
            row = rows[logits.argmax() if target < 0 else target]
            want = tiny_bundle.relevance(clip, row)
            unit = np.abs(want).max()
            np.testing.assert_allclose(result.tube / unit, want / unit, **TOLERANCES["engine"])
            assert result.receipt.relevance_sum == pytest.approx(
                float(want.sum()), abs=1e-4 * float(unit)
            )
            assert result.receipt.layer == "clip" and result.curve.shape == (8,)
        cell = np.unravel_index(result.tube.argmax(), result.tube.shape)
        assert result.peak.y == pytest.approx((1.5 + 4 * cell[1] + 0.5) / 16)


def test_relevance_that_is_not_finite_is_marked(tmp_path):
    with tubecam.Explainer(tiny_bundle.write(tmp_path, "relevance", nan_in="relevance")) as bad:
        result = bad.explain(tiny_bundle.clip())
    assert not result.valid and "relevance to the clip" in result.problem and not result.tube.any()


def test_fields_say_what_they_promise(explainer):
    result = explainer.explain(tiny_bundle.clip(), times=np.arange(8) * 0.25 + 3)
    shares = np.exp(result.logits.astype(np.float64))
    assert result.valid and result.problem == ""
    assert (
        result.label_index == result.logits.argmax()
        and result.label == f"class {result.label_index}"
    )
    assert result.score == pytest.approx(shares.max() / shares.sum(), rel=1e-6)
    assert result.target_index == result.label_index and result.target == result.label
    assert result.tube.shape == (4, 4, 4) and result.curve.shape == (8,)
    np.testing.assert_allclose(result.times, np.arange(8) * 0.25 + 3)
    cell = np.unravel_index(result.tube.argmax(), result.tube.shape)
    assert result.peak.value == result.tube.max()
    assert result.peak.time == pytest.approx(3 + 0.25 * (0.5 + 2 * cell[0]))
    assert result.peak.y == pytest.approx((1.5 + 4 * cell[1] + 0.5) / 16)
    assert result.peak.x == pytest.approx((1.5 + 4 * cell[2] + 0.5) / 16)
    assert result.boxes[0].value == result.peak.value
    assert all(box.value >= result.peak.value / 2 for box in result.boxes)
    receipt = result.receipt
    assert (receipt.bundle, receipt.layer, receipt.precision) == ("tiny-pool", "conv", "float32")
    assert receipt.engine.startswith("openvino 20") and receipt.export_error == 1e-7
    assert result.timings.engine > 0 and result.timings.explain > 0


def test_samples_at_times_and_places_of_the_frame(explainer, rng):
    result = explainer.explain(frames(rng))
    assert result.crop == pytest.approx((0.2, 0, 0.6, 1))
    np.testing.assert_array_equal(result.at(result.times[0]), result.tube[0])
    np.testing.assert_allclose(result.at(0.15), (result.tube[0] + result.tube[1]) / 2, rtol=1e-5)
    assert result.sample(*result.peak[:3]) == pytest.approx(result.peak.value, rel=1e-4)
    assert result.sample(0.3, np.linspace(0, 1, 5), np.ones((2, 1)) * 0.5).shape == (2, 5)
    assert result.slice_at(-1) == 0 and result.slice_at(99) == 7
    assert result.slice_at(0.25) == pytest.approx(2.5)


def test_a_map_of_a_frame_is_sampled_fast(explainer):
    """In processor time: 4 ms; a loop in Python takes 10 s."""
    result = explainer.explain(tiny_bundle.clip())
    x, y = (np.arange(1280) + 0.5) / 1280, (np.arange(720) + 0.5) / 720
    taken = []
    for _ in range(5):
        begin = time.process_time()
        assert result.sample(result.peak.time, x, y[:, None]).shape == (720, 1280)
        taken.append(time.process_time() - begin)
    assert min(taken) < 0.02


def test_line_of_json(explainer):
    result = explainer.explain(tiny_bundle.clip())
    record = result.to_dict()
    assert record == json.loads(result.to_json()) and "\n" not in result.to_json()
    assert record["label"] == result.label and len(record["top5"]) == 5
    assert record["peak"]["time"] == pytest.approx(result.peak.time)
    assert record["timings_ms"]["engine"] > 0 and record["receipt"]["bundle"] == "tiny-pool"


def test_uint8_frames_are_preprocessed_as_by_the_kernel(explainer, rng):
    pictures = frames(rng)
    slices = [
        _core.preprocess(_core.Frame.from_array(picture), explainer.clip_spec.core())
        for picture in pictures
    ]
    expected = explainer.explain(np.stack(slices))
    for given in (pictures, list(pictures), [_core.Frame.from_array(p) for p in pictures]):
        result = explainer.explain(given)
        np.testing.assert_array_equal(result.tube, expected.tube)
        assert result.timings.preprocess > 0


def test_stream_gives_windows_by_time(folders, rng):
    pictures = frames(rng, 60)
    with tubecam.Explainer(folders["pool"], hop=2) as explainer:
        results = [explainer.push(picture, i / 30) for i, picture in enumerate(pictures)]
        times = [i / 30 for i, result in enumerate(results) if result is not None]
        found = [result for result in results if result is not None]
        assert len(found) == 7 and times[0] == pytest.approx(0.7)
        np.testing.assert_allclose(np.diff(times), 0.2)
        np.testing.assert_allclose(found[0].times, np.arange(8) / 10, atol=1e-6)
        assert [result.number for result in found] == list(range(7))
        assert all(result.timings.preprocess > 0 for result in found)
        clip = explainer.explain(pictures[0:24:3])
        np.testing.assert_array_equal(found[0].tube, clip.tube)
        explainer.reset()
        assert explainer.push(pictures[0], 2.0) is None


def test_settings_can_change_at_any_time(folders):
    clip = tiny_bundle.clip()
    with tubecam.Explainer(folders["pool"], method="layercam", target=2, threshold=1) as explainer:
        first = explainer.explain(clip)
        assert (first.method, first.target_index, len(first.boxes)) == ("layercam", 2, 1)
        explainer.method, explainer.target, explainer.threshold = "cam", -1, 0.0
        second = explainer.explain(clip)
        assert (second.method, second.target_index) == ("cam", second.label_index)
        for name, value, words in [
            ("method", "lrp", "choose one of gradcam"),
            ("target", 5, "the classes are 0 to 4"),
            ("target", -2, "the classes are 0 to 4"),
            ("threshold", 1.1, "0 … 1"),
            ("threshold", float("nan"), "0 … 1"),
            ("hop", 0, "1 … 8"),
            ("hop", 9, "1 … 8"),
        ]:
            before = getattr(explainer, name)
            with pytest.raises(UsageError, match=words):
                setattr(explainer, name, value)
            assert getattr(explainer, name) == before
        assert explainer.explain(clip).method == "cam"


def test_setters_from_another_thread(explainer):
    stop = threading.Event()

    def turn():
        while not stop.is_set():
            for method in ("gradcam", "hirescam"):
                explainer.method = method
                explainer.target = 1

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        results = [explainer.explain(tiny_bundle.clip()) for _ in range(20)]
    finally:
        stop.set()
        thread.join()
        explainer.method, explainer.target = "gradcam", -1
    assert all(result.valid for result in results)


def test_two_threads_may_share_one(explainer):
    expected = explainer.explain(tiny_bundle.clip()).tube
    tubes = []
    threads = [
        threading.Thread(
            target=lambda: tubes.extend(
                explainer.explain(tiny_bundle.clip()).tube for _ in range(5)
            )
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tubes) == 15
    for tube in tubes:
        np.testing.assert_array_equal(tube, expected)


def test_the_gil_is_released(explainer):
    count, stop, interval = 0, threading.Event(), sys.getswitchinterval()

    def tick():
        nonlocal count
        while not stop.is_set():
            count += 1
            time.sleep(1e-4)

    thread = threading.Thread(target=tick)
    clip = tiny_bundle.clip()
    sys.setswitchinterval(1000)  # from here on, only who releases the GIL lets others run
    thread.start()
    try:
        before = count
        for _ in range(50):
            explainer.explain(clip)
        after = count
    finally:
        sys.setswitchinterval(interval)
        stop.set()
        thread.join()
    assert after > before


def test_arrays_are_views_that_outlive_the_explainer(folders):
    with tubecam.Explainer(folders["pool"]) as explainer:
        result = explainer.explain(tiny_bundle.clip())
    for name in ("logits", "tube", "curve", "pts"):
        array = getattr(result, name)
        assert array.base is not None and not array.flags.owndata and not array.flags.writeable
    tube, copy = result.tube, result.tube.copy()
    del result, explainer
    gc.collect()
    np.testing.assert_array_equal(tube, copy)


def test_a_closed_explainer_says_so(folders):
    explainer = tubecam.Explainer(folders["pool"])
    explainer.close()
    explainer.close()
    for use in (lambda: explainer.explain(tiny_bundle.clip()), explainer.reset):
        with pytest.raises(UsageError, match="closed"):
            use()
    assert explainer.labels[0] == "class 0"


def test_methods_of_a_second_graph(tmp_path):
    folder = tiny_bundle.write(tmp_path)
    content = tiny_bundle.model("full").SerializeToString()
    (folder / "full.onnx").write_bytes(content)
    sidecar = json.loads((folder / "bundle.json").read_text())
    sidecar["files"]["full.onnx"] = hashlib.sha256(content).hexdigest()
    sidecar["graphs"] += [{**tiny_bundle.sidecar("full")["graphs"][0], "file": "full.onnx"}]
    sidecar["graphs"][0].update(methods=["cam"], default_method="cam")
    (folder / "bundle.json").write_text(json.dumps(sidecar))
    clip = tiny_bundle.clip()
    with tubecam.Explainer(folder) as explainer:
        assert explainer.explain(clip).logits == pytest.approx(
            tiny_bundle.forward(clip)[0], rel=1e-4
        )
        explainer.method = "layercam"
        expected = tiny_bundle.forward(clip, "full")[0]
        assert explainer.explain(clip).logits == pytest.approx(expected, rel=1e-4)


BAD_OUTPUTS = [
    ("pool", "logits", "logits"),
    ("pool", "activation", "layer conv"),
    ("pool", "weight", "weight"),
    ("full", "gradient", "gradient"),
]


@pytest.mark.parametrize("head, output, words", BAD_OUTPUTS)
def test_nan_marks_the_explanation_invalid(tmp_path, head, output, words):
    folder = tiny_bundle.write(tmp_path, head, nan_in=output)
    with tubecam.Explainer(folder) as explainer:
        result = explainer.explain(tiny_bundle.clip())
    assert not result.valid and words in result.problem and not result.tube.any()
    assert result.boxes == () and not result.curve.any()
    assert (result.label_index == -1) == (output == "logits")
    assert json.loads(result.to_json())["problem"] == result.problem


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e38])
def test_clips_that_are_not_finite_are_invalid_and_the_next_one_is_fine(explainer, bad):
    clip = tiny_bundle.clip()
    clip[3, 1, 2, 2] = bad
    result = explainer.explain(clip)
    assert np.isfinite(result.score) and (result.valid or not result.tube.any())
    assert result.valid == (bad == 1e38 and np.isfinite(result.logits).all())
    assert explainer.explain(tiny_bundle.clip()).valid


def test_huge_logits_make_no_overflow(tmp_path):
    folder = tiny_bundle.write(tmp_path)
    with tubecam.Explainer(folder) as explainer:
        result = explainer.explain(tiny_bundle.clip() * 1e6)
    assert result.valid and 0 <= result.score <= 1


def test_takes_colours_before_rows_and_a_batch_of_one(explainer, rng):
    video = frames(rng)
    expected = explainer.explain(video).tube
    np.testing.assert_array_equal(explainer.explain(video.transpose(0, 3, 1, 2)).tube, expected)
    (alone,) = explainer.explain(video[None])
    np.testing.assert_array_equal(alone.tube, expected)


def test_refuses_wrong_clips(explainer, rng):
    good = tiny_bundle.clip()
    for clip, words in [
        (good[:7], r"\[7, 3, 16, 16\].*\[8, 3, 16, 16\]"),
        (good.astype(np.float64), "float64"),
        (good.astype(np.float16), "float16"),
        (good[:0], r"\[0, 3, 16, 16\]"),
        (frames(rng, 7), r"uint8 \[7, 24, 40, 3\].*\[8, H, W, 3\]"),
        ([], "8 frames.*not 0"),
        ([frames(rng, 1)[0]] * 7 + [frames(rng, 1, 20)[0]], "one size"),
        (frames(rng)[..., :2], r"\[8, H, W, 3\]"),
    ]:
        with pytest.raises(UsageError, match=words):
            explainer.explain(clip)
    with pytest.raises(UsageError, match="8 presentation times, not 3"):
        explainer.explain(good, times=[0, 1, 2])
    with pytest.raises(UsageError, match="must not fall, and 0.6 s comes after 0.7 s"):
        explainer.explain(good, times=np.arange(8)[::-1] / 10)
    with pytest.raises(UsageError, match="seconds"):
        explainer.push(frames(rng)[0], float("nan"))
