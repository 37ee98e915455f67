"""Heat, colour maps, smoothing and captions against their definitions."""

from __future__ import annotations

import numpy as np
import pytest

import parts
from tolerances import TOLERANCES
from tubecam import _core
from tubecam.drawing import overlay
from tubecam.errors import UsageError
from tubecam.reference import overlay as reference

FORMATS = ["NV12", "I420", "RGB", "BGR", "RGBx", "BGRx", "RGBA", "BGRA"]
SIZES = [(1, 1), (2, 3), (17, 9), (64, 48), (131, 77), (320, 241)]


def random_planes(rng, pixel_format, width, height, padding):
    """Planes of a frame whose rows lie `padding` bytes apart."""
    half = (width + 1) // 2, (height + 1) // 2
    sizes = {
        "NV12": [(height, width), (half[1], 2 * half[0])],
        "I420": [(height, width), half[::-1], half[::-1]],
    }.get(pixel_format, [(height, width * (3 if pixel_format in ("RGB", "BGR") else 4))])
    return [
        rng.integers(0, 256, (rows, row + padding), dtype=np.uint8)[:, :row] for rows, row in sizes
    ]


def random_geometry(rng, width, height, h, w):
    clip_height, clip_width = int(rng.integers(8, 130)), int(rng.integers(8, 130))
    stride = clip_height / h, clip_width / w
    shift = rng.uniform(-2, 2, 2)
    return {
        "stride": stride,
        "offset": tuple((s - 1) / 2 + d for s, d in zip(stride, shift)),
        "clip_height": clip_height,
        "clip_width": clip_width,
        "source": (
            float(rng.uniform(-0.3, 0.5) * width),
            float(rng.uniform(-0.3, 0.5) * height),
            float(rng.uniform(0.2, 1.4) * width),
            float(rng.uniform(0.2, 1.4) * height),
        ),
    }


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize("color_map", overlay.color_map_names())
def test_heat_equals_its_definition(rng, pixel_format, size, color_map):
    width, height = size
    h, w = rng.integers(1, 17, 2)
    values = rng.normal(0.5, 0.6, (h, w)).astype(np.float32)
    values[rng.random((h, w)) < 0.1] = np.nan
    matrix, full_range = str(rng.choice(["bt601", "bt709"])), bool(rng.integers(2))
    planes = random_planes(rng, pixel_format, width, height, int(rng.integers(0, 40)))
    style = {"alpha": float(rng.uniform(0, 1)), "threshold": float(rng.uniform(0, 0.8))}
    geometry = random_geometry(rng, width, height, h, w)
    expected = reference.blend_heat(
        pixel_format, width, height, planes, values, scale=1.3, **geometry, **style,
        table=overlay.color_table(color_map), matrix=matrix, full_range=full_range,
    )  # fmt: skip
    frame = _core.Frame(pixel_format, width, height, planes, matrix, full_range)
    _core.blend_heat(frame, values, scale=1.3, color_map=color_map, **geometry, **style)
    for plane, wanted in zip(planes, expected):
        np.testing.assert_allclose(plane, wanted, **TOLERANCES["overlay"])


@pytest.mark.parametrize("threshold", [0.0, 0.15, 0.5, 0.8])
@pytest.mark.parametrize("color_map", overlay.color_map_names())
def test_large_cells_equal_their_definition(rng, color_map, threshold):
    """Cells of many pixels, where whole bands of rows are interpolated, at full opacity."""
    for pixel_format, (h, w) in [("RGB", (6, 7)), ("NV12", (2, 3)), ("BGRx", (4, 9))]:
        width, height = int(rng.integers(300, 640)), int(rng.integers(200, 420))
        planes = random_planes(rng, pixel_format, width, height, 0)
        values = rng.normal(0.5, 0.5, (h, w)).astype(np.float32)
        geometry = {
            "stride": (8, 8), "offset": (3.5, 3.5), "clip_height": 8 * h, "clip_width": 8 * w,
            "source": (0, 0, width, height), "scale": 1.0,
        }  # fmt: skip
        style = {"alpha": 1.0, "threshold": threshold}
        table = overlay.color_table(color_map)
        expected = reference.blend_heat(
            pixel_format, width, height, planes, values, table=table, **geometry, **style
        )
        frame = _core.Frame(pixel_format, width, height, planes)
        _core.blend_heat(frame, values, color_map=color_map, **geometry, **style)
        for plane, wanted in zip(planes, expected):
            np.testing.assert_allclose(plane, wanted, **TOLERANCES["overlay"])


