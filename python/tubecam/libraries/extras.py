"""The Python packages that only parts of TubeCAM need: which of `pip install`'s extras brings them.

pyproject.toml is the one place that states requirements; an installed package repeats it in its
metadata, which is read here.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from ..errors import UnavailableError

# Modules that are not called as what pip installs.
_DISTRIBUTIONS = {"gi": "PyGObject", "PIL": "Pillow"}


def install_command(extra: str = "") -> str:
    """What a user types to get an extra's packages, from whatever folder; "" for the package's."""
    return f"pip install 'tubecam[{extra}]'" if extra else "pip install tubecam"


def requirement(distribution: str) -> str:
    """A requirement as the package states it, with its versions, such as ``numpy>=2``."""
    from importlib import metadata  # slow to import, and seldom needed

    try:
        stated = metadata.requires("tubecam") or []
    except metadata.PackageNotFoundError:  # a copy of the folder, not installed by pip
        stated = []
    for line in stated:
        if re.match(re.escape(distribution) + r"(?![\w.-])", line, re.IGNORECASE):
            return line.partition(";")[0].strip()
    return distribution


@contextlib.contextmanager
def needed_for(use: str, extra: str) -> Iterator[None]:
    """Imports within it that fail say what they were needed for, and what installs them.

    Raises
    ------
    UnavailableError
        A package is missing, or is there and does not load.
    """
    try:
        yield
    except ImportError as error:
        module = (error.name or "a package").partition(".")[0]
        name = _DISTRIBUTIONS.get(module, module)
        missing = isinstance(error, ModuleNotFoundError)
        state = "is not installed" if missing else f"does not load ({error})"
        raise UnavailableError(
            f"{use} needs {name}, which {state}: {install_command(extra)}"
        ) from (error)
