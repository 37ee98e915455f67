"""Finds a bundle by its folder, or by the name of one that comes with the package."""

from __future__ import annotations

from pathlib import Path

from ..errors import BundleError

DEFAULT = "motion"
# In an installation, and in a source tree.
_HERE = Path(__file__).parents[1]
_SHELVES = (_HERE / "engines", _HERE.resolve().parents[1] / "engines")


def find_bundle(text: str = DEFAULT) -> Path:
    """The folder of a bundle.

    Raises
    ------
    BundleError
        There is neither such a folder nor a bundle of that name in the package.
    """
    folders = [Path(text)]
    if Path(text).name == text:
        folders += [shelf / text for shelf in _SHELVES]
    for folder in folders:
        if (folder / "bundle.json").is_file():
            return folder
    if folders[0].is_dir():
        raise BundleError(f"{text} is no bundle: it has no bundle.json")
    known = sorted({path.parent.name for shelf in _SHELVES for path in shelf.glob("*/bundle.json")})
    raise BundleError(
        f"there is no bundle {text}; give a bundle's folder, or the name of one that comes with"
        f" TubeCAM ({', '.join(known) or 'none is installed'})"
    )
