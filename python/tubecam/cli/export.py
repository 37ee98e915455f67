"""`tubecam export`: a torch model and its explanation become one bundle."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .choices import COLOR_ORDERS, RESIZE_RULES
from .export_summary import summary
from .layers import print_layers

if TYPE_CHECKING:
    pass
_DESCRIPTION = """\
Exports a video classifier together with its explanation as one ordinary ONNX graph, compares that
graph with autograd on inputs that it was not traced with, and writes a bundle that `tubecam run`
and the GStreamer elements use. The class to explain is chosen when the bundle runs."""
_EPILOG = """\
SOURCE is one of
  r3d_18, i3d, x3d_s …          a named architecture: `tubecam models` lists them, and
                                whose published checkpoints load with --weights
  transformers:FOLDER           VideoMAE, ViViT, TimeSformer or V-JEPA 2, as save_pretrained()
                                wrote it
  torchvision:NAME              a video classifier of the installed torchvision
  package.module:factory        a function without arguments (or a class, or an instance) that gives
                                a torch.nn.Module: [N, 3, T, H, W] to logits or probabilities
                                [N, classes]; see --head, --output-key

examples
  tubecam export r3d_18 -o engines/r3d --weights r3d_18.pth --labels kinetics.txt
  tubecam export r3d_18 -o engines/try --random-weights --layer layer3
  tubecam export mynet:build --list-layers
  tubecam export mynet:build -o engines/mine --length 8 --size 128x160 --sample-fps 10 --color BGR

A head of global average pool + linear needs no backward pass and offers every method:
  gradcam  cam  gradcam-frame  hirescam  layercam  gradcam++  xgradcam
Any other head offers all but cam.

Relevance to the input, a graph of its own each, with --method:
  sensitivity  gradient-x-input  deconvolution  guided-backprop
  lrp-epsilon  lrp-alpha1beta0  deep-taylor  lrp-epsilon-plus  lrp-epsilon-plus-flat  lrp-gamma
  attn-lrp  excitation-backprop  deeplift
For transformers with global attention attention-rollout, each token's share, for every class alike.
Of several passes, through one graph that they share:
  integrated-gradients  smoothgrad  gradient-shap
Every bundle offers besides, made of the others when it runs:
  motion-split  motion-split-exact  selective-relevance
engines/METHODS.md says which is for what. A method whose maps do not depend on the class in this
model is refused, unless --force."""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds this command to the command line."""
    parser = subparsers.add_parser(
        "export",
        help="turn a torch model and its explanation into a bundle",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument("source", metavar="SOURCE", help="the model; see below")
    parser.add_argument("-o", "--output", metavar="FOLDER", help="the bundle folder to write")
    _add_model_options(parser.add_argument_group("the model"))
    _add_explanation_options(parser.add_argument_group("the explanation"))
    _add_clip_options(parser.add_argument_group("the clips that it expects"))
    _add_bundle_options(parser.add_argument_group("the bundle"))


def _add_model_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--weights", metavar="FILE", help="checkpoint; only tensors are read from it"
    )
    group.add_argument(
        "--random-weights", action="store_true", help="an architecture that has learnt nothing"
    )
    group.add_argument("--seed", type=int, default=0, help="of random weights (default 0)")
    group.add_argument(
        "--time-first", action="store_true", help="the model takes [N, T, 3, H, W] instead"
    )
    group.add_argument(
        "--head", choices=("logits", "softmax", "log-softmax", "sigmoid", "multi-label", "scores"),
        help="what it gives (default: logits, or what it is seen to end in): multi-label are logits"
        " of classes that are each judged by themselves, scores are no probabilities"
    )  # fmt: skip
    group.add_argument(
        "--output-key", metavar="KEY", help="of several outputs, the one that holds the classes: a"
        " key, a field or a place, as in logits, 0, heads.verb"
    )  # fmt: skip
    group.add_argument(
        "--reduce", choices=("mean", "max", "last"), help="a prediction for each of several times"
        " to one"
    )  # fmt: skip


def _add_explanation_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--layer", metavar="PATH", help="module to explain (default: the last one whose cells the"
        " head reads); NAME=PATH,NAME=PATH for a tube a pathway"
    )  # fmt: skip
    group.add_argument(
        "--list-layers", action="store_true", help="only print the layers that could be explained:"
        " their cells, where these lie and what each can see"
    )  # fmt: skip
    group.add_argument(
        "--tokens", metavar="TxHxW[+N]", help="how a transformer's tokens lie in time, height and"
        " width, behind N that are none (class, registers); where the model does not show it"
    )  # fmt: skip
    group.add_argument(
        "--method", "--methods", dest="methods", metavar="A,B", action="extend", type=_names,
        help="methods to offer, the default first; may be repeated (default: all of the"
        " class-activation ones)"
    )  # fmt: skip
    group.add_argument(
        "--pool", metavar="TxYxX", help="slices, rows and columns whose relevance to the input is"
        " summed into one cell; 1x1x1 keeps each pixel (default: cells that can be read on a"
        " picture, about 14 along its shorter side)"
    )  # fmt: skip


def _names(text: str) -> list[str]:
    return text.split(",")


