"""Every public object between two threads: each gets the answer to its own question."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import parts
import tiny_bundle
import tubecam
from tubecam import _core
from tubecam.errors import UsageError

ROUNDS = 150
SIZE = (36, 48)


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), np.uint8)


def plane(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((4, 5), np.float32)


def drawn(draw: Callable[[_core.Frame, int], object], seed: int) -> np.ndarray:
    pixels = picture(seed)
    draw(_core.Frame.from_array(pixels), seed)
    return pixels


def blend(frame: _core.Frame, seed: int) -> None:
    _core.blend_heat(
        frame, plane(seed), stride=(8, 8), offset=(3.5, 3.5), clip_height=32, clip_width=40,
        source=(0, 0, SIZE[1], SIZE[0]), scale=1.0, color_map=("inferno", "turbo")[seed],
    )  # fmt: skip


def caption(painter: _core.CaptionPainter) -> Callable[[int], np.ndarray]:
    def draw(frame: _core.Frame, seed: int) -> None:
        strip = list(np.linspace(0, 1, 7 + seed))
        painter.draw(frame, label=f"label {seed}", score=f"{seed} %", strip=strip)

    return lambda seed: drawn(draw, seed)


def flow() -> Callable[[int], np.ndarray]:
    parts.require("opencv")
    stage = _core.ClipFlow(_core.ClipSpec(length=4, height=32, width=32, flow=(20, 0.05)))
    return lambda seed: stage.run(
        np.random.default_rng(seed).normal(size=(4, 3, 32, 32)).astype(np.float32)
    )


def engine(folder: str) -> Callable[[int], np.ndarray]:
    opened = _core.Engine(_core.load_bundle(folder))
    clips = [tiny_bundle.clip(seed)[None] for seed in (0, 1)]

    def ask(seed: int) -> np.ndarray:
        given = opened.infer(clips[seed], target=seed + 1)
        return np.concatenate([given[name].ravel() for name in sorted(given)])

    return ask


def explainer(folder: str) -> Callable[[int], np.ndarray]:
    shared = tubecam.Explainer(folder)
    return lambda seed: shared.explain(tiny_bundle.clip(seed)).tube


def explainer_of_frames(folder: str) -> Callable[[int], np.ndarray]:
    shared = tubecam.Explainer(folder)
    videos = [
        np.stack([picture(9 * seed + i) for i in range(tiny_bundle.LENGTH)]) for seed in (0, 1)
    ]
    return lambda seed: shared.explain(videos[seed]).tube


def settings(folder: str) -> Callable[[int], Any]:
    """Setters between windows: each explanation is of one of the values, whole."""
    shared = tubecam.Explainer(folder)

    def ask(seed: int) -> bool:
        shared.target, shared.threshold = seed, 0.25 + seed / 2
        found = shared.explain(tiny_bundle.clip())
        return found.target_index in (0, 1) and found.target == f"class {found.target_index}"

    return ask


SPEC = {"length": 4, "height": 24, "width": 32}
QUESTIONS: dict[str, Callable[[str], Callable[[int], Any]]] = {
    "Engine": engine,
    "Explainer": explainer,
    "Explainer, frames": explainer_of_frames,
    "Explainer, settings": settings,
    "ClipFlow": lambda _: flow(),
    "CaptionPainter": lambda _: caption(_core.CaptionPainter()),
    "blend_heat": lambda _: lambda seed: drawn(blend, seed),
    "preprocess": lambda _: (
        lambda seed: _core.preprocess(_core.Frame.from_array(picture(seed)), _core.ClipSpec(**SPEC))
    ),
    "cam3d": lambda _: (
        lambda seed: _core.cam3d(
            np.full((3, 2, 2, 2), seed + 1, np.float32), "cam", weight=np.ones(3, np.float32)
        )[0]
    ),
    "load_bundle": lambda folder: lambda _: tubecam.load_bundle(folder).describe(),
}


def ask_together(ask: Callable[[int], Any], rounds: int) -> list[tuple[int, Any]]:
    """Two threads, each with its own question; their answers, or what was raised."""
    answers: list[tuple[int, Any]] = []
    together = threading.Barrier(2)

    def work(seed: int) -> None:
        together.wait()
        for _ in range(rounds):
            try:
                answers.append((seed, ask(seed)))
            except Exception as error:
                answers.append((seed, error))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> str:
    return str(tiny_bundle.write(tmp_path_factory.mktemp("tiny")))


@pytest.mark.parametrize("name", QUESTIONS)
def test_two_threads_are_answered_as_one(bundle, name):
    ask = QUESTIONS[name](bundle)
    alone = [ask(seed) for seed in (0, 1)]
    answers = ask_together(ask, ROUNDS if name != "load_bundle" else 20)
    wrong = [(seed, got) for seed, got in answers if not np.array_equal(got, alone[seed])]
    assert not wrong, (len(wrong), len(answers), wrong[0])


def test_two_threads_may_fill_one_window():
    window = _core.ClipWindow(_core.ClipSpec(**SPEC, sample_fps=10.0), hop=1)
    frames = [_core.Frame.from_array(np.full((24, 32, 3), value, np.uint8)) for value in (0, 255)]
    clock = iter(range(10**9))

    def push(seed: int) -> bool:
        window.push(frames[seed], next(clock) * 100_000_000)
        try:
            slices = window.clip().reshape(4, -1)
        except UsageError:  # times went back, as the other thread was ahead: it begins again
            return True
        return bool((slices == slices[:, :1]).all())  # each of one frame, none half of both

    assert all(whole is True for _, whole in ask_together(push, ROUNDS))


def test_a_signal_and_a_smoother_survive_two_threads():
    signal, smoother = _core.RelevanceSignal(10.0), _core.HeatSmoother()

    def ask(seed: int) -> bool:
        start = seed * 1000
        times = [(start + i) * 100_000_000 for i in range(8)]
        _, values = signal.add(times, np.full(8, seed + 1, np.float32))
        smoother.update(plane(seed), 1.0, start)
        return bool(np.isin(values, (1, 2)).all() and np.isfinite(smoother.plane).all())

    assert all(good is True for _, good in ask_together(ask, ROUNDS))


# A demuxer adds pads in its own thread while the one that plays asks whether it is still reading.
GROWING = """
import threading, time
from tubecam.video.gstreamer import Gst, make
from tubecam.video.source import is_reading
pipeline, tee = Gst.Pipeline(), make("tee")
pipeline.add(tee)
over = False
def grow():
    while not over:
        for pad in [tee.request_pad_simple("src_%u") for _ in range(6)]:
            tee.release_request_pad(pad)
thread = threading.Thread(target=grow)
thread.start()
end = time.monotonic() + 4
while time.monotonic() < end:
    assert not is_reading(pipeline)
over = True
thread.join()
"""


def test_pads_may_be_added_while_they_are_looked_through():
    """With the checks of Python's allocator, as what is written too far ends the process later."""
    parts.require("gi")
    environment = {**os.environ, "PYTHONMALLOC": "debug"}
    command = [sys.executable, "-c", GROWING]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
