"""`tubecam models`: the architectures that can be exported by name."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from ..errors import UsageError

if TYPE_CHECKING:
    from ..export.models.architectures import Architecture


ROLLOUT = "attention-rollout"
FLOW = "optical flow"
_ADAPTERS = f"""\
flow: optical flow is computed before the model, by OpenCV (`tubecam doctor` says whether it is
there), and methods of several passes are not offered

transformers:FOLDER     VideoMAE, ViViT, TimeSformer, V-JEPA 2 as Hugging Face's transformers saves
                        them: tokens are cells; every method by gradient, and {ROLLOUT}
torchvision:NAME        a video classifier of the installed torchvision
package.module:factory  your own model"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds this command to the command line."""
    parser = subparsers.add_parser(
        "models",
        usage="tubecam models [NAME] [--json]",
        description="Lists the architectures that `tubecam export` knows by name: size, cost, the"
        " clips they take, and whose published weights load. With NAME: all that is known of one,"
        " and how to export it.",
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="one architecture")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints the list, or one architecture; 0."""
    from ..export.models.architectures import ARCHITECTURES

    if args.name is not None and args.name not in ARCHITECTURES:
        raise UsageError(f"no architecture {args.name!r}; there are {', '.join(ARCHITECTURES)}.")
    found = [ARCHITECTURES[args.name]] if args.name else list(ARCHITECTURES.values())
    if args.json:
        facts = {a.name: _facts(a) for a in found}
        print(json.dumps(facts, indent=2, ensure_ascii=False))
    elif args.name:
        print(_details(found[0]))
    else:
        print(_table(found), _ADAPTERS, sep="\n\n")
    return 0


def _facts(architecture: Architecture) -> dict:
    entry = asdict(architecture)
    entry.pop("make")
    entry.pop("head")
    entry.pop("renames")
    entry["clip"] = architecture.clip.sidecar()
    entry["methods"] = _methods(architecture)
    entry["needs"] = _needs(architecture)
    entry.pop("excludes")
    return entry


def _needs(architecture: Architecture) -> list[str]:
    return [FLOW] if architecture.clip.flow is not None else []


def _without(architecture: Architecture) -> tuple[str, ...]:
    """Methods that mean nothing here: those of several passes do not follow flow."""
    from ..export.relevance import FEW_PASS

    return (*architecture.excludes, *(FEW_PASS if architecture.clip.flow is not None else ()))


def _methods(architecture: Architecture) -> list[str]:
    """What can be explained; none of these networks has attentions to roll out."""
    from ..export import METHODS

    without = {*_without(architecture), ROLLOUT}
    return [method for method in METHODS if method not in without]


def _explained(architecture: Architecture) -> str:
    layer = architecture.layer or "the last volume before pooling"
    return layer if isinstance(layer, str) else ", ".join(layer)


_ROW = "{:17} {:>9} {:>6}  {:11} {:>8} {:>8}  {:5}  {}"


def _table(architectures: list[Architecture]) -> str:
    head = ("name", "weights", "GMAC", "clip", "slices/s", "classes", "needs", "without")
    lines = [_ROW.format(*head)]
    for a in architectures:
        gmac = f"{a.gmac:.1f}" if a.gmac > 0.1 else f"{a.gmac:.2f}"
        weights, rate = f"{a.parameters / 1e6:.2f} M", f"{a.clip.sample_fps:g}"
        needs, without = "flow" if _needs(a) else "", ", ".join(a.excludes)
        row = (a.name, weights, gmac, _clip(a), rate, a.classes, needs, without)
        lines.append(_ROW.format(*row))
    return "\n".join(line.rstrip() for line in lines)


def _clip(architecture: Architecture) -> str:
    clip = architecture.clip
    return f"{clip.length}x{clip.height}x{clip.width}"


def _details(a: Architecture) -> str:
    lines = [
        ("name", a.name),
        ("paper", a.paper),
        ("parameters", f"{a.parameters:,} at {a.classes} classes"),
        ("cost", f"{a.gmac:g} GMAC a clip of {_clip(a)} at {a.clip.sample_fps:g} slices/s"),
        *(("needs", f"{need}, computed by OpenCV") for need in _needs(a)),
        ("explains", _explained(a)),
        ("methods", " ".join(_methods(a))),
        ("weights", a.checkpoints),
        ("export", f"tubecam export {a.name} --weights FILE -o engines/{a.name}"),
    ]
    return "\n".join(f"{name:<12}{text}" for name, text in lines)
