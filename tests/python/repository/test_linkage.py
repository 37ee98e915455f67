"""What the installed libraries need of a system, and what still works where it is not there."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import parts
from tubecam.libraries.plugin_path import LIBRARY_DIR, PACKAGE_DIR, search_path

LIBRARIES = sorted(p for p in PACKAGE_DIR.rglob("*.so*") if "emulated" not in p.name)
BASE = {
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "libstdc++.so.6",
}
LOADER = re.compile(r"ld-linux-[\w-]+\.so\.\d")
# What setup.sh installs, for what needs it: captions, optical flow, the plugin.
CAPTION = re.compile(r"lib(pango(cairo)?-1\.0|cairo|gobject-2\.0|glib-2\.0)\.so\.\d$")
FLOW = re.compile(r"libopencv_(core|video)\.so\.")
PLUGIN = re.compile(
    r"lib(gst(reamer|base|video|analytics|allocators)-1\.0|gobject-2\.0|glib-2\.0)\.so"
)
KNOWN = {"libtubecam_caption.so": CAPTION, "libtubecam_flow.so": FLOW, "libgsttubecam.so": PLUGIN}
# Libraries that the core must do without, as file names.
HIDDEN = """libcrypto.so.3 libcrypto.so.1.1 libssl.so.3 libpango-1.0.so.0 libpangocairo-1.0.so.0
libcairo.so.2 libglib-2.0.so.0 libgobject-2.0.so.0""".split()


def dynamic(library: Path, tag: str) -> list[str]:
    """The values of a tag in a library's dynamic section."""
    shown = subprocess.run(["readelf", "-dW", library], capture_output=True, text=True, check=True)
    return re.findall(rf"\({tag}\).*\[(.*)\]", shown.stdout)


def base(name: str) -> bool:
    return name in BASE or LOADER.fullmatch(name) is not None


def test_there_is_something_to_look_at():
    names = [p.name for p in LIBRARIES]
    assert "libtubecam_openvino.so" in names
    assert any(name.startswith("_core.") for name in names)
    assert len([n for n in names if n.startswith("libtubecam.so")]) == 1


def test_the_core_needs_the_base_of_a_system_alone():
    (core,) = LIBRARY_DIR.glob("libtubecam.so*")
    assert dynamic(core, "SONAME") == [core.name]  # the wheel has it under one name
    assert [name for name in dynamic(core, "NEEDED") if not base(name)] == []
    (bindings,) = PACKAGE_DIR.glob("_core.*.so")
    assert [name for name in dynamic(bindings, "NEEDED") if not base(name)] == [core.name]


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda path: path.name)
def test_a_library_knows_no_absolute_path(library):
    paths = [
        p for tag in ("RUNPATH", "RPATH") for line in dynamic(library, tag) for p in line.split(":")
    ]
    assert [path for path in paths if not path.startswith("$ORIGIN")] == []


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda path: path.name)
def test_what_a_library_needs_is_found_or_known(library):
    folders = [
        Path(path.replace("$ORIGIN", str(library.parent)))
        for line in dynamic(library, "RUNPATH")
        for path in line.split(":")
    ]
    known = KNOWN.get(library.name, re.compile("nothing"))
    lost = [
        name
        for name in dynamic(library, "NEEDED")
        if not (base(name) or known.match(name) or any((f / name).exists() for f in folders))
    ]
    assert lost == []


def test_the_package_holds_each_library_once():
    contents = [hashlib.sha256(p.read_bytes()).digest() for p in LIBRARIES]
    assert len(set(contents)) == len(contents)
    assert not any(path.is_symlink() for path in LIBRARIES)
    strange = {p.suffix for p in PACKAGE_DIR.rglob("*") if p.is_file()} & {".h", ".cmake", ".pc"}
    assert strange == set()


@pytest.fixture
def slim(tmp_path):
    """An environment where some of the system's libraries do not load."""
    for name in HIDDEN:
        (tmp_path / name).touch()  # the loader looks here first, and takes no empty file
    others = os.environ.get("LD_LIBRARY_PATH", "")
    return {**os.environ, "LD_LIBRARY_PATH": f"{tmp_path}:{others}".rstrip(":")}


def run(code: str, environment) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120
    )


def test_hidden_libraries_are_hidden(slim):
    done = run("import ctypes; ctypes.CDLL('libpango-1.0.so.0')", slim)
    assert done.returncode == 1 and "file too short" in done.stderr


def test_the_core_explains_and_paints_without_them(slim, motion_bundle):
    code = f"""
import numpy, tubecam
from tubecam import _core
with tubecam.Explainer({str(motion_bundle)!r}) as explainer:
    clip = explainer.bundle.clip
    shape = clip.length, 3, clip.height, clip.width
    explainer.explain(numpy.zeros(shape, numpy.float32))
picture = numpy.zeros((64, 64, 3), numpy.uint8)
frame = _core.Frame.from_array(picture)
_core.CaptionPainter().draw(frame)
try:
    _core.CaptionPainter().draw(frame, label="words")
except tubecam.UnavailableError as error:
    print(error)
"""
    done = run(code, slim)
    assert done.returncode == 0, done.stderr
    assert "libtubecam_caption.so does not load" in done.stdout
    assert "apt install libpangocairo-1.0-0" in done.stdout


def test_a_pipeline_without_pango_says_so_and_goes_on(tmp_path, motion_bundle):
    (tmp_path / "libpangocairo-1.0.so.0").touch()
    environment = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path), "GST_REGISTRY": f"{tmp_path}/r",
                   "GST_PLUGIN_PATH": search_path()}  # fmt: skip
    line = (
        "videotestsrc num-buffers=60 ! video/x-raw,format=RGB,width=128,height=96,framerate=30/1"
        f" ! tubecam bundle={motion_bundle} align=delayed late-windows=wait ! tubeoverlay"
        " ! fakesink"
    )
    command = [parts.require("gst-launch-1.0"), *line.split()]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    warnings = [
        row for row in done.stderr.splitlines() + done.stdout.splitlines() if "Pango" in row
    ]
    assert done.returncode == 0 and "Got EOS" in done.stdout
    assert warnings and all("apt install libpangocairo-1.0-0" in row for row in warnings)
