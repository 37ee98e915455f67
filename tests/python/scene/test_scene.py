"""The demo's renders: what they say about a motion must be what their pixels show."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tubecam.errors import StreamError, UsageError
from tubecam.scene import clips, shape, story, texture
from tubecam.scene.scene import LABELS, Pose, box
from tubecam.video.write_scene import write_demo_video

MOVING = [label for label in LABELS if label != "still"]


def _clip(label: str, seed: int = 0, split: str = "held-out", **options) -> clips.Clip:
    rng = np.random.default_rng(seed)
    return clips.clip(rng, split, LABELS.index(label), **options)


def _centroids(masks: np.ndarray) -> np.ndarray:
    """Mean (x, y) of each mask [T, H, W]."""
    return np.array([np.argwhere(mask).mean(0)[::-1] for mask in masks])


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("split", clips.SPLITS)
def test_equal_seeds_give_equal_clips(label: str, split: str) -> None:
    one, same, other = (_clip(label, seed, split) for seed in (3, 3, 4))
    assert np.array_equal(one.frames, same.frames)
    assert np.array_equal(one.masks, same.masks)
    assert not np.array_equal(one.frames, other.frames)


def test_splits_share_no_look_and_no_speed() -> None:
    assert not set(shape.TRAIN) & set(shape.HELD_OUT)
    assert not set(texture.TRAIN) & set(texture.HELD_OUT)
    rng = np.random.default_rng(0)
    for label in MOVING:
        seen = np.array([clips.speed(rng, label, "train") for _ in range(200)])
        for unseen in (clips.speed(rng, label, "held-out") for _ in range(50)):
            assert np.abs(seen - unseen).min() > 0
            assert seen.min() < unseen < seen.max()
    assert clips.speed(rng, "still", "train") == 0


@pytest.mark.parametrize("label", ["left", "right", "up", "down"])
@pytest.mark.parametrize("seed", range(4))
def test_travel_moves_the_mask_that_way_only(label: str, seed: int) -> None:
    axis, sign = {"left": (0, -1), "right": (0, 1), "up": (1, -1), "down": (1, 1)}[label]
    clip = _whole(label, seed)
    steps = np.diff(_centroids(clip.masks), axis=0)
    assert (sign * steps[:, axis] > 0.2).all()
    assert np.abs(steps[:, 1 - axis]).max() < 0.2
    assert np.ptp(clip.masks.sum((1, 2))) < 0.1 * clip.masks[0].sum()


@pytest.mark.parametrize(("label", "sign"), [("nearer", 1), ("farther", -1)])
@pytest.mark.parametrize("seed", range(4))
def test_zoom_changes_the_area_only(label: str, sign: int, seed: int) -> None:
    clip = _whole(label, seed)
    assert (sign * np.diff(clip.masks.sum((1, 2)).astype(int)) > 0).all()
    middle = _centroids(clip.masks)
    assert np.abs(middle - middle[0]).max() < 1.5


def _whole(label: str, seed: int) -> clips.Clip:
    """A clip whose mover never touches the frame's edge."""
    for attempt in range(100):
        clip = _clip(label, 100 * seed + attempt)
        if not (clip.masks[:, [0, -1]].any() or clip.masks[:, :, [0, -1]].any()):
            return clip
    raise AssertionError(f"every {label} touches the edge")


@pytest.mark.parametrize(("label", "sign"), [("clockwise", 1), ("counterclockwise", -1)])
def test_turning_follows_the_rim(label: str, sign: int) -> None:
    """A corner right of the centre goes down (y grows) when a body turns clockwise."""
    rng = np.random.default_rng(0)
    pose = Pose(0.5, 0.5, 0.3)
    square = clips.Body(shape.square(rng), clips.paint(rng, "train", 0.5), pose)
    turned = pose.moved(label, 0.3)
    _, (alpha, u, v) = square.coverage(turned, (200, 200))
    corner = np.unravel_index(np.argmax(np.where(alpha > 0.5, u - 1e3 * np.abs(v), -1e9)), u.shape)
    assert sign * (corner[0] - u.shape[0] / 2) > 5
    assert corner[1] > u.shape[1] / 2


def test_still_has_no_mover() -> None:
    assert not _clip("still").masks.any()


