"""Windows of streams whose timestamps are missing, repeat, jitter or jump."""

from __future__ import annotations

import numpy as np
import pytest

from tubecam import _core

SECOND = 10**9
FRAME = SECOND // 30


def windows(stated: list[int | None], interval: int = FRAME) -> tuple[list, _core.TimestampRepair]:
    """The frames in the slices of each window: 8 slices at 15 a second, every 4."""
    repair = _core.TimestampRepair(interval)
    clip_window = _core.ClipWindow(_core.ClipSpec(length=8, height=8, width=8), 4)
    found, number = [], {}
    for i, pts in enumerate(stated):
        time = repair.next(pts)
        if time is None:
            continue
        number[time] = i
        picture = _core.Frame.from_array(np.zeros((8, 8, 3), np.uint8))
        if clip_window.push(picture, time):
            found.append([number[t] for t in clip_window.window.pts])
    assert clip_window.resets == 0
    return found, repair


EVEN = [5 * SECOND + i * FRAME for i in range(300)]


def test_even_times_take_every_other_frame():
    found, repair = windows(EVEN)
    assert len(found) == 36
    assert all(set(np.diff(frames)) == {2} for frames in found)
    assert repair.describe() == "" and not any(repair.faults.values())


@pytest.mark.parametrize("interval", [FRAME, 0])
def test_jitter_of_three_frames_leaves_windows_whole_and_nearly_even(interval):
    rng = np.random.default_rng(7)
    stated = [pts + int(rng.uniform(-3, 3) * FRAME) for pts in EVEN]
    found, repair = windows(stated, interval)
    assert len(found) >= 34
    steps = np.concatenate([np.diff(frames) for frames in found[4:]])
    assert steps.min() >= 1 and steps.max() <= 3 and abs(steps.mean() - 2) < 0.1
    assert repair.faults["late"] > 50
    assert f"{repair.faults['late']} stepping back" in repair.describe()


@pytest.mark.parametrize(
    ("stated", "fault", "count"),
    [([None] * 300, "missing", 300), ([0] * 300, "repeated", 299),
     ([EVEN[i] if i % 4 != 1 else None for i in range(300)], "missing", 75)],
    ids=["none", "equal", "a quarter missing"],
)  # fmt: skip
def test_times_that_tell_nothing_count_by_the_frame_rate(stated, fault, count):
    found, repair = windows(stated)
    assert len(found) >= 35
    assert set(np.concatenate([np.diff(frames) for frames in found])) <= {1, 2, 3}
    assert repair.faults[fault] == count == sum(repair.faults.values())


def test_without_a_frame_rate_nothing_can_be_counted():
    repair = _core.TimestampRepair()
    assert repair.next(None) is None
    assert repair.next(5) == repair.next(5) == 5
