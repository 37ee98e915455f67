"""preprocess against its NumPy definition, exact truths, and input that must be refused."""

from __future__ import annotations

import pickle
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tolerances import TOLERANCES
from tubecam import _core
from tubecam.errors import UsageError
from tubecam.reference import preprocess as reference

FORMATS = ["NV12", "I420", "RGB", "BGR", "RGBx", "BGRx", "RGBA", "BGRA"]
PLAIN = {"mean": (0, 0, 0), "std": (1, 1, 1)}
sizes = st.one_of(st.integers(1, 12), st.integers(13, 700))


def plane_shapes(pixel_format: str, width: int, height: int) -> list[tuple[int, int]]:
    """Rows and bytes a row of each plane."""
    half_width, half_height = (width + 1) // 2, (height + 1) // 2
    if pixel_format == "NV12":
        return [(height, width), (half_height, 2 * half_width)]
    if pixel_format == "I420":
        return [(height, width)] + 2 * [(half_height, half_width)]
    return [(height, width * len(pixel_format))]


def random_planes(
    rng: np.random.Generator, pixel_format: str, width: int, height: int, padding: int
) -> list[np.ndarray]:
    """Noise in planes whose rows lie `padding` bytes apart."""
    shapes = plane_shapes(pixel_format, width, height)
    return [
        rng.integers(0, 256, (rows, columns + padding), np.uint8)[:, :columns]
        for rows, columns in shapes
    ]


def assert_equals_reference(pixel_format, width, height, planes, spec, source, matrix, full_range):
    frame = _core.Frame(pixel_format, width, height, planes, matrix, full_range)
    slice_ = _core.preprocess(frame, spec, source)
    expected = reference.preprocess(
        pixel_format, width, height, planes, spec, source, matrix, full_range
    )
    assert slice_.shape == (3, spec.height, spec.width) and slice_.dtype == np.float32
    std = np.asarray(spec.std)[:, None, None]
    np.testing.assert_allclose(slice_ * std, expected * std, **TOLERANCES["preprocess"])


specs = st.builds(
    lambda height, width, color, resize: _core.ClipSpec(
        height=height,
        width=width,
        mean=(0.43, 0.39, 0.38),
        std=(0.23, 0.22, 0.21),
        color=color,
        resize=resize,
    ),
    st.integers(8, 130),
    st.integers(8, 130),
    st.sampled_from(["RGB", "BGR"]),
    st.sampled_from(["crop", "stretch", "pad"]),
)
# Rectangles relative to the frame: inside, across an edge, beside it.
rects = st.none() | st.tuples(
    st.floats(-1.5, 1.5), st.floats(-1.5, 1.5), st.floats(0.01, 2), st.floats(0.01, 2)
)


@settings(max_examples=120, deadline=None)
@given(
    pixel_format=st.sampled_from(FORMATS),
    width=sizes,
    height=sizes,
    padding=st.integers(0, 40),
    spec=specs,
    rect=rects,
    matrix=st.sampled_from(["bt601", "bt709"]),
    full_range=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_equals_reference(
    pixel_format, width, height, padding, spec, rect, matrix, full_range, seed
):
    planes = random_planes(np.random.default_rng(seed), pixel_format, width, height, padding)
    source = rect and (rect[0] * width, rect[1] * height, rect[2] * width, rect[3] * height)
    assert_equals_reference(pixel_format, width, height, planes, spec, source, matrix, full_range)


@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize(
    "size", [(1, 1), (3, 5), (639, 361), (2, 4000), (4001, 3)], ids=lambda s: f"{s[0]}x{s[1]}"
)
def test_equals_reference_at_odd_sizes(pixel_format, size):
    planes = random_planes(np.random.default_rng(0), pixel_format, *size, padding=5)
    for resize in ("crop", "stretch", "pad"):
        spec = _core.ClipSpec(height=24, width=40, resize=resize)
        assert_equals_reference(pixel_format, *size, planes, spec, None, "bt709", False)


def test_equals_reference_when_many_rows_fall_into_one():
    """More white rows than 16 bits can add up."""
    white = np.full((4200, 9), 255, np.uint8)
    spec = _core.ClipSpec(height=8, width=8, resize="stretch")
    assert_equals_reference("RGB", 3, 4200, [white], spec, None, "bt601", False)


def test_a_flat_colour_stays_itself_and_the_rest_is_the_mean():
    picture = np.full((90, 160, 3), (255, 51, 0), np.uint8)
    mean, std = (0.5, 0.25, 0.125), (0.5, 0.25, 0.25)
    spec = _core.ClipSpec(height=64, width=64, mean=mean, std=std, resize="pad")
    slice_ = _core.preprocess(_core.Frame.from_array(picture), spec)
    assert not slice_[:, :14].any() and not slice_[:, 50:].any()
    expected = np.broadcast_to(np.reshape([1.0, -0.2, -0.5], (3, 1, 1)), (3, 36, 64))
    np.testing.assert_allclose(slice_[:, 14:50], expected, atol=1e-5)


def test_average_of_whole_blocks_is_exact():
    picture = np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)
    spec = _core.ClipSpec(height=12, width=16, resize="stretch", **PLAIN)
    slice_ = _core.preprocess(_core.Frame.from_array(picture), spec)
    blocks = picture.reshape(12, 4, 16, 4, 3).mean(axis=(1, 3)).transpose(2, 0, 1)
    np.testing.assert_allclose(slice_, blocks / 255, **TOLERANCES["preprocess"])


