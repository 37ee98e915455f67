"""Windows by presentation time: which frame fills which slot, and when the ring starts over."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tubecam import _core
from tubecam.errors import UsageError

SECOND = 10**9


def picture(value: int, width: int = 12, height: int = 10) -> _core.Frame:
    """A frame that can be told by its value."""
    return _core.Frame.from_array(np.full((height, width, 3), value % 256, np.uint8))


def times(fps: float, count: int, start: int = 0) -> list[int]:
    return [start + round(i * SECOND / fps) for i in range(count)]


def make_window(length: int = 4, hop: int = 1, fps: float = 15, **kwargs) -> _core.ClipWindow:
    plain = {"mean": (0, 0, 0), "std": (1, 1, 1)}
    spec = _core.ClipSpec(length=length, height=8, width=8, sample_fps=fps, **plain)
    return _core.ClipWindow(spec, hop, **kwargs)


def slots_of(all_times: list[int]) -> list[int]:
    """Index of the frame that fills each slot of a 15 Hz grid, at most 256."""
    clip_window = make_window(length=256)
    for i, pts in enumerate(all_times):
        clip_window.push(picture(i), pts)
    missing, pts = clip_window.slots_missing, all_times[-1]
    while clip_window.slots_missing:  # only a whole window can be read
        pts += SECOND // 15
        clip_window.push(picture(255), pts)
    assert clip_window.resets == 0
    return [int(round(value * 255)) for value in clip_window.clip()[: 256 - missing, 0, 0, 0]]


def test_equal_rates_take_every_frame():
    assert slots_of(times(15, 40)) == list(range(40))


def test_30_to_15_takes_every_other_frame():
    assert slots_of(times(30, 80)) == list(range(0, 80, 2))


def test_25_to_15_takes_the_nearest_frame():
    pts = times(25, 100)
    for k, frame in enumerate(slots_of(pts)):
        assert abs(pts[frame] - k * SECOND / 15) <= SECOND / 25 / 2 + 1


def test_10_to_15_repeats_frames():
    slots = slots_of(times(10, 31))
    assert slots[:9] == [0, 1, 1, 2, 3, 3, 4, 5, 5]
    assert len(slots) == 46


@pytest.mark.parametrize("rate", [30000 / 1001, 24000 / 1001, 60, 120, 12.5, 7])
def test_slots_keep_pace_for_minutes(rate):
    """As many slots as the grid has in four minutes, or one a frame of a slow video."""
    clip_window = make_window(length=1)
    pushed = [
        clip_window.push(picture(0), pts) for pts in times(rate, int(240 * rate), start=5 * SECOND)
    ]
    assert abs(sum(pushed) - 240 * min(rate, 15)) <= 1
    assert clip_window.resets == 0


def test_29_97_frames_stay_the_nearest_for_minutes():
    clip_window = make_window(length=1)
    slot = 0
    for i, pts in enumerate(times(30000 / 1001, 6000)):
        if clip_window.push(picture(i), pts):
            assert abs(pts - slot * SECOND / 15) <= SECOND * 1001 / 30000 / 2 + 1
            slot += 1
    assert slot in (3002, 3003, 3004)


def test_jitter_does_not_change_the_frames_taken():
    rng = np.random.default_rng(3)
    for rate in (15, 30, 60):
        jitter = SECOND / rate / 8
        pts = [t + SECOND + int(rng.uniform(-jitter, jitter)) for t in times(rate, 200)]
        slots, expected = slots_of(pts), list(range(0, 200, round(rate / 15)))
        assert len(slots) >= len(expected) - 1  # the last one's slot may lie after it
        assert slots == expected[: len(slots)]


def test_variable_rate_takes_the_first_frame_from_each_slot_on():
    """Half a slot early at most, and never a frame when one before it would have done."""
    rng = np.random.default_rng(4)
    pts = [int(t) * 10**6 for t in np.cumsum(rng.choice([5, 16, 33, 40, 100, 250], 150))]
    slots = slots_of(pts)
    assert slots == sorted(slots) and len(slots) > 100
    for k, frame in enumerate(slots):
        place = pts[0] + k * SECOND / 15
        assert pts[frame] >= place - SECOND / 30 - 1
        assert all(earlier < place for earlier in pts[:frame])


def test_windows_come_every_hop_and_are_whole():
    clip_window = make_window(length=4, hop=3)
    done = [clip_window.push(picture(i), pts) for i, pts in enumerate(times(15, 16))]
    assert [i for i, complete in enumerate(done) if complete] == [3, 6, 9, 12, 15]
    assert clip_window.window.sequence == 4
    assert list(clip_window.window.pts) == times(15, 16)[-4:]
    values = np.round(clip_window.clip()[:, 0, 0, 0] * 255)
    assert list(values) == [12, 13, 14, 15]


def test_a_frame_that_fills_several_slots_completes_one_window():
    clip_window = make_window(length=4, hop=1)
    done = [clip_window.push(picture(i), pts) for i, pts in enumerate(times(5, 8))]
    assert done == [False, *[True] * 7]
    assert list(clip_window.window.pts) == [t * SECOND // 10 for t in (12, 14, 14, 14)]
    assert clip_window.window.sequence == 6


def test_windows_name_their_source():
    clip_window = make_window(length=1)
    clip_window.push(picture(0, 40, 20), 7)
    window = clip_window.window
    assert window.source == (10, 0, 20, 20)
    assert (window.frame_width, window.frame_height, list(window.pts)) == (40, 20, [7])


def test_slots_missing_counts_down():
    clip_window = make_window(length=3)
    missing = [clip_window.slots_missing]
    for i, pts in enumerate(times(15, 4)):
        clip_window.push(picture(i), pts)
        missing.append(clip_window.slots_missing)
    assert missing == [3, 2, 1, 0, 0]


def filled_window() -> _core.ClipWindow:
    clip_window = make_window(length=4)
    for i, pts in enumerate(times(15, 6)):
        clip_window.push(picture(i), pts)
    return clip_window


LAST = times(15, 6)[-1]


@pytest.mark.parametrize(
    ("frame", "pts"),
    [
        (picture(9), LAST + SECOND + 1),
        (picture(9), 0),
        (picture(9), LAST - SECOND // 15 - 2),
        (picture(9, 13), LAST + SECOND // 15),
        (picture(9, 12, 9), LAST + SECOND // 15),
        (
            _core.Frame.from_array(np.zeros((10, 12, 3), np.uint8), "BGR"),
            LAST + SECOND // 15,
        ),
    ],
    ids=["gap", "seek back", "step back", "width", "height", "format"],
)
def test_discontinuities_start_anew(frame, pts):
    clip_window = filled_window()
    assert not clip_window.push(frame, pts)
    assert clip_window.resets == 1 and clip_window.slots_missing == 3
    with pytest.raises(UsageError, match="3 slices are missing"):
        clip_window.clip()


def test_a_change_of_colour_starts_anew():
    planes = [np.zeros((4, 4), np.uint8), np.zeros((2, 4), np.uint8)]
    clip_window = make_window(length=1)
    kinds = [("bt601", False), ("bt601", False), ("bt709", False), ("bt709", True)]
    for (matrix, full_range), pts in zip(kinds, times(15, 4), strict=True):
        clip_window.push(_core.Frame("NV12", 4, 4, planes, matrix, full_range), pts)
    assert clip_window.resets == 2


@pytest.mark.parametrize("pts", [LAST, LAST - 1, LAST - SECOND // 15 + 1])
def test_repeated_and_slightly_late_frames_are_ignored(pts):
    clip_window = filled_window()
    before = clip_window.clip()
    assert not clip_window.push(picture(200), pts)
    assert clip_window.resets == 0
    np.testing.assert_array_equal(clip_window.clip(), before)
    assert clip_window.push(picture(6), times(15, 7)[-1])


def test_a_gap_within_the_limit_is_bridged():
    clip_window = make_window(length=4, max_gap=2)
    for i, pts in enumerate([*times(15, 6), LAST + 2 * SECOND]):
        clip_window.push(picture(i), pts)
    assert clip_window.resets == 0
    assert set(clip_window.window.pts) == {LAST + 2 * SECOND}


def test_slow_sampling_allows_for_its_own_interval():
    clip_window = make_window(length=2, fps=0.5)
    done = [clip_window.push(picture(i), 2 * i * SECOND) for i in range(4)]
    assert done == [False, True, True, True] and clip_window.resets == 0


def test_reset_forgets_the_slices_but_is_no_discontinuity():
    clip_window = filled_window()
    clip_window.reset()
    assert clip_window.slots_missing == 4 and clip_window.resets == 0
    assert not clip_window.push(picture(1), 0)
    assert clip_window.resets == 0


def test_set_hop_takes_effect_at_once():
    clip_window = make_window(length=4, hop=4)
    done = []
    for i, pts in enumerate(times(15, 10)):
        if i == 5:
            clip_window.set_hop(1)
        done.append(clip_window.push(picture(i), pts))
    assert [i for i, complete in enumerate(done) if complete] == [3, 5, 6, 7, 8, 9]


@pytest.mark.parametrize("hop", [0, -1, 5])
def test_hops_that_are_refused(hop):
    with pytest.raises(UsageError, match="hop"):
        make_window(length=4, hop=hop)
    with pytest.raises(UsageError, match="hop"):
        filled_window().set_hop(hop)


@pytest.mark.parametrize("max_gap", [0, -1, float("nan"), 61])
def test_gaps_that_are_refused(max_gap):
    with pytest.raises(UsageError, match="max_gap"):
        make_window(max_gap=max_gap)


@pytest.mark.parametrize("pts", [-1, 2**63 - 1])
def test_missing_times_are_refused_and_change_nothing(pts):
    clip_window = filled_window()
    with pytest.raises(UsageError, match="missing"):
        clip_window.push(picture(0), pts)
    assert clip_window.slots_missing == 0 and clip_window.resets == 0


def test_threads_may_share_a_window():
    clip_window = make_window(length=8)
    frames = [picture(i, 64 + i % 3, 48) for i in range(200)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(clip_window.push, frames, times(15, 200)))
    assert clip_window.slots_missing >= 0
