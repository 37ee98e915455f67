"""Explanations on GStreamer buffers and on the bus, as plain Python and NumPy.

The fields and their units are listed in csrc/plugin/meta/meta.h; names stay as they are there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import UsageError
from .gstreamer import Gst

NAME = "tubecam"

# Fields that travel as bytes: dtype and the fields that state the shape (or the shape).
_ARRAYS: dict[str, tuple[str, tuple[str | int, ...]]] = {
    "tube": ("<f4", ("tube-t", "tube-h", "tube-w")),
    "curve": ("<f4", ("clip-length",)),
    "window-pts": ("<i8", ("clip-length",)),
    "boxes": ("<f4", (-1, 5)),
    "logits": ("<f4", (-1,)),
    "scores": ("<f4", (-1,)),
    "motion": ("<f4", ("tube-t", "tube-h", "tube-w")),
    "signal": ("<f4", (-1,)),
    "signal-pts": ("<i8", (-1,)),
}


def read_metadata(buffer: Gst.Buffer) -> dict[str, Any] | None:
    """The explanation that a buffer carries.

    Parameters
    ----------
    buffer : Gst.Buffer
        For instance in a pad probe after the element ``tubecam``.

    Returns
    -------
    dict or None
        The fields of `read_structure`; None where the buffer carries no explanation.
    """
    if Gst.Meta.get_info(NAME) is None:
        return None  # not registered yet, so no buffer has it
    meta = buffer.get_custom_meta(NAME)
    return None if meta is None else read_structure(meta.get_structure())


def read_structure(structure: Gst.Structure) -> dict[str, Any]:
    """The fields of an explanation's structure, for instance of an element message.

    Returns
    -------
    dict
        ``tube`` and ``motion`` float32 [t, h, w], ``curve`` float32 [T], ``window-pts`` int64 [T]
        in ns, ``boxes`` float32 [n, 5], ``logits`` and ``scores`` float32 [K], ``signal`` float32
        [n] and ``signal-pts`` int64 [n] in ns, all read-only; every other field as int, float, str
        or bool.

    Raises
    ------
    UsageError
        The structure is another element's, or an array does not have the size that it states.
    """
    if structure is None or structure.get_name() != NAME:
        name = "nothing" if structure is None else f'"{structure.get_name()}"'
        raise UsageError(f'expected a structure "{NAME}", not {name}')
    names = [structure.nth_field_name(i) for i in range(structure.n_fields())]
    fields = {name: structure.get_value(name) for name in names}
    for name in _ARRAYS.keys() & fields.keys():
        fields[name] = _array(name, fields, *_ARRAYS[name])
    for i in range(int(fields.get("pathways", 0))):
        sides = tuple(f"pathway-{i}-{side}" for side in "thw")
        fields[f"pathway-{i}-tube"] = _array(f"pathway-{i}-tube", fields, "<f4", sides)
    return fields


def _array(
    name: str, fields: dict[str, Any], dtype: str, sides: tuple[str | int, ...]
) -> np.ndarray:
    try:
        shape = [fields[side] if isinstance(side, str) else side for side in sides]
        return np.frombuffer(fields[name].get_data() or b"", dtype).reshape(shape)
    except (KeyError, ValueError) as error:
        raise UsageError(f'the field "{name}" does not have the size it states: {error}') from error


read = read_metadata
