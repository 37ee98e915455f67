"""A trained network and real faces, where TUBECAM_REAL_DATA names a folder that has them.

The folder holds LR-ASD's published weights (github.com/Junhua-Liao/LR-ASD) and clips of the GRID
corpus, which are not part of this project.
"""

from __future__ import annotations

import numpy as np
import pytest

import parts

torch = parts.require("torch")

import active_speaker  # noqa: E402
import tubecam  # noqa: E402
from tubecam.export import export  # noqa: E402
from videos import JPEG, read_video, write_video  # noqa: E402

pytestmark = pytest.mark.needs("real-data")
FPS, LENGTH = 25, 25
MEAN, STD = 0.4161, 0.1688
FACE = (126, 151, 112)  # left, top, side: the face as the network was trained on it
SPEECH = slice(12, 55)  # frames, by the word times that come with the clip
METHODS = ("gradcam", "lrp-epsilon-plus")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("real")


@pytest.fixture(scope="module")
def face(folder):
    left, top, side = FACE
    clip = active_speaker.DATA / "clips" / "faces" / "id2_vcd_swwp2s.mpg"
    frames = [f[top : top + side, left : left + side] for f in read_video(clip).frames]
    times = [i / FPS for i in range(len(frames))]
    quality = JPEG.replace("95", "100")
    path = folder / "face.mkv"
    return np.stack(frames), write_video(path, frames, times, fps=f"{FPS}/1", encoder=quality)


@pytest.fixture(scope="module")
def bundle(folder):
    clip = {
        "length": LENGTH, "height": 112, "width": 112, "sample_fps": float(FPS),
        "mean": (MEAN,) * 3, "std": (STD,) * 3, "resize": "stretch",
    }  # fmt: skip
    report = export(
        "active_speaker:build", folder / "asd", clip=clip, methods=METHODS,
        labels=["silent", "speaking"],
    )  # fmt: skip
    assert report.check.max_relative_error < 1e-5
    assert report.geometry.exact and report.geometry.offset == (0, 0, 0)
    return folder / "asd"


def test_the_answers_are_the_networks_and_mostly_right(face, bundle):
    frames, video = face
    x = torch.from_numpy(frames).permute(3, 0, 1, 2)[None].float() / 255
    with torch.no_grad():
        whole = active_speaker.build().slices((x - MEAN) / STD)[0].argmax(1).numpy()
    windows = list(tubecam.Explainer(bundle, hop=1).explain_video(video))
    middles = LENGTH // 2 + np.arange(len(windows))
    assert len(windows) == len(frames) - LENGTH + 1
    labels = np.array([window.label for window in windows])
    assert (labels == whole[middles]).mean() >= 0.95
    truth = np.zeros(len(frames), int)
    truth[SPEECH] = 1
    assert (whole == truth).mean() >= 0.8


@pytest.mark.parametrize("method", METHODS)
def test_what_speaks_for_speaking_lies_on_nose_and_mouth(face, bundle, method):
    explainer = tubecam.Explainer(bundle, method=method, hop=5, target=1)
    tubes = [np.maximum(w.tube, 0).sum(0) for w in explainer.explain_video(face[1])]
    heat = np.sum(tubes, 0)
    h, w = heat.shape
    middle = heat[int(0.3 * h) : int(0.9 * h), int(0.2 * w) : int(0.8 * w)]
    assert middle.sum() > 0.6 * heat.sum()  # on 36 % of the picture
