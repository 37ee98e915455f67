"""What an installation needs, checked piece by piece; what is missing is a finding, no error."""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from .._version import __version__
from ..libraries import plugin_path
from ..libraries.extras import install_command, requirement
from ..libraries.openvino_core import openvino_core
from ..video import elements

PIP = f"{sys.executable} -m pip install"
# What pip installs, its module, the extra that brings it, and who needs it.
_PACKAGES = (
    ("Pillow", "PIL", "cli", "contact sheets"),
    ("rich", "rich", "cli", "progress bars and tables"),
    ("torch", "torch", "export", "exporting models"),
    ("onnx", "onnx", "export", "exporting models"),
)
REINSTALL = "make install  # in TubeCAM's source folder"


@dataclass(frozen=True)
class Check:
    """One finding: what was looked at, whether it is there, and the command that puts it right."""

    group: str
    name: str
    ok: bool
    detail: str
    fix: str
    needed: bool = True


def all_checks() -> Iterator[Check]:
    """Looks at everything, in the order in which it is built on each other."""
    yield from _package()
    yield from _inference()
    yield from _gstreamer()
    yield from _extras()


def _package() -> Iterator[Check]:
    group = "TubeCAM"
    python = platform.python_version()
    new_enough = sys.version_info >= (3, 10)
    yield Check(group, "tubecam", True, f"{__version__}, {plugin_path.PACKAGE_DIR}", "")
    yield Check(group, "Python", new_enough, f"{python}, {sys.executable}", "use 3.10 or newer")
    core = importlib.util.find_spec("tubecam._core")
    yield Check(group, "C++ core", core is not None, core.origin if core else "", REINSTALL)
    bundle = plugin_path.PACKAGE_DIR / "engines" / "motion" / "bundle.json"
    detail = str(bundle.parent) if bundle.is_file() else f"no {bundle}"
    yield Check(group, "bundle motion", bundle.is_file(), detail, REINSTALL)


def _inference() -> Iterator[Check]:
    group = "Inference"
    try:
        import openvino  # noqa: F401

        devices = ", ".join(openvino_core().available_devices)
        detail = f"{importlib.metadata.version('openvino')}, devices {devices}"
        yield Check(group, "OpenVINO", "CPU" in devices, detail, "")
    except Exception as error:  # whatever a broken installation raises, doctor reports it
        yield Check(group, "OpenVINO", False, _sentence(error), f"{PIP} {requirement('openvino')}")
        return
    library = plugin_path.LIBRARY_DIR / "libtubecam_openvino.so"
    try:
        ctypes.CDLL(str(library))
        yield Check(group, "engine library", True, str(library), "")
    except OSError as error:
        yield Check(group, "engine library", False, str(error), REINSTALL)


def _gstreamer() -> Iterator[Check]:
    group = "GStreamer"
    try:
        from ..video import gstreamer
    except Exception as error:  # PyGObject or the typelibs, each broken in its own way
        bindings = importlib.util.find_spec("gi") is not None
        fix = f"apt-get install {elements.TYPELIBS}" if bindings else _extra("video")
        yield Check(group, "Python bindings", False, _sentence(error), fix)
        return
    version = gstreamer.Gst.version()
    yield Check(
        group, "GStreamer", version >= (1, 20), ".".join(map(str, version[:3])), "use 1.20 or newer"
    )
    for package, names in elements.NEEDED.items():
        missing = [name for name in names.split() if not gstreamer.has(name)]
        detail = f"without {', '.join(missing)}" if missing else names
        yield Check(
            group,
            package.removeprefix("gstreamer1.0-"),
            not missing,
            detail,
            f"apt-get install {package}",
        )
    yield _own_elements(gstreamer)


def _own_elements(gstreamer) -> Check:
    group, name = "GStreamer", "tubecam's elements"
    if all(map(gstreamer.has, elements.OWN)):
        return Check(group, name, True, f"{', '.join(elements.OWN)} in {plugin_path.PLUGIN}", "")
    if not plugin_path.PLUGIN.is_file():
        return Check(group, name, False, f"not built: no {plugin_path.PLUGIN}", REINSTALL)
    try:
        gstreamer.Gst.Plugin.load_file(str(plugin_path.PLUGIN))
        reason = "GStreamer blacklisted it once; its registry is stale"
        return Check(group, name, False, reason, "rm -r ~/.cache/gstreamer-1.0")
    except gstreamer.GLib.Error as error:
        return Check(group, name, False, error.message, REINSTALL)


def _extras() -> Iterator[Check]:
    group = "Extras"
    yield _flow()
    for package, module, extra, use in _PACKAGES:
        found = importlib.util.find_spec(module) is not None
        version = importlib.metadata.version(package) if found else "not installed"
        yield Check(
            group,
            package,
            found,
            f"{version} (for {use})",
            _extra(extra),
            needed=False,
        )
    tool = shutil.which("gst-launch-1.0")
    yield Check(
        group,
        "gst-launch-1.0",
        tool is not None,
        tool or "not installed",
        "apt-get install gstreamer1.0-tools",
        needed=False,
    )
    yield _font()


def _extra(name: str) -> str:
    return f"{sys.executable} -m {install_command(name)}"


def _flow() -> Check:
    """A library of our own that needs OpenCV's."""
    library = plugin_path.LIBRARY_DIR / "libtubecam_flow.so"
    name, fix = "optical flow", f"apt-get install libopencv-video-dev && {REINSTALL}"
    if not library.is_file():
        return Check("Extras", name, False, "not built (for models that take it)", fix, False)
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        return Check("Extras", name, False, str(error), fix, needed=False)
    return Check("Extras", name, True, f"{library} (for models that take it)", "", needed=False)


def _font() -> Check:
    name, fix = "a font for captions", "apt-get install fonts-dejavu-core"
    tool = shutil.which("fc-match")
    if tool is None:
        return Check("Extras", name, False, "fc-match is not installed", fix, needed=False)
    family = subprocess.run(
        [tool, "-f", "%{family}", "sans"], capture_output=True, text=True, timeout=30
    ).stdout.strip()
    return Check("Extras", name, bool(family), family or "none", fix, needed=False)


def _sentence(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
