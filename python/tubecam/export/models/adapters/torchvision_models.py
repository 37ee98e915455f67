"""`torchvision:NAME`: a video classifier that the installed torchvision builds."""

from __future__ import annotations

from ....errors import UnavailableError, UsageError
from ...spec import ClipSpec
from .adapted import Adapted

# What the published weights were trained on, by how a name begins. S3D's frames were stretched to
# 256x256 and the middle taken.
RESNET = ClipSpec(16, 112, 112, 15.0, (0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989))
CLIPS = {
    "mvit": ClipSpec(16, 224, 224, 7.5, (0.45,) * 3, (0.225,) * 3, short_side=256),
    "swin3d": ClipSpec(
        32, 224, 224, 15.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), short_side=256
    ),
    "s3d": ClipSpec(128, 224, 224, 15.0, RESNET.mean, RESNET.std, resize="stretch"),
}


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
    clip = next((spec for begin, spec in CLIPS.items() if name.startswith(begin)), RESNET)
    return Adapted(get_model(name, weights=None), name, f"torchvision {name}", clip)
