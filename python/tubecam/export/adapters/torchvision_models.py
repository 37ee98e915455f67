"""`torchvision:NAME`: a video classifier that the installed torchvision builds."""

from __future__ import annotations

from ...errors import UnavailableError, UsageError
from ..spec import ClipSpec
from . import Adapted

# Means and deviations of the video models' published weights.
CLIP = ClipSpec(16, 112, 112, 15.0, (0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989))
LARGE = ClipSpec(16, 224, 224, 15.0, (0.45,) * 3, (0.225,) * 3, short_side=256)


def load(name: str) -> Adapted:
    """An untrained model; its checkpoint is loaded like any other.

    Raises
    ------
    UnavailableError
        torchvision does not import.
    UsageError
        It has no video model of that name.
    """
    try:
        from torchvision.models import get_model, list_models, video
    except Exception as error:  # a torchvision that does not fit torch fails in many ways
        raise UnavailableError(
            f"torchvision:{name} needs torchvision, which does not import here ({error}). Install "
            "the release that fits your torch, or take the architecture by its own name: "
            "`tubecam models` lists them."
        ) from error
    names = list_models(video)
    if name not in names:
        raise UsageError(f"torchvision has no video model {name!r}; it has {', '.join(names)}.")
    clip = LARGE if name.startswith(("mvit", "swin", "s3d")) else CLIP
    return Adapted(get_model(name, weights=None), name, f"torchvision {name}", clip)
