"""`tubecam demo`: a video whose answer is known, explained and compared with the truth."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import OutputError, UsageError


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds this command to the command line."""
    parser = subparsers.add_parser(
        "demo",
        usage="tubecam demo [-o FOLDER] [options]",
        description="Renders a video in which one thing moves at a time, explains it with the"
        " bundle that comes with TubeCAM, and compares the explanation with what moved.",
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("out"), metavar="FOLDER",
                        help="where to write (default: out)")  # fmt: skip
    parser.add_argument("--seconds", type=float, default=18.0, metavar="S",
                        help="length of the video (default: 18)")  # fmt: skip
    parser.add_argument("--size", type=_size, default=(1280, 720), metavar="WxH",
                        help="of its pictures (default: 1280x720)")  # fmt: skip
    parser.add_argument("--fps", type=float, default=30.0, metavar="F",
                        help="pictures a second (default: 30)")  # fmt: skip
    parser.add_argument("-q", "--quiet", action="store_true", help="say warnings and errors only")
    parser.set_defaults(run=run)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 640x360")
    return int(width), int(height)


def run(args: argparse.Namespace) -> int:
    """Renders, explains, compares; the exit status."""
    from ..video.write_scene import write_demo_video

    folder = _folder(args.output)
    video = folder / "demo-input.mp4"
    if not args.quiet:
        print(f"Rendering {args.seconds:g} s of video to {video}", file=sys.stderr)
    truth = write_demo_video(video, args.seconds, args.size, args.fps)
    status = _explain(video, folder, args.quiet)
    if not args.quiet and status == 0:
        with (folder / "demo.jsonl").open(encoding="utf-8") as file:
            score = compare(map(json.loads, file), truth)
        print(_guide(folder, score))
    return status


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise UsageError(f"{path} is a file; give a folder") from None
    except OSError as error:
        raise OutputError(f"cannot make the folder {path}: {error.strerror}") from error
    return path


def _explain(video: Path, folder: Path, quiet: bool) -> int:
    """The same as the command line that the guide shows."""
    from .main import main

    outputs = {"-o": "demo.mp4", "--jsonl": "demo.jsonl", "--sheet": "demo.png"}
    named = [word for flag, name in outputs.items() for word in (flag, str(folder / name))]
    # Five explanations a second.
    options = ["--hop", "3", "--overwrite", *(["-q"] if quiet else [])]
    return main(["run", str(video), *named, *options])


@dataclass
class Score:
    """Windows that lie within one act, and of how many of them label and peak are right."""

    windows: int = 0
    labels: int = 0
    peaks: int = 0
    moving: int = 0  # windows in which something moves, which alone have a right peak
    centers: int = 0  # of these, where the middle of the frame would have been right


def compare(windows: Iterable[dict], truth: dict) -> Score:
    """Compares JSON-lines objects with the truth that `write_demo_video` gives.

    A window that spans two acts has no single right answer and is left out. A peak is right when
    it lies in the box of what moves, at its own time.
    """
    score, slack = Score(), 0.5 / truth["fps"]
    for window in windows:
        for act in truth["segments"]:
            if act["start"] - slack <= window["start"] and window["end"] <= act["end"] + slack:
                _compare_window(score, window, act, truth)
    return score


def _compare_window(score: Score, window: dict, act: dict, truth: dict) -> None:
    score.windows += 1
    score.labels += window["label"] == act["label"]
    peak, boxes = window["peak"], act["boxes"]
    frame = round((peak["time"] - act["start"]) * truth["fps"])
    box = boxes[min(max(frame, 0), len(boxes) - 1)]
    if box is not None:
        score.moving += 1
        score.peaks += _inside(box, peak["x"] * truth["width"], peak["y"] * truth["height"])
        score.centers += _inside(box, truth["width"] / 2, truth["height"] / 2)


def _inside(box: list[int], x: float, y: float) -> bool:
    left, top, width, height = box
    return left <= x <= left + width and top <= y <= top + height


def _guide(folder: Path, score: Score) -> str:
    def share(part: int, whole: int) -> str:
        return f"{100 * part / max(1, whole):.0f} %"

    truth = (
        f"Against the truth: the label is right in {share(score.labels, score.windows)} of"
        f" {score.windows} windows; the peak lies on what moves in"
        f" {share(score.peaks, score.moving)} of {score.moving}"
        f" (the middle of the frame in {share(score.centers, score.moving)})."
    )
    return f"""
What to look at
  {folder / "demo.png"}     the contact sheet: key frames, relevance over time, the tube
  {folder / "demo.mp4"}     the video: whatever moves lights up, and its label says how it moves
  {folder / "demo.jsonl"}   one JSON line a window

{truth if score.windows else "The video is too short to compare anything."}

The same with a video of yours: tubecam run VIDEO --sheet sheet.png -o explained.mp4"""
