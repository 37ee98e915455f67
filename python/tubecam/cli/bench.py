"""`tubecam bench`: how long predictions and explanations take here, beside the peers."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from typing import Any

from ..errors import UsageError
from ..libraries.extras import needed_for
from .arguments import count, positive
from .choices import ENGINES, PRECISIONS, precision

_DESCRIPTION = """\
Measures on this machine what a prediction costs, and what its explanation costs on top.

  engine mode   one clip at a time: plain, explained by each method, and by peer libraries that run
                the same model with the same weights and threads; all in interleaved rounds
  stream mode   --stream VIDEO: the real pipeline, stage by stage, with explanations on and off,
                and several streams at once
  comparison    --compare A.json B.json: what changed beyond noise
"""

_EPILOG = """\
Peers: torch, torch-compile, captum, grad-cam, torchcam, zennit, onnxruntime; or all. One that is
not installed gets a row that says how to install it. A peer whose map is not ours (correlation
below 0.999) is marked as another method.

Examples
  tubecam bench                                              the bundle that comes with TubeCAM
  tubecam bench --model r3d_18 --random-weights --peers torch,captum --json bench.json
  tubecam bench --model r3d_18 --random-weights --precision float32,bfloat16,int8 --peers torch
  tubecam bench engines/r3d_18 --peers onnxruntime --plot bench.png
  tubecam bench motion --stream street.mp4 --streams 4
  tubecam bench --compare before.json after.json
"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds this command to the command line."""
    parser = subparsers.add_parser(
        "bench",
        usage="tubecam bench [BUNDLE | --model SOURCE] [--peers P,…] [--stream VIDEO] [options]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument("bundle", nargs="?", metavar="BUNDLE", help="a folder or name"
                        " (default: motion)")  # fmt: skip
    _add_model(parser.add_argument_group("a torch model instead of a bundle"))
    _add_measurement(parser.add_argument_group("what to measure"))
    _add_outputs(parser.add_argument_group("what to write"))
    _add_machine(parser.add_argument_group("how it runs"))


def _add_model(group) -> None:
    group.add_argument("--model", metavar="SOURCE", help="as `tubecam export` takes it: r3d_18,"
                       " mc3_18, r2plus1d_18, or package.module:factory")  # fmt: skip
    group.add_argument("--weights", metavar="FILE", help="its checkpoint")
    group.add_argument("--random-weights", action="store_true", help="time does not depend on them")
    group.add_argument("--seed", type=int, default=0, help="of random weights (default: 0)")
    group.add_argument("--layer", metavar="PATH", help="the layer to explain (default: the last)")
    group.add_argument("--length", type=count, metavar="T", help="slices in a clip (default: 16)")
    group.add_argument("--size", metavar="HxW", help="of a slice (default: 112x112)")


def _add_measurement(group) -> None:
    group.add_argument("--method", "--methods", dest="methods", metavar="A,B", action="extend",
                       type=lambda text: text.split(","), help="methods to measure (default: all"
                       " that the bundle offers, without motion-split-exact)")  # fmt: skip
    group.add_argument("--peers", metavar="P,…", help="other libraries to measure as well; all")
    group.add_argument("--stream", metavar="VIDEO", help="measure a pipeline that plays this file")
    group.add_argument("--streams", type=count, metavar="N", help="with --stream: 1, 2, 4 … up to"
                       " N at once, until the machine is saturated (default: 1)")  # fmt: skip
    group.add_argument("--duration", type=positive, metavar="S", help="seconds to measure, without"
                       " loading (default: 45)")  # fmt: skip
    group.add_argument("--compare", nargs=2, metavar=("A.json", "B.json"),
                       help="compare two results instead")  # fmt: skip


def _add_outputs(group) -> None:
    group.add_argument("--json", metavar="FILE", help="all figures and samples, with their"
                       " provenance")  # fmt: skip
    group.add_argument("--plot", metavar="FILE", help="a picture (.png, .svg or .pdf)")
    group.add_argument("-q", "--quiet", action="store_true", help="no progress bar")


