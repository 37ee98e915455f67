"""What the rules know of clips other than the one that is explained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ...errors import UsageError
from ..spec import ClipSpec


@dataclass(frozen=True)
class Domain:
    """The clips that exist, after normalisation, and the one that others are compared with.

    Attributes
    ----------
    range : pair of Tensor
        [1, 1, C, 1, 1] each: black and white, the ends of what a colour can be, and those of the
        flow.
    reference : Tensor
        [1, T, C, H, W], or [1, 1, C, 1, 1] for a clip of one colour.
    """

    range: tuple[Tensor, Tensor]
    reference: Tensor


def domain_of(spec: ClipSpec, reference: npt.ArrayLike | None) -> Domain:
    """The domain of clips that `spec` normalises.

    Parameters
    ----------
    reference : array [T, C, H, W], optional
        Normalised as the model takes it, C = 3, or 5 with the flow to the next slice. Default:
        zero, the mean colour everywhere and nothing that moves.

    Raises
    ------
    UsageError
        The reference has another shape, or a value that is not finite.
    """
    mean, std = (torch.tensor(v) for v in (spec.mean, spec.std))
    farthest = [spec.flow.bound * spec.flow.scale] * 2 if spec.flow is not None else []
    most = torch.tensor(farthest, dtype=mean.dtype)
    ends = torch.cat([(0 - mean) / std, -most]), torch.cat([(1 - mean) / std, most])
    low, high = (end.reshape(1, 1, -1, 1, 1) for end in ends)
    clip = torch.zeros_like(low) if reference is None else _checked(reference, spec)
    return Domain((low, high), clip)


def _checked(reference: npt.ArrayLike, spec: ClipSpec) -> Tensor:
    try:
        values = np.asarray(reference, np.float32)
    except (TypeError, ValueError) as error:
        raise UsageError(f"the reference clip is no array of numbers: {error}.") from error
    if values.shape != spec.input_shape[1:]:
        raise UsageError(
            f"the reference clip is {list(values.shape)}; this model takes [T, C, H, W] = "
            f"{list(spec.input_shape[1:])}."
        )
    if not np.isfinite(values).all():
        raise UsageError("the reference clip holds NaN or infinity.")
    return torch.from_numpy(values.copy())[None]
