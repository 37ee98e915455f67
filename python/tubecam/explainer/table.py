"""Windows as tables of pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import UnavailableError, UsageError
from ..windows.window_record import WindowRecord

if TYPE_CHECKING:
    import pandas


def table(window: WindowRecord, of: str) -> pandas.DataFrame:
    """See `Explanation.to_pandas`."""
    rows = {"curve": _curve, "boxes": _boxes}.get(of)
    if rows is None:
        raise UsageError(f"a table is of the curve or of the boxes, not of {of!r}")
    try:
        import pandas
    except ImportError as error:
        raise UnavailableError("tables need pandas: pip install pandas") from error
    about = {
        "window": window.number,
        "label": window.label,
        "score": window.score,
        "target": window.target,
        "method": window.method,
    }
    return pandas.DataFrame(rows(window)).assign(**about)


def _curve(window: WindowRecord) -> dict:
    return {"slice": np.arange(len(window.pts)), "time": window.times, "relevance": window.curve}


def _boxes(window: WindowRecord) -> dict:
    columns = dict(zip(("x", "y", "width", "height", "value"), window.boxes.T))
    return {"time": np.full(len(window.boxes), window.peak_pts / 1e9), **columns}
