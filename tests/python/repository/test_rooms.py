"""The order of the package's rooms: each uses only those before it, and no two files circle."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from places import ROOT

PACKAGE = ROOT / "python" / "tubecam"
MOST_ROOMS, MOST_FILES = 24, 20

# The order of use, which is the order of reading.
ROOMS = (
    "_core", "_version", "errors", "text", "libraries", "reference", "bundle", "scene", "windows",
    "drawing", "video", "explainer", "figures", "evaluation", "export", "run", "bench", "cli",
    "__init__", "__main__",
)  # fmt: skip
EXPORT_ROOMS = (
    "torch_private", "spec", "options", "onnx", "trace", "axes", "models", "layers", "verify",
    "head", "gradient", "cam", "relevance", "methods", "report", "precision", "bundle_folder",
    "graph_entry", "convert_bundle", "listing", "exporter", "attribute", "__init__",
)  # fmt: skip

Module = tuple[str, ...]  # its path below the package; a folder's own ends with __init__


@cache
def modules(package: Path) -> dict[Module, Path]:
    found = [*package.rglob("*.py"), *package.rglob("*.pyi")]
    return {p.relative_to(package).with_suffix("").parts: p for p in found}


@cache
def imports(package: Path, module: Module) -> set[Module]:
    """The package's modules that a module imports, wherever in it that stands."""
    known, found = modules(package), set()
    for node in ast.walk(ast.parse(known[module].read_text("utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        above = module[: len(module) - node.level] if node.level else ()
        if not node.level and (node.module or "").split(".")[0] != package.name:
            continue
        stated = tuple((node.module or "").split(".")) if node.module else ()
        base = above + (stated if node.level else stated[1:])
        for name in (alias.name for alias in node.names):
            paths = ((*base, name), (*base, name, "__init__"), base, (*base, "__init__"))
            found |= {next((path for path in paths if path in known), module)} - {module}
    return found


def upward(package: Path, rooms: tuple[str, ...], inside: str = "") -> list[str]:
    """The imports from a room of one that comes later; `inside`: the rooms are this folder's."""
    depth, wrong = int(bool(inside)), []
    for module in modules(package):
        for other in imports(package, module):
            pair = module, other
            if inside and any(m[0] != inside for m in pair):
                continue
            here, there = (rooms.index(m[depth]) for m in pair)
            if there > here:
                wrong.append(f"{'.'.join(module)} imports {'.'.join(other)}")
    return sorted(wrong)


def circles(package: Path) -> list[list[str]]:
    """Modules that import each other, by whatever way round."""
    waiting = {module: imports(package, module) for module in modules(package)}
    while free := [m for m, needs in waiting.items() if not needs & waiting.keys()]:
        for module in free:
            del waiting[module]
    while free := [m for m in waiting if not any(m in needs for needs in waiting.values())]:
        for module in free:
            del waiting[module]
    return [sorted(".".join(m) for m in waiting)] if waiting else []


def test_rooms_use_only_those_before_them():
    assert upward(PACKAGE, ROOMS) == []
    assert upward(PACKAGE, EXPORT_ROOMS, "export") == []


def test_every_room_has_its_place():
    entries = {module[0] for module in modules(PACKAGE)}
    assert entries == set(ROOMS)
    assert len(list(PACKAGE.glob("*.py*")) + [r for r in ROOMS if (PACKAGE / r).is_dir()]) <= (
        MOST_ROOMS
    )
    assert {m[1] for m in modules(PACKAGE) if m[0] == "export"} == set(EXPORT_ROOMS)


def test_the_readme_lists_the_rooms_in_their_order():
    above, below = (ROOT / "python" / "README.md").read_text("utf-8").split("## Export")
    listed = [re.findall(r"^\| (`.+?) \|", text, re.MULTILINE) for text in (above, below)]
    named = [re.findall(r"`(\w+)`", " ".join(cells)) for cells in listed]
    assert named[0] == [room for room in ROOMS if not room.startswith("__") and room != "_version"]
    assert named[1] == [room for room in EXPORT_ROOMS if room != "__init__"]


def test_nothing_goes_in_circles():
    assert circles(PACKAGE) == []


@pytest.mark.parametrize("folder", sorted({p.parent for p in modules(PACKAGE).values()}), ids=str)
def test_folders_are_small_and_say_what_they_hold(folder):
    files = [p for p in folder.iterdir() if p.is_file() and p.suffix in (".py", ".pyi", ".json")]
    assert len(files) <= MOST_FILES
    assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8")))


def test_wrong_imports_are_found(tmp_path):
    package = tmp_path / "house"
    for name, text in {
        "__init__": "", "low/__init__": "", "high/__init__": "",
        "low/a": "def f():\n    from ..high import b\n", "low/c": "from ..errors import E\n",
        "high/b": "from ..low.a import f\n", "errors": "class E(Exception): pass\n",
    }.items():  # fmt: skip
        (package / f"{name}.py").parent.mkdir(parents=True, exist_ok=True)
        (package / f"{name}.py").write_text(text)
    rooms = ("errors", "low", "high", "__init__")
    assert upward(package, rooms) == ["low.a imports high.b"]
    assert circles(package) == [["high.b", "low.a"]]
