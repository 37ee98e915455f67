"""The repository's own rules: order of folders, explicit source lists, sizes, words, version."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import tubecam
from places import ROOT

CSRC = ROOT / "csrc"
CODE_SUFFIXES = {
    ".c",
    ".cc",
    ".cu",
    ".cuh",
    ".cmake",
    ".h",
    ".map",
    ".py",
    ".pyi",
    ".sh",
    ".txt",
    ".md",
    ".toml",
    ".json",
}
LARGEST_FILE = 4 * 2**20  # bytes; the trained graph is the largest
MOST_LINES = 400
MOST_FILES = 20  # of a folder


def files(*folders: str) -> list[Path]:
    """The repository's own files in some folders, without what builds leave there."""
    found = (path for folder in folders for path in sorted((ROOT / folder).rglob("*")))
    return [p for p in found if p.is_file() and "__pycache__" not in p.parts and p.suffix != ".so"]


def sources(*suffixes: str) -> list[Path]:
    """Code under the folders that hold it."""
    return [
        p for p in files("csrc", "python", "tests", "deploy", "engines") if p.suffix in suffixes
    ]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def own_includes(path: Path) -> list[str]:
    return re.findall(r'^\s*#include "([^"]+)"', path.read_text("utf-8"), re.MULTILINE)


def misplaced_includes(path: Path, folder: str) -> list[str]:
    """The includes of a file in csrc/`folder` that point to a later folder or to nothing."""
    return [
        name
        for name in own_includes(path)
        if name.split("/")[0] > folder or not (CSRC / name).is_file()
    ]


@pytest.mark.parametrize("path", sources(".cc", ".cu", ".cuh", ".h"), ids=relative)
def test_includes_follow_the_order_of_folders(path):
    if CSRC in path.parents:
        assert misplaced_includes(path, path.relative_to(CSRC).parts[0]) == []


def test_an_include_of_a_later_folder_is_found(tmp_path):
    wrong = tmp_path / "wrong.cc"
    wrong.write_text(
        '#include "base/error.h"\n#include "overlay/overlay.h"\n#include "base/no.h"\n'
    )
    assert misplaced_includes(wrong, "explain") == ["overlay/overlay.h", "base/no.h"]
    assert misplaced_includes(wrong, "plugin") == ["base/no.h"]


def folder_graph(root: Path) -> dict[str, set[str]]:
    """For each folder under `root`, the other folders whose files its own files include."""
    graph: dict[str, set[str]] = {}
    for path in root.rglob("*"):
        if path.suffix in (".cc", ".cu", ".cuh", ".h"):
            folder = path.parent.relative_to(root).as_posix()
            used = {Path(name).parent.as_posix() for name in own_includes(path)}
            graph.setdefault(folder, set()).update(used - {folder})
    return graph


