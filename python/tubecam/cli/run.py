"""`tubecam run`: explains a video, a camera or a network stream."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from ..errors import StreamError, UsageError
from ..text.counting import counted
from ..windows.sampling import PADS, RULES
from .arguments import add_scale, amount, count, positive, share, whole
from .choices import ALIGNMENTS, BASELINES, COLOR_MAPS, ENGINES, PRECISIONS, SHOWS, precision

_DESCRIPTION = """\
Shows where and when a model looked. INPUT is one of
  a file           any video that GStreamer decodes
  camera:N         the camera /dev/videoN
  rtsp://… http…   a network stream
  test             a rendered scene in which one thing moves at a time
"""
_EPILOG = """\
Without -o, --jsonl, --sheet and --display a file is explained into NAME.tubecam.mp4 in the
current folder, and a live input is shown on the screen. In the names of outputs {time} stands
for the time of the start in UTC, so that a run that is restarted has a name of its own.

Examples
  tubecam run street.mp4                                  writes street.tubecam.mp4
  tubecam run street.mp4 -o out.mkv --sheet out.png       the video and its contact sheet
  tubecam run street.mp4 --jsonl -                        one JSON line a window
  tubecam run street.mp4 -o out.mp4 --bundle engines/r3d_18 --target "arm wrestling"
  tubecam run rtsp://camera/stream -o out.mp4 --duration 60
"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds this command to the command line."""
    parser = subparsers.add_parser(
        "run",
        usage="tubecam run INPUT [-o OUT.mp4] [--jsonl FILE] [--sheet FILE.png] [options]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=_Formatter,
    )
    parser.add_argument("input", metavar="INPUT", help="a file, camera:N, an address, or test")
    _add_outputs(parser.add_argument_group("what to write"))
    _add_explanation(parser.add_argument_group("what to explain"))
    _add_method_options(parser.add_argument_group("settings of some methods"))
    _add_overlay(parser.add_argument_group("how it looks"))
    _add_machine(parser.add_argument_group("how it runs"))
    parser.set_defaults(run=run)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=96)


def _add_outputs(group) -> None:
    group.add_argument("-o", "--output", type=Path, metavar="OUT", help="the explained video: .mp4"
                       ", .mov, .mkv or .webm; its sound is kept")  # fmt: skip
    group.add_argument("--jsonl", metavar="FILE", help="one JSON line a window; - is the terminal")
    group.add_argument("--sheet", type=Path, metavar="FILE", help="a contact sheet: key frames,"
                       " relevance over time, the tube (.png or .jpg)")  # fmt: skip
    group.add_argument("--display", action="store_true", help="show the video on the screen")
    group.add_argument("--overwrite", action="store_true", help="replace files that exist")
    group.add_argument("--append", action="store_true", help="go on in a FILE of --jsonl that"
                       " exists")  # fmt: skip
    group.add_argument("--duration", type=positive, metavar="S", help="stop after S seconds")


def _add_explanation(group) -> None:
    group.add_argument("--bundle", default="motion", metavar="B", help="the model: a bundle's"
                       " folder or name (default: motion)")  # fmt: skip
    group.add_argument("--method", metavar="M", help="for instance gradcam, hirescam, layercam;"
                       " `tubecam inspect B` lists a bundle's")  # fmt: skip
    group.add_argument("--target", metavar="CLASS", help="the class to explain, a number or a name"
                       " (default: whatever is predicted)")  # fmt: skip
    group.add_argument("--hop", type=count, metavar="N", help="sampled frames from one window to"
                       " the next; fewer are smoother and slower (default: 4)")  # fmt: skip
    group.add_argument("--pad", choices=PADS, metavar="P", help="what fills the window of a video"
                       " that is shorter than one: last (its last frame), loop (it plays again) or"
                       " none (default: last)")  # fmt: skip
    group.add_argument("--sampling", choices=RULES, metavar="R", help="rate: as often as the"
                       " model is used to; uniform: one window, spread over the whole file"
                       " (default: rate)")  # fmt: skip
    group.add_argument("--align", choices=ALIGNMENTS, help="draw each frame's own"
                       " explanation (files), or the newest at once (live)")  # fmt: skip


