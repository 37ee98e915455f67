"""`tubecam build`: a bundle's graphs become TensorRT plans for this machine's GPU."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .. import _core
from ..errors import TubecamError, UsageError
from .choices import PRECISIONS

if TYPE_CHECKING:
    from pathlib import Path

    from ..bundle.bundle import Bundle

_DESCRIPTION = """\
Compiles each graph of a bundle with TensorRT for this machine's NVIDIA GPU. That takes minutes and
happens by itself when a bundle is first used; here it can be done beforehand. Plans are kept by
graph, TensorRT version, GPU and precision, and are never used for another of these. Then explains
a clip with each plan and with the bundle's float32 reference on the CPU, and says how far they
differ."""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Adds this command to the command line."""
    parser = subparsers.add_parser(
        "build",
        help="compile a bundle for this machine's NVIDIA GPU",
        description=_DESCRIPTION,
        epilog="Examples: `tubecam build motion`, `tubecam build engines/r3d --precision float16`",
    )
    parser.add_argument("bundle", metavar="BUNDLE", help="a bundle's folder, or a name: motion")
    parser.add_argument(
        "--precision", default="auto", metavar="P",
        help=f"{', '.join(PRECISIONS)}: auto is the graph's own, int8 for a bundle exported so"
    )  # fmt: skip
    parser.add_argument(
        "--workspace", type=int, default=0, metavar="MiB",
        help="device memory that the builder may use (default: all there is)",
    )  # fmt: skip
    parser.add_argument("--device", default="cuda:0", metavar="D", help="cuda or cuda:N")
    parser.add_argument(
        "--cache-dir", metavar="FOLDER", help="where plans are kept (default: $TUBECAM_CACHE, else"
        " ~/.cache/tubecam)"
    )  # fmt: skip
    parser.add_argument("--rebuild", action="store_true", help="build also what is there already")
    parser.add_argument("--no-check", action="store_true", help="do not compare with the CPU")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Builds all plans and prints a line for each; 1 when an explanation differs too much."""
    _check(args)
    from ..bundle.bundle import load_bundle
    from ..bundle.packaged import find_bundle

    folder = find_bundle(args.bundle)
    bundle = load_bundle(folder)
    receipts = [_build(bundle, i, args) for i in range(len(bundle.core.graphs))]
    if not args.no_check:
        for receipt in receipts:
            _compare(folder, receipt, args)
    if args.json:
        print(json.dumps({"bundle": str(folder), "plans": receipts}, ensure_ascii=False, indent=2))
    else:
        print("\n".join(_line(receipt) for receipt in receipts))
    warnings = [text for receipt in receipts for text in _warnings(receipt)]
    for text in warnings:
        print(f"tubecam: {text}", file=sys.stderr)
    return 1 if any(not r.get("drift", {"harmless": True})["harmless"] for r in receipts) else 0


def _check(args: argparse.Namespace) -> None:
    args.precision = _core.parse_precision(args.precision)
    if args.workspace < 0:
        raise UsageError(f"--workspace {args.workspace}: give a number of MiB, 0 for all there is")
    if not args.device.startswith("cuda"):
        raise UsageError(f"--device {args.device}: plans are for GPUs, so give cuda or cuda:N")


def _engine_options(args: argparse.Namespace) -> dict[str, Any]:
    return {"engine": "tensorrt", "device": args.device, "precision": args.precision,
            "cache_dir": args.cache_dir or ""}  # fmt: skip


def _build(bundle: Bundle, graph: int, args: argparse.Namespace) -> dict[str, Any]:
    engine = _core.Engine(
        bundle.core, graph, **_engine_options(args), workspace_mib=args.workspace,
        rebuild=args.rebuild, say=lambda text: print(f"tubecam: {text}", file=sys.stderr),
    )  # fmt: skip
    info = engine.info
    method = bundle.core.graphs[graph].default_method
    return {"method": method, "engine": f"{info.name} {info.version}", "device": info.device,
            "precision": info.precision}  # fmt: skip


def _compare(folder: Path, receipt: dict[str, Any], args: argparse.Namespace) -> None:
    """Adds drift and times; a machine without the CPU engine gets the reason instead."""
    from ..evaluation.drift import compare, median_milliseconds, sample_clip
    from ..explainer.explainer import Explainer

    try:
        with Explainer(folder, method=receipt["method"], precision="float32") as reference:
            clip = sample_clip(reference)
            expected = reference.explain(clip)
    except TubecamError as error:
        receipt["unchecked"] = str(error)
        return
    with Explainer(folder, method=receipt["method"], **_engine_options(args)) as explainer:
        drift = compare(expected, explainer.explain(clip))
        receipt["drift"] = {**asdict(drift), "harmless": drift.harmless}
        receipt["milliseconds"] = median_milliseconds(explainer, clip)
    if args.precision not in ("auto", "float32"):
        wide = {**_engine_options(args), "precision": "float32"}
        try:
            with Explainer(folder, method=receipt["method"], **wide) as explainer:
                receipt["milliseconds_float32"] = median_milliseconds(explainer, clip)
        except TubecamError:
            pass  # a narrow graph of an older export has no float32 reference


def _line(receipt: dict[str, Any]) -> str:
    text = "{method:<20} {precision:<6} {engine} on {device}".format(**receipt)
    if drift := receipt.get("drift"):
        text += (
            f"; correlation with float32 {drift['correlation']:.4f}, peak moved"
            f" {drift['peak_shift']:.0f} cells, {receipt['milliseconds']:.2f} ms"
        )
    return text


def _warnings(receipt: dict[str, Any]) -> list[str]:
    method, precision = receipt["method"], receipt["precision"]
    found = []
    if "unchecked" in receipt:
        found.append(f"{method}: not compared with float32: {receipt['unchecked']}")
    if not receipt.get("drift", {"harmless": True})["harmless"]:
        found.append(f"{method}: {precision} changes the explanation; build it with float32")
    wide = receipt.get("milliseconds_float32", float("inf"))
    if receipt.get("milliseconds", 0) > wide:
        found.append(f"{method}: {precision} is slower than float32 here ({wide:.2f} ms)")
    return found
