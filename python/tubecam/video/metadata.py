"""Explanations on GStreamer buffers and on the bus, as plain Python and NumPy.

Names stay as they are there: ``python -m tubecam.windows.fields`` lists them, with their units.
"""

from __future__ import annotations

from typing import Any

from ..errors import UsageError
from ..windows.fields import with_arrays
from .gstreamer import GLib, Gst

NAME = "tubecam"


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
        Arrays as read-only arrays of their shape (``tube`` float32 [t, h, w], ``window-pts`` int64
        [T] …), every other field as int, float, str or bool.

    Raises
    ------
    UsageError
        The structure is another element's, or an array does not have the size that it states.
    """
    if structure is None or structure.get_name() != NAME:
        name = "nothing" if structure is None else f'"{structure.get_name()}"'
        raise UsageError(f'expected a structure "{NAME}", not {name}')
    names = [structure.nth_field_name(i) for i in range(structure.n_fields())]
    return with_arrays({name: _plain(structure.get_value(name)) for name in names})


def _plain(value: Any) -> Any:
    return value.get_data() or b"" if isinstance(value, GLib.Bytes) else value


read = read_metadata