@pytest.mark.parametrize("pixel_format", ["NV12", "I420"])
@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
@pytest.mark.parametrize("full_range", [False, True])
def test_grey_and_the_ends_of_the_range(pixel_format, matrix, full_range):
    black, white = (0, 255) if full_range else (16, 235)
    spec = _core.ClipSpec(height=8, width=8, **PLAIN)
    for luma, expected in ((black, 0.0), (white, 1.0), (0, 0.0), (255, 1.0)):
        planes = [np.full(s, 128, np.uint8) for s in plane_shapes(pixel_format, 8, 8)]
        planes[0][:] = luma
        frame = _core.Frame(pixel_format, 8, 8, planes, matrix, full_range)
        np.testing.assert_allclose(_core.preprocess(frame, spec), expected, atol=1e-6)


@pytest.mark.parametrize("resize", ["crop", "stretch", "pad"])
@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920), (7, 3), (1, 16384)])
def test_source_rect_equals_reference(resize, size):
    spec = _core.ClipSpec(height=96, width=128, resize=resize, short_side=140)
    np.testing.assert_allclose(spec.source_rect(*size), reference.source_rect(spec, *size))


def test_a_picture_is_read_where_it_lies():
    """A view of a larger array: no copy is made, so a later change of its pixels shows."""
    canvas = np.zeros((40, 60, 4), np.uint8)
    frame = _core.Frame.from_array(canvas[10:30, 20:50], "BGRx")
    canvas[..., 2] = 255
    slice_ = _core.preprocess(frame, _core.ClipSpec(height=8, width=8, **PLAIN))
    assert (slice_[0] == 1).all() and not slice_[1:].any()


def test_a_frame_keeps_its_arrays():
    picture = np.full((16, 16, 3), 255, np.uint8)
    alive = weakref.ref(picture)
    frame = _core.Frame.from_array(picture)
    del picture
    assert alive() is not None
    del frame
    assert alive() is None


PICTURE = np.zeros((6, 8, 3), np.uint8)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (PICTURE[::-1], "ascontiguousarray"),
        (PICTURE[:, ::-1], "ascontiguousarray"),
        (PICTURE[:, ::2], "ascontiguousarray"),
        (PICTURE[..., ::-1], "ascontiguousarray"),
        (np.broadcast_to(PICTURE[:1], PICTURE.shape), "ascontiguousarray"),
        (PICTURE.astype(np.float32), "uint8"),
        (PICTURE[..., 0], r"\[H, W, 3\]"),
        (PICTURE[..., :2], r"\[H, W, 3\]"),
        (PICTURE[:0], "no pixels"),
        (np.zeros((1, 20000, 3), np.uint8), "16384"),
    ],
)
def test_pictures_that_are_refused(picture, message):
    with pytest.raises(UsageError, match=message):
        _core.Frame.from_array(picture)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("YUY2", 8, 6, [PICTURE[..., 0]]), "NV12, I420, RGB"),
        (("NV12", 8, 6, [np.zeros((6, 8), np.uint8)]), "2 planes"),
        (("NV12", 8, 6, [np.zeros((6, 8), np.uint8), np.zeros((2, 8), np.uint8)]), "plane 1"),
        (("RGB", 8, 6, [np.zeros((6, 23), np.uint8)]), "24"),
        (("RGB", 8, 6, [np.zeros((5, 24), np.uint8)]), "plane 0"),
        (("RGB", 0, 6, [np.zeros((6, 24), np.uint8)]), "0x6"),
        (("RGB", -8, 6, [np.zeros((6, 24), np.uint8)]), "-8x6"),
        (("RGB", 8, 6, [np.zeros((6, 24), np.int16)]), "uint8"),
        (("RGB", 8, 6, [PICTURE]), "dimensions"),
        (("RGB", 8, 6, [np.zeros((6, 24), np.uint8)], "bt2020"), "bt709"),
    ],
)
def test_frames_that_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        _core.Frame(*arguments)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"length": 0}, "length"),
        ({"length": 257}, "length"),
        ({"height": -1}, "height"),
        ({"width": 10**9}, "width"),
        ({"sample_fps": 0}, "sample_fps"),
        ({"sample_fps": float("nan")}, "sample_fps"),
        ({"std": (1, 0, 1)}, "std"),
        ({"mean": (float("inf"), 0, 0)}, "mean"),
        ({"color": "GBR"}, "RGB or BGR"),
        ({"resize": "squash"}, "crop, stretch or pad"),
        ({"short_side": 0}, "short_side"),
    ],
)
def test_clip_specs_that_are_refused(fields, message):
    with pytest.raises(UsageError, match=message):
        _core.ClipSpec(**fields)


@pytest.mark.parametrize(
    "source", [(0, 0, 0, 4), (0, 0, -4, 4), (float("nan"), 0, 4, 4), (0, 0, 1e30, 4)]
)
def test_source_rectangles_that_are_refused(source):
    with pytest.raises(UsageError, match="source rectangle"):
        _core.preprocess(_core.Frame.from_array(PICTURE), _core.ClipSpec(), source)


def test_frame_from_pickled_array():
    # Its dtype equals uint8 but is another object.
    pixels = pickle.loads(pickle.dumps(np.zeros((4, 6, 3), np.uint8)))
    assert _core.Frame.from_array(pixels).width == 6
