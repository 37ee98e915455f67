"""Writes a bundle folder: all of it, or nothing."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..bundle.bundle import Bundle, load_bundle
from ..errors import BundleError, ExportError, OutputError, UsageError
from .head.head import Head

FORMAT = 1
SIDECAR = "bundle.json"
LABELS = "labels.txt"
OWN_HASH = "sidecar_sha256"
_BLANK = 64 * "0"
MAX_LABELS = 100_000
MAX_LABEL_BYTES = 1024
MAX_NAME_BYTES = 100


def refuse_overwrite(out: Path, force: bool) -> None:
    """Finds, before any work, that `out` cannot be written.

    Raises
    ------
    UsageError
        `out` is a file, a folder that is no bundle, or a bundle without `force`.
    """
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise UsageError(f"{out} is not a folder; choose another output.")
    if out.is_dir() and any(out.iterdir()):
        if not (out / SIDECAR).is_file():
            raise UsageError(
                f"{out} holds files but no {SIDECAR}, so it is not a bundle and is left alone; "
                "choose another output."
            )
        if not force:
            raise UsageError(f"{out} is a bundle already; say --force (force=True) to replace it.")
    parent = out.absolute().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot create {parent}: {error.strerror}.") from error
    try:
        _beside(out.absolute()).rmdir()
    except OSError as error:
        raise UsageError(f"cannot write to {parent}: {error.strerror}.") from error


@contextlib.contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder beside `out` that takes its place when the block ends well, else vanishes."""
    out = out.absolute()
    folder: Path | None = None
    try:
        folder = _beside(out)
        yield folder
        folder.chmod(0o755)
        _take_place(folder, out)
    except OSError as error:
        raise OutputError(f"cannot write {out}: {error.strerror or error}.") from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _beside(out: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))


def _take_place(folder: Path, out: Path) -> None:
    if not out.exists():
        folder.rename(out)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{out.name}.old.", dir=out.parent))
    out.rename(old / "bundle")
    try:
        folder.rename(out)
    except OSError:
        (old / "bundle").rename(out)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def checked_labels(
    labels: Sequence[str] | None, classes: int, head: Head | None = None
) -> list[str]:
    """As many labels as classes; ``class 0`` and so on where none are given.

    One logit decides between two: of one label, that it is not so comes first.
    """
    if classes > MAX_LABELS:
        raise UsageError(f"the model has {classes} classes; at most {MAX_LABELS} are supported.")
    if labels is None:
        if head is not None and head.one_logit:
            return ["negative", "positive"]
        digits = len(str(classes - 1))
        return [f"class {i:0{digits}d}" for i in range(classes)]
    if isinstance(labels, (str, bytes)):
        raise UsageError("labels is one text; give a list of texts, one per class.")
    names = [str(label).strip() for label in labels]
    if head is not None and head.one_logit and len(names) == 1:
        names.insert(0, f"not {names[0]}")
    if len(names) != classes:
        one = head is not None and head.one_logit
        raise UsageError(
            f"{len(names)} labels for a model of one logit. Give the one that a positive logit "
            "means, or two, the negative one first."
            if one
            else f"{len(names)} labels for a model of {classes} classes. Give one a class, in the "
            "order of the logits."
        )
    bad = next((i for i, n in enumerate(names) if not _plain(n, MAX_LABEL_BYTES)), None)
    if bad is not None:
        raise UsageError(
            f"label {bad} ({names[bad][:60]!r}) must be one line of 1 to {MAX_LABEL_BYTES} bytes "
            "without control characters."
        )
    return names


def checked_name(name: str) -> str:
    """A bundle's name as the runtime accepts it."""
    if not _plain(name, MAX_NAME_BYTES):
        raise UsageError(
            f"the name {name[:60]!r} must be one line of 1 to {MAX_NAME_BYTES} bytes without "
            "control characters."
        )
    return name


def _plain(text: str, most: int) -> bool:
    control = any(ord(c) < 32 for c in text) or len(text.splitlines()) != 1
    return not control and len(text.encode("utf-8", "surrogatepass")) <= most


def read_labels(path: Path) -> list[str]:
    """One label a line, UTF-8."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read labels from {path}: {error}.") from error


def write_sidecar(folder: Path, files: Sequence[str], content: dict[str, Any]) -> Bundle:
    """Adds format and hashes, writes bundle.json, and has the runtime read it.

    Raises
    ------
    ExportError
        The runtime would refuse the bundle.
    """
    state(folder, {"format": FORMAT, **content, "files": dict.fromkeys(files)})
    try:
        return load_bundle(folder)
    except BundleError as error:
        reason = str(error).replace(f"{folder}{os.sep}", "")
        raise ExportError(f"the runtime refuses such a bundle: {reason}") from error


def state(folder: Path, sidecar: dict[str, Any]) -> None:
    """Writes bundle.json with the hashes of the files that it names, and with its own.

    To be called after a bundle was changed by hand: ``state(folder, json.loads(text))``.
    """
    files = {name: sha256(folder / name) for name in sidecar["files"]}
    text = sidecar_text({**sidecar, "files": files})
    (folder / SIDECAR).write_text(text, encoding="utf-8", newline="\n")


def sidecar_text(sidecar: dict[str, Any]) -> str:
    """The text of bundle.json, which states its own hash.

    The hash is that of the text with 64 zeros in its place, so that no value has to be written
    in the same way by different programs.
    """
    entries = {key: value for key, value in sidecar.items() if key != OWN_HASH}
    blank = json.dumps({**entries, OWN_HASH: _BLANK}, indent=2, ensure_ascii=False, allow_nan=False)
    before, _, after = f"{blank}\n".rpartition(_BLANK)
    return before + hashlib.sha256(f"{blank}\n".encode()).hexdigest() + after


def sha256(path: Path) -> str:
    """Lower-case hexadecimal digest of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
