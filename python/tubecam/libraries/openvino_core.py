"""OpenVINO's core for Python, of which a process has one.

Note [Signal stacks]
Where a processor has AMX, OpenVINO gives the thread that makes a core a stack for signal handlers,
and frees it with the core. A core that goes in another thread, as garbage collection may have it,
leaves the first one with a stack that is gone: the next signal ends the process. So none ever goes.
"""

from __future__ import annotations

import functools
from typing import Any


@functools.cache
def openvino_core() -> Any:
    """The core; ImportError where OpenVINO is not installed."""
    import openvino

    return openvino.Core()
