"""Explanations of a live torch model, to try layers and methods before anything is exported."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from .. import _core
from ..bundle.targets import class_number
from ..errors import UsageError
from .cam.graph import example_clip
from .exporter import ExportJob
from .gradient.differentiate import Explained
from .layers.candidates import Candidates
from .layers.choose import choose_layers
from .layers.layer import closed_form
from .methods import CAM_METHODS, METHODS
from .options import ExportOptions
from .relevance import METHODS as RELEVANCE
from .relevance.graph import relevance_of
from .spec import ClipSpec
from .trace.batch_norm_folding import fold_batch_norm, fold_constants
from .trace.capture import capture
from .trace.model_input import parts

ORDERS = {(1,): "TCHW", (0,): "CTHW", (3,): "THWC"}  # by where the three colours are


@dataclass(frozen=True, eq=False)
class Attribution:
    """A map of one clip that torch computed.

    Attributes
    ----------
    tube : float32 [t, h, w]
        Relevance; what an exported bundle gives for the same clip, but for rounding.
    layer : str
        The explained layer, or what stands for it: "clip" where relevance goes to the input.
    stride, offset : tuple of float
        Cell i is centred on ``offset + stride * i``: slices, then y and x in pixels of the clip.
    logits : float32 [K]
    target_index : int
        The class that is explained.
    """

    tube: npt.NDArray[np.float32]
    layer: str
    stride: tuple[float, float, float]
    offset: tuple[float, float, float]
    logits: npt.NDArray[np.float32]
    target_index: int

    def __repr__(self) -> str:
        cells = "×".join(map(str, self.tube.shape))
        return f"Attribution(class {self.target_index} at {self.layer!r}, tube {cells})"


def attribute(
    model: str | nn.Module,
    clip: Tensor | npt.ArrayLike,
    method: str = "gradcam",
    *,
    target: int = -1,
    layer: str | None = None,
    **options: Any,
) -> Attribution:
    """Explains one clip of a torch model by the code of the export, and writes nothing.

    Parameters
    ----------
    model : Module or str
        As for `export`.
    clip
        float32, normalised as the model takes it: [T, 3, H, W], [3, T, H, W] or [T, H, W, 3], or
        any of these with a batch axis of 1.
    method
        A class-activation method or one of relevance to the input that takes one pass.
    target
        The class's number; −1 is the predicted one.
    layer
        Of the class-activation methods, as for `export`; `list_layers` names them all.
    **options
        Other fields of `ExportOptions`: time_first, tokens, pool, head, output …

    Raises
    ------
    UsageError
        The method takes several passes or is unknown, there is no such class, or the clip is none.
    ExportError
        The model cannot be traced, or the method has no rule for one of its operators.
    """
    if method not in CAM_METHODS and method not in RELEVANCE:
        known = method in METHODS
        raise UsageError(
            f"{method} takes several passes: export the model to run it"
            if known
            else f"unknown method {method!r}; there are {', '.join((*CAM_METHODS, *RELEVANCE))}"
        )
    values = _clip(clip)
    _, length, _, height, width = values.shape
    stated = options.pop("clip", None) or ClipSpec()
    size = replace(stated, length=length, height=height, width=width, short_side=None)
    given = ExportOptions(methods=[method], layer=layer, clip=size, **options)
    job = ExportJob(model, given, lambda text: None)
    captured = capture(job.found.model, example_clip(job.found.clip, 0), job.options.time_first)
    fold_constants(captured.module)
    index = torch.tensor([class_number(target, job.labels)])
    of_layer = method in CAM_METHODS
    return (_cam if of_layer else _relevance)(job, captured, method, values, index)


def _clip(clip: Tensor | npt.ArrayLike) -> Tensor:
    """[1, T, 3, H, W]"""
    try:
        values = clip.detach() if isinstance(clip, Tensor) else torch.from_numpy(np.array(clip))
    except (TypeError, ValueError) as error:
        raise UsageError(f"a clip is a tensor or an array of float32, not {clip!r:.60}") from error
    values = values[0] if values.ndim == 5 and len(values) == 1 else values
    shape = tuple(values.shape)
    order = ORDERS.get(tuple(i for i in (0, 1, 3) if len(shape) == 4 and shape[i] == 3))
    if order is None or values.dtype != torch.float32:
        raise UsageError(
            f"the clip {values.dtype} {list(shape)} is none: it is float32 [T, 3, H, W],"
            " [3, T, H, W] or [T, H, W, 3]".replace("torch.", "")
        )
    return values.permute(*(order.index(axis) for axis in "TCHW"))[None].contiguous().cpu()


def _cam(job: Any, captured: Any, method: str, clip: Tensor, target: Tensor) -> Attribution:
    options, found = job.options, job.found
    paths = found.layer if options.layer is None else options.layer
    layers = choose_layers(Candidates(captured, job.stated), paths)
    if len(layers) != 1:
        raise UsageError("one layer at a time: several are for an exported bundle")
    matrix = closed_form(captured, layers[0], clip)
    logits, activation, third = Explained(captured, layers, matrix)(*parts(clip), target)
    if matrix is None and method == "cam":
        raise UsageError(f"cam needs average pool + linear behind {layers[0].name!r}: take gradcam")
    name = "gradient" if matrix is None else "weight"
    arrays = [x.detach()[0].contiguous().numpy() for x in (activation, third)]
    tube, _ = _core.cam3d(arrays[0], method, **{name: arrays[1]})
    return _attribution(tube, layers[0], logits, target)


def _relevance(job: Any, captured: Any, method: str, clip: Tensor, target: Tensor) -> Attribution:
    fold_batch_norm(captured, ())
    relevance, (layers, _) = relevance_of(captured, method, job.cells, job.domain, clip, job.stated)
    logits, *maps = relevance(*parts(clip), target)
    if len(maps) != 1:
        raise UsageError("of a model that takes optical flow, relevance is for an exported bundle")
    return _attribution(maps[0].detach()[0].numpy(), layers[0], logits, target)


def _attribution(tube: np.ndarray, layer: Any, logits: Tensor, target: Tensor) -> Attribution:
    found, index = logits.detach()[0], int(target)
    place = layer.geometry
    return Attribution(
        np.ascontiguousarray(tube, np.float32), layer.name, tuple(place.stride),
        tuple(place.offset), found.numpy(), int(found.argmax()) if index < 0 else index,
    )  # fmt: skip
