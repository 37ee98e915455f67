"""Prints requirements of pyproject.toml: `build`, `run`, or extras by name such as `video`."""

from __future__ import annotations

import sys
from pathlib import Path

try:
    import tomllib
except ImportError:  # Python 3.10: pip has brought the same parser along
    from pip._vendor import tomli as tomllib

SETTINGS = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text("utf-8"))


def requirements(group: str) -> list[str]:
    """The requirements of one group."""
    if group == "build":
        return SETTINGS["build-system"]["requires"]
    if group == "run":
        return SETTINGS["project"]["dependencies"]
    return SETTINGS["project"]["optional-dependencies"][group]


if __name__ == "__main__":
    print(*(line for group in sys.argv[1:] for line in requirements(group)), sep="\n")
