"""A small base and its extras: what is missing is named with what installs it; pins stand once."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import parts
from tubecam.errors import UnavailableError
from tubecam.libraries.extras import needed_for, requirement

try:
    import tomllib
except ImportError:  # Python 3.10
    from pip._vendor import tomli as tomllib

OPTIONAL = ("gi", "PIL", "rich", "onnx", "torch", "matplotlib", "transformers")


@pytest.fixture(scope="module")
def project(root) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]


def run(code: str, *hidden: str, arguments=()) -> subprocess.CompletedProcess:
    """Runs code where some modules are not installed."""
    hide = f"import sys; sys.modules.update(dict.fromkeys({hidden!r}))\n"
    command = [sys.executable, "-c", hide + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_the_base_explains_clips(motion_bundle):
    done = run(
        "import numpy, tubecam\n"
        f"with tubecam.Explainer({str(motion_bundle)!r}) as explainer:\n"
        "    clip = explainer.bundle.clip\n"
        "    shape = clip.length, 3, clip.height, clip.width\n"
        "    print(explainer.explain(numpy.zeros(shape, numpy.float32)).tube.ndim)\n",
        *OPTIONAL,
    )
    assert done.stdout == "3\n", done.stderr


@pytest.mark.parametrize(
    ("hidden", "extra", "code"),
    [
        ("gi", "video", "from tubecam.video import gstreamer"),
        ("torch", "export", "from tubecam import export"),
        ("onnx", "bench", "from tubecam.bench import graph; graph.check_available()"),
        ("matplotlib", "bench", "from tubecam.bench.report import plot; plot.check_available()"),
    ],
)
def test_what_is_missing_says_which_extra_has_it(hidden, extra, code):
    last = run(code, hidden).stderr.splitlines()[-1]
    assert last.startswith("tubecam.errors.UnavailableError") and "is not installed" in last
    assert last.endswith(f"pip install 'tubecam[{extra}]'")


@pytest.mark.parametrize(
    ("hidden", "extra", "arguments"),
    [
        ("PIL", "cli", ("run", "{video}", "--sheet", "{out}/sheet.png")),
        ("PIL", "cli", ("methods", "{video}", "-o", "{out}/sheet.png")),
        ("rich", "bench", ("bench", "motion")),
    ],
)
def test_the_command_says_so_before_it_does_anything(hidden, extra, arguments, tmp_path):
    video = tmp_path / "video.mp4"
    video.write_bytes(b"never looked at")
    words = [word.format(video=video, out=tmp_path) for word in arguments]
    code = "from tubecam.cli.main import main; sys.exit(main(sys.argv[1:]))"
    done = run(code, hidden, arguments=words)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and f"pip install 'tubecam[{extra}]'" in done.stderr
    assert list(tmp_path.iterdir()) == [video]


def test_what_does_not_load_is_told_from_what_is_missing():
    with pytest.raises(UnavailableError, match=r"does not load \(no libfoo\).*tubecam\[cli\]"):
        with needed_for("a test", "cli"):
            raise ImportError("no libfoo", name="PIL.Image")


def test_requirements_are_those_of_the_project(project):
    extras = project["optional-dependencies"]
    (openvino,) = (line for line in project["dependencies"] if line.startswith("openvino"))
    assert requirement("openvino") == openvino
    assert requirement("PyGObject") == extras["video"][0]
    assert requirement("torch") in extras["export"]
    assert requirement("py") == "py"  # no part of another name


def test_every_extra_that_is_named_exists(root, project):
    texts = [*(root / "python").rglob("*.py"), *root.glob("*.md"), *(root / "deploy").rglob("*")]
    named = set()
    for path in filter(Path.is_file, texts):
        text = path.read_text("utf-8")
        for group in re.findall(r"(?:tubecam|\"\.)\[([\w,]+)\]", text):
            named.update(group.split(","))
        named.update(re.findall(r'(?:needed_for\(.*, |install_command\()"(\w+)"\)', text))
    assert {"bench", "cli", "export", "video"} <= named <= set(project["optional-dependencies"])


@pytest.mark.parametrize("package", ["openvino", "torch", "PyGObject"])
def test_a_pin_is_stated_once(root, package):
    pin = re.compile(rf"\b{package}(==|<|~=)\d")
    stated = [
        (name, match[0])
        for name in parts.require("checkout")
        if (root / name).suffix not in (".onnx", ".png", ".jpg", ".npz", ".bin", ".data")
        for match in pin.finditer((root / name).read_text("utf-8", "replace"))
    ]
    assert [name for name, _ in stated] == ["pyproject.toml"]


def test_the_build_takes_the_pin(root, project):
    code = "import setuptools.build_meta as b; print(b.get_requires_for_build_wheel())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60
    )
    assert f"'{requirement('openvino')}'" in done.stdout.splitlines()[-1], done.stderr
    assert requirement("openvino") in project["dependencies"]
