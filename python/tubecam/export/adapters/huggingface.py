"""`transformers:FOLDER`: a video classifier that Hugging Face's transformers saved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...errors import ExportError, UnavailableError, UsageError
from ..spec import ClipSpec
from ..tokens import TokenLayout
from . import Adapted
from .tokens import TokenCells

CLASS_TOKEN = {
    "videomae": False,  # Tong et al. 2022
    "vivit": True,  # Arnab et al. 2021
    "timesformer": True,  # Bertasius et al. 2021
}


class VideoTransformer(nn.Module):
    """Takes [N, 3, T, H, W] and gives the logits alone."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(pixel_values=x.transpose(1, 2)).logits


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
    if kind not in CLASS_TOKEN:
        raise UsageError(
            f"{path} holds a model of type {kind!r}; {', '.join(CLASS_TOKEN)} are known. For "
            "another one, write a factory that returns a module and give package.module:factory."
        )
    model = _from_folder(path)
    clip = _clip(config, path)
    tokens = token_layout(model.config, kind)
    layer = explain_tokens(model, tokens)
    labels = [model.config.id2label[i] for i in range(model.config.num_labels)]
    return Adapted(
        VideoTransformer(model), kind, f"transformers {kind} of {path.name}", clip, layer, labels,
        tokens, head_of(model.config),
    )  # fmt: skip


def head_of(config: Any) -> str:
    """What its logits were trained as."""
    kind = config.problem_type or ("regression" if config.num_labels == 1 else "")
    return {"regression": "scores", "multi_label_classification": "multi-label"}.get(kind, "logits")


def token_layout(config: Any, kind: str) -> TokenLayout:
    """Where the tokens lie and how they attend.

    Raises
    ------
    ExportError
        A TimeSformer of another attention than divided space-time.
    """
    attention = getattr(config, "attention_type", "")
    if kind == "timesformer" and attention != "divided_space_time":
        raise ExportError(
            f"this TimeSformer's attention is {attention!r}; only divided_space_time is known."
        )
    mean_pooled = kind == "videomae" and config.use_mean_pooling
    grid, patch = _grid(config)
    return TokenLayout(
        grid, patch, CLASS_TOKEN[kind], mean_pooled, config.num_hidden_layers, bool(attention)
    )


def explain_tokens(model: nn.Module, tokens: TokenLayout) -> str:
    """Turns the tokens in front of the last attention into cells; gives their layer's path.

    TimeSformer's last attention is over one frame's tokens at a time, frames being the batch: they
    have the same order, time first.
    """
    *_, path = (name for name, m in model.named_modules() if hasattr(m, "layernorm_before"))
    block = model.get_submodule(path)
    cells = TokenCells(tokens.grid, tokens.class_token)
    block.layernorm_before = nn.Sequential(block.layernorm_before, cells)
    return f"model.{path}.layernorm_before.1.cells"


def _grid(config: Any) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Patches in time, height and width; the slices, rows and columns of each."""
    if hasattr(config, "patch_size"):
        patch = config.patch_size
        time, height, width = getattr(config, "tubelet_size", 1), *_pair(patch)
    else:
        time, height, width = config.tubelet_size
    rows, columns = _pair(config.image_size)
    grid = config.num_frames // time, rows // height, columns // width
    return grid, (time, height, width)


def _pair(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def _from_folder(path: Path) -> nn.Module:
    try:
        from transformers import AutoModelForVideoClassification
    except ImportError as error:
        raise UnavailableError(
            "transformers:FOLDER needs the package transformers: pip install transformers."
        ) from error
    try:
        # Eager attention is made of plain operators, which every engine knows.
        return AutoModelForVideoClassification.from_pretrained(
            path, local_files_only=True, attn_implementation="eager"
        )
    except Exception as error:
        raise ExportError(f"{path} does not load: {error}") from error


def _clip(config: Mapping[str, Any], path: Path) -> ClipSpec:
    """As the processor prepares frames, or as these models' own processors do by default."""
    file = path / "preprocessor_config.json"
    processor = _json(file) if file.is_file() else {}
    height, width = _pair(config["image_size"])
    size = processor.get("size", {})
    short = size.get("shortest_edge", 0) if isinstance(size, Mapping) else 0
    return ClipSpec(
        length=config["num_frames"],
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
