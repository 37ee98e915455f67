"""Explanations that were saved, read again."""

from __future__ import annotations

import os

from ..errors import UsageError
from . import archive
from .explanation import Explanation


def load_explanation(path: str | os.PathLike[str]) -> Explanation:
    """Reads what `Explanation.save` wrote.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    Explanation
        The same, but for a tube on a GPU.

    Raises
    ------
    UsageError
        There is no such file, it holds no explanation, or one of a newer version of TubeCAM.
    """
    values = archive.read(path)
    try:
        found = Explanation(**values)
        found.to_json()  # reads every field
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise UsageError(f"{path} holds no explanation, or is damaged") from error
    return found
