"""The recipes of deploy/gallery and the Python of the README run as they stand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from places import ROOT
from tubecam.scene.story import frame_times, story

GALLERY = ROOT / "deploy" / "gallery"
RECIPES = sorted(path.name for path in GALLERY.glob("*.py"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """A folder with clip.npy and clip.mp4: one object that moves."""
    from tubecam.video.write_scene import write_demo_video

    folder = tmp_path_factory.mktemp("gallery")
    act = story()[0]
    frames = list(act.scene.frames(frame_times(act, 15)[:16], (320, 180)))
    np.save(folder / "clip.npy", np.stack(frames))
    write_demo_video(folder / "clip.mp4", 4.0, (320, 180))
    return folder


def test_there_are_ten_short_ones_and_the_readme_lists_them():
    page = (GALLERY / "README.md").read_text("utf-8")
    assert len(RECIPES) == 10
    for name in RECIPES:
        text = (GALLERY / name).read_text("utf-8")
        assert text.startswith('"""') and len(text.splitlines()) <= 25 and f"]({name})" in page


@pytest.mark.parametrize("name", RECIPES)
def test_recipe(pictures, name):
    check_runs(pictures, GALLERY / name)


def test_the_readme(pictures):
    """With a clip and a video that are there, and no viewer."""
    page = (ROOT / "README.md").read_text("utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    assert "street.mp4" in code and "explanation.show(frames)\n" in code
    code = code.replace("street.mp4", "clip.mp4").replace("explanation.show(frames)\n", "")
    lines = f"import numpy as np\nframes = np.load('clip.npy')\n{code}"
    check_runs(pictures, "-c", lines)


def check_runs(folder, *arguments):
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=300,
        env=os.environ,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
