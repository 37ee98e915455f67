"""`transformers:FOLDER`: a video classifier that Hugging Face's transformers saved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ....errors import ExportError, UsageError
from ....libraries.extras import needed_for
from ...spec import ClipSpec
from .adapted import Adapted

KINDS = (
    "videomae",  # Tong et al. 2022
    "vivit",  # Arnab et al. 2021
    "timesformer",  # Bertasius et al. 2021
    "vjepa2",  # Assran et al. 2025
)


class VideoTransformer(nn.Module):
    """Takes [N, 3, T, H, W] and gives the logits alone."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x.transpose(1, 2)).logits


def load(folder: str) -> Adapted:
    """Reads configuration, weights and preprocessing; nothing is downloaded, no code of it runs.

    Raises
    ------
    UnavailableError
        The package transformers is not installed.
    UsageError
        No such folder, or not a model of this kind.
    ExportError
        The weights do not load.
    """
    path = Path(folder)
    config = _json(path / "config.json")
    kind = config.get("model_type")
    if kind not in KINDS:
        raise UsageError(
            f"{path} holds a model of type {kind!r}; {', '.join(KINDS)} are known. For "
            "another one, write a factory that returns a module and give package.module:factory."
        )
    model = _from_folder(path)
    clip = _clip(model.config, path)
    labels = [model.config.id2label[i] for i in range(model.config.num_labels)]
    description = f"transformers {kind} of {path.name}"
    return Adapted(VideoTransformer(model), kind, description, clip, labels, head_of(model.config))


def head_of(config: Any) -> str:
    """What its logits were trained as."""
    kind = config.problem_type or ("regression" if config.num_labels == 1 else "")
    return {"regression": "scores", "multi_label_classification": "multi-label"}.get(kind, "logits")


def _pair(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def _from_folder(path: Path) -> nn.Module:
    with needed_for("transformers:FOLDER", "transformers"):
        from transformers import AutoModelForVideoClassification
    try:
        # Eager attention is made of plain operators, which every engine knows.
        return AutoModelForVideoClassification.from_pretrained(
            path, local_files_only=True, attn_implementation="eager"
        )
    except Exception as error:
        raise ExportError(f"{path} does not load: {error}") from error


def _clip(config: Any, path: Path) -> ClipSpec:
    """As the processor prepares frames, or as these models' own processors do by default."""
    file = path / "preprocessor_config.json"
    processor = _json(file) if file.is_file() else {}
    jepa = config.model_type == "vjepa2"
    height, width = _pair(config.crop_size if jepa else config.image_size)
    size = processor.get("size", {})
    short = size.get("shortest_edge", 0) if isinstance(size, Mapping) else 0
    return ClipSpec(
        length=config.frames_per_clip if jepa else config.num_frames,
        height=height,
        width=width,
        mean=tuple(processor.get("image_mean", (0.485, 0.456, 0.406))),
        std=tuple(processor.get("image_std", (0.229, 0.224, 0.225))),
        short_side=max(short, height, width),
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read ({error.strerror}); transformers:FOLDER takes the folder that "
            "save_pretrained() wrote."
        ) from error
    except ValueError as error:
        raise UsageError(f"{path} is not JSON: {error}.") from error
