"""What an export check found, and the errors that it accepts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LIMITS = {"float32": 1e-3, "float16": 1e-2}  # half precision rounds each weight by up to 5e-4
INPUTS = 3


@dataclass(frozen=True)
class CheckReport:
    """Figures of an export check.

    Attributes
    ----------
    inputs : int
        Clips compared.
    replaced : int
        Clips that were left out because they lie at a kink (see :func:`check_graph`).
    errors : dict
        Largest |difference| over largest |reference|, for logits, activation, gradient and the
        Grad-CAM map, over all inputs.
    reference, engine : str
        What was compared.
    """

    inputs: int
    replaced: int
    errors: dict[str, float]
    reference: str
    engine: str

    @property
    def max_relative_error(self) -> float:
        """The greatest of the errors."""
        return max(self.errors.values())

    def sidecar(self) -> dict[str, Any]:
        """The entry ``check`` of bundle.json."""
        return {
            "inputs": self.inputs,
            "replaced": self.replaced,
            "max_relative_error": self.max_relative_error,
            "relative_errors": self.errors,
            "reference": self.reference,
            "engine": self.engine,
        }


def joined(reports: list[CheckReport]) -> CheckReport:
    """One report for a bundle of several graphs; the largest error where they share a name."""
    errors: dict[str, float] = {}
    for name, error in (item for report in reports for item in report.errors.items()):
        errors[name] = max(error, errors.get(name, 0.0))
    return CheckReport(
        min(report.inputs for report in reports), sum(report.replaced for report in reports),
        errors, "; ".join(dict.fromkeys(each.reference for each in reports)), reports[0].engine,
    )  # fmt: skip