def _add_clip_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--length", type=int, metavar="T", help="slices in a clip (default 16)")
    group.add_argument("--size", metavar="HxW", help="height and width (default 112x112)")
    group.add_argument("--sample-fps", type=float, metavar="F", help="slices a second (default 15)")
    group.add_argument("--mean", metavar="R,G,B", help="of values in 0…1 (default: the model's)")
    group.add_argument("--std", metavar="R,G,B", help="likewise")
    group.add_argument("--color", choices=COLOR_ORDERS, help="order of mean, std and planes")
    group.add_argument(
        "--flow", metavar="BOUND,SCALE", help="the model takes 5 channels, the last two the optical"
        " flow to the next slice: pixels, clamped to BOUND, times SCALE"
    )  # fmt: skip
    group.add_argument("--resize", choices=RESIZE_RULES, help="how a frame becomes a slice")
    group.add_argument(
        "--short-side", type=int, metavar="N", help="of the frame before the crop, in pixels"
    )


def _add_bundle_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--labels", metavar="FILE", help="one label a line, as many as classes")
    group.add_argument(
        "--precision",
        default="float32",
        metavar="P",
        help="of the class-activation graph: float32, float16 for GPUs, int8 for GPUs and CPUs; the"
        " float32 graph stays beside it as the reference (default float32)",
    )
    group.add_argument(
        "--calibrate", metavar="V,V", action="extend", type=_names, help="of int8: videos, or"
        " folders of them, like those that the model will see; test is the rendered scene"
    )  # fmt: skip
    group.add_argument(
        "--windows", type=int, metavar="N", help="of these videos, at most (default 48); a quarter"
        " is held out to measure on"
    )  # fmt: skip
    group.add_argument("--name", help="of the bundle (default: the folder's)")
    group.add_argument(
        "--license", default="unstated", metavar="TEXT", help="licence of the weights, noted"
    )
    group.add_argument(
        "--force",
        action="store_true",
        help="replace a bundle that is there; export a"
        " method whose maps do not depend on the class, or int8 maps that are not float32's, all"
        " the same",
    )


def run(args: argparse.Namespace) -> int:
    """Exports and prints what was written, or only what there is to explain; 0."""
    clip = clip_settings(args)
    if args.list_layers:
        print_layers(args, clip)
        return 0
    if args.output is None:
        raise UsageError("export needs the folder to write: -o FOLDER (or --list-layers).")
    from ..export import export

    with _Progress() as progress:
        report = export(args.source, args.output, progress=progress, **options(args, clip))
    print(summary(report))
    return 0


def options(args: argparse.Namespace, clip: dict[str, Any]) -> dict[str, Any]:
    """The arguments as :class:`ExportOptions` names them; a few are written otherwise here."""
    from ..export import ExportOptions

    named = {f.name: getattr(args, f.name) for f in fields(ExportOptions) if hasattr(args, f.name)}
    return {
        **named,
        "clip": clip,
        "labels": Path(args.labels) if args.labels is not None else None,
        "layer": _layers(args.layer),
        "output": args.output_key,
        "pool": _pool(args.pool) if args.pool is not None else None,
    }


def clip_settings(args: argparse.Namespace) -> dict[str, Any]:
    """What the user said about the clips; nothing that was left out."""
    settings: dict[str, Any] = {
        name: getattr(args, name)
        for name in ("length", "sample_fps", "color", "resize", "short_side")
        if getattr(args, name) is not None
    }
    if args.size is not None:
        settings["height"], settings["width"] = _size(args.size)
    for name in ("mean", "std"):
        if getattr(args, name) is not None:
            settings[name] = _numbers(f"--{name}", getattr(args, name))
    if args.flow is not None:
        numbers = _numbers("--flow", args.flow)
        if len(numbers) != 2:
            raise UsageError(f"--flow {args.flow!r} is not of the form BOUND,SCALE, as in 20,0.05.")
        settings["flow"] = dict(zip(("bound", "scale"), numbers))
    return settings


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise UsageError(f"--size {text!r} is not of the form HxW, as in 112x112.")
    return int(height), int(width)


def _layers(text: str | None) -> str | list[str] | None:
    return text.split(",") if text is not None and "," in text else text


def _pool(text: str) -> tuple[int, ...]:
    parts = text.lower().split("x")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):
        raise UsageError(f"--pool {text!r} is not of the form TxYxX, as in 1x4x4.")
    return tuple(int(part) for part in parts)


def _numbers(option: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(f"{option} {text!r} is not of the form 0.45,0.45,0.45.") from error


class _Progress:
    """One line per step on standard error; a spinner where that is a terminal."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._status: Any = None
        self._print: Callable[[str], None] = lambda text: print(text, file=sys.stderr)

    def __enter__(self) -> _Progress:
        if sys.stderr.isatty() and importlib.util.find_spec("rich"):
            from rich.console import Console

            console = Console(stderr=True)
            self._status = console.status("starting")
            self._status.start()
        return self

    def __call__(self, text: str) -> None:
        if self._status is not None:
            self._status.update(text)
        else:
            self._print(f"{time.monotonic() - self._start:6.1f} s  {text}")

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()
