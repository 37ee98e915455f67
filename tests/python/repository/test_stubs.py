"""The stub of the compiled core against the module: names, kinds, signatures, defaults, types.

mypy's stubtest compares names and kinds. It cannot see signatures of pybind11's functions, which
stand in the first line of their docstrings: these are compared here.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import parts
import tubecam
from tubecam import _core

STUB = Path(tubecam.__file__).with_name("_core.pyi")
# What stubtest says of every class that pybind11 makes.
OF_PYBIND11 = (
    "is inconsistent, metaclass differs",
    '__init__ is inconsistent, stub does not have *args parameter "args"',  # made in C++ alone
)
# As pybind11 writes them → as the stub does.
TYPES = {
    "typing.SupportsInt | typing.SupportsIndex": "int",
    "typing.SupportsFloat | typing.SupportsIndex": "float",
    "collections.abc.": "",
    "tubecam._core.": "",
}
PLAIN = {"int", "float", "str", "bool", "None"}
CLASSES = {name for name, value in vars(_core).items() if isinstance(value, type)}
Signature = tuple[list[tuple[str, str, str | None, str]], str]


def complaints(stub: str, folder: Path) -> list[str]:
    """What stubtest finds wrong with a stub, in a line each."""
    package = folder / "tubecam"
    package.mkdir(parents=True)
    (package / "__init__.pyi").touch()
    (package / "_core.pyi").write_text(stub, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "tubecam._core", "--concise"],
        cwd=folder.parent, env={"MYPYPATH": str(folder)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout and "error:" not in done.stdout, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if not any(w in line for w in OF_PYBIND11)]


def test_names_and_kinds(tmp_path):
    """One wrong line shows that the others were looked at."""
    parts.require("mypy")
    stub = STUB.read_text("utf-8") + "\ndef never_written() -> None: ...\n"
    assert complaints(stub, tmp_path / "stubs") == [
        "tubecam._core.never_written is not present at runtime"
    ]


# ---- signatures ----


def stub_functions(text: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Functions, methods and properties, by their dotted names."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for member in node.body:
                if isinstance(member, ast.FunctionDef):
                    yield f"{node.name}.{member.name}", member


def signature(node: ast.FunctionDef) -> Signature:
    """([(name, kind, default, type), …] without self, type of the result)."""
    given = node.args
    places = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(places) - len(given.defaults)) + given.defaults
    listed = [(a, "place", d) for a, d in zip(places, defaults)]
    listed += [(a, "keyword", d) for a, d in zip(given.kwonlyargs, given.kw_defaults)]
    found = [
        (a.arg, kind, default and ast.unparse(default), a.annotation and ast.unparse(a.annotation))
        for a, kind, default in listed
        if a.arg not in ("self", "arg0")
    ]
    return found, node.returns and ast.unparse(node.returns)


def real_signature(dotted: str) -> Signature:
    owner, _, name = dotted.rpartition(".")
    real = getattr(getattr(_core, owner) if owner else _core, name)
    line = (real.fget if isinstance(real, property) else real).__doc__.splitlines()[0]
    line = re.sub(r"<[^>]*>", "...", line)  # defaults that are objects
    for written, plain in TYPES.items():
        line = line.replace(written, plain)
    start = line.index("(")
    return signature(ast.parse(f"def f{line[start:]}: ...").body[0])


def same_type(stated: str, real: str) -> bool:
    """Where the module's is a plain one; an object that may be missing is written as one."""
    missing = real in CLASSES and stated == f"{real} | None"
    return stated == real or missing or not {*real.split(" | ")} <= {*CLASSES, *PLAIN}


def same_default(stated: str | None, real: str | None) -> bool:
    """Written in the stub as in C++, where some are float32."""
    if stated is None or real is None:
        return stated is real
    if stated == "...":
        return True
    a, b = ast.literal_eval(stated), ast.literal_eval(real)
    return np.float32(a) == np.float32(b) if isinstance(a, float) else list_or(a) == list_or(b)


def list_or(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def wrong_signatures(text: str) -> list[str]:
    """Dotted names in a stub whose parameters, defaults or plain types are not the module's."""
    wrong = []
    for dotted, node in stub_functions(text):
        (stated, result), (real, real_result) = signature(node), real_signature(dotted)
        same = len(stated) == len(real) and all(
            a[:2] == b[:2] and same_default(a[2], b[2]) and same_type(a[3], b[3])
            for a, b in zip(stated, real)
        )
        if not same or not same_type(result, real_result):
            wrong.append(dotted)
    return wrong


def test_signatures():
    assert wrong_signatures(STUB.read_text("utf-8")) == []


def test_a_wrong_signature_is_found():
    text = STUB.read_text("utf-8")
    changes = {
        "ClipWindow.__init__": ("hop: int = 4", "hop: int = 5"),
        "ClipWindow.push": ("frame: Frame, pts: int) -> bool", "frame: Frame, time: int) -> bool"),
        "gap_limit": ("gap_limit(spec: ClipSpec,", "gap_limit(spec: ClipSpec, *,"),
        "Frame.width": ("def width(self) -> int", "def width(self) -> str"),
    }
    for dotted, (old, new) in changes.items():
        assert wrong_signatures(text.replace(old, new, 1)) == [dotted]
