"""Explanations as files: NumPy's npz with the rest as JSON in it, and no pickle."""

from __future__ import annotations

import json
import math
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import OutputError, UsageError
from ..windows.marks import Mark
from ..windows.pathway import Pathway
from ..windows.sampling import Sampling
from .places import Box, Peak, Signal
from .receipt import Receipt, Timings

FORMAT = 1  # newer ones are refused
_JSON = "explanation.json"
_ARRAYS = ("logits", "scores", "tube", "motion", "curve", "pts")
_PARTS = {"peak": Peak, "timings": Timings, "sampling": Sampling}  # one of each
_LISTS = {"boxes": Box, "marks": Mark}
_TUPLES = ("stride", "offset", "clip", "crop", "frame_size", "labels")


def write(path: str | os.PathLike[str], values: Mapping[str, Any]) -> None:
    """Writes an explanation's fields; OutputError where that cannot be."""
    arrays = {name: values[name] for name in _ARRAYS if values[name] is not None}
    arrays |= {f"signal.{name}": each for name, each in values["signal"]._asdict().items()}
    arrays |= {f"pathway.{i}": pathway.tube for i, pathway in enumerate(values["pathways"])}
    text = json.dumps(_plain(_rest(values)), ensure_ascii=False, allow_nan=False)
    arrays[_JSON] = np.frombuffer(text.encode(), np.uint8)
    target = Path(path)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            np.savez(file, **arrays)
        draft.replace(target)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The fields that `write` was given; UsageError where there are none."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        rest = json.loads(arrays.pop(_JSON).tobytes())
        if rest["format"] > FORMAT:
            raise _Newer
        return _restored(rest, arrays)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or 'it is damaged'}") from error
    except _Newer:
        raise UsageError(
            f"{path} is of format {rest['format']}, and this TubeCAM reads up to {FORMAT}: update"
            " TubeCAM"
        ) from None
    except (AttributeError, EOFError, LookupError, TypeError, ValueError, zipfile.BadZipFile,
            zlib.error) as error:  # fmt: skip
        raise UsageError(f"{path} holds no explanation, or is damaged") from error


class _Newer(Exception):
    pass


def _rest(values: Mapping[str, Any]) -> dict[str, Any]:
    """All but the arrays."""
    apart = {*_ARRAYS, "signal", "device_tube"}
    return {
        "format": FORMAT,
        **{name: value for name, value in values.items() if name not in apart},
        "receipt": vars(values["receipt"]),
        "pathways": [pathway._replace(tube=None) for pathway in values["pathways"]],
    }


def _restored(rest: dict[str, Any], arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    rest = {name: value for name, value in _read(rest).items() if name != "format"}
    for each in arrays.values():
        each.setflags(write=False)
    rest |= {name: arrays[name] for name in _ARRAYS if name != "motion"}
    rest["motion"] = arrays.get("motion")
    rest |= {name: tuple(rest[name]) for name in _TUPLES}
    rest |= {name: kind(*rest[name]) for name, kind in _PARTS.items()}
    rest |= {name: tuple(kind(*each) for each in rest[name]) for name, kind in _LISTS.items()}
    rest["signal"] = Signal(*(arrays[f"signal.{name}"] for name in Signal._fields))
    rest["pathways"] = tuple(
        _pathway(each, arrays[f"pathway.{i}"]) for i, each in enumerate(rest["pathways"])
    )
    sees = rest["receipt"]["receptive_field"]
    rest["receipt"] |= {"receptive_field": None if sees is None else tuple(sees)}
    rest["receipt"] = Receipt(**rest["receipt"])
    return rest


def _pathway(values: list[Any], tube: np.ndarray) -> Pathway:
    found = Pathway(*values)
    return found._replace(tube=tube, stride=tuple(found.stride), offset=tuple(found.offset))


def _plain(value: Any) -> Any:
    """What JSON can say: numbers that are not finite become {"number": "nan"}."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": str(value)}
    return value


def _read(value: Any) -> Any:
    """The way back."""
    if isinstance(value, dict):
        if value.keys() == {"number"}:
            return float(value["number"])
        return {name: _read(each) for name, each in value.items()}
    return [_read(each) for each in value] if isinstance(value, list) else value
