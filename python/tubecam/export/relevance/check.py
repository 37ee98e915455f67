"""Is an exported method right? The engine's answers against the reference in float64."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...errors import ExportError
from ..check import (
    INPUTS,
    LIMITS,
    MOST_CLIPS,
    NOISE_DRAWS,
    ROUNDING,
    CheckReport,
    compile_in_engine,
    engine_version,
    relative_error,
    unseen_clips,
)  # fmt: skip
from .reference import Case, Reference


def check_relevance(
    graph: Path, reference: Reference, shape: tuple[int, ...], classes: int, seed: int
) -> tuple[CheckReport, list[Case]]:
    """Compares the graph with the reference on clips that it was not traced with.

    A clip at a kink is replaced on the same condition as in ``export.check``: its logits agree, and
    noise of the size of rounding moves the reference's own relevance beyond the limit.

    Raises
    ------
    ExportError
        Logits or relevance differ by more than 1e-3 of their largest value, or no clip has any
        relevance.
    """
    compiled = compile_in_engine(graph)
    targets = [-1, classes - 1, classes // 3]
    cases: list[Case] = []
    replaced: list[float] = []
    for clip in itertools.islice(unseen_clips(shape, seed), MOST_CLIPS):
        case = reference(clip.contiguous(), targets[len(cases)])
        logits, relevance = case_errors(compiled, case)
        if logits <= LIMITS["float32"] < relevance and at_kink(reference, case):
            replaced.append(relevance)
            continue
        cases.append(case)
        if len(cases) == INPUTS:
            return _report(compiled, cases, reference.name, graph.stem, "float32", len(replaced))
    raise ExportError(
        f"{graph.stem} differs from {reference.name} by {min(replaced):.2g} to {max(replaced):.2g} "
        f"on {len(replaced)} of {MOST_CLIPS} clips, and jumps under noise of the size of rounding "
        "on each of them, so it cannot be told right from wrong. Nothing was written. "
        "Sum over larger cells (pool), or take lrp-epsilon-plus, which jumps far less."
    )


def compare_relevance(
    graph: Path, cases: list[Case], seen: CheckReport, precision: str
) -> CheckReport:
    """Runs the cases of an earlier check in the engine; raises ExportError as that does."""
    compiled = compile_in_engine(graph)
    return _report(compiled, cases, seen.reference, graph.stem, precision, seen.replaced)[0]


def case_errors(compiled: Any, case: Case) -> tuple[float, float]:
    """Relative errors of logits and relevance."""
    result = compiled({"clip": case.clip, "target": np.array([case.target], np.int64)})
    return (
        relative_error(result["logits"].astype(np.float64), case.logits),
        relative_error(result["relevance"].astype(np.float64), case.relevance),
    )


def at_kink(reference: Reference, case: Case) -> bool:
    """Whether rounding-sized noise on the clip moves the reference's relevance beyond the limit."""
    random = torch.Generator().manual_seed(31)
    clip = torch.from_numpy(case.clip)
    for _ in range(NOISE_DRAWS):
        noise = torch.randn(clip.shape, generator=random) * float(clip.abs().max()) * ROUNDING
        moved = reference(clip.double() + noise.double(), case.target)
        if LIMITS["float32"] < relative_error(moved.relevance, case.relevance) < float("inf"):
            return True
    return False


def _report(
    compiled: Any, cases: list[Case], reference: str, method: str, precision: str, replaced: int
) -> tuple[CheckReport, list[Case]]:
    if not any(case.relevance.any() for case in cases):
        raise ExportError(f"{method} gives no relevance at all: only gates lead to the logits.")
    worst = [max(errors) for errors in zip(*(case_errors(compiled, c) for c in cases), strict=True)]
    errors = {f"{method} logits": worst[0], method: worst[1]}
    report = CheckReport(len(cases), replaced, errors, reference, engine_version())
    if not report.max_relative_error <= LIMITS[precision]:
        raise ExportError(
            f"the exported {method} does not agree with {reference} ({report.engine}, {precision}):"
            f" relative errors {worst[0]:.2g} of the logits and {worst[1]:.2g} of the relevance; at"
            f" most {LIMITS[precision]:g} is accepted. Nothing was written."
        )
    return report, cases
