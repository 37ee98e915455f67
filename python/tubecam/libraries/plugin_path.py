"""Where the package's libraries and GStreamer elements lie, without loading any of them."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

PACKAGE_DIR = Path(__file__).absolute().parents[1]  # as it was imported, links kept
LIBRARY_DIR = PACKAGE_DIR / "lib"
PLUGIN_DIR = LIBRARY_DIR / "gstreamer-1.0"
PLUGIN = PLUGIN_DIR / "libgsttubecam.so"


def search_path(present: str | None = None) -> str:
    """``GST_PLUGIN_PATH`` with the package's folder in front, whatever else it names.

    Parameters
    ----------
    present : str, optional
        The variable's value; by default that of this process.
    """
    if present is None:
        present = os.environ.get("GST_PLUGIN_PATH", "")
    others = [path for path in present.split(os.pathsep) if path and path != str(PLUGIN_DIR)]
    return os.pathsep.join([str(PLUGIN_DIR), *others])


def export_line() -> str:
    """The shell line after which ``gst-launch-1.0`` and ``gst-inspect-1.0`` find the elements.

    It holds what is there already, as shells differ in how they would add to it.
    """
    return f"export GST_PLUGIN_PATH={shlex.quote(search_path())}"
