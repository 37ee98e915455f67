"""A bundle in another precision, made from a bundle: its float32 graphs are taken as they are."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from .._version import __version__
from ..bundle.bundle import Bundle, load_bundle
from ..errors import ExportError, UsageError
from . import bundle_folder
from .cam.graph import Progress
from .onnx.constant_folding import drop_unread, without_copies
from .precision.precision import Narrow, graph_files
from .spec import ClipSpec, clip_spec
from .trace.model_input import feeds
from .verify.check_report import INPUTS, LIMITS, CheckReport
from .verify.engine import compile_in_engine, engine_version
from .verify.map_errors import relative_error
from .verify.unseen_clips import unseen_clips


def is_bundle(source: object) -> bool:
    """Whether an export's source is a bundle's folder."""
    return isinstance(source, str) and (Path(source) / bundle_folder.SIDECAR).is_file()


def spec_of(source: Bundle) -> ClipSpec:
    """What clips it takes."""
    return clip_spec(source.sidecar["clip"], ClipSpec())


def load_wide(folder: str, precision: str) -> Bundle:
    """The bundle, if it can be made narrower.

    Raises
    ------
    UsageError
        float32 is asked for, or its graphs are not float32 and have no reference.
    """
    found = load_bundle(folder)
    if precision == "float32":
        raise UsageError(f"{folder} is a bundle already; say the --precision to make of it.")
    if not any(_wide_file(entry) for entry in found.sidecar["graphs"]):
        raise UsageError(
            f"{folder} holds no float32 graph of the class-activation methods, of which "
            f"{precision} is made."
        )
    return found


def convert(
    source: Bundle, out: Path, narrow: Narrow, name: str, license: str, say: Progress
) -> dict[str, Any]:
    """Writes `out`; gives its sidecar.

    Raises
    ------
    ExportError
        As ``quantised`` and ``halve``; or float16 differs from the float32 graph by more than 1e-2.
    """
    entries, files = [], []
    check = dict(source.sidecar["check"])
    with bundle_folder.new_folder(out) as folder:
        for entry in source.sidecar["graphs"]:
            wide = _wide_file(entry)
            if wide is None:
                names = [n for n in source.sidecar["files"] if n.split(".data")[0] == entry["file"]]
                for file in names:
                    shutil.copyfile(source.folder / file, folder / file)
                entries.append({**entry, "precision": "float32"})
                files += names
                continue
            model = onnx.load(str(source.folder / wide))
            without_copies(model)
            drop_unread(model)
            written, made, extra = graph_files(narrow, model, folder, entry["file"], say)
            if narrow.precision == "float16":
                errors = _errors(model, made, spec_of(source))
                check = _with(check, errors)
            kept = {k: v for k, v in entry.items() if k not in ("quantisation", "reference")}
            entries.append({**kept, **extra})
            files += written
        (folder / bundle_folder.LABELS).write_text(
            "\n".join(source.labels) + "\n", encoding="utf-8"
        )
        content = {
            **{k: v for k, v in source.sidecar.items() if k not in ("format", "files")},
            "name": name, "labels": bundle_folder.LABELS, "graphs": entries,
            "precision": narrow.precision, "check": check,
            "provenance": _provenance(source, narrow, license),
        }  # fmt: skip
        bundle_folder.write_sidecar(folder, [*dict.fromkeys(files), bundle_folder.LABELS], content)
    say(f"wrote {out}")
    return json.loads((out / bundle_folder.SIDECAR).read_text(encoding="utf-8"))


def report_of(sidecar: dict[str, Any]) -> CheckReport:
    """The export check that a sidecar states."""
    check = sidecar["check"]
    errors = check.get("relative_errors") or {"all": check["max_relative_error"]}
    return CheckReport(
        check["inputs"], check.get("replaced", 0), errors, check.get("reference", "autograd"),
        check.get("engine", "OpenVINO"),
    )  # fmt: skip


def _wide_file(entry: dict[str, Any]) -> str | None:
    """The float32 graph of the class-activation methods; None for graphs that stay as they are."""
    explains_layers = "pathways" in entry or "activation" in entry["outputs"]
    if not explains_layers:
        return None
    return entry.get("reference", entry["file"])


def _provenance(source: Bundle, narrow: Narrow, license: str) -> dict[str, Any]:
    known = {k: v for k, v in source.sidecar["provenance"].items() if k != "calibration"}
    if license != "unstated":
        known["license"] = license
    made = {"made_from": f"the bundle {source.name}", "created_by": f"tubecam {__version__}"}
    return {**known, **made, **narrow.provenance()}


def _errors(model: onnx.ModelProto, made: onnx.ModelProto, spec: ClipSpec) -> dict[str, float]:
    """Largest relative error of each output over clips that nothing was made from."""
    first, second = (compile_in_engine(m.SerializeToString()) for m in (model, made))
    errors: dict[str, float] = {}
    for clip in itertools.islice(unseen_clips(spec.input_shape, 0), INPUTS):
        results = [compiled(feeds(clip.numpy(), 0)) for compiled in (first, second)]
        for output in model.graph.output:
            want, got = (np.asarray(r[output.name], np.float64) for r in results)
            name = output.name.partition("_")[0]
            errors[name] = max(relative_error(got, want), errors.get(name, 0.0))
    if not max(errors.values()) <= LIMITS["float16"]:
        figures = ", ".join(f"{name} {error:.2g}" for name, error in errors.items())
        raise ExportError(
            f"float16 differs from float32 ({engine_version()}): relative errors {figures}; at "
            f"most {LIMITS['float16']:g} is accepted. Nothing was written."
        )
    return errors


def _with(check: dict[str, Any], errors: dict[str, float]) -> dict[str, Any]:
    """The check's figures, where rounding makes them worse."""
    known = check.get("relative_errors", {})
    joined = {n: max(known.get(n, 0.0), errors.get(n, 0.0)) for n in {**known, **errors}}
    return {
        **check, "relative_errors": joined,
        "max_relative_error": max(check["max_relative_error"], *joined.values()),
    }  # fmt: skip
