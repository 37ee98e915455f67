"""What test_emulated_gpu.py runs beside the emulation: arrays on a GPU, in and out."""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path

import numpy as np
import pytest

import tubecam
from array_producers import CUDA, CudaArray, DLPackArray, tensor_in
from places import GOLDEN
from tubecam import _core

LIBRARY = ctypes.CDLL(str(Path(tubecam.__file__).parent / "lib" / "libtubecam_cuda.so"))
for name in ("malloc", "malloc_host", "stream"):
    getattr(LIBRARY, f"emulated_{name}").restype = ctypes.c_void_p
SHAPE = (8, 3, 16, 16)
READ_ONLY, IS_COPIED = 1, 2  # DLPack's flags


def call(name, *arguments):
    words = [ctypes.c_void_p(word) if isinstance(word, int | None) else word for word in arguments]
    return getattr(LIBRARY, f"emulated_{name}")(*words)


def sized(array):
    return ctypes.c_size_t(array.nbytes)


class Gpu:
    """An array's copy on the device, made by a stream that may be late."""

    def __init__(self, array):
        self.array = np.ascontiguousarray(array)
        self.stream = call("stream")
        self.address = call("malloc", sized(self.array))
        staged = call("malloc_host", sized(self.array))
        ctypes.memmove(staged, self.array.ctypes.data, self.array.nbytes)
        call("copy", self.address, staged, sized(self.array), self.stream)

    def wait(self):
        call("wait", self.stream)
        return self

    def by_interface(self, **fields):
        return CudaArray(self.array, **({"data": (self.address, False)} | fields))

    def by_dlpack(self, major=1):
        gpu = self

        class Producer(DLPackArray):
            def __dlpack__(self, stream=None, **arguments):
                call("order", gpu.stream, stream)  # as the protocol asks of a producer
                return super().__dlpack__(stream=stream, **arguments)

        return Producer(self.array, (CUDA, 0), major, self.address)


def read(address, shape):
    values = np.empty(shape, np.float32)
    stream = call("stream")
    call("copy", values.ctypes.data, address, sized(values), stream)
    call("wait", stream)
    return values


@pytest.fixture(params=[False, True], ids=["at once", "late"])
def late(request):
    call("hold_back", ctypes.c_int(request.param))
    yield request.param
    call("hold_back", ctypes.c_int(False))


@pytest.fixture(scope="module")
def bundle():
    return GOLDEN / "pool"


@pytest.fixture
def explainer(bundle):
    with tubecam.Explainer(bundle, device="cuda:0", hop=2) as opened:
        yield opened


@pytest.fixture
def clip(rng):
    return rng.standard_normal(SHAPE).astype(np.float32)


def test_clips_come_by_both_protocols(explainer, clip, late):
    assert explainer.device == "cuda:0"
    expected = explainer.explain(clip)
    assert expected.valid and np.ptp(expected.tube) > 0
    for major in (0, 1):
        producer = Gpu(clip).by_dlpack(major)
        assert np.array_equal(explainer.explain(producer).tube, expected.tube)
        assert producer.asked[-1]["stream"] > 2  # a stream of ours
        gc.collect()
        assert producer.deleted == 1
    gpu = Gpu(clip)
    got = explainer.explain(gpu.by_interface(stream=gpu.stream))
    assert np.array_equal(got.tube, expected.tube)
    got = explainer.explain(Gpu(clip).wait().by_interface())
    assert np.array_equal(got.tube, expected.tube)
    got = explainer.explain(Gpu(clip).wait().by_interface(version=2, stream=...))
    assert np.array_equal(got.tube, expected.tube)


def test_a_stream_that_is_ignored_shows(explainer, clip):
    call("hold_back", ctypes.c_int(True))
    gpu = Gpu(clip)  # still on its way, and nothing says so
    assert not np.array_equal(
        explainer.explain(gpu.by_interface()).tube, explainer.explain(clip).tube
    )
    call("hold_back", ctypes.c_int(False))


