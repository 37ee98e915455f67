"""Is the exported graph right? The engine's answers against autograd on the original model."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import torch

from ...errors import ExportError
from .autograd_reference import Case, Reference
from .check_report import INPUTS, LIMITS, CheckReport
from .engine import compile_in_engine, engine_version
from .map_errors import case_errors, relative_error
from .unseen_clips import unseen_clips

MOST_CLIPS = 12  # tried before an export is given up whose gradient fails at kinks everywhere
NOISE_DRAWS = 6
ROUNDING = 3e-6  # of the clip's greatest value; float32 sums of deep networks err by 1e-6


def check_graph(
    graph: Path, reference: Reference, shape: tuple[int, ...], classes: int, seed: int
) -> tuple[CheckReport, list[Case]]:
    """Compares the graph with the reference on clips that it was not traced with.

    At a kink (a ReLU whose input is zero within rounding) a gradient jumps, so that two correct
    computations differ. A clip whose gradient fails is replaced, therefore, if and only if noise of
    the size of rounding moves the reference's own gradient beyond the limit. A wrong graph gains
    nothing by that: it has to pass on three other clips, and logits and activation, which do not
    jump, have to agree on every clip.

    Raises
    ------
    ExportError
        A tensor differs by more than 1e-3 of its largest reference value; all figures are given.
    """
    compiled = compile_in_engine(graph)
    if not any("target" in port.names for port in compiled.inputs):
        raise ExportError("the explanation does not depend on the target. Nothing was written.")
    targets = [-1, classes - 1, classes // 3]
    cases: list[Case] = []
    replaced: list[float] = []
    for clip in itertools.islice(unseen_clips(shape, seed), MOST_CLIPS):
        case = reference(clip.contiguous(), targets[len(cases)])
        errors = case_errors(compiled, case)
        if only_gradient_fails(errors) and at_kink(reference, case):
            replaced.append(errors["gradient"])
            continue
        cases.append(case)
        if len(cases) == INPUTS:
            try:
                return summarise(compiled, cases, reference.name, "float32", len(replaced)), cases
            except ExportError as error:
                raise ExportError(f"{error}{reference.doubt}") from error
    names = ", ".join(layer.name for layer in reference.layers)
    raise ExportError(
        f"the gradient at layer '{names}' differs from {reference.name} by "
        f"{min(replaced):.2g} to {max(replaced):.2g} on {len(replaced)} of {MOST_CLIPS} clips. On "
        "each of them it jumps under noise of the size of rounding, so the graph cannot be told "
        "right from wrong. Choose a layer nearer to the logits. Nothing was written."
    )


def only_gradient_fails(errors: dict[str, float]) -> bool:
    """Whether all that differs is what jumps at a kink: the gradient, and the map made of it."""
    steady = max(errors["logits"], errors["activation"])
    return steady <= LIMITS["float32"] < max(errors.values())


def at_kink(reference: Reference, case: Case) -> bool:
    """Whether rounding-sized noise on the clip moves the reference's gradient beyond the limit."""
    random = torch.Generator().manual_seed(31)
    clip = torch.from_numpy(case.clip)
    for _ in range(NOISE_DRAWS):
        noise = torch.randn(clip.shape, generator=random) * float(clip.abs().max()) * ROUNDING
        moved = reference(clip.double() + noise.double(), case.target)
        pairs = zip(moved.gradients, case.gradients, strict=True)
        changes = [relative_error(now, before) for now, before in pairs]
        if any(LIMITS["float32"] < change < float("inf") for change in changes):
            return True
    return False


def compare(graph: Path, cases: list[Case], seen: CheckReport, precision: str) -> CheckReport:
    """Runs the cases of an earlier check in the engine; raises ExportError as that does."""
    compiled = compile_in_engine(graph)
    return summarise(compiled, cases, seen.reference, precision, seen.replaced)


def summarise(
    compiled: Any, cases: list[Case], reference: str, precision: str, replaced: int
) -> CheckReport:
    """Figures over all cases; refuses those beyond the precision's limit."""
    every = [case_errors(compiled, case) for case in cases]
    errors = {name: max(e[name] for e in every) for name in every[0]}
    report = CheckReport(len(cases), replaced, errors, reference, engine_version())
    limit = LIMITS[precision]
    if not report.max_relative_error <= limit:
        figures = ", ".join(f"{name} {error:.2g}" for name, error in errors.items())
        raise ExportError(
            f"the exported graph does not agree with {reference} ({report.engine}, {precision}): "
            f"relative errors {figures}; at most {limit:g} is accepted. Nothing was written."
            + (" Try precision float32." if precision != "float32" else "")
        )
    return report
