"""Memory of this process, in MB (Linux)."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import resource
from pathlib import Path

_STATUS = Path("/proc/self/status")


def resident() -> float:
    """What the process occupies now; NaN where the system does not say."""
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return float("nan")
    line = next((line for line in lines if line.startswith("VmRSS:")), "VmRSS: nan")
    return float(line.split()[1]) * 1024 / 1e6


def peak() -> float:
    """The most that it has occupied."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


class Growth:
    """Measures what a block of code adds to the process: `with Growth() as g: …; g.megabytes`."""

    megabytes = float("nan")

    def __enter__(self) -> Growth:
        gc.collect()
        with contextlib.suppress(AttributeError):  # glibc's: else what was freed is taken again
            ctypes.CDLL(None).malloc_trim(0)
        self._before = resident()
        return self

    def __exit__(self, *_: object) -> None:
        self.megabytes = max(0.0, resident() - self._before)
