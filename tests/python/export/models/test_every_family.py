"""Every named architecture from its export to an explained video, at the least size that works."""

from __future__ import annotations

import json

import numpy as np
import pytest

import parts

torch = parts.require("torch")

from tubecam import Explainer  # noqa: E402
from tubecam.cli import main as cli  # noqa: E402
from tubecam.export import export  # noqa: E402
from tubecam.export.models.architectures import ARCHITECTURES  # noqa: E402
from videos import numbered, read_video, write_video  # noqa: E402

pytestmark = pytest.mark.slow
FPS, FRAMES, HOP = 10, 28, 4
SMALL = (4, 32, 32)
SIZES = {  # the smallest that they take, or whose explained layer has more than one cell
    "slowfast_r50": (4, 64, 64),
    "c3d": (16, 96, 96), "i3d": (9, 193, 193), "i3d_flow": (10, 193, 193),
    "conv3d_7ch": (7, 60, 40), "two_stream": (11, 64, 64), "tsn": (18, 32, 32),
}  # fmt: skip
FLOW = ("i3d_flow", "conv3d_7ch", "two_stream", "tsn")
STRIP = 12  # rows at the foot that show relevance over time


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    times = [i / FPS for i in range(FRAMES)]
    path = tmp_path_factory.mktemp("video") / "in.mp4"
    return write_video(path, numbered(FRAMES, (192, 144)), times, fps=f"{FPS}/1")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_from_weights_to_the_overlay(tmp_path, video, name):
    if name in FLOW:
        parts.require("opencv")
    torch.manual_seed(4)
    weights = tmp_path / "weights.pth"
    torch.save({"state_dict": ARCHITECTURES[name].make(3).state_dict()}, weights)
    length, height, width = SIZES.get(name, SMALL)
    clip = {"length": length, "height": height, "width": width, "sample_fps": float(FPS)}
    report = export(
        name, tmp_path / "b", weights=weights, methods=["gradcam"], clip=clip, measure=False,
        labels=["still", "left", "right"], force=True,  # whatever class its maps tell of
    )  # fmt: skip
    assert report.check.max_relative_error < 1e-4
    out, jsonl = tmp_path / "out.mp4", tmp_path / "out.jsonl"
    arguments = ["run", str(video), "-o", str(out), "--jsonl", str(jsonl), "-q", "--target", "left"]
    assert cli.main([*arguments, "--bundle", str(tmp_path / "b"), "--hop", str(HOP)]) == 0

    windows = [json.loads(line) for line in jsonl.read_text().splitlines()]
    assert len(windows) == (FRAMES - length) // HOP + 1
    assert all(window["method"] == "gradcam" for window in windows)
    curves = np.array([window["curve"] for window in windows], float)
    assert curves.shape[1] == length and np.isfinite(curves).all()

    before, after = read_video(video).frames, read_video(out).frames
    assert len(after) == FRAMES
    explained = slice(length, FRAMES - HOP)
    change = np.abs(np.stack(before).astype(int) - np.stack(after))[explained]
    assert change[:, -STRIP:].mean() > 3  # the strip
    if (curves > 0).any():  # with weights that have learnt nothing, all may speak against a class
        assert change[:, 24:-STRIP].max() > 40  # heat on the picture
    assert Explainer(tmp_path / "b").bundle.labels == ("still", "left", "right")
