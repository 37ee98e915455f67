"""The settings of an export, by subject; function and command line are made of them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from .. import _core
from .spec import ClipSpec

AnyPath = str | os.PathLike[str]
Calibration = Sequence[str | Path] | str | Path | npt.NDArray


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """What the model is, takes and gives.

    Attributes
    ----------
    weights : path, optional
        A checkpoint (tensors only).
    random_weights : bool
        An architecture without a checkpoint, on purpose; `seed` decides the weights.
    clip : ClipSpec or mapping, optional
        What clips the model expects.
    time_first : bool
        The model takes [N, T, 3, H, W].
    labels : sequence of str, or path of a file with one a line
    head : str, optional
        What the model gives: ``logits``; ``softmax``, ``log-softmax`` or ``sigmoid`` of them, which
        is recognised where it is its last operator; ``multi-label`` for logits of classes that are
        each judged by themselves; ``scores`` for values that are no probabilities, as of a
        regression. One logit decides between the labels no and yes.
    output : str, optional
        Of a model that gives several tensors: a key, a field or a place, ``heads.verb`` of nested
        ones. Needed where more than one could be the prediction.
    reduce : str, optional
        ``mean``, ``max`` or ``last`` over the times of a model that predicts for each.
    """

    weights: AnyPath | None = None
    random_weights: bool = False
    seed: int = 0
    clip: ClipSpec | Mapping[str, Any] | None = None
    time_first: bool = False
    labels: Sequence[str] | AnyPath | None = None
    head: str | None = None
    output: str | None = None
    reduce: str | None = None


@dataclass(frozen=True, kw_only=True)
class ExplanationOptions:
    """What explains the model, and where.

    Attributes
    ----------
    layer : str or sequence of str, optional
        Module path (``layer3``; ``relu:0`` for the first of several calls, else the last), or
        several of them for a model of several pathways, each ``NAME=PATH``: every pathway then has
        a tube and a share of the decision. Default: the architecture's own, or else the last
        tensor whose cells the head reads (:mod:`default_layer`).
    tokens : str, optional
        ``8x14x14+1``: how a transformer's tokens lie in time, height and width, and how many stand
        in front that are none (class, registers). Needed only where the graph does not show it.
    methods : sequence of str, optional
        A subset of ``METHODS``, the first is the default method. Class-activation methods share one
        graph, each method of relevance to the input has its own. Default: all class-activation
        methods that the head allows.
    pool : (t, y, x)
        Slices, rows and columns whose relevance to the input is summed into one cell; None: square
        cells that can be read on a picture (:func:`readable_pool`). The cells of
        ``attention-rollout`` are the model's tokens, whatever this says.
    reference : array [T, 3, H, W], optional
        What ``deeplift`` compares a clip with, normalised as the model takes it. Default: zero, the
        mean colour everywhere.
    measure : bool
        Time the forms of large convolution gradients in the engine and take the fastest.
    """

    layer: str | Sequence[str] | None = None
    tokens: str | None = None
    methods: Sequence[str] | None = None
    pool: Sequence[int] | None = (1, 1, 1)
    reference: npt.ArrayLike | None = None
    measure: bool = True


@dataclass(frozen=True, kw_only=True)
class BundleOptions:
    """How the bundle is written.

    Attributes
    ----------
    precision : str
        What the graph of the class-activation methods computes in: ``float32``; ``float16``; or
        ``int8``, convolutions and linear layers by explicit quantise–dequantise pairs. The float32
        graph is checked first and stays in the bundle as the reference; what rounding adds is
        measured and stated. Relevance to the input stays in float32 (``precision.py``).
    calibrate : paths of videos or folders, or float32 [N, T, 3, H, W], optional
        For ``int8``: clips like those that the model will see, which decide the ranges. ``test`` is
        the rendered scene. Videos are cut into windows and preprocessed as the runtime does it; a
        quarter of them is held out, to measure on.
    windows : int, optional
        How many of them at most (48).
    name : str, optional
        Of the bundle; the folder's by default.
    license : str
        Of the weights; it is noted.
    force : bool
        Replace a bundle that is there, and export all the same, marked so, a method of relevance
        whose maps do not depend on the class, or an int8 graph whose maps are not float32's. A
        folder that is no bundle is never replaced.
    """

    precision: str = "float32"
    calibrate: Calibration | None = None
    windows: int | None = None
    name: str | None = None
    license: str = "unstated"
    force: bool = False

    def __post_init__(self) -> None:
        named = _core.old_precisions().get(self.precision, self.precision)
        object.__setattr__(self, "precision", named)


@dataclass(frozen=True, kw_only=True)
class ExportOptions(BundleOptions, ExplanationOptions, ModelOptions):
    """All of them; each is a keyword of :func:`tubecam.export.export`."""
