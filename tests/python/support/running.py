"""Runs `tubecam run` within the test, and reads what it wrote."""

from __future__ import annotations

import json
from pathlib import Path

from tubecam.cli import main as cli
from videos import numbered, write_video

FPS = 30


def run(*arguments) -> int:
    """The exit status of `tubecam run ARGUMENTS`."""
    return cli.main(["run", *map(str, arguments)])


def complaint(capsys, status: int, *arguments) -> str:
    """What is said about a run that ends with this exit status: one line.

    Where pictures are missing, the element's warnings of times and rates may come before.
    """
    assert run(*arguments, "-q") == status
    text = last_line(capsys.readouterr().err)
    assert text.startswith("tubecam: ") and text.endswith("\n"), text
    return text


def last_line(text: str) -> str:
    """Behind warnings of gaps, which is all that may stand before it."""
    *gaps, last = text.splitlines(keepends=True)
    known = ("far from the frame before", "The source has fewer frames")
    assert all(any(words in gap for words in known) for gap in gaps), gaps
    return last


def lines(path: Path) -> list[dict]:
    """JSON lines, each whole."""

    def refuse(name: str):
        raise AssertionError(f"{name} is no JSON")

    text = path.read_text(encoding="utf-8")
    assert text == "" or text.endswith("\n")
    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def plain_video(path: Path, frames: int = 60, sound: bool = True, **options) -> Path:
    """30 frames a second, two seconds of them unless told, with sound."""
    times = [i / FPS for i in range(frames)]
    audio = f"audiotestsrc num-buffers={round(frames * 43 / 30)} ! avenc_aac" if sound else ""
    return write_video(path, numbered(frames), times, audio=audio, **options)