def test_frames_on_the_device_are_read_there(explainer, bundle, late, rng):
    with tubecam.Explainer(bundle, device="cuda:0", hop=2) as other:
        windows = 0
        for i in range(14):
            frame = rng.integers(0, 256, (20, 30, 3), np.uint8)
            expected = explainer.push(frame, i / 10)
            gpu = Gpu(frame)
            given = gpu.by_dlpack() if i % 2 else gpu.by_interface(stream=gpu.stream)
            got = other.push(given, i / 10)
            assert (got is None) == (expected is None)
            if got:
                windows += 1
                assert np.array_equal(got.tube, expected.tube)
        assert windows == 4


def test_a_clip_of_frames_on_the_device(explainer, rng):
    frames = rng.integers(0, 256, (8, 20, 30, 3), np.uint8)
    expected = explainer.explain(frames)
    got = explainer.explain([Gpu(frame).by_dlpack() for frame in frames])
    np.testing.assert_allclose(got.tube, expected.tube, atol=1e-5)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"stream": 0}, "stream.*is 0"),
        ({"stream": "default"}, "stream"),
        ({"typestr": "<f2"}, r"float16 .* on cuda:0; this bundle needs float32 \[8, 3, 16, 16\]"),
        ({"shape": (8, 3, 16, 8)}, r"\[8, 3, 16, 8\] on cuda:0"),
        ({"strides": (3072, 1024, 4, 64)}, "side by side"),
    ],
)
def test_what_cannot_be_read_is_refused(explainer, clip, fields, words):
    with pytest.raises(tubecam.UsageError, match=words):
        explainer.explain(Gpu(clip).by_interface(**fields))


def test_addresses_that_are_not_the_devices_are_refused(explainer, clip):
    with pytest.raises(tubecam.UsageError, match="no memory of a GPU"):
        explainer.explain(CudaArray(clip))
    with pytest.raises(tubecam.UsageError, match="not in that device's memory"):
        explainer.explain(DLPackArray(clip, (CUDA, 0)))
    with pytest.raises(tubecam.UnavailableError, match="no device cuda:7"):
        explainer.explain(DLPackArray(clip, (CUDA, 7)))


def test_an_explainer_on_the_cpu_says_where_the_clip_lies(bundle, clip):
    with tubecam.Explainer(bundle) as on_cpu:
        with pytest.raises(tubecam.UsageError, match="lies on cuda:0.*computes on cpu"):
            on_cpu.explain(Gpu(clip).by_interface())


def test_a_clip_that_is_not_finite_is_no_explanation(explainer, clip):
    clip[3, 1, 2, 5] = np.inf
    got = explainer.explain(Gpu(clip).wait().by_interface())
    assert not got.valid and "NaN or infinity" in got.problem and got.device_tube is None


def test_tubes_go_out_by_both_protocols(explainer, clip):
    explained = explainer.explain(clip)
    tube = explained.device_tube
    assert tube.shape == explained.tube.shape and tube.device == "cuda:0" and tube.is_current
    assert tube.__dlpack_device__() == (CUDA, 0)
    interface = tube.__cuda_array_interface__
    assert interface["version"] == 3 and interface["stream"] is None
    assert interface["typestr"] == "<f4" and not interface["data"][1]
    assert np.array_equal(read(interface["data"][0], interface["shape"]), explained.tube)
    for max_version in (None, (0, 8), (1, 0), (1, 3)):
        capsule = tube.__dlpack__(stream=1, max_version=max_version)
        tensor, flags = tensor_in(capsule)
        assert (flags is not None) == bool(max_version and max_version[0] >= 1)
        assert flags in (None, IS_COPIED)
        assert tuple(tensor.shape[: tensor.axes]) == tube.shape
        assert (tensor.code, tensor.bits, tensor.device.type) == (2, 32, CUDA)
        assert np.array_equal(read(tensor.data, tube.shape), explained.tube)
    with pytest.raises(BufferError, match="there alone"):
        tube.__dlpack__(dl_device=(1, 0))
    assert tube.__dlpack__(dl_device=(CUDA, 0))


