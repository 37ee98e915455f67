"""Parts that a machine may lack: their tests are skipped, or fail where the parts have to be there.

TUBECAM_REQUIRE_PLUGIN in the environment, which `make test` sets after it has installed them, makes
a missing GStreamer, plugin or gst-launch-1.0 a failure.
"""

from __future__ import annotations

import os
import shutil
from types import ModuleType

import pytest

REQUIRE = "TUBECAM_REQUIRE_PLUGIN"


def missing(what: str) -> None:
    """Ends the test, or the module that is being collected."""
    if os.environ.get(REQUIRE):
        pytest.fail(f"{what}, and {REQUIRE} is set", pytrace=False)
    pytest.skip(what, allow_module_level=True)


def gst() -> ModuleType:
    """The module `tubecam.video.gstreamer`."""
    from tubecam.errors import UnavailableError

    try:
        import tubecam.video.gstreamer
    except UnavailableError as error:
        missing(str(error))
    return tubecam.video.gstreamer


def plugin() -> ModuleType:
    """The same, with TubeCAM's own elements in it."""
    module = gst()
    if not module.has("tubecam"):
        missing("the plugin is not built")
    return module


def gst_launch() -> str:
    """The path of gst-launch-1.0."""
    plugin()
    return shutil.which("gst-launch-1.0") or missing("gst-launch-1.0 is not installed")