@pytest.mark.parametrize("label", MOVING)
def test_masks_are_where_the_pixels_change(label: str) -> None:
    """Without noise and sway all change lies in the mover's masks, and fills much of them."""
    rng = np.random.default_rng(LABELS.index(label))
    view = clips.scene(rng, label, "held-out", 1.0)
    calm = [replace(body, sway=None) for body in view.bodies]
    view = replace(view, bodies=calm, noise=0.0)
    size, times = (256, 144), np.array([0.0, 0.5, 1.0])
    frames = np.stack(list(view.frames(times, size))).astype(int)
    masks = np.stack([view.mask(t, size) for t in times])
    for a, b in ((0, 1), (1, 2)):
        changed = np.abs(frames[a] - frames[b]).max(-1) > 12
        either = _dilate(masks[a] | masks[b])
        assert changed.sum() > 0.2 * masks[a].sum()
        assert not (changed & ~either).any()


def _dilate(mask: np.ndarray) -> np.ndarray:
    grown = mask.copy()
    for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
        grown |= np.roll(grown, step, axis)
    return grown


def test_a_scene_looks_the_same_at_every_size() -> None:
    """Area averages of a large render are the small render, but for the edges' anti-aliasing."""
    view = replace(clips.scene(np.random.default_rng(5), "up", "train", 1.0), noise=0.0)
    small = next(view.frames([0.4], (128, 72))).astype(float)
    large = next(view.frames([0.4], (640, 360))).astype(float)
    mean = large.reshape(72, 5, 128, 5, 3).mean((1, 3))
    assert np.abs(mean - small).mean() < 2.0
    wide, narrow = view.mask(0.4, (640, 360)), view.mask(0.4, (128, 72))
    assert wide.mean() == pytest.approx(narrow.mean(), rel=0.05)


def test_box_bounds_the_mask() -> None:
    mask = np.zeros((20, 30), bool)
    assert box(mask) is None
    mask[4:9, 11:20] = True
    assert box(mask) == (11, 4, 9, 5)


def test_story_shows_every_label_and_comes_back() -> None:
    acts = story.story(18.0)
    assert {act.scene.label for act in acts} == set(LABELS)
    assert acts[0].start == 0 and acts[-1].end == pytest.approx(18)
    assert all(a.end == b.start for a, b in zip(acts, acts[1:]))
    for label, back in (("left", "right"), ("up", "down"), ("nearer", "farther")):
        out, home = (next(a for a in acts if a.scene.label == name) for name in (label, back))
        begin, end = out.scene.pose(out.start), home.scene.pose(home.end)
        assert (begin.x, begin.y, begin.radius) == pytest.approx((end.x, end.y, end.radius))


def test_story_keeps_movers_in_the_frame_and_spread() -> None:
    facts = story.truth(story.story(18.0), (320, 180), 10)
    middles = []
    for segment in facts["segments"]:
        for found in segment["boxes"]:
            assert (found is None) == (segment["label"] == "still")
            if found:
                x, y, width, height = found
                assert 0 <= x and x + width <= 320 and 0 <= y and y + height <= 180
                middles.append((x + width / 2, y + height / 2))
    assert np.ptp(np.array(middles), axis=0) == pytest.approx((320, 180), rel=0.5)
    centred = [abs(x - 160) < 40 and abs(y - 90) < 40 for x, y in middles]
    assert np.mean(centred) < 0.1


def test_demo_video_and_its_truth(tmp_path) -> None:
    facts = write_demo_video(tmp_path / "demo.mp4", seconds=3, size=(160, 90), fps=15)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["demo-truth.json", "demo.mp4"]
    assert (tmp_path / "demo.mp4").stat().st_size > 3000
    written = json.loads((tmp_path / "demo-truth.json").read_text())
    assert written == json.loads(json.dumps(facts))
    assert sum(len(segment["boxes"]) for segment in written["segments"]) == 45


def test_a_video_that_cannot_be_written_says_so(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StreamError, match="cannot write"):
        write_demo_video(tmp_path / "file" / "demo.mp4", seconds=1, size=(64, 36))
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "wrong", [{"fps": 0}, {"seconds": 0}, {"size": (641, 360)}, {"size": (0, 0)}, {"fps": -1}]
)
def test_absurd_videos_are_refused(tmp_path, wrong: dict) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        write_demo_video(tmp_path / "demo.mp4", **wrong)


def test_a_missing_encoder_names_the_package(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("tubecam.video.write_scene._ENCODERS", {"no264enc": "no264enc"})
    with pytest.raises(StreamError, match="apt-get install gstreamer1.0-plugins-ugly"):
        write_demo_video(tmp_path / "demo.mp4", seconds=1, size=(64, 36))
    assert not list(tmp_path.iterdir())
