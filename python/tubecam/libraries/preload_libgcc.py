"""Puts libgcc in front, so that C++ exceptions have one unwinder; done when it is imported.

Note [Unwinding]
GStreamer brings libunwind, and PyGObject loads both for everyone to see. What is loaded later,
such as an inference engine, would take one half of C++ exception handling from libunwind and the
other from libgcc, and abort at its first exception. With libgcc in front, all take both halves
from there.
"""

from __future__ import annotations

import contextlib
import ctypes

with contextlib.suppress(OSError):  # a system without libgcc has nothing to mix up
    ctypes.CDLL("libgcc_s.so.1", ctypes.RTLD_GLOBAL)
