"""What some methods can be told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import _core
from ..errors import UsageError
from .arguments import check_types

BASELINES = tuple(_core.baselines())


@dataclass(frozen=True, eq=False)
class MethodOptions:
    """Settings of methods that have any; the others do not read them.

    Attributes
    ----------
    steps : int
        Passes of integrated-gradients, smoothgrad and gradient-shap, 1…1024.
    baseline : str or float32 [T, 3, H, W]
        Where integrated-gradients begins: "zero" (after normalisation, so a clip of the mean
        colour), "blurred", "frozen" (the middle slice all the time), or a normalised clip.
    noise : float
        Standard deviation of smoothgrad's noise, as a share of the clip's range.
    frozen_slice : int
        The slice that motion-split freezes, −1 for the middle one.
    sigma : float
        Standard deviations from which selective-relevance counts a change over time as motion.
    """

    steps: int = 8
    baseline: str | npt.NDArray[np.float32] = "zero"
    noise: float = 0.15
    frozen_slice: int = -1
    sigma: float = 1.0

    def core(self) -> _core.MethodOptions:
        """The same for the compiled core; UsageError for a baseline or a number that is none."""
        baseline = self.baseline
        check_types(
            steps=self.steps, noise=self.noise, frozen_slice=self.frozen_slice, sigma=self.sigma
        )
        return _core.MethodOptions(
            steps=self.steps,
            baseline=baseline if isinstance(baseline, str) else "zero",
            baseline_clip=None if isinstance(baseline, str) else np.asarray(baseline),
            noise=self.noise,
            frozen_slice=self.frozen_slice,
            sigma=self.sigma,
        )


def core_options(options: MethodOptions) -> _core.MethodOptions:
    """`MethodOptions.core`; UsageError for what is no MethodOptions."""
    if not isinstance(options, MethodOptions):
        raise UsageError(f"options must be a MethodOptions, not {options!r:.60}")
    return options.core()
