"""What options can be told, as the compiled core has it."""

from __future__ import annotations

import argparse

from .. import _core
from ..errors import UsageError

ENGINES = ("auto", *_core.engines())
PRECISIONS = ("auto", *_core.precisions())
BASELINES = tuple(_core.baselines())
ALIGNMENTS = tuple(_core.alignments())
SHOWS = tuple(_core.shows())
COLOR_MAPS = tuple(_core.color_maps())
COLOR_ORDERS = tuple(_core.color_orders())
RESIZE_RULES = tuple(_core.resize_rules())


def precision(text: str) -> str:
    """One of `PRECISIONS`; the short words of version 0.1 are taken for those of today."""
    try:
        return _core.parse_precision(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