@pytest.mark.parametrize("size", [*SIZES, (640, 361)])
@pytest.mark.parametrize("pixel_format", FORMATS)
def test_motion_equals_its_definition(rng, pixel_format, size):
    width, height = size
    for h, w in rng.integers(1, 17, (2, 2)):
        values = rng.normal(0.5, 0.6, (h, w)).astype(np.float32)
        motion = rng.uniform(-0.2, 1.2, (h, w)).astype(np.float32)
        motion[rng.random((h, w)) < 0.1] = np.nan
        planes = random_planes(rng, pixel_format, width, height, int(rng.integers(0, 40)))
        style = {"alpha": float(rng.uniform(0, 1)), "threshold": float(rng.uniform(0, 0.8))}
        geometry = random_geometry(rng, width, height, h, w)
        expected = reference.blend_heat(
            pixel_format, width, height, planes, values, scale=1.3, motion=motion, **geometry,
            **style, table=overlay.motion_tables(),
        )  # fmt: skip
        frame = _core.Frame(pixel_format, width, height, planes)
        _core.blend_heat(frame, values, motion, scale=1.3, **geometry, **style)
        for plane, wanted in zip(planes, expected):
            np.testing.assert_allclose(plane, wanted, **TOLERANCES["overlay"])


def test_motion_tells_hue_and_nothing_else():
    """All still and all moving are the two tables' colours, where the plain blend has its map's."""
    for share, table in zip((0.0, 1.0), overlay.motion_tables()):
        picture = np.zeros((40, 60, 3), np.uint8)
        overlay.blend_heat(picture, np.ones((5, 6)), np.full((5, 6), share), alpha=1.0)
        assert np.abs(picture.astype(int) - table[255]).max() <= 2


def test_a_cold_cell_lends_no_hue():
    """Between a still hot cell and a moving cold one lies nothing orange."""
    picture = np.zeros((40, 80, 3), np.uint8)
    cold = np.repeat([0.0, 1], 4)[None].repeat(5, 0)
    overlay.blend_heat(picture, 1 - cold, cold, alpha=1.0)
    red, _, blue = picture.astype(int).transpose(2, 0, 1)
    assert (blue >= red).all() and blue.max() > 200


def test_few_cells_do_not_look_exact():
    """3×4 cells of 40 pixels: each is one colour to its edges, and a gap keeps them apart."""
    values, motion = np.zeros((3, 4)), np.zeros((3, 4))
    values[1, 2], values[1, 3], motion[1, 3] = 1.0, 0.6, 1.0
    for hue in (None, motion):
        picture = np.full((120, 160, 3), 90, np.uint8)
        overlay.blend_heat(picture, values, hue, alpha=1.0, scale=1.0)
        drawn = (picture != 90).any(axis=2)
        assert not drawn[:40].any() and not drawn[80:].any() and not drawn[:, :80].any()
        hot, warm = drawn[40:80, 80:120], drawn[40:80, 120:]
        assert hot[1:-1, 1:-1].all() and warm[1:-1, 1:].all()
        assert not hot[:, -1].any() and not warm[:, 0].any()
        for block in (picture[41:79, 81:119], picture[41:79, 121:]):
            assert np.ptp(block, axis=(0, 1)).max() <= 1


@pytest.mark.parametrize("size", [(5, 5), (5, 9)])
def test_five_cells_are_drawn_smooth(size):
    picture = np.zeros((200, 200, 3), np.uint8)
    values = np.zeros(size)
    values[2, 2] = 1
    overlay.blend_heat(picture, values, alpha=1.0)
    assert len(np.unique(picture[100])) > 20


def test_motion_of_another_shape_is_refused():
    with pytest.raises(UsageError, match=r"motion is float32 \[2, 3\]"):
        overlay.blend_heat(np.zeros((8, 8, 3), np.uint8), np.ones((2, 2)), np.ones((2, 3)))


@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize(
    "change", [{"alpha": 0.0}, {"threshold": 1.0}, {"scale": 0.0}, {"scale": -1.0},
               {"source": (400.0, 0.0, 60.0, 40.0)}]
)  # fmt: skip
def test_frame_stays_bit_for_bit(rng, pixel_format, change):
    planes = random_planes(rng, pixel_format, 61, 41, 5)
    before = [plane.copy() for plane in planes]
    arguments = {"source": (0, 0, 61, 41), "scale": 1.0, "alpha": 1.0, "threshold": 0.0} | change
    frame = _core.Frame(pixel_format, 61, 41, planes)
    _core.blend_heat(
        frame, np.ones((3, 4), np.float32), stride=(8, 8), offset=(3.5, 3.5), clip_height=24,
        clip_width=32, **arguments,
    )  # fmt: skip
    for plane, old in zip(planes, before):
        np.testing.assert_array_equal(plane, old)


