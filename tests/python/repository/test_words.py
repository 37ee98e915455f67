"""Plain English: words that are odd or archaic stand in no comment, document or message."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from places import ROOT

FOLDERS = ("csrc", "python", "tests", "engines", "deploy")
SUFFIXES = {".c", ".cc", ".cu", ".cuh", ".h", ".md", ".py", ".pyi", ".sh"}
BANNED = (
    "afresh", "albeit", "amiss", "anew", "astray", "forthwith", "henceforth", "hitherto", "lest",
    "nobody", "ought", "thereof", "thrice", "unto", "whence", "whilst", "whither", "whoever",
)  # fmt: skip
# What the field calls otherwise.
BANNED_IN_CPP = ("islands?", "slice_ring", "stickers?", "stretches", "twins?")
CPP = ("csrc", "tests/cpp")


def texts() -> Iterator[Path]:
    yield from ROOT.glob("*.md")
    for path in (p for folder in FOLDERS for p in (ROOT / folder).rglob("*")):
        if path.suffix in SUFFIXES and "__pycache__" not in path.parts:
            if path != Path(__file__).resolve():
                yield path


def odd_words(text: str, banned: tuple[str, ...] = BANNED) -> list[str]:
    return re.findall(rf"\b({'|'.join(banned)})\b", text, re.IGNORECASE)


def banned_in(path: str) -> tuple[str, ...]:
    return (*BANNED, *BANNED_IN_CPP) if path.startswith(CPP) else BANNED


def test_no_odd_words():
    paths = {p.relative_to(ROOT).as_posix(): p for p in texts()}
    found = {n: odd_words(p.read_text("utf-8"), banned_in(n)) for n, p in paths.items()}
    assert {name: words for name, words in found.items() if words} == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [("It begins anew. Whoever reads it", ["anew", "Whoever"]), ("the least renewed", [])],
)
def test_odd_words_are_found(text, words):
    assert odd_words(text) == words


def test_private_words_are_found_in_cpp():
    text = 'An island, drawn by CUDA\'s twin; "stretch" is a rule of resizing'
    assert odd_words(text, banned_in("csrc/x.cc")) == ["island", "twin"]
    assert odd_words(text, banned_in("python/x.py")) == []
