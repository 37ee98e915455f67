"""What arguments of the command line may be, and options that several commands share."""

from __future__ import annotations

import argparse


def _number(text: str, kind, good, rule: str):
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not good(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not {rule}")
    return value


def positive(text: str) -> float:
    return _number(text, float, lambda v: 0 < v < float("inf"), "a number above 0")


def scale(text: str) -> float | None:
    return None if text == "auto" else _number(text, float, lambda v: 0 < v < float("inf"),
                                               "auto or a number of logits above 0")  # fmt: skip


def share(text: str) -> float:
    return _number(text, float, lambda v: 0 <= v <= 1, "a number from 0 to 1")


def amount(text: str) -> float:
    return _number(text, float, lambda v: 0 <= v < float("inf"), "a number, 0 or more")


def whole(text: str) -> int:
    return _number(text, int, lambda v: 0 <= v <= 255, "a whole number from 0 to 255")


def count(text: str) -> int:
    return _number(text, int, lambda v: 1 <= v <= 4096, "a whole number from 1 to 4096")


def add_scale(group) -> None:
    """`--scale`, of `tubecam run` and `tubecam methods`."""
    group.add_argument("--scale", type=scale, metavar="LOGITS", help="relevance of a cell of full"
                       " colour, the same for all videos that are to be compared (default: auto,"
                       " by what the video holds and an even share of each decision)")  # fmt: skip
