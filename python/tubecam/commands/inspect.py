"""`tubecam inspect`: says what is in a bundle, and whether it is whole."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ..errors import BundleError


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds this command to the command line."""
    parser = subparsers.add_parser(
        "inspect",
        usage="tubecam inspect BUNDLE [--json]",
        description="Says what a bundle holds: the model, the clips it takes, the explanations it"
        " offers, how exactly they were checked, and whether its files are unchanged."
        " Exit status 1 when the bundle cannot be used.",
        epilog="Examples: `tubecam inspect motion`, `tubecam inspect engines/r3d_18 --json`",
    )
    parser.add_argument("bundle", metavar="BUNDLE", help="a bundle's folder, or a name: motion")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints what is known of a bundle; 1 when it cannot be used."""
    from ..bundles import find_bundle

    folder = find_bundle(args.bundle)
    bundle, problem = _load(folder)
    if args.json:
        print(json.dumps(_facts(folder, bundle, problem), indent=2, ensure_ascii=False))
    elif bundle is not None:
        print(_text(folder, bundle))
    if problem:
        print(f"tubecam: {problem}", file=sys.stderr)
    return 1 if problem else 0


def _load(folder: Path) -> tuple:
    """The bundle, or None and what is wrong with it."""
    from .. import _core

    try:
        return _core.load_bundle(str(folder)), None
    except BundleError as error:
        return None, str(error)


def _facts(folder: Path, bundle, problem: str | None) -> dict:
    facts = {"folder": str(folder), "usable": problem is None, "problem": problem}
    if bundle is None:
        return facts
    return {**facts, "classes": list(bundle.labels), "bundle": json.loads(bundle.sidecar)}


def _text(folder: Path, bundle) -> str:
    sidecar = json.loads(bundle.sidecar)
    size = sum((folder / name).stat().st_size for name in sidecar["files"])
    lines = [
        ("bundle", f"{bundle.name}  ({folder})"),
        ("files", f"{len(sidecar['files'])}, {size / 1e6:.1f} MB, unchanged since the export"),
        ("classes", _classes(bundle.labels)),
        ("clip", _clip(bundle.clip, sidecar["clip"])),
    ]
    for graph in bundle.graphs:
        lines += _graph(graph)
    lines += [("precision", bundle.precision), ("check", _check(sidecar.get("check", {})))]
    lines += [(key.replace("_", " "), _short(v)) for key, v in sidecar["provenance"].items()]
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:{width}}  {text}" for name, text in lines)


def _short(value) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _classes(labels: list[str]) -> str:
    shown = ", ".join(labels[:9])
    return f"{len(labels)}: {shown}{', …' if len(labels) > 9 else ''}"


def _clip(clip, sidecar: dict) -> str:
    resize = sidecar["resize"]
    rule = resize["rule"] + (f", short side {resize['short_side']}" if "short_side" in resize else "")
    return (
        f"{clip.length} frames at {clip.sample_fps:g} a second"
        f" ({clip.length / clip.sample_fps:.2f} s), {clip.width}×{clip.height}"
        f" {sidecar['color']} ({rule})"
    )


def _graph(graph) -> list[tuple[str, str]]:
    layer = graph.layer
    channels, *cells = layer.shape
    others = [method for method in graph.methods if method != graph.default_method]
    return [
        ("methods", ", ".join([f"{graph.default_method} (default)", *others])),
        ("layer", f"{layer.name}: {channels} channels, {'×'.join(map(str, cells))} cells (t×h×w)"),
        ("explained by", "the head's weights: no backward pass" if graph.weight else "gradients"),
    ]


def _check(check: dict) -> str:
    if not check:
        return "not stated"
    figure = check.get("max_relative_error")
    return (
        f"explanation within {figure:.1e} of {check.get('reference', 'autograd')} on"
        f" {check.get('inputs', '?')} unseen inputs ({check.get('engine', 'engine not stated')})"
    )
