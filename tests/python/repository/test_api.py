"""The package's face: light to import, complete, and described by its stubs."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tiny_bundle
import tubecam
from tubecam import _core

STUBS = Path(tubecam.__file__).with_name("_core.pyi")


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_import_is_fast():
    """In processor time, which other work hardly changes: 14 ms, of which twice is too much."""
    code = "import time; t = time.process_time(); import tubecam; print(time.process_time() - t)"
    assert min(float(python(code)) for _ in range(5)) < 0.03


def test_the_whole_face_is_imported_fast():
    code = """
import time
t = time.perf_counter()
from tubecam import *
print(time.perf_counter() - t)
"""
    assert min(float(python(code)) for _ in range(3)) < 0.6


def test_nothing_heavy_is_loaded_before_it_is_needed(tmp_path):
    folder = tiny_bundle.write(tmp_path)
    code = f"""
import sys
def libraries():
    return {{line.split("/")[-1].split(".so")[0] for line in open("/proc/self/maps")}}
import tubecam
print("numpy" in sys.modules, "tubecam._core" in sys.modules)
tubecam.load_bundle({str(folder)!r}), tubecam.Explainer
print("libopenvino" in libraries(), "torch" in sys.modules, "gi" in sys.modules)
tubecam.Explainer({str(folder)!r})
print("libopenvino" in libraries(), "torch" in sys.modules, "gi" in sys.modules)
"""
    assert python(code).splitlines() == ["False False", "False False False", "True False False"]


def test_every_public_name_is_there_and_documented():
    assert sorted(tubecam.__all__) == tubecam.__all__
    assert set(tubecam.__all__) <= set(dir(tubecam))
    for name in tubecam.__all__:
        value = getattr(tubecam, name)
        assert name.startswith("__") or value.__doc__, name
    with pytest.raises(AttributeError, match="nonsense"):
        _ = tubecam.nonsense


def test_versions_agree():
    assert tubecam.__version__ == _core.__version__


def test_errors_are_one_family_and_usage_is_a_value_error():
    for name in tubecam.__all__:
        if name.endswith("Error"):
            assert issubclass(getattr(tubecam, name), tubecam.TubecamError)
    assert issubclass(tubecam.UsageError, ValueError)


def test_typed():
    assert STUBS.is_file() and STUBS.with_name("py.typed").is_file()


def public(names) -> set[str]:
    return {name for name in names if not name.startswith("_")}


def stub_members(body: list[ast.stmt]) -> dict[str, ast.stmt]:
    members = {}
    for node in body:
        if isinstance(node, ast.AnnAssign):
            members[node.target.id] = node
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            members[node.name] = node
    return members


def stubs() -> dict[str, ast.stmt]:
    return stub_members(ast.parse(STUBS.read_text()).body)


def stub_parameters(node: ast.FunctionDef) -> list[str]:
    arguments = node.args
    return [argument.arg for argument in arguments.args + arguments.kwonlyargs]


def real_parameters(function) -> list[str]:
    """Parameter names as pybind11 writes them in the first line of a docstring."""
    signature = function.__doc__.splitlines()[0]
    return re.findall(r"(?<=[(\s])(\w+): ", signature.split(" -> ")[0])


def test_stubs_name_what_the_module_holds():
    expected = stubs()
    assert public(expected) == public(dir(_core))
    for name, node in expected.items():
        if isinstance(node, ast.ClassDef):
            members = public(stub_members(node.body))
            assert members == public(dir(getattr(_core, name))), name


def test_stubs_name_the_parameters():
    for name, node in stubs().items():
        functions = {name: node} if isinstance(node, ast.FunctionDef) else {}
        owner = _core
        if isinstance(node, ast.ClassDef):
            functions, owner = stub_members(node.body), getattr(_core, name)
        for member, function in functions.items():
            real = getattr(owner, member)
            if not isinstance(function, ast.FunctionDef) or isinstance(real, property):
                continue
            got = [p for p in real_parameters(real) if p != "self"]
            assert got == [p for p in stub_parameters(function) if p != "self"], (name, member)


def test_modules_import_alone():
    for module in ("bundle.bundle", "explainer.explainer", "explainer.explanation", "errors"):
        importlib.import_module(f"tubecam.{module}")
        python(f"import tubecam.{module}")
