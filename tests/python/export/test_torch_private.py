"""What the export needs of torch beyond its public interface stands in one file."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import parts
from places import ROOT

EXPORT = ROOT / "python" / "tubecam" / "export"
HOME = EXPORT / "torch_private.py"
PRIVATE = re.compile(
    r"\btorch(\.\w+)*\._(?!_)"  # torch._decomp, torch.utils._python_dispatch
    r"|\btorch\.fx\.(experimental|passes)|\bdynamo="
    r"|\._schema\b|\._version\b(?!\s+import)|_forward_cls|_allow_non_fake_inputs"
)

# What a child runs: torch lacks one of these names.
CODE = """
import importlib
delattr(importlib.import_module({module!r}), {name!r})
try:
    import tubecam.export
except Exception as error:
    print(type(error).__name__, error, sep="|")
"""


@pytest.mark.parametrize(
    ("line", "private"),
    [
        ("from torch._decomp import core_aten_decompositions", True),
        ("from torch.utils._python_dispatch import _disable_current_modes", True),
        ("from torch.fx.experimental.proxy_tensor import make_fx", True),
        ("torch.onnx.export(module, dynamo=False)", True),
        ("names = {op._schema.name for op in calls}", True),
        ("from .._version import __version__", False),
        ("aten._softmax.default: aten.softmax.int,", False),
        ("version = torch.__version__", False),
        ("from torch.overrides import TorchFunctionMode", False),
    ],
)
def test_private_names_are_told_from_public_ones(line, private):
    assert bool(PRIVATE.search(line)) is private


def test_only_one_file_uses_private_names():
    users = {
        path for path in EXPORT.parent.rglob("*.py") if PRIVATE.search(path.read_text("utf-8"))
    }
    assert users == {HOME}


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("torch._decomp", "core_aten_decompositions"),
        ("torch.fx.passes.fake_tensor_prop", "FakeTensorProp"),
    ],
)
def test_another_torch_is_refused_in_one_sentence(module, name):
    torch = parts.require("torch")
    code = CODE.format(module=module, name=name)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    kind, message = done.stdout.strip().split("|")
    assert kind == "UnavailableError"
    assert re.match(r"export needs torch==[\d.]+, and torch ", message)
    assert torch.__version__ in message and "pip install" in message