@pytest.mark.parametrize("pixel_format", FORMATS)
def test_nothing_outside_the_source_changes(rng, pixel_format):
    planes = random_planes(rng, pixel_format, 80, 60, 0)
    before = [plane.copy() for plane in planes]
    frame = _core.Frame(pixel_format, 80, 60, planes)
    overlay.blend_heat(frame, np.ones((2, 2)), source=(20, 10, 40, 30), alpha=1.0)
    for plane, old in zip(planes, before):
        rows, row = plane.shape
        inside = np.zeros(plane.shape, bool)
        inside[rows // 6 : rows * 4 // 6, row // 4 : row * 3 // 4] = True
        np.testing.assert_array_equal(plane[~inside], old[~inside])
        assert (plane[inside] != old[inside]).mean() > 0.5
    if pixel_format in ("RGBx", "BGRx", "RGBA", "BGRA"):
        np.testing.assert_array_equal(planes[0][:, 3::4], before[0][:, 3::4])


@pytest.mark.parametrize("cell", [(1, 1), (3, 5), (7, 14)])
def test_a_cell_lights_around_its_own_centre(cell):
    """9×16 cells of 20 pixels: cell (j, k) is centred on 20·(j + ½), between two pixels."""
    values = np.zeros((9, 16), np.float32)
    values[cell] = 1
    picture = np.zeros((180, 320, 3), np.uint8)
    overlay.blend_heat(
        picture, values, clip_size=(72, 128), color_map="hot", alpha=1.0, threshold=0.0
    )
    light = picture.sum(axis=2).astype(float)
    centre_y, centre_x = 20 * cell[0] + 10, 20 * cell[1] + 10
    window = light[max(0, centre_y - 20) : centre_y + 20, max(0, centre_x - 20) : centre_x + 20]
    assert light.sum() == window.sum() > 0
    around = light[centre_y - 8 : centre_y + 8, centre_x - 8 : centre_x + 8]
    np.testing.assert_allclose(around, around[:, ::-1], atol=6)
    np.testing.assert_allclose(around, around[::-1], atol=6)
    assert light.max() == light[centre_y, centre_x] == light[centre_y - 1, centre_x - 1]


def test_luma_and_chroma_meet(rng):
    """NV12 drawn and converted is RGB drawn, up to the resolution of chroma."""
    values = rng.random((5, 5)).astype(np.float32)
    gray = np.full((80, 80, 3), 110, np.uint8)
    overlay.blend_heat(gray, values, alpha=0.7)
    luma = np.full((80, 80), 16 + 219 * 110 / 255 + 0.5).astype(np.uint8)
    chroma = np.full((40, 80), 128, np.uint8)
    overlay.blend_heat(_core.Frame("NV12", 80, 80, [luma, chroma]), values, alpha=0.7)
    means = gray.reshape(40, 2, 40, 2, 3).astype(float).mean((1, 3))
    wanted = reference.rgb_to_yuv(np.moveaxis(means, -1, 0), "bt601", False)
    np.testing.assert_allclose(chroma[:, 0::2], wanted[1], atol=4)
    np.testing.assert_allclose(chroma[:, 1::2], wanted[2], atol=4)


@pytest.mark.parametrize("name", overlay.color_map_names())
def test_color_maps_equal_the_published_ones(name):
    matplotlib = parts.require("matplotlib")
    published = 255 * matplotlib.colormaps[name](np.arange(256))[:, :3]
    assert np.abs(overlay.color_table(name) - published).max() <= 1.5


def test_unknown_color_map_lists_the_known():
    with pytest.raises(UsageError, match="sunset.*inferno, turbo, viridis, hot or jet"):
        overlay.color_table("sunset")


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"alpha": 1.5}, "alpha.*1.5.*0 to 1"),
        ({"alpha": float("nan")}, "alpha"),
        ({"threshold": -0.1}, "threshold"),
        ({"source": (0, 0, 0, 10)}, "source rectangle"),
        ({"source": (float("nan"), 0, 10, 10)}, "source rectangle"),
        ({"clip_size": (0, 4)}, "clip's size"),
        ({"stride": (0, 1)}, "stride"),
        ({"stride": (1, -1)}, "stride"),
        ({"offset": (float("inf"), 0)}, "offset"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(UsageError, match=message):
        overlay.blend_heat(np.zeros((8, 8, 3), np.uint8), np.ones((2, 2)), **arguments)


@pytest.mark.parametrize("plane", [np.ones(4), np.ones((0, 3)), np.ones((2, 2, 2))])
def test_bad_plane_is_named(plane):
    with pytest.raises(UsageError, match=r"\[h, w\]"):
        overlay.blend_heat(np.zeros((8, 8, 3), np.uint8), plane)


def test_read_only_picture_is_refused():
    picture = np.zeros((8, 8, 3), np.uint8)
    picture.setflags(write=False)
    with pytest.raises(UsageError, match="read-only"):
        overlay.blend_heat(picture, np.ones((2, 2)))


def test_smoother_keeps_a_constant(rng):
    plane = rng.random((3, 4)).astype(np.float32)
    smoother = overlay.HeatSmoother()
    for i in range(30):
        smoother.update(plane, 2.0, i * 33_000_000)
        np.testing.assert_allclose(smoother.plane.reshape(3, 4), plane, rtol=1e-6)
        assert smoother.scale == pytest.approx(2.0)


@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize("background", [0, 128, 255])
def test_caption_is_legible_on_any_background(rng, pixel_format, background):
    """The label's box holds both dark and light luma, whatever lies under it."""
    planes = random_planes(rng, pixel_format, 641, 361, 7)
    for plane in planes:
        plane[:] = background
    if pixel_format in ("NV12", "I420"):
        for plane in planes[1:]:
            plane[:] = 128
    before = [plane.copy() for plane in planes]
    frame = _core.Frame(pixel_format, 641, 361, planes)
    overlay.draw_caption(frame, label="right", score=0.93, strip=[0.1, 0.9, 0.4], strip_now=0.5)
    channels = {"NV12": 1, "I420": 1, "RGB": 3, "BGR": 3}.get(pixel_format, 4)
    label = planes[0][8:28, 8 * channels : 90 * channels].reshape(-1, channels)[:, 0].astype(int)
    assert np.percentile(label, 99) - np.percentile(label, 10) > 110
    middle = slice(60, 320), slice(None)
    np.testing.assert_array_equal(planes[0][middle], before[0][middle])


@pytest.mark.parametrize("size", [(1, 1), (47, 31), (48, 32), (53, 97), (3840, 40), (60, 1000)])
@pytest.mark.parametrize(
    "label", ["", "x", "longer than a frame " * 40, "ימינה", "右へ動く物体", "a\0b\nc", "\ud800"]
)
def test_caption_of_any_text_and_size(size, label):
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    overlay.draw_caption(
        picture, label=label, score=float("nan"), note=label, strip=[float("nan"), 2, -1],
        strip_now=float("nan"),
    )  # fmt: skip


def test_painter_draws_the_same_twice_and_follows_changes():
    painter = overlay.CaptionPainter()

    def draw(**caption):
        picture = np.full((240, 320, 3), 90, np.uint8)
        painter.draw(picture, **caption)
        return picture

    first = draw(label="left", score=0.5, strip=[0, 1, 0])
    np.testing.assert_array_equal(first, draw(label="left", score=0.5, strip=[0, 1, 0]))
    for change in (
        {"label": "right"}, {"score": 0.6}, {"note": "late"}, {"strip": [1, 0, 0]},
        {"strip_now": 0.2}, {"color_map": "viridis"},
    ):  # fmt: skip
        changed = draw(**({"label": "left", "score": 0.5, "strip": [0, 1, 0]} | change))
        assert (changed != first).any(), change


def captioned(size, **caption) -> np.ndarray:
    picture = np.full((*size, 3), 128, np.uint8)
    overlay.draw_caption(picture, **caption)
    return picture


@pytest.mark.parametrize("height", [32, 40, 48, 56, 64, 72, 90, 120, 240])
def test_words_keep_off_the_strip(height):
    """In a small picture the last lines are left out first, and all of them in the smallest."""
    size, strip = (height, 3 * height), {"strip": [0.2, 0.9, 0.4], "strip_now": 0.3}
    words = {
        "label": "left",
        "score": 0.9,
        "note": "gradcam",
        "legend": "heat",
        "full": "0.1 logits",
    }
    alone, both = captioned(size, **strip), captioned(size, **strip, **words)
    rows = (alone != 128).any(axis=(1, 2))
    np.testing.assert_array_equal(both[rows], alone[rows])
    assert (both != alone).any() == (height >= 48)
    assert (captioned(size, **words) != 128).any()