def _add_machine(group) -> None:
    group.add_argument("--device", default="cpu", metavar="D", help="cpu, cuda or cuda:N")
    group.add_argument("--engine", default="auto", metavar="E", help=" or ".join(ENGINES))
    group.add_argument("--precision", default="auto", metavar="P,…", type=_precisions,
                       help=f"{', '.join(PRECISIONS)}; of several, the others are rows beside"
                       " the first, with the drift of their maps")  # fmt: skip
    group.add_argument("--calibrate", metavar="V,…", action="extend",
                       type=lambda text: text.split(","), help="with --model and int8: videos to"
                       " calibrate with (default: synthetic clips)")  # fmt: skip
    group.add_argument("--threads", type=count, metavar="N", help="of every engine and library"
                       " (default: the cores that may be used)")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Checks everything, measures, prints, writes; the exit status."""
    with needed_for("bench", "bench"):
        import rich  # noqa: F401
    if args.compare:
        from ..bench.document import read
        from ..bench.regression import print_comparison

        print_comparison(*map(read, args.compare))
        return 0
    outputs = _check(args)
    with ExitStack() as stack:
        from ..bench.progress import BenchProgress

        progress = stack.enter_context(BenchProgress(args.quiet))
        content = _stream(args, progress) if args.stream else _engine(args, stack, progress)
    return _finish(content, *outputs)


def _check(args: argparse.Namespace) -> tuple:
    """Finds what is wrong before anything is loaded; the files to write."""
    from ..bench import document, peers
    from ..bench.report import plot

    if args.bundle and args.model:
        raise UsageError("give a bundle or --model, not both")
    for name in ("weights", "random_weights", "layer", "length", "size"):
        if args.model is None and getattr(args, name):
            raise UsageError(f"--{name.replace('_', '-')} belongs to --model")
    args.peers = peers.parse_peers(args.peers)
    args.precision, *args.precisions = args.precision
    int8 = "int8" in (args.precision, *args.precisions)
    if args.calibrate and not (args.model and int8):
        raise UsageError("--calibrate belongs to --model with --precision …,int8")
    if args.stream and args.precisions:
        raise UsageError("--stream takes one precision")
    if args.stream and (args.peers or args.model or args.methods):
        raise UsageError("--stream takes a bundle, without --peers, --model and --method")
    if args.streams and not args.stream:
        raise UsageError("--streams needs --stream VIDEO")
    target = document.check_writable(args.json) if args.json else None
    picture = None
    if args.plot:
        plot.check_available()
        picture = document.check_writable(args.plot, (".png", ".svg", ".pdf"))
    if target and picture and target.resolve() == picture.resolve():
        raise UsageError("the outputs must have different names")
    args.threads = args.threads or _cores()
    args.duration = args.duration or 45.0
    return target, picture


def _precisions(text: str) -> list[str]:
    return list(dict.fromkeys(precision(name.strip()) for name in text.split(",")))


def _cores() -> int:
    from ..bench.provenance import usable_cores

    return usable_cores()


def _document(mode: str, args: argparse.Namespace, bundle) -> dict[str, Any]:
    from ..bench.document import document
    from ..bench.provenance import provenance

    content = document(mode, ["tubecam", *sys.argv[1:]], provenance(bundle, args.threads))
    load = content["provenance"]["load_at_start"][0]
    if load > _cores() / 2:
        content["notes"].append(
            f"others kept this machine busy (load {load:.1f} at the start, {_cores()} cores):"
            " ratios hold within their intervals, times and the floor do not"
        )
    return content


def _engine(args: argparse.Namespace, stack: ExitStack, progress) -> dict[str, Any]:
    from ..bench import graph, subject
    from ..bench.engine_mode import EngineBench

    graph.check_available()
    names = ("threads", "device", "engine", "precision", "methods", "precisions")
    settings = {name: getattr(args, name) for name in names}
    if args.model:
        choice = subject.ModelChoice(
            args.model,
            args.weights,
            args.random_weights,
            args.seed,
            args.layer,
            _clip(args),
            args.methods,
            "int8" in (args.precision, *args.precisions),
            args.calibrate,
        )
        subject.check_choice(choice)
        found = subject.export_model(choice, stack, progress.log, **settings)
    else:
        found = subject.open_bundle(args.bundle or "motion", **settings)
    bench = EngineBench(found, args.peers, args.duration)
    if args.model and "int8" in (args.precision, *args.precisions) and not args.calibrate:
        bench.notes.append(
            "int8 was calibrated on synthetic clips: what it costs on your videos is what `tubecam"
            " export … --precision int8 --calibrate VIDEO` says"
        )
    content = _document("engine", args, found.bundle)
    bench.prepare(progress.log)
    for note in bench.notes:
        progress.note(note)
    try:
        bench.measure(progress.share)
    except KeyboardInterrupt:
        content["interrupted"] = True
    return {**content, "notes": content["notes"] + bench.notes, "engine": bench.facts()}


def _clip(args: argparse.Namespace) -> dict[str, int]:
    """What --length and --size say."""
    from .export import _size

    clip = {} if args.length is None else {"length": args.length}
    if args.size is not None:
        clip["height"], clip["width"] = _size(args.size)
    return clip


def _stream(args: argparse.Namespace, progress) -> dict[str, Any]:
    from ..bench.stream_mode import StreamBench, StreamSettings, open_stream
    from ..bundle.bundle import load_bundle
    from ..bundle.packaged import find_bundle

    folder = find_bundle(args.bundle or "motion")
    bundle = load_bundle(folder)
    source = open_stream(args.stream, bundle)
    explain = {"bundle": str(folder), "device": args.device, "engine": args.engine,
               "precision": args.precision, "threads": args.threads}  # fmt: skip
    bench = StreamBench(StreamSettings(source, bundle, explain, args.streams or 1, args.duration))
    content = _document("stream", args, bundle)
    progress.log(f"playing {source.name}")
    try:
        bench.measure(progress.share)
    except KeyboardInterrupt:
        content["interrupted"] = True
    return {**content, "stream": bench.facts()}


def _finish(content: dict[str, Any], target, picture) -> int:
    from ..bench.document import write
    from ..bench.report.terminal import print_report

    print_report(content)
    if target:
        write(target, content)
    if picture:
        from ..bench.report.plot import plot

        plot(content, picture)
    written = ", ".join(str(path) for path in (target, picture) if path)
    if written:
        print(f"Written: {written}", file=sys.stderr)
    return 130 if content["interrupted"] else 0
