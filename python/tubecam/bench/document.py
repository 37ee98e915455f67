"""The JSON that a bench writes (`bench.schema.json`), and its reading."""

from __future__ import annotations

import json
import math
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..errors import TubecamError, UsageError

FORMAT = 1
SCHEMA = Path(__file__).with_name("bench.schema.json")


def document(mode: str, command: list[str], provenance: dict[str, Any]) -> dict[str, Any]:
    """An empty document; the results come under the mode's name, `engine` or `stream`."""
    return {
        "format": FORMAT,
        "mode": mode,
        "command": command,
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "provenance": provenance,
        "notes": [],
        "interrupted": False,
    }


def check_writable(path: str | os.PathLike[str], suffixes: tuple[str, ...] = ()) -> Path:
    """Finds before the run that a file could not be written after it; an old file is kept.

    Raises
    ------
    UsageError
        The folder is missing, or the file cannot be written, or has another suffix.
    """
    path = Path(path)
    if suffixes and path.suffix.lower() not in suffixes:
        raise UsageError(f"{path}: the name must end in {' or '.join(suffixes)}")
    if path.is_dir():
        raise UsageError(f"{path} is a folder; give the name of a file")
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent} to write {path.name} to")
    existed = path.exists()
    try:
        path.open("ab").close()
        if not existed:
            path.unlink()
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    return path


def write(path: Path, content: dict[str, Any]) -> None:
    """Writes a document whole or not at all; NaN becomes null (RFC 8259)."""
    partial = path.with_name(path.name + ".partial")
    text = json.dumps(_plain(content), indent=1, ensure_ascii=False, allow_nan=False)
    try:
        partial.write_text(text + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise TubecamError(f"cannot write {path}: {error.strerror}") from error


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads a document that `tubecam bench --json` wrote.

    Raises
    ------
    UsageError
        The file cannot be read, is no such document, or is of a newer format.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path} is no JSON: {error}") from error
    form = content.get("format") if isinstance(content, dict) else None
    if not isinstance(form, int) or content.get("mode") not in ("engine", "stream"):
        raise UsageError(f"{path} was not written by `tubecam bench --json`")
    if form > FORMAT:
        raise UsageError(f"{path} has format {form}; this version reads up to {FORMAT}")
    if content["mode"] not in content or "provenance" not in content:
        raise UsageError(f"{path} lacks its results")
    return content


def _plain(value: Any) -> Any:
    """JSON's own types; what is not finite is null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, bool) or value is None or isinstance(value, (str, int)):
        return value
    number = float(value)
    return number if math.isfinite(number) else None