def test_what_was_handed_out_keeps_its_values(explainer, clip, late):
    first = explainer.explain(clip)
    tube = first.device_tube
    capsules = [tube.__dlpack__(max_version=(1, 0), copy=copy) for copy in (None, True)]
    capsules.append(tube.borrow().__dlpack__(max_version=(1, 0), copy=True))
    interface = tube.__cuda_array_interface__
    second = explainer.explain(clip[::-1])
    assert not np.array_equal(second.tube, first.tube)
    tensors = [tensor_in(capsule) for capsule in capsules]
    assert [flags for _, flags in tensors] == [IS_COPIED] * 3
    addresses = [tensor.data for tensor, _ in tensors] + [interface["data"][0]]
    assert len({*addresses}) == 4
    for address in addresses:
        assert np.array_equal(read(address, tube.shape), first.tube)
    assert tube.__cuda_array_interface__ == interface  # one copy, as long as the tube


def test_what_was_borrowed_is_overwritten(explainer, clip):
    tube = explainer.explain(clip).device_tube
    capsules = [tube.__dlpack__(max_version=(1, 0), copy=False)]
    capsules += [tube.borrow().__dlpack__(max_version=(1, 0), copy=copy) for copy in (None, False)]
    tensors = [tensor_in(capsule) for capsule in capsules]
    assert [flags for _, flags in tensors] == [READ_ONLY] * 3
    address, read_only = tube.borrow().__cuda_array_interface__["data"]
    assert read_only and {tensor.data for tensor, _ in tensors} == {address}
    second = explainer.explain(clip[::-1])
    assert np.array_equal(read(address, tube.shape), second.tube)


def test_a_tube_outlives_its_explainer_and_not_its_window(bundle, clip):
    explainer = tubecam.Explainer(bundle, device="cuda:0")
    first = explainer.explain(clip)
    second = explainer.explain(clip * 0.5)
    assert not first.device_tube.is_current and second.device_tube.is_current
    for gone in (first.device_tube, first.device_tube.borrow()):
        for copy in (None, True, False):
            with pytest.raises(tubecam.UsageError, match="overwritten"):
                gone.__dlpack__(copy=copy)
        with pytest.raises(tubecam.UsageError, match="overwritten"):
            _ = gone.__cuda_array_interface__
    capsules = [second.device_tube.__dlpack__(copy=copy) for copy in (None, False)]
    tube = second.tube.copy()
    explainer.close()
    del explainer, first, second
    gc.collect()
    for capsule in capsules:
        tensor, _ = tensor_in(capsule)
        assert np.array_equal(read(tensor.data, tube.shape), tube)


@pytest.mark.parametrize("method", ["motion-split", "motion-split-exact", "selective-relevance"])
def test_methods_that_compute_further_offer_no_tube_there(explainer, clip, method):
    expected = explainer.explain(clip)
    explainer.method = method
    got = explainer.explain(Gpu(clip).by_dlpack())
    assert got.device_tube is None and np.isfinite(got.motion_share)
    if method != "selective-relevance":
        assert np.array_equal(got.tube, expected.tube)


def test_the_cpu_goes_on_when_the_device_is_lost(bundle, rng):
    with tubecam.Explainer(bundle, device="cuda:0", hop=1, fallback="cpu") as explainer:
        newest = None
        for i in range(30):
            if i == 12:
                call("lose_device", ctypes.c_int(True))
            newest = explainer.push(rng.integers(0, 256, (20, 30, 3), np.uint8), i / 10) or newest
        call("lose_device", ctypes.c_int(False))
        assert explainer.device == "cpu"
        assert newest.receipt.fell_back_from.startswith("cuda:0: ")
        assert newest.times[-1] == pytest.approx(2.9)
        assert newest.receipt.engine.startswith("openvino")


def test_frames_on_the_device_are_not_drawn_into(rng):
    frame = _core.Frame.from_array(Gpu(rng.integers(0, 256, (64, 64, 3), np.uint8)).by_dlpack())
    with pytest.raises(tubecam.UsageError, match="NumPy"):
        _core.CaptionPainter().draw(frame, label="no")
