"""Optical flow before a model: against displacements that are known."""

from __future__ import annotations

import numpy as np
import pytest

from tubecam import UnavailableError, UsageError, _core
from tubecam.libraries.plugin_path import LIBRARY_DIR

needs_opencv = pytest.mark.needs("opencv")
SIZE = 96
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.5)
BOUND, SCALE = 8.0, 0.125


def spec(length: int = 3, color: str = "RGB", bound: float = BOUND) -> _core.ClipSpec:
    return _core.ClipSpec(length=length, height=SIZE, width=SIZE, mean=MEAN, std=STD, color=color,
                          short_side=SIZE, flow=(bound, SCALE))  # fmt: skip


def texture(seed: int = 2) -> np.ndarray:
    """A smooth random picture, 0…1, twice as large as a slice."""
    random = np.random.default_rng(seed).normal(size=(2 * SIZE, 2 * SIZE))
    wave = np.hypot(*np.meshgrid(*[np.fft.fftfreq(2 * SIZE)] * 2))
    smooth = np.fft.ifft2(np.fft.fft2(random) * np.exp(-((wave / 0.06) ** 2))).real
    return (smooth - smooth.min()) / np.ptp(smooth)


def moved(dx: int, dy: int, length: int = 3) -> np.ndarray:
    """A clip whose picture moves by (dx, dy) pixels a slice to the right and down."""
    picture = texture()
    slices = []
    for i in range(length):
        top, left = SIZE // 2 - i * dy, SIZE // 2 - i * dx
        slices.append(picture[top : top + SIZE, left : left + SIZE])
    grey = np.stack(slices)[:, None]
    mean, std = (np.reshape(v, (3, 1, 1)) for v in (MEAN, STD))
    return ((grey - mean) / std).astype(np.float32)


@needs_opencv
@pytest.mark.parametrize(("dx", "dy"), [(2, 0), (0, -3), (-1, 2), (4, 4)])
def test_a_picture_that_moves_has_that_flow(dx, dy):
    flow = _core.ClipFlow(spec()).run(moved(dx, dy))
    assert flow.shape == (2, 2, SIZE, SIZE) and flow.dtype == np.float32
    inner = flow[:, :, 12:-12, 12:-12] / SCALE
    np.testing.assert_allclose(np.median(inner, (0, 2, 3)), (dx, dy), atol=0.1)
    assert np.abs(inner - np.reshape((dx, dy), (2, 1, 1))).mean() < 0.25


@needs_opencv
def test_a_clip_that_stands_still_has_no_flow():
    still = np.repeat(moved(0, 0)[:1], 3, axis=0)
    assert np.abs(_core.ClipFlow(spec()).run(still)).max() == 0


@needs_opencv
def test_displacements_are_clamped():
    flow = _core.ClipFlow(spec(bound=2.0)).run(moved(4, -4))
    assert np.abs(flow).max() == 2.0 * SCALE
    inner = flow[:, :, 12:-12, 12:-12]
    assert np.median(inner[:, 0]) == 2.0 * SCALE and np.median(inner[:, 1]) == -2.0 * SCALE


@needs_opencv
def test_the_same_clip_gives_the_same_flow_bit_for_bit():
    clip = moved(3, 1, length=5)
    first, again = (_core.ClipFlow(spec(5)) for _ in range(2))
    np.testing.assert_array_equal(first.run(clip), again.run(clip))
    shifted = np.concatenate([clip[2:], moved(1, 1, 2)])
    np.testing.assert_array_equal(first.run(shifted), _core.ClipFlow(spec(5)).run(shifted))
    assert first.computed == 4 + 2


@needs_opencv
def test_colours_in_the_other_order_are_the_same_grey():
    clip = np.random.default_rng(0).normal(0, 1, (3, 3, SIZE, SIZE)).astype(np.float32)
    values = clip * np.reshape(STD, (3, 1, 1)) + np.reshape(MEAN, (3, 1, 1))
    other = ((values[:, ::-1] - np.reshape(MEAN, (3, 1, 1))) / np.reshape(STD, (3, 1, 1))).astype(
        np.float32
    )
    rgb, bgr = _core.ClipFlow(spec()).run(clip), _core.ClipFlow(spec(color="BGR")).run(other)
    assert np.mean(np.abs(rgb - bgr)) < 0.02 * np.mean(np.abs(rgb))  # greys may round apart


def test_a_clip_of_another_shape_is_refused():
    if not (LIBRARY_DIR / "libtubecam_flow.so").exists():
        with pytest.raises(UnavailableError, match="TUBECAM_FLOW"):
            _core.ClipFlow(spec())
        return
    with pytest.raises(UsageError, match=r"not float32 \[3, 3, 96, 96\]"):
        _core.ClipFlow(spec()).run(np.zeros((3, 3, 96, 95), np.float32))
