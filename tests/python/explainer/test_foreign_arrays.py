"""Arrays of other libraries, as far as no GPU is needed: protocols, refusals, system memory."""

from __future__ import annotations

import gc
import subprocess
import sys

import numpy as np
import pytest

import parts
import tubecam
from array_producers import CPU, CUDA, CUDA_HOST, ROCM, CudaArray, DLPackArray, some_clip
from tubecam import _core

NO_WAY_TO_A_GPU = "TUBECAM_CUDA|driver|cannot be used|there is no device"


@pytest.fixture(scope="module")
def explainer(motion_bundle):
    with tubecam.Explainer(motion_bundle) as opened:
        yield opened


@pytest.fixture(scope="module")
def clip(explainer):
    return some_clip(explainer.clip_spec)


def gpu_answers() -> bool:
    """Whether arrays on cuda:0 can be read here."""
    try:
        _core.Frame.from_array(DLPackArray(np.zeros((1, 1, 3), np.uint8), (CUDA, 0)))
    except tubecam.UnavailableError:
        return False
    except tubecam.TubecamError:
        pass
    return True


without_gpu = pytest.mark.skipif("gpu_answers()")


@pytest.mark.parametrize("major", [0, 1])
@pytest.mark.parametrize("device", [CPU, CUDA_HOST])
def test_a_clip_in_system_memory_comes_by_dlpack(explainer, clip, major, device):
    expected = explainer.explain(clip)
    producer = DLPackArray(clip, (device, 0), major)
    got = explainer.explain(producer)
    assert np.array_equal(got.tube, expected.tube) and np.array_equal(got.logits, expected.logits)
    gc.collect()
    assert producer.deleted == 1
    assert all("stream" not in asked for asked in producer.asked)


def test_torch_hands_over_clips_and_frames(explainer, clip, rng):
    torch = parts.require("torch")
    expected = explainer.explain(clip)
    assert np.array_equal(explainer.explain(torch.from_numpy(clip)).tube, expected.tube)
    frames = rng.integers(0, 256, (explainer.clip_spec.length, 40, 60, 3), np.uint8)
    expected = explainer.explain(frames)
    assert np.array_equal(explainer.explain(torch.from_numpy(frames)).tube, expected.tube)
    for i, frame in enumerate(frames):
        pushed = explainer.push(torch.from_numpy(frame), i / explainer.clip_spec.sample_fps)
    assert np.array_equal(pushed.tube, expected.tube)
    explainer.reset()
    learning = torch.from_numpy(clip).requires_grad_()  # is read as it is
    np.testing.assert_array_equal(explainer.explain(learning).tube, explainer.explain(clip).tube)


def test_on_the_cpu_no_tube_lies_on_a_device(explainer, clip):
    assert explainer.device == "cpu"
    assert explainer.explain(clip).device_tube is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda clip: clip.astype(np.float64), "float64"),
        (lambda clip: clip.astype(np.float16), "float16"),
        (lambda clip: clip[:-1], r"float32 \[15, 3, 72, 128\] on cpu; this bundle needs"),
        (lambda clip: clip[0], "this bundle needs float32"),
        (lambda clip: clip[:, :, :, ::-1], "side by side"),
        (lambda clip: np.swapaxes(np.swapaxes(clip, 0, 1).copy(), 0, 1), "side by side"),
        (lambda clip: clip[:0], "no elements"),
    ],
)
@pytest.mark.parametrize("major", [0, 1])
def test_clips_of_another_kind_are_refused(explainer, clip, change, words, major):
    producer = DLPackArray(change(clip), major=major)
    with pytest.raises(tubecam.UsageError, match=words):
        explainer.explain(producer)
    gc.collect()
    assert producer.deleted == 1


def test_capsules_that_break_the_protocol_are_refused(explainer, clip):
    class Producer:
        device, capsule = (CPU, 0), None

        def __dlpack_device__(self):
            return self.device

        def __dlpack__(self, **_):
            return self.capsule

    producer = Producer()
    for producer.capsule in (None, 7, "capsule"):
        with pytest.raises(tubecam.UsageError, match="capsule"):
            explainer.explain(producer)
    producer.capsule = DLPackArray(clip).__dlpack__()
    explainer.explain(producer)
    with pytest.raises(tubecam.UsageError, match="fresh"):
        explainer.explain(producer)  # a capsule is for one consumer
    for producer.device in (None, (1,), ("cpu", 0)):
        with pytest.raises(tubecam.UsageError, match="two integers"):
            explainer.explain(producer)
    with pytest.raises(tubecam.UsageError, match="type 10"):
        explainer.explain(DLPackArray(clip, (ROCM, 0)))
    with pytest.raises(tubecam.UsageError, match="number -1"):
        explainer.explain(DLPackArray(clip, (CUDA, -1)))
    newer = DLPackArray(clip, major=2)
    with pytest.raises(tubecam.UsageError, match=r"DLPack 2\.0"):
        explainer.explain(newer)
    gc.collect()
    assert newer.deleted == 1


