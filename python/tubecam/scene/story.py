"""The demo's story: five bodies spread over the frame, of which one at a time moves.

Every motion and a pause get an equal share of the time, and every body comes back to where it
began. All looks come from the held-out split, so the demo shows a model what it never saw.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from . import clips
from .scene import Body, Pose, Scene, box

# Each actor: where it starts, and how far it goes in one act (as in `Pose.moved`).
_STAGE = {
    "slider": (Pose(1.48, 0.21, 0.15), 0.62),
    "lift": (Pose(1.54, 0.80, 0.15), 0.60),
    "wheel": (Pose(0.28, 0.25, 0.19), 4.2),
    "balloon": (Pose(0.45, 0.71, 0.105), 0.95),
    "fidget": (Pose(1.08, 0.66, 0.14), 0.0),
}
_ACTS = (
    ("slider", "left"), ("wheel", "clockwise"), ("lift", "up"), ("balloon", "nearer"),
    ("fidget", "still"),
    ("lift", "down"), ("wheel", "counterclockwise"), ("slider", "right"), ("balloon", "farther"),
)  # fmt: skip


@dataclass(frozen=True)
class Act:
    """A scene and when it plays, in seconds of the story."""

    scene: Scene
    start: float
    end: float


def story(seconds: float = 18.0, seed: int = 3) -> list[Act]:
    """The acts of a story that lasts `seconds`; equal seeds, equal looks."""
    rng = np.random.default_rng(seed)
    share = seconds / len(_ACTS)
    cast = {name: _actor(rng, name, pose) for name, (pose, _) in _STAGE.items()}
    background, acts = clips.background(rng, "held-out"), []
    for i, (name, label) in enumerate(_ACTS):
        others = [body for other, body in cast.items() if other != name or label == "still"]
        mover = None if label == "still" else cast[name]
        speed, start = _STAGE[name][1] / share, i * share
        scene = Scene(background, others, mover, label, speed, 2.0, seed + i, start)
        acts.append(Act(scene, start, start + share))
        if mover is not None:
            cast[name] = replace(mover, pose=scene.pose(start + share))
    return acts


def _actor(rng: np.random.Generator, name: str, pose: Pose) -> Body:
    pose = replace(pose, angle=float(rng.uniform(0, 2 * np.pi)))
    return clips.body(rng, "held-out", pose, sways=name == "fidget")


def frame_times(act: Act, fps: float) -> np.ndarray:
    """The times of the act's frames, for a video whose frame `n` shows `n / fps` seconds."""
    first, last = (int(np.ceil(t * fps - 1e-6)) for t in (act.start, act.end))
    return np.arange(first, last) / fps


def truth(acts: list[Act], size: tuple[int, int], fps: float) -> dict:
    """What moves where, ready for JSON: per act its label and the mover's box in each frame.

    A box is `[x, y, width, height]` in pixels of `size`, or null where nothing moves.
    """
    return {
        "width": size[0],
        "height": size[1],
        "fps": fps,
        "segments": [
            {
                "start": act.start,
                "end": act.end,
                "label": act.scene.label,
                "boxes": [box(act.scene.mask(t, size)) for t in frame_times(act, fps)],
            }
            for act in acts
        ],
    }