def _add_method_options(group) -> None:
    group.add_argument("--steps", type=count, metavar="N", help="passes of integrated-gradients,"
                       " smoothgrad and gradient-shap (default: 8)")  # fmt: skip
    group.add_argument("--baseline", choices=BASELINES, metavar="B",
                       help="where integrated-gradients begins:"
                       f" {', '.join(BASELINES)} (default: zero)")  # fmt: skip
    group.add_argument("--noise", type=amount, metavar="S", help="of smoothgrad: standard"
                       " deviation, a share of the clip's range (default: 0.15)")  # fmt: skip
    group.add_argument("--frozen-slice", type=whole, metavar="N", help="the slice that"
                       " motion-split freezes (default: the middle one)")  # fmt: skip
    group.add_argument("--sigma", type=amount, metavar="S", help="of selective-relevance: standard"
                       " deviations from which a change counts as motion (default: 1)")  # fmt: skip


def _add_overlay(group) -> None:
    group.add_argument("--show", choices=SHOWS, metavar="WHAT", help="what colour shows: motion"
                       " (blue still, orange moving) or heat; auto is motion where the method"
                       " gives it (default: auto)")  # fmt: skip
    group.add_argument("--color-map", choices=COLOR_MAPS, metavar="MAP",
                       help=f"one of {', '.join(COLOR_MAPS)} (default: inferno)")  # fmt: skip
    group.add_argument("--alpha", type=share, metavar="A",
                       help="how much full heat covers, 0 to 1 (default: 0.65)")  # fmt: skip
    group.add_argument("--threshold", type=share, metavar="H",
                       help="heat below it is not drawn, 0 to 1 (default: 0.15)")  # fmt: skip
    add_scale(group)
    group.add_argument("--no-overlay", action="store_true", help="leave the pictures as they are")


def _add_machine(group) -> None:
    group.add_argument("--device", metavar="D", help="where to compute (default: cpu)")
    group.add_argument("--engine", choices=ENGINES, metavar="E",
                       help=f"what computes: {', '.join(ENGINES)} (default: auto)")  # fmt: skip
    group.add_argument("--precision", type=precision, metavar="P",
                       help=f"what it may compute in: {', '.join(PRECISIONS)}")  # fmt: skip
    group.add_argument("--budget-ms", type=positive, metavar="MS", help="what a window may take;"
                       " a slower machine falls back on a cheaper method, and says so")  # fmt: skip
    group.add_argument("--threads", type=count, metavar="N", help="processor threads to use")
    group.add_argument("--timeout", type=positive, default=30.0, metavar="S",
                       help="give up when nothing comes for S seconds (default: 30)")  # fmt: skip
    group.add_argument("-q", "--quiet", action="store_true", help="say warnings and errors only")


def run(args: argparse.Namespace) -> int:
    """Explains the input and says what was written; the exit status."""
    from ..run.execute import execute

    job = make_job(args)
    result = execute(job)
    if not job.quiet:
        print(summary(job, result), file=sys.stderr)
    if result.signal:
        return 128 + result.signal
    if result.damage:
        raise result.damage
    if not result.windows:
        raise _unexplained(job, result)
    return 0


def _unexplained(job, result) -> StreamError:
    clip = job.bundle.clip
    needed = clip.length / clip.sample_fps
    return StreamError(
        f"{job.source.name}: nothing is explained, since a window of {job.bundle.name} takes"
        f" {needed:.2f} s without a gap and {result.seconds:.2f} s came; --pad last, --pad loop or"
        " --sampling uniform explain a shorter video"
    )


