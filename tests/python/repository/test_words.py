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
PATTERN = re.compile(rf"\b({'|'.join(BANNED)})\b", re.IGNORECASE)


def texts() -> Iterator[Path]:
    yield from ROOT.glob("*.md")
    for path in (p for folder in FOLDERS for p in (ROOT / folder).rglob("*")):
        if path.suffix in SUFFIXES and "__pycache__" not in path.parts:
            if path != Path(__file__).resolve():
                yield path


def odd_words(text: str) -> list[str]:
    return PATTERN.findall(text)


def test_no_odd_words():
    found = {str(p.relative_to(ROOT)): odd_words(p.read_text("utf-8")) for p in texts()}
    assert {path: words for path, words in found.items() if words} == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [("It begins anew. Whoever reads it", ["anew", "Whoever"]), ("the least renewed", [])],
)
def test_odd_words_are_found(text, words):
    assert odd_words(text) == words
