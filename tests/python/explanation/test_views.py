"""What an explanation gives: maps, pictures, files, tables, words."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest

import parts
import tiny_bundle
import tubecam
from tubecam.errors import OutputError, UsageError


@pytest.fixture(scope="module")
def explainer(tmp_path_factory):
    with tubecam.Explainer(tiny_bundle.write(tmp_path_factory.mktemp("views"))) as shared:
        yield shared


@pytest.fixture
def frames(rng):
    return rng.integers(0, 256, (tiny_bundle.LENGTH, 24, 40, 3), np.uint8)


@pytest.fixture
def found(explainer, frames):
    return explainer.explain(frames)


def test_a_heat_map_has_the_frames_size_and_agrees_with_points(found):
    heat = found.heatmap(slice=3)
    assert heat.shape == (24, 40) and heat.dtype == np.float32
    x, y = 20, 7
    assert heat[y, x] == found.sample(found.times[3], (x + 0.5) / 40, (y + 0.5) / 24)
    left = round(found.crop[0] * 40)
    assert left > 0 and not heat[:, : left - 1].any() and heat.any()
    assert found.heatmap(size=(5, 9)).shape == (5, 9)
    np.testing.assert_array_equal(found.heatmap(), found.heatmap(found.peak.time))
    for wrong in (
        {"time": 0.1, "slice": 1}, {"time": np.nan}, {"time": "a"}, {"slice": "a"},
        {"size": (0, 4)}, {"size": (4,)}, {"size": 3}, {"size": (4.5, 4)},
    ):  # fmt: skip
        with pytest.raises(UsageError):
            found.heatmap(**wrong)


def test_an_overlay_is_a_copy_with_heat_and_words(found, rng):
    frame = rng.integers(0, 256, (240, 400, 3), np.uint8)
    before = frame.copy()
    plain, worded = found.overlay(frame, caption=False), found.overlay(frame)
    assert plain.shape == frame.shape and (frame == before).all()
    assert (plain != frame).any() and (worded != plain).any()
    still = found.overlay(frame, caption=False, style=tubecam.HeatStyle(scale=1e9))
    assert (still == frame).all()
    with pytest.raises(UsageError, match="style must be a HeatStyle, not 'hot'"):
        found.overlay(frame, style="hot")
    with pytest.raises(UsageError, match="a point is a time"):
        found.sample("now", 0.5, 0.5)
    with pytest.raises(UsageError, match=r"uint8 \[H, W, 3\]"):
        found.overlay(frame[..., 0])


def test_a_window_at_a_glance(found, frames):
    grey, seen = found.picture(), found.picture(frames)
    assert grey.dtype == np.uint8 and grey.shape == seen.shape and (grey != seen).any()
    with pytest.raises(UsageError, match="8 frames, not 3"):
        found.picture(frames[:3])
    assert found._repr_png_()[:4] == b"\x89PNG" and "<img" in found._repr_html_()


def equal(first, second) -> bool:
    if isinstance(first, np.ndarray):
        return first.dtype == second.dtype and np.array_equal(first, second, equal_nan=True)
    if isinstance(first, tuple):
        return len(first) == len(second) and all(map(equal, first, second))
    if dataclasses.is_dataclass(first):
        return equal(tuple(vars(first).values()), tuple(vars(second).values()))
    return first == second or (first != first and second != second)


def test_files_are_exact(found, tmp_path):
    path = tmp_path / "window.tube"
    found.save(path)
    read = tubecam.load_explanation(path)
    for name, value in vars(found).items():
        assert type(getattr(read, name)) is type(value) and equal(value, getattr(read, name)), name
    assert read.to_json() == found.to_json() and list(tmp_path.iterdir()) == [path]
    assert not read.tube.flags.writeable


def test_an_interrupted_file_leaves_what_was_there(found, tmp_path, monkeypatch):
    path = tmp_path / "window.npz"
    path.write_bytes(b"before")

    def interrupted(file, **arrays):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        found.save(path)
    assert list(tmp_path.iterdir()) == [path] and path.read_bytes() == b"before"


def test_files_that_are_none(found, tmp_path):
    path = tmp_path / "window.npz"
    with pytest.raises(UsageError, match="cannot read"):
        tubecam.load_explanation(path)
    found.save(path)
    whole = path.read_bytes()
    for data in (b"", b"nonsense", whole[:-40], pickle.dumps([1])):
        path.write_bytes(data)
        with pytest.raises(UsageError, match="window.npz"):
            tubecam.load_explanation(path)
    arrays = {"explanation.json": np.frombuffer(b'{"format": 99}', np.uint8)}
    np.savez(path, **arrays)
    with pytest.raises(UsageError, match="format 99.*update"):
        tubecam.load_explanation(path)
    with pytest.raises(OutputError, match="cannot write"):
        found.save(tmp_path / "none" / "window.npz")


def test_tables(found):
    pandas = parts.require("pandas")
    table = pandas.concat([found.to_pandas(), found.to_pandas()])
    assert len(table) == 16 and table["relevance"].iloc[2] == found.curve[2]
    assert len(found.to_pandas("boxes")) == len(found.boxes)


def test_tables_need_pandas(found, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(tubecam.UnavailableError, match="pip install pandas"):
        found.to_pandas()
    with pytest.raises(UsageError, match="curve or of the boxes"):
        found.to_pandas("tube")


def test_pictures_need_pillow(found, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(tubecam.UnavailableError, match=r"needs Pillow.*tubecam\[cli\]"):
        found.show()
    assert found._repr_png_() is None and "<img" not in found._repr_html_()


def test_words(explainer, found):
    assert repr(found).startswith(f"Explanation({found.label!r}") and "tube 4×4×4" in repr(found)
    assert "nan" not in repr(found.receipt) and "method='gradcam'" in repr(found.receipt)
    assert "gradcam, 5 classes, clips 8×3×16×16" in repr(explainer)


def test_old_names_warn(found):
    with pytest.warns(DeprecationWarning, match="label_name is now label"):
        assert found.label_name == found.label
    with pytest.warns(DeprecationWarning, match="target_index"):
        assert found.target_name == found.target
