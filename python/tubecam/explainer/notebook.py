"""Explanations in notebooks: a picture, and a page with it."""

from __future__ import annotations

import base64
import html
import io
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import UnavailableError
from ..libraries.extras import needed_for
from ..windows.window_record import WindowRecord

if TYPE_CHECKING:
    from PIL.Image import Image

_ROW = '<tr><th style="text-align:left">{}</th><td style="text-align:left">{}</td></tr>'


def show(picture: npt.NDArray[np.uint8]) -> None:
    """In a notebook below its cell, else in the desktop's viewer."""
    image = _image(picture)
    shell: Any = sys.modules.get("IPython")
    if shell is not None and shell.get_ipython() is not None:
        shell.display.display(image)
    else:
        image.show()


def png(picture: npt.NDArray[np.uint8]) -> bytes | None:
    """A picture's file; None without Pillow, so that a notebook shows the words alone."""
    try:
        image = _image(picture)
    except UnavailableError:
        return None
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def page(window: WindowRecord, picture: npt.NDArray[np.uint8]) -> str:
    """Facts and picture."""
    receipt, found, times = window.receipt, png(picture), window.times
    rows = {
        "predicted": f"{window.label}, {window.score_text}",
        "explained": window.target,
        "when": f"{times[0]:.2f} to {times[-1]:.2f} s, most at {window.peak_pts / 1e9:.2f} s",
        "how": "{method} at {layer}, {engine}, {precision}".format(method=window.method, **receipt),
        "relevance": "{relevance_sum:.3g} of {logit:.3g} {unit}".format(**receipt),
    }
    if window.marks:
        rows["beware"] = ", ".join(mark.text for mark in window.marks)
    if not window.valid:
        rows = {"not valid": window.problem}
    table = "".join(_ROW.format(name, html.escape(text)) for name, text in rows.items())
    image = "data:image/png;base64," + base64.b64encode(found).decode() if found else ""
    return f"<table>{table}</table>" + (f'<img src="{image}">' if found else "")


def _image(picture: npt.NDArray[np.uint8]) -> Image:
    with needed_for("showing a picture", "cli"):
        from PIL import Image
    return Image.fromarray(picture)
