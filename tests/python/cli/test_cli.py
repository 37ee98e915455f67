"""The command line's manners: help, versions, exit statuses, and that it is quick to answer."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

import parts
from tubecam._version import __version__
from tubecam.cli import main as cli
from tubecam.windows import jsonl
from tubecam.windows.window_record import WindowRecord


def words(capsys) -> str:
    """Everything printed so far, on both streams."""
    captured = capsys.readouterr()
    return captured.out + captured.err


def status_of(*arguments) -> int:
    """The exit status of a command line, argparse's own exits included."""
    try:
        return cli.main([str(argument) for argument in arguments])
    except SystemExit as exit_:
        return int(exit_.code or 0)


def test_version(capsys):
    assert status_of("--version") == 0
    assert capsys.readouterr().out == f"tubecam {__version__}\n"


def test_help_names_every_command(capsys):
    assert status_of("--help") == 0
    text = capsys.readouterr().out
    assert all(f"\n  {name} " in text for name in cli.COMMANDS)
    assert status_of() == 0
    assert capsys.readouterr().out == text


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_help_of_each_command(command, capsys):
    assert status_of(command, "--help") == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: tubecam {command}")
    assert max(map(len, text.splitlines())) <= 110


def test_help_is_quick_and_light():
    code = (
        "import sys, time; begin = time.perf_counter(); from tubecam.cli import main\n"
        "try: main.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'gi', 'rich', 'PIL', 'torch', 'openvino', 'tubecam._core'}\n"
        "print(heavy & set(sys.modules), time.perf_counter() - begin, file=sys.stderr)"
    )
    errors = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stderr
    loaded, seconds = errors.rsplit(maxsplit=1)
    assert loaded == "set()"
    assert float(seconds) < 0.3


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["run"],
        ["run", "test", "--alpha", "2"],
        ["run", "test", "--alpha", "nan"],
        ["run", "test", "--scale", "0"],
        ["run", "test", "--scale", "some"],
        ["methods", "test", "-o", "m.png", "--scale", "inf"],
        ["run", "test", "--hop", "0"],
        ["run", "test", "--hop", "17"],
        ["run", "test", "--duration", "-1"],
        ["run", "test", "--color-map", "pink"],
        ["run", "test", "--method", "magic"],
        ["run", "test", "--target", "somersault"],
        ["run", "test", "--target", "9"],
        ["run", "test", "-o", "out.gif"],
        ["run", "test", "--sheet", "out.txt"],
        ["run", "test", "--sheet", "a.png", "--jsonl", "a.png"],
        ["run", "camera:front"],
    ],
)
def test_wrong_usage(arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert status_of(*arguments) == 2
    assert "tubecam" in words(capsys)
    assert not list(tmp_path.iterdir())


def test_unknown_class_suggests_those_alike(capsys):
    assert status_of("run", "test", "--target", "clock") == 2
    assert "clockwise, counterclockwise" in words(capsys)


def test_missing_bundle(capsys):
    assert status_of("run", "test", "--bundle", "no/such/folder") == 1
    text = words(capsys)
    assert "no/such/folder" in text and "motion" in text


def test_inspect(capsys):
    assert status_of("inspect", "motion") == 0
    text = capsys.readouterr().out
    assert (
        "motion" in text
        and "gradcam (default)" in text
        and "has the SHA-256 that it states" in text
    )


def test_inspect_json(capsys, motion_bundle):
    assert status_of("inspect", motion_bundle, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["usable"] is True and facts["problem"] is None
    assert facts["bundle"]["name"] == "motion" and "left" in facts["classes"]


def test_inspect_tells_of_a_changed_file(capsys, motion_bundle, tmp_path):
    copy = shutil.copytree(motion_bundle, tmp_path / "copy")
    with (copy / "labels.txt").open("a") as file:
        file.write("sideways\n")
    assert status_of("inspect", copy) == 1
    assert "labels.txt" in capsys.readouterr().err
    assert status_of("inspect", copy, "--json") == 1
    assert json.loads(capsys.readouterr().out)["usable"] is False


def test_inspect_needs_a_bundle(capsys, tmp_path):
    assert status_of("inspect", tmp_path) == 1
    assert "bundle.json" in capsys.readouterr().err


def test_a_number_that_is_not_finite_is_null():
    record = WindowRecord(
        number=3, valid=False, problem="NaN in the logits", pts=np.arange(4) * 10**9, label="",
        score=float("nan"), target="left", top=(), method="gradcam", tube=np.zeros((1, 1, 1)),
        stride=(1, 1, 1), offset=(0, 0, 0), clip=(4, 1, 1), crop=(0, 0, 1, 1),
        curve=np.full(4, np.inf, np.float32), peak=(0.5, 0.5), peak_value=float("-inf"), peak_pts=0,
        boxes=np.zeros((0, 5)), timings={"engine": 1.5}, receipt={"logit": float("nan")},
    )  # fmt: skip
    window = json.loads(jsonl.line(record), parse_constant=pytest.fail)
    assert window["problem"] == "NaN in the logits" and window["score"] is None
    assert window["curve"] == [None] * 4 and window["receipt"] == {"logit": None}
    assert window["times"] == [0, 1, 2, 3]


def test_models_lists_every_architecture(capsys):
    parts.require("torch")
    from tubecam.export.models.architectures import ARCHITECTURES

    assert status_of("models") == 0
    table, needs, adapters = capsys.readouterr().out.split("\n\n")
    assert needs.startswith("flow: optical flow") and "OpenCV" in needs
    assert [line.split()[0] for line in table.splitlines()] == ["name", *ARCHITECTURES]
    assert "transformers:FOLDER" in adapters and "attention-rollout" in adapters


def test_models_tells_of_one(capsys):
    parts.require("torch")
    assert status_of("models", "c3d", "--json") == 0
    facts = json.loads(capsys.readouterr().out)["c3d"]
    assert facts["parameters"] == 78_409_573 and facts["clip"]["length"] == 16
    assert "gradcam" in facts["methods"]
    assert not {"cam", "attention-rollout"} & set(facts["methods"])
    assert status_of("models", "c3d") == 0
    assert "tubecam export c3d --weights FILE" in capsys.readouterr().out
    assert status_of("models", "tsn") == 0
    out = capsys.readouterr().out
    assert "optical flow, computed by OpenCV" in out and "smoothgrad" not in out


def test_models_names_what_there_is(capsys):
    parts.require("torch")
    assert status_of("models", "c4d") == 2
    assert "'c4d'" in (text := capsys.readouterr().err) and "x3d_xs" in text