def make_job(args: argparse.Namespace):
    """A Job from the arguments; whatever is wrong with them is raised as UsageError."""
    from ..bundle.bundle import load_bundle
    from ..bundle.packaged import find_bundle
    from ..drawing.heat import HeatStyle
    from ..run.job import Job
    from ..video.source import parse_source

    source = parse_source(args.input)
    bundle = load_bundle(find_bundle(args.bundle))
    explain = _explain(args, bundle, source.live)
    _check_clip(args, bundle, source)
    style = {"show": args.show, "color_map": args.color_map, "alpha": args.alpha,
             "threshold": args.threshold, "scale": args.scale}  # fmt: skip
    start = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    job = Job(
        source=source,
        bundle=bundle,
        explain=_given(explain),
        style=HeatStyle(**_given(style)),
        overlay=not args.no_overlay,
        output=_dated(args.output, start),
        jsonl=_dated(args.jsonl, start),
        sheet=_dated(args.sheet, start),
        display=args.display,
        duration=args.duration,
        timeout=args.timeout,
        overwrite=args.overwrite,
        append=args.append,
        pad=args.pad or ("none" if source.live else "last"),
        sampling=args.sampling or "rate",
        quiet=args.quiet,
    )
    _check_outputs(job)
    return job


def _explain(args: argparse.Namespace, bundle, live: bool) -> dict:
    """The properties of the element `tubecam`; None where the user chose nothing."""
    from ..bundle.targets import class_number

    names = ("hop", "budget_ms", "steps", "baseline", "noise", "frozen_slice", "sigma", "device",
             "engine", "precision", "threads")  # fmt: skip
    return {
        "bundle": str(bundle.folder),
        "align": args.align or ("latest" if live else "delayed"),
        "late_windows": "drop" if live else "wait",
        "method": _method(args.method, bundle),
        "target": None if args.target is None else class_number(args.target, bundle.labels),
        **{name: getattr(args, name) for name in names},
    }


def _check_clip(args: argparse.Namespace, bundle, source) -> None:
    """Refuses what does not fit a window of the bundle, or a source that is read once."""
    if args.hop and args.hop > bundle.clip.length:
        raise UsageError(f"--hop {args.hop}: a window of {bundle.name} has {bundle.clip.length}"
                         " sampled frames")  # fmt: skip
    if args.sampling == "uniform" and source.kind != "file":
        raise UsageError(f"--sampling uniform: {source.name} is no file, and has to be read twice")
    if args.frozen_slice and args.frozen_slice >= bundle.clip.length:
        raise UsageError(f"--frozen-slice {args.frozen_slice}: the clips of {bundle.name} have"
                         f" slices 0 to {bundle.clip.length - 1}")  # fmt: skip


def _dated(name: Path | str | None, start: str) -> Path | str | None:
    """The name with the time of the start for `{time}`."""
    return None if name is None else type(name)(str(name).replace("{time}", start))


def _given(properties: dict) -> dict:
    """Those that the user chose; the elements know what the others are."""
    return {name: value for name, value in properties.items() if value is not None}


def _check_outputs(job) -> None:
    """Chooses an output where none is given; refuses those that exclude each other."""
    if job.sheet and job.sheet.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise UsageError(f"{job.sheet}: a contact sheet's name must end in .png or .jpg")
    names = [Path(p).resolve() for p in (job.output, job.sheet, job.jsonl) if p and p != "-"]
    if len(set(names)) < len(names):
        raise UsageError("the outputs must have different names")
    if job.output or job.jsonl or job.sheet or job.display:
        return
    if job.source.live:
        job.display = True
    else:
        stem = job.source.path.stem if job.source.path else "test"
        job.output = Path(f"{stem}.tubecam.mp4")


def _method(name: str | None, bundle) -> str | None:
    if name is not None and name not in bundle.methods:
        raise UsageError(f"--method {name}: {bundle.name} offers {', '.join(bundle.methods)}")
    return name


def summary(job, result) -> str:
    """What was done, in a line or two."""
    lines = [f"{counted(result.frames, 'frame')}, {counted(result.windows, 'window')}"]
    if result.dropped:
        lines[0] += f" ({result.dropped} more left out: the machine was too slow for them)"
    total = sum(result.labels.values())
    if total:
        shares = [f"{name} {100 * n / total:.0f} %" for name, n in result.labels.most_common(3)]
        lines[0] += f"; seen: {', '.join(shares)}"
    lines += (f"The window of the video: {note}" for note in result.notes)
    if result.written:
        lines.append(f"Written: {', '.join(map(str, result.written))}")
    return "\n".join(lines)
