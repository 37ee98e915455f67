"""Is an exported method right? The engine's answers against the reference in float64."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...errors import ExportError
from ..trace.model_input import feeds
from ..verify.check import MOST_CLIPS, NOISE_DRAWS, ROUNDING
from ..verify.check_report import INPUTS, LIMITS, CheckReport
from ..verify.engine import compile_in_engine, engine_version
from ..verify.map_errors import relative_error
from ..verify.unseen_clips import unseen_clips
from .graph import CLIP, REFERENCE
from .propagate import Relevance
from .reference import Case, Reference

STEADY = "lrp-epsilon-plus"


class Errors(NamedTuple):
    """Of one case, relative."""

    logits: float
    relevance: float
    decided: float


def check_relevance(
    graph: Path,
    watched: bytes | Path,
    reference: Reference,
    shape: tuple[int, ...],
    classes: int,
    seed: int,
) -> tuple[CheckReport, list[Case]]:
    """Compares the graph with the reference on clips that it was not traced with.

    The reference takes over what the engine decided at ReLUs and maxima (``linear_regions.py``). It
    computes in float64 for the first clip and in float32 for the others, whose rounding is a
    thousandth of the limit. What still jumps is replaced on the same condition as in
    ``verify/check.py``: the logits agree, and noise of the size of rounding moves the reference's
    own relevance beyond the limit.

    Raises
    ------
    ExportError
        Logits, relevance or what was decided by differ by more than 1e-3 of their largest value, or
        no clip has any relevance.
    """
    compiled, watched = compile_in_engine(graph), compile_in_engine(watched)
    targets = [-1, classes - 1, classes // 3]
    cases: list[Case] = []
    replaced: list[float] = []
    errors: list[Errors] = []
    for clip in itertools.islice(unseen_clips(shape, seed), MOST_CLIPS):
        target, dtype = targets[len(cases)], torch.float32 if cases else torch.float64
        decisions = decided_by(watched, clip, target)
        case = reference(clip.contiguous(), target, decisions, dtype)
        error = case_errors(compiled, case)
        if max(error.logits, error.decided) <= LIMITS["float32"] < error.relevance and at_kink(
            reference, case
        ):
            replaced.append(error.relevance)
            continue
        cases.append(case)
        errors.append(error)
        if len(cases) == INPUTS:
            name = reference.name
            return _report(cases, errors, name, graph.stem, "float32", len(replaced)), cases
    raise ExportError(
        f"{graph.stem} differs from {reference.name} by {min(replaced):.2g} to {max(replaced):.2g} "
        f"on {len(replaced)} of {MOST_CLIPS} clips, and jumps under noise of the size of rounding "
        "on each of them, so it cannot be told right from wrong. Nothing was written. "
        f"Sum over larger cells (pool){_steadier(reference, graph.stem)}."
    )


def _steadier(reference: Reference, method: str) -> str:
    """A method that jumps far less, where the model has rules for it."""
    found = reference.relevance
    fits = isinstance(found, Relevance) and found.accepts(STEADY) and method != STEADY
    return f", or take {STEADY}, which jumps far less" if fits else ""


def compare_relevance(
    graph: Path, cases: list[Case], seen: CheckReport, precision: str
) -> CheckReport:
    """Runs the cases of an earlier check in the engine; raises ExportError as that does."""
    compiled = compile_in_engine(graph)
    errors = [case_errors(compiled, case) for case in cases]
    return _report(cases, errors, seen.reference, graph.stem, precision, seen.replaced)


def decided_by(watched: Any, clip: Tensor, target: int) -> dict[str, np.ndarray]:
    """What the engine decided by, under the names of ``graph.Watched``."""
    result = watched(feeds(clip.numpy(), target))
    names = [name for output in watched.outputs for name in output.names]
    return {n: result[n].copy() for n in names if n.startswith((CLIP, REFERENCE))}


def case_errors(compiled: Any, case: Case) -> Errors:
    """Runs one case in the engine."""
    result = compiled(feeds(case.clip, case.target))
    found = [result[i + 1].astype(np.float64) for i in range(len(case.relevance))]
    logits = relative_error(result["logits"].astype(np.float64), case.logits)
    return Errors(logits, worst(found, case.relevance), case.decided)


def worst(got: Iterable[np.ndarray], want: Iterable[np.ndarray]) -> float:
    """The largest relative error of any input's relevance."""
    return max(relative_error(a, b) for a, b in zip(got, want, strict=True))


def at_kink(reference: Reference, case: Case) -> bool:
    """Whether rounding-sized noise on the clip moves the reference's relevance beyond the limit."""
    random = torch.Generator().manual_seed(31)
    clip = torch.from_numpy(case.clip).double()
    still = reference(clip, case.target).relevance
    for _ in range(NOISE_DRAWS):
        noise = torch.randn(clip.shape, generator=random) * float(clip.abs().max()) * ROUNDING
        moved = reference(clip + noise, case.target)
        if LIMITS["float32"] < worst(moved.relevance, still) < float("inf"):
            return True
    return False


def _report(
    cases: list[Case],
    each: list[Errors],
    reference: str,
    method: str,
    precision: str,
    replaced: int,
) -> CheckReport:
    if not any(relevance.any() for case in cases for relevance in case.relevance):
        raise ExportError(f"{method} gives no relevance at all: only gates lead to the logits.")
    most = Errors(*(max(errors) for errors in zip(*each, strict=True)))
    errors = {
        f"{method} logits": most.logits,
        f"{method} decisions": most.decided,
        method: most.relevance,
    }
    report = CheckReport(len(cases), replaced, errors, reference, engine_version())
    if not report.max_relative_error <= LIMITS[precision]:
        raise ExportError(
            f"the exported {method} does not agree with {reference} ({report.engine}, {precision}):"
            f" relative errors {most.logits:.2g} of the logits, {most.decided:.2g} of what ReLUs "
            f"and maxima decide by, and {most.relevance:.2g} of the relevance; at most "
            f"{LIMITS[precision]:g} is accepted. Nothing was written."
        )
    return report
