"""What the pages say about methods and options is what the program knows."""

from __future__ import annotations

import functools
import re

import pytest

from places import ROOT
from tubecam import _core
from tubecam.cli import main as cli

PAGES = [
    path
    for folder in (".", "engines", "engines/motion_recipe", "deploy", "tests/perf", "csrc")
    for path in sorted((ROOT / folder).glob("*.md"))
]
METHODS = [name for name in _core.methods() if name not in _core.methods("motion")]


@functools.cache
def options_of(command: str) -> frozenset[str]:
    """Those that a command's help names."""
    with pytest.MonkeyPatch.context() as patch:
        written = []
        patch.setattr("sys.stdout.write", written.append)
        with pytest.raises(SystemExit):
            cli.main([command, "--help"])
    return frozenset(re.findall(r"--[a-z][a-z0-9-]*", "".join(written)))


def commands_of(page: str) -> list[tuple[str, str]]:
    """(command, arguments) of each call of the command line on a page."""
    joined = re.sub(r"\\\n\s*", " ", page)
    return re.findall(
        r"tubecam (run|methods|export|inspect|bench|build|models) ([^`|#\n]*)", joined
    )


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_option_of_a_page_exists(path):
    unknown = [
        (command, option)
        for command, arguments in commands_of(path.read_text("utf-8"))
        for option in re.findall(r"(?<!\S)--[a-z][a-z0-9-]*", arguments)
        if option not in options_of(command)
    ]
    assert unknown == []


def test_an_unknown_option_is_found():
    page = "    tubecam run a.mp4 \\\n      --sheet b.png --heat\n"
    ((command, arguments),) = commands_of(page)
    assert command == "run" and arguments.split() == ["a.mp4", "--sheet", "b.png", "--heat"]
    assert "--sheet" in options_of("run") and "--heat" not in options_of("run")


@pytest.mark.parametrize("page", ["engines/METHODS.md", "engines/README.md"])
def test_every_method_is_described(page):
    text = (ROOT / page).read_text("utf-8")
    names = METHODS if page.endswith("METHODS.md") else _core.methods("relevance")
    assert [name for name in names if f"`{name}`" not in text] == []
