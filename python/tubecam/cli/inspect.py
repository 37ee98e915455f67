"""`tubecam inspect`: says what is in a bundle, and whether it is whole."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ..errors import BundleError
from ..text.counting import counted

_UNSTATED = "states no SHA-256 of its own (made by 0.1.0): whether it was edited is not known"


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds this command to the command line."""
    parser = subparsers.add_parser(
        "inspect",
        usage="tubecam inspect BUNDLE [--json]",
        description="Says what a bundle holds: the model, the clips it takes, the explanations it"
        " offers, how exactly they were checked, and whether its files have the hashes that it"
        " states: the graphs with all their weights, the labels, and bundle.json itself. That finds"
        " damage and edits; it does not say who made the bundle."
        " Exit status 1 when the bundle cannot be used.",
        epilog="Examples: `tubecam inspect motion`, `tubecam inspect engines/r3d_18 --json`",
    )
    parser.add_argument("bundle", metavar="BUNDLE", help="a bundle's folder, or a name: motion")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints what is known of a bundle; 1 when it cannot be used."""
    from ..bundle.packaged import find_bundle

    folder = find_bundle(args.bundle)
    bundle, problem = _load(folder)
    if args.json:
        print(json.dumps(_facts(folder, bundle, problem), indent=2, ensure_ascii=False))
    elif bundle is not None:
        print(_text(bundle))
    if problem:
        print(f"tubecam: {problem}", file=sys.stderr)
    return 1 if problem else 0


def _load(folder: Path) -> tuple:
    """The bundle, or None and what is wrong with it."""
    from ..bundle.bundle import load_bundle

    try:
        return load_bundle(folder), None
    except BundleError as error:
        return None, str(error)


def _facts(folder: Path, bundle, problem: str | None) -> dict:
    facts = {"folder": str(folder), "usable": problem is None, "problem": problem}
    if bundle is None:
        return facts
    verified = [*bundle.sidecar["files"], *(["bundle.json"] if bundle.sidecar_stated else [])]
    facts |= {"verified": verified, "classes": list(bundle.labels)}
    return {**facts, "bundle": bundle.sidecar}


def _text(bundle) -> str:
    size = sum((bundle.folder / name).stat().st_size for name in bundle.sidecar["files"])
    count = len(bundle.sidecar["files"])
    state = f"{counted(count, 'file')}, {size / 1e6:.1f} MB: each as bundle.json states it"
    own = "has the SHA-256 that it states" if bundle.sidecar_stated else _UNSTATED
    return f"{bundle.describe()}\n{'files':<14}{state}\n{'bundle.json':<14}{own}"
