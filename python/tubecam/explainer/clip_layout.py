"""Arrays that callers give as clips: which axis is which, pixels or what a model takes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..bundle.clip_spec import ClipSpec
from ..errors import UsageError

ORDERS = ("TCHW", "THWC", "CTHW")
LAYOUTS = (*ORDERS, *(f"N{order}" for order in ORDERS))


def clips_of(
    given: Any, spec: ClipSpec, layout: str | None, normalised: bool | None
) -> tuple[list[Any], bool]:
    """The clips that were given, and whether they are a batch.

    Returns
    -------
    clips
        Each as the core takes it: float32 [T, 3, H, W], normalised, or T frames.

    Raises
    ------
    UsageError
        An array has no layout that a clip of this model can have, or more than one, or it does not
        tell whether it is normalised; the message names the layouts.
    """
    if layout is not None and layout not in LAYOUTS:
        raise UsageError(f"layout {layout!r}: choose one of {', '.join(LAYOUTS)}")
    if isinstance(given, (str, bytes)) or not (is_array(given) or isinstance(given, Iterable)):
        raise UsageError(
            f"a clip is an array or a list of frames, not {given!r:.60}; a video file is for"
            " explain_video()"
        )
    order = (layout or "").removeprefix("N") or None
    if is_array(given):
        shape = _shape(given)
        if not (layout.startswith("N") if layout else len(shape) == 5):
            return [one_clip(given, spec, order, normalised)], False
        if len(shape) != 5:
            raise UsageError(f"the clips {list(shape)} are no batch {layout}")
        given = [given[i] for i in range(shape[0])]
    items = list(given)
    if items and all(len(_shape(item)) == 4 for item in items):
        return [one_clip(item, spec, order, normalised) for item in items], True
    return [items], False


def one_clip(clip: Any, spec: ClipSpec, order: str | None, normalised: bool | None) -> Any:
    """An array as the core takes it; axes are moved where they stand in another order."""
    clip = detached(clip)
    if not hasattr(clip, "shape"):
        return clip  # known to the core alone, which compares it with what the model takes
    pixels = holds_bytes(clip) or normalised is False
    if holds_bytes(clip) and normalised:
        raise UsageError("a clip of uint8 holds pixels, which are not normalised")
    if not pixels and _dtype(clip) != "float32":
        raise UsageError(_no_layout(clip, spec))
    order = _checked(order, clip, spec, pixels) if order else _order(clip, spec, pixels)
    if not pixels:
        if normalised is None:
            _refuse_unclear(clip, spec)
        return _moved(clip, order, "TCHW")
    clip = _moved(clip, order, "THWC")
    return clip if holds_bytes(clip) else _bytes_of(clip)


def holds_bytes(array: Any) -> bool:
    """Whether it holds frames; what has no dtype of its own is a clip, and is looked at as one."""
    return _dtype(array) == "uint8"


def is_array(value: object) -> bool:
    return isinstance(value, np.ndarray) or _core.Explainer.reads_array(value)


def detached(array: Any) -> Any:
    """A torch tensor without its gradient, which nothing here needs; anything else as it is."""
    return array.detach() if getattr(array, "requires_grad", False) is True else array


def slice_times(times: npt.ArrayLike) -> list[float]:
    """Seconds of a clip's slices; UsageError where they fall."""
    try:
        seconds = np.ravel(np.asarray(times, np.float64)).tolist()
    except (TypeError, ValueError) as error:
        raise UsageError(f"the times of a clip are seconds, not {times!r}") from error
    for before, after in zip(seconds, seconds[1:]):
        if after < before:
            raise UsageError(
                f"the times of a clip must not fall, and {after:g} s comes after {before:g} s"
            )
    return seconds


def _shape(array: Any) -> tuple[int, ...]:
    return tuple(getattr(array, "shape", ()))


def _dtype(array: Any) -> str:
    return str(getattr(array, "dtype", "")).removeprefix("torch.")


def _fits(shape: tuple[int, ...], order: str, spec: ClipSpec, pixels: bool) -> bool:
    """Frames may have any size, and a fourth channel, which is not read, where it comes last."""
    known: dict[str, tuple[int, ...]] = {"T": (spec.length,), "C": (3,)}
    if not pixels:
        known |= {"H": (spec.height,), "W": (spec.width,)}
    elif order == "THWC":
        known["C"] = (3, 4)
    return len(shape) == 4 and all(
        size in known.get(axis, (size,)) for axis, size in zip(order, shape)
    )


def _order(clip: Any, spec: ClipSpec, pixels: bool) -> str:
    found = [order for order in ORDERS if _fits(_shape(clip), order, spec, pixels)]
    if not found:
        raise UsageError(_no_layout(clip, spec))
    if len(found) > 1:
        raise UsageError(
            f"the clip {list(_shape(clip))} could be {' or '.join(found)}: say which by layout="
        )
    return found[0]


def _checked(order: str, clip: Any, spec: ClipSpec, pixels: bool) -> str:
    if not _fits(_shape(clip), order, spec, pixels):
        raise UsageError(_no_layout(clip, spec))
    return order


def _no_layout(clip: Any, spec: ClipSpec) -> str:
    length, size = spec.length, [spec.length, 3, spec.height, spec.width]
    orders = f"[{length}, H, W, 3], [{length}, 3, H, W] or [3, {length}, H, W]"
    return (
        f"the clip {_dtype(clip)} {list(_shape(clip))} is none of this model: it takes {length}"
        f" frames {orders} of uint8, or of float 0…1 with normalised=False; or float32 {size},"
        " normalised, its axes in any of these orders; or a batch [N, …] of them"
    )


def _refuse_unclear(clip: Any, spec: ClipSpec) -> None:
    """Float pixels and normalised values have one dtype and may have one shape.

    A normalised clip has values below 0 or above 1, unless all are the same, and none far above
    those of white.
    """
    if not hasattr(clip, "min") or float(clip[0].min()) < 0:
        return
    least, most = float(clip.min()), float(clip.max())
    if not 0 <= least < most < math.inf:
        return
    plain = spec.mean == (0.0,) * 3 and spec.std == (1.0,) * 3 and spec.color == "RGB"
    if most <= 1 and not plain:
        raise UsageError(
            "the clip's values lie in 0…1, so it may hold pixels or be normalised: say"
            " normalised=False (pixels, RGB) or normalised=True"
        )
    white = max((1 - mean) / std for mean, std in zip(spec.mean, spec.std))
    if most > 2 * white:
        raise UsageError(
            f"the clip's values lie in {least:g}…{most:g}, and white is {white:g} where they are"
            " normalised: give pixels as uint8, or say normalised=True to take them as they are"
        )


def _moved(clip: Any, order: str, wanted: str) -> Any:
    if order == wanted:
        return clip
    axes = tuple(order.index(axis) for axis in wanted)
    if hasattr(clip, "permute"):  # torch
        return clip.permute(*axes).contiguous()
    return clip.transpose(*axes).copy()


def _bytes_of(clip: Any) -> Any:
    """Pixels 0…1 as bytes, which is exact where they came from bytes."""
    if not (float(clip.min()) >= 0 and float(clip.max()) <= 1):
        raise UsageError(
            "pixels that are no uint8 lie in 0…1, and this clip's do not: give those of 0…255 as"
            " uint8, and leave out normalised=False where it is normalised"
        )
    levels = (clip * 255).round()
    return levels.byte() if hasattr(levels, "byte") else levels.astype(np.uint8)