def circle(graph: dict[str, set[str]]) -> tuple[str, ...]:
    """The folders on one circle of the graph, the first of them again at the end; or nothing."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return tuple(error.args[1])
    return ()


def test_folders_include_each_other_in_no_circle():
    graph = folder_graph(CSRC)
    assert {"base/cuda", "engine/winograd", "plugin/meta"} <= graph.keys()
    assert circle(graph) == ()


def test_a_circle_of_folders_is_found(tmp_path):
    includes = {"a/x.h": "a/b/y.h", "a/b/y.h": "a/c/z.h", "a/c/z.h": "base/error.h"}
    for name, included in includes.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f'#include "{included}"\n')
    assert circle(folder_graph(tmp_path)) == ()
    (tmp_path / "a/c/z.h").write_text('#include "a/x.h"\n')
    assert set(circle(folder_graph(tmp_path))) == {"a", "a/b", "a/c"}


def full_folders(*roots: Path) -> dict[str, int]:
    """Folders that hold more than MOST_FILES files, with their number."""
    found = (p for root in roots for p in root.rglob("*") if "__pycache__" not in p.parts)
    count = Counter(p.parent for p in found if p.is_file())
    return {folder.as_posix(): files for folder, files in count.items() if files > MOST_FILES}


def test_folders_are_small():
    assert full_folders(CSRC, ROOT / "tests/cpp", ROOT / "tests/python") == {}


def test_a_full_folder_is_found(tmp_path):
    (tmp_path / "room").mkdir()
    for number in range(MOST_FILES):
        (tmp_path / "room" / f"{number}.h").touch()
    assert full_folders(tmp_path) == {}
    (tmp_path / "room/more.h").touch()
    assert full_folders(tmp_path) == {(tmp_path / "room").as_posix(): MOST_FILES + 1}


@pytest.mark.parametrize(
    ("header", "owner"),
    [("openvino/", "csrc/engine/openvino/"), ("NvInfer", "csrc/engine/tensorrt/"),
     ("gst/", "csrc/plugin/"), ("pybind11/", "csrc/pybind/")],
)  # fmt: skip
def test_foreign_headers_stay_in_their_place(header, owner):
    users = [
        relative(p)
        for p in files("csrc")
        if re.search(rf"#include <{header}", p.read_text("utf-8"))
    ]
    assert users and all(user.startswith(owner) for user in users)


def test_every_source_is_in_the_explicit_lists():
    lists = [ROOT / "CMakeLists.txt", *ROOT.glob("cmake/*.cmake")]
    listed = "".join(path.read_text("utf-8") for path in lists)
    tested = (ROOT / "tests/cpp/CMakeLists.txt").read_text("utf-8")
    assert [
        relative(p) for p in [*CSRC.rglob("*.cc"), *CSRC.rglob("*.cu")] if relative(p) not in listed
    ] == []
    tests = [p.relative_to(ROOT / "tests/cpp").as_posix() for p in files("tests/cpp")]
    assert [name for name in tests if name.endswith(".cc") and name not in tested] == []


def test_files_are_short():
    long = {
        relative(p): lines
        for p in sources(".cc", ".cu", ".cuh", ".h", ".py", ".sh")
        if (lines := len(p.read_text("utf-8").splitlines())) > MOST_LINES
    }
    assert long == {}


def test_lines_fit_in_100_columns():
    wide = [
        f"{relative(p)}:{number}"
        for p in sources(".cc", ".cu", ".cuh", ".h", ".py", ".pyi", ".sh")
        for number, line in enumerate(p.read_text("utf-8").splitlines(), 1)
        if len(line) > 100
    ]
    assert wide == []


def test_no_large_files():
    folders = ("csrc", "python", "tests", "deploy", "engines/motion", "engines/motion_recipe")
    assert [relative(p) for p in files(*folders) if p.stat().st_size > LARGEST_FILE] == []


def test_nothing_is_left_unfinished():
    conflict = r"^(?:<{7}|>{7}) "
    words = re.compile(rf"\b(TODO|FIXME|XXX|HACK|NotImplementedError)\b|{conflict}", re.MULTILINE)
    found = [
        f"{relative(p)}: {match.group()}"
        for p in [*sources(*CODE_SUFFIXES), *ROOT.glob("*.md"), *ROOT.glob("*.toml")]
        if p != Path(__file__).resolve() and (match := words.search(p.read_text("utf-8")))
    ]
    assert found == []


def test_the_version_is_stated_once():
    from tubecam import _core

    assert tubecam.__version__ == _core.__version__


def test_importing_is_light():
    code = (
        "import sys, tubecam; print([m for m in ('torch', 'openvino', 'gi') if m in sys.modules])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60
    )
    assert loaded.stdout.strip() == "[]", loaded.stderr


DOCUMENTS = (
    "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "csrc/README.md",
    "deploy/README.md", "python/README.md",
)  # fmt: skip


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_name_real_commands_and_files(document, tubecam_command):
    path = ROOT / document
    text = path.read_text("utf-8")
    assert set(re.findall(r"\bmake ([a-z-]+)`", text)) <= make_targets()
    commands = set(re.findall(r"`tubecam ([a-z]+)|^\s*tubecam ([a-z]+)", text, re.MULTILINE))
    known = tubecam_command("--help").stdout
    assert [c for pair in commands for c in pair if c and c not in known] == []
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_make_help_names_real_targets():
    listed = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True)
    named = set(re.findall(r"make ([a-z-]+)", listed.stdout))
    assert {"demo", "test", "install"} <= named <= make_targets()


def named_types(path: Path) -> list[str]:
    """The types that a file of csrc names for all of its library, with their namespace."""
    spaces: list[str] = []
    found = []
    for line in path.read_text("utf-8").splitlines():
        if opened := re.match(r"namespace ?([\w:]*) ?\{$", line):
            spaces.append(opened[1])
        elif re.match(r"\}  // namespace", line):
            spaces.pop()
        elif "" not in spaces and (
            named := re.match(
                r"(?:class|struct|enum class)(?: TUBECAM_API)? (\w+(?:::\w+)*)[^;]*\{", line
            )
        ):
            found.append("::".join((*spaces, named[1])))
    return found


def test_no_two_types_have_one_name():
    # One definition rule: the linker takes either one's functions for both.
    places: dict[str, set[str]] = {}
    for path in sources(".cc", ".cu", ".cuh", ".h"):
        if CSRC in path.parents:
            for name in named_types(path):
                places.setdefault(name, set()).add(relative(path))
    assert len(places) > 100 and "tubecam::Explainer" in places
    assert not {name: where for name, where in places.items() if len(where) > 1}
