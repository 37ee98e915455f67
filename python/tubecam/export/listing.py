"""The layers of a model that can be explained: grid, place and receptive field of each."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from ..errors import ExportError
from .axes.receptive_field import Geometry
from .axes.token_layout import token_grid
from .cam.graph import example_clip
from .head.find_head import headed_model
from .layers.candidates import Candidates
from .layers.layer import Layer
from .models.architectures import ARCHITECTURES
from .models.load import load_source
from .options import ModelOptions
from .spec import ClipSpec, clip_spec
from .trace.batch_norm_folding import fold_constants
from .trace.capture import capture


@dataclass(frozen=True)
class ListedLayer:
    """A tensor that can be explained.

    Attributes
    ----------
    name : str
        What ``layer`` and ``--layer`` take.
    shape : (C, t, h, w)
    others : int
        Class and register tokens beside its cells.
    geometry : Geometry
        Where its cells lie on the clip, and what they see.
    """

    name: str
    shape: tuple[int, int, int, int]
    others: int
    geometry: Geometry

    def __repr__(self) -> str:
        return f"ListedLayer({self.name!r}, {'×'.join(map(str, self.shape))})"


@dataclass(frozen=True)
class Listing:
    """Of one model.

    Attributes
    ----------
    layers : tuple of ListedLayer
        In the order of execution, the one that is explained where none is named among them.
    default : str
        That one; empty where the export would refuse to choose, and `reason` says why.
    clip : (T, H, W)
    """

    layers: tuple[ListedLayer, ...]
    default: str
    reason: str
    clip: tuple[int, int, int]


def list_layers(
    source: str | nn.Module,
    *,
    weights: str | os.PathLike[str] | None = None,
    tokens: str | None = None,
    clip: ClipSpec | Mapping[str, Any] | None = None,
    time_first: bool = False,
    output: str | None = None,
    reduce: str | None = None,
) -> Listing:
    """Every layer that `export` could explain.

    Weights do not matter to it, so that architectures by name need none.

    Parameters
    ----------
    source, weights, tokens, clip, time_first, output, reduce
        As for `export`.

    Raises
    ------
    UsageError, ExportError
        As `export`: the source is unknown, does not take such clips or cannot be traced.
    """
    stated = token_grid(tokens) if tokens is not None else None
    untrained = isinstance(source, str) and source in ARCHITECTURES and weights is None
    found = load_source(source, weights, untrained, 0, None)
    found.clip = clip_spec(clip, found.clip)
    ends = ModelOptions(time_first=time_first, output=output, reduce=reduce)
    model, _ = headed_model(found, ends, found.labels, lambda text: None)
    captured = capture(model, example_clip(found.clip, 0), time_first)
    fold_constants(captured.module)
    candidates = Candidates(captured, stated)
    layers = candidates.named()
    names, reason = found.layer or (), ""
    if not names:
        try:
            default = candidates.default()
            names = default.name
            layers = (
                layers if default.name in {layer.name for layer in layers} else [*layers, default]
            )
        except ExportError as error:
            reason = str(error)
    rows = tuple(_listed(layer) for layer in layers)
    return Listing(rows, _joined(names), reason, candidates.clip)


def _listed(layer: Layer) -> ListedLayer:
    return ListedLayer(layer.name, layer.shape, layer.cells.others, layer.geometry)


def _joined(names: str | Sequence[str]) -> str:
    return names if isinstance(names, str) else ",".join(names)
