"""Errors that decoders only log.

Note [What decoders hide]
libav conceals a broken picture, or leaves it out, and only logs that; so does Matroska's reader
when it has to search for where the file goes on. Their lines of level ERROR are listened to while a
video is read. GStreamer's own log function would print them, so it is called only for what would be
printed without us; where GST_DEBUG is set, it stays as it is. A decoder may log a line for each
byte of a picture: after the first ones it goes unheard until the next picture.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Callable, Iterator

from .gstreamer import Gst

_CATEGORIES = ("libav", "ebmlread")
_MOST_LINES = 200  # a picture
# Of libav's errors those that mean a broken picture. Others come with whole files that begin
# within a group of pictures, or are about sound.
_BROKEN = re.compile(
    r"damaged|decoding MB|at MB|NAL unit|cabac|unavailable for requested|corrupt|conceal|overread"
    r"|error count|bytestream|bitstream|invalid mb|mb_type|motion_type|zero coeffs|slice mismatch"
)
_listeners: list[Callable[[str], object]] = []
_lock = threading.Lock()
_installed = False
_lines = 0  # since the newest picture
# Of _lines and the level that follows from it. The thread that holds it may cause a line itself.
_counting = threading.RLock()


@contextlib.contextmanager
def listening(hear: Callable[[str], object]) -> Iterator[None]:
    """Calls `hear`, in any thread, with the category of each log line about something broken.

    A line does not say which video it is about, so while several are read none is called.
    """
    _install()
    with _lock:
        _listeners.append(hear)
    try:
        yield
    finally:
        with _lock:
            _listeners.remove(hear)


def hear_next_picture() -> None:
    """A picture goes into a decoder."""
    global _lines
    with _counting:
        if _lines >= _MOST_LINES and not _prints():
            _set_level(Gst.DebugLevel.ERROR)
        _lines = 0


def _prints() -> bool:
    return bool(os.environ.get("GST_DEBUG"))


def _set_level(level: Gst.DebugLevel) -> None:
    for name in _CATEGORIES:
        Gst.debug_set_threshold_for_name(name, level)


def _install() -> None:
    """Once a process: a log function written in Python cannot be removed again."""
    global _installed
    with _lock:
        if _installed or not hasattr(Gst, "debug_add_log_function"):
            return
        _installed = True
        if _prints():
            Gst.debug_add_log_function(_log, False)
            return
        Gst.debug_remove_log_function(None)
        Gst.debug_add_log_function(_log, True)
        _set_level(Gst.DebugLevel.ERROR)


def _log(category, level, file, function, line, obj, message, forward: bool) -> None:
    global _lines
    name = category.get_name()
    if name not in _CATEGORIES or level != Gst.DebugLevel.ERROR:
        if forward:
            Gst.debug_log_default(category, level, file, function, line, obj, message)
        return
    with _counting:
        _lines += 1
        if _lines >= _MOST_LINES and forward:
            _set_level(Gst.DebugLevel.NONE)
    if len(_listeners) == 1 and (name != "libav" or _BROKEN.search(message.get() or "")):
        for hear in _listeners[:]:
            hear(name)
