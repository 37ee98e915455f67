"""The package's face: light to import, complete, documented."""

from __future__ import annotations

import importlib
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


def test_modules_import_alone():
    for module in ("bundle.bundle", "explainer.explainer", "explainer.explanation", "errors"):
        importlib.import_module(f"tubecam.{module}")
        python(f"import tubecam.{module}")
