"""What our libraries show to each other and to what loads them: Note [Exports]."""

from __future__ import annotations

import re
import subprocess
from itertools import combinations
from pathlib import Path

from tubecam import _core
from tubecam.libraries.plugin_path import LIBRARY_DIR

PLUGINS = sorted((LIBRARY_DIR / "gstreamer-1.0").glob("*.so"))
LIBRARIES = [Path(_core.__file__), *sorted(LIBRARY_DIR.glob("*.so*")), *PLUGINS]
OURS = re.compile(r"_ZNK?7tubecam|_ZT[ISV]N7tubecam|tubecam_|gst_plugin_tubecam_|PyInit__core$")
# Every engine's library has it; it is looked up in the one that was opened.
ENTRIES = {"tubecam_make_engine"}


def shown(library: Path) -> set[str]:
    """The names of what a library defines for others, weak symbols among them."""
    command = ["nm", "-D", "--defined-only", "--format=posix", library]
    table = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {line.split()[0].split("@")[0] for line in table.splitlines()}


def test_there_is_something_to_look_at():
    names = {library.name.split(".")[0] for library in LIBRARIES}
    assert {"_core", "libtubecam", "libtubecam_openvino"} <= names
    (core,) = LIBRARY_DIR.glob("libtubecam.so*")
    assert "_ZTIN7tubecam5ErrorE" in shown(core)  # caught everywhere


def test_no_symbol_is_defined_by_two_libraries():
    tables = {library.name: shown(library) for library in LIBRARIES}
    for (one, first), (other, second) in combinations(tables.items(), 2):
        assert first & second <= ENTRIES, (one, other)


def test_nothing_but_ours_is_shown():
    for library in LIBRARIES:
        strange = {name for name in shown(library) if not OURS.match(name)}
        assert not strange, (library.name, sorted(strange)[:10])


def test_a_plugin_shows_its_description_alone():
    for plugin in PLUGINS:
        assert shown(plugin) == {"gst_plugin_tubecam_get_desc", "gst_plugin_tubecam_register"}
