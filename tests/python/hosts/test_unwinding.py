"""Two unwinders in one process: it works, or the element says what to do; it never aborts."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tubecam.libraries import plugin_path

PROGRAM = """
import {first}
import {second}
import gi
gi.require_version("Gst", "1.0")
from gi.repository import Gst
Gst.init(None)
source = "videotestsrc num-buffers=45 ! video/x-raw,width=128,height=72,framerate=30/1"
pipeline = Gst.parse_launch(source + " ! tubecam bundle={bundle} ! fakesink")
pipeline.set_state(Gst.State.PLAYING)
kinds = Gst.MessageType.EOS | Gst.MessageType.ERROR
message = pipeline.get_bus().timed_pop_filtered(60 * Gst.SECOND, kinds)
failed = message.type == Gst.MessageType.ERROR
print(message.parse_error()[0].message if failed else "end of stream")
pipeline.set_state(Gst.State.NULL)
"""


def output_of(first: str, second: str, bundle, **environment) -> str:
    program = PROGRAM.format(first=first, second=second, bundle=bundle)
    env = {**os.environ, "GST_PLUGIN_PATH": plugin_path.search_path(), **environment}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("order", [("tubecam", "numpy"), ("numpy", "tubecam"), ("sys", "os")])
def test_an_application_that_imports_tubecam_before_gi_works(order, motion_bundle):
    assert output_of(*order, motion_bundle) == "end of stream"


def test_one_that_does_not_works_or_is_told_what_to_do(motion_bundle):
    said = output_of("numpy", "sys", motion_bundle)
    assert said == "end of stream" or "import tubecam before gi" in said


def test_the_advice_works(motion_bundle):
    said = output_of("numpy", "sys", motion_bundle, LD_PRELOAD="libgcc_s.so.1")
    assert said == "end of stream"
