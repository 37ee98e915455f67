"""What an inference engine leaves behind when it goes: signals still have a stack to run on."""

from __future__ import annotations

import subprocess
import sys

import pytest

import parts
from places import SUPPORT

CODE = """
import gc, signal, sys, threading
sys.path.insert(0, {tests!r})
import tiny_bundle
from {module} import {function}

def used_elsewhere():
    kept.clear()
    gc.collect()

for _ in range(3):
    kept = [{function}(tiny_bundle.model().SerializeToString(), {arguments})]
    thread = threading.Thread(target=used_elsewhere)
    thread.start()
    thread.join()
    filled = [bytearray(11568) for _ in range(1000)]
    signal.signal(signal.SIGTERM, lambda *_: print("heard", flush=True))
    signal.raise_signal(signal.SIGTERM)
"""


@pytest.mark.parametrize(
    ("module", "function", "arguments"),
    [
        ("tubecam.export.verify.engine", "compile_in_engine", ""),
        ("tubecam.bench.openvino_model", "compile_model", "1, 'bfloat16'"),
    ],
)
def test_a_signal_is_heard_after_an_engine_went_in_another_thread(module, function, arguments):
    if "export" in module:
        parts.require("torch")
    code = CODE.format(tests=str(SUPPORT), module=module, function=function, arguments=arguments)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, 3 * "heard\n"), done.stderr