def test_what_a_producer_raises_is_told(explainer):
    class Producer:
        def __dlpack_device__(self):
            return (CPU, 0)

        def __dlpack__(self, **_):
            raise BufferError("this one stays here")

    with pytest.raises(BufferError, match="stays here"):
        explainer.explain(Producer())


@without_gpu
def test_arrays_on_a_gpu_say_what_is_missing(explainer, clip):
    frame = np.zeros((8, 8, 3), np.uint8)
    for array in (DLPackArray(clip, (CUDA, 0)), CudaArray(clip)):
        with pytest.raises(tubecam.UnavailableError, match=NO_WAY_TO_A_GPU):
            explainer.explain(array)
    for array in (DLPackArray(frame, (CUDA, 0)), CudaArray(frame)):
        with pytest.raises(tubecam.UnavailableError, match=NO_WAY_TO_A_GPU):
            explainer.push(array, 0.0)
    assert DLPackArray(clip, (CUDA, 0)).asked == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"shape": ...}, "no \"shape\""),
        ({"shape": 7}, "tuple of integers"),
        ({"shape": (16, "3", 72, 128)}, "tuple of integers"),
        ({"shape": (16, 0, 72, 128)}, "no elements"),
        ({"shape": (16, -3, 72, 128)}, "no elements"),
        ({"typestr": ...}, "no \"typestr\""),
        ({"typestr": 4}, "a type's name"),
        ({"typestr": "float thirty-two"}, "names no type"),
        ({"data": ...}, "no \"data\""),
        ({"data": None}, "no \"data\""),
        ({"data": 4096}, "an address and whether"),
        ({"data": (-5, False)}, "an address and whether"),
        ({"version": ...}, "no \"version\""),
        ({"version": 1}, "version 1"),
        ({"version": "3"}, "an integer"),
        ({"strides": (4, 4)}, "2 strides"),
        ({"strides": "C"}, "tuple of integers or None"),
        ({"mask": object()}, "mask"),
    ],
)  # fmt: skip
def test_interfaces_that_break_the_protocol_are_refused(explainer, clip, fields, words):
    with pytest.raises(tubecam.UsageError, match=words):
        explainer.explain(CudaArray(clip, **fields))


def test_an_interface_that_is_no_dict_is_refused(explainer):
    class Array:
        __cuda_array_interface__ = (1, 2)

    with pytest.raises(tubecam.UsageError, match="no dict"):
        explainer.explain(Array())


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (np.zeros((8, 8, 3), np.float32), "not float32"),
        (np.zeros((8, 8), np.uint8), r"\[H, W, 3\]"),
        (np.zeros((8, 8, 5), np.uint8), r"\[H, W, 3\]"),
        (np.zeros((8, 8, 6), np.uint8)[:, :, ::2], "side by side"),
        (np.zeros((8, 8, 3), np.uint8)[::-1], "rows lie"),
    ],
)
def test_frames_of_another_kind_are_refused(explainer, picture, words):
    for given in (picture, DLPackArray(picture)):
        with pytest.raises(tubecam.UsageError, match=words):
            explainer.push(given, 0.0)


def test_frames_of_other_libraries_are_not_drawn_into(rng):
    frame = _core.Frame.from_array(DLPackArray(rng.integers(0, 256, (64, 64, 3), np.uint8)))
    with pytest.raises(tubecam.UsageError, match="NumPy"):
        _core.CaptionPainter().draw(frame, label="no")


def test_an_array_that_cannot_be_copied_is_an_error():
    # Rows that do not lie side by side are copied; these would fill 4 PiB. Without a check the
    # process ends by a signal, so it is one of its own.
    code = """
import numpy as np
from tubecam import _core
vast = np.broadcast_to(np.float32(1), (1 << 20, 1 << 10, 1 << 10, 1 << 10))
try:
    _core.cam3d(vast, "cam", weight=np.zeros(1 << 20, np.float32))
except MemoryError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout, (done.returncode, done.stderr)
