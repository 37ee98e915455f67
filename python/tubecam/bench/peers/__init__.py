"""Other ways to the same map, each an optional plug-in of one file.

A plug-in's module has `make(subject) -> Peer`. It is imported when it is asked for; a package that
is missing makes a row that says how to install it.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from importlib import import_module

from ...errors import UsageError
from ...libraries.extras import install_command
from ..subject import Subject
from .peer import Peer, Unfit

__all__ = ["PEERS", "Entry", "Peer", "Unfit", "make_peer", "parse_peers"]


@dataclass(frozen=True)
class Entry:
    """A peer's plug-in: its module and function, and the command that installs what it needs."""

    module: str
    install: str
    make: str = "make"
    needs_module: bool = True


PEERS = {
    "torch": Entry("torch_hooks", install_command("export")),
    "torch-compile": Entry("torch_hooks", install_command("export"), "make_compiled"),
    "captum": Entry("captum_layer", "pip install captum"),
    "grad-cam": Entry("grad_cam", "pip install grad-cam"),
    "torchcam": Entry("torch_cam", "pip install torchcam"),
    "zennit": Entry("zennit_lrp", "pip install zennit"),
    "onnxruntime": Entry("onnx_runtime", "pip install onnxruntime", needs_module=False),
}


def parse_peers(text: str | None) -> list[str]:
    """The names in a list with commas; `all` is every peer, nothing none.

    Raises
    ------
    UsageError
        A name is unknown; the message names those that exist.
    """
    if not text or text == "none":
        return []
    if text == "all":
        return list(PEERS)
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in PEERS:
            near = difflib.get_close_matches(name, PEERS, 1, 0.5)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise UsageError(f"unknown peer {name!r}{hint}; there are {', '.join(PEERS)}, and all")
    return names


def make_peer(name: str, subject: Subject) -> Peer:
    """A peer ready to run.

    Raises
    ------
    Unfit
        It is not installed, or cannot explain this model; the text is for the report's row.
    """
    entry = PEERS[name]
    if entry.needs_module and subject.module is None:
        raise Unfit("needs the torch model: bench with --model instead of a bundle")
    try:
        plugin = import_module(f"{__name__}.{entry.module}")
    except (ImportError, RuntimeError, OSError) as error:  # the latter: a broken installation
        root = getattr(error, "name", None) or type(error).__name__
        missing = isinstance(error, ModuleNotFoundError)
        state = "is not installed" if missing else f"cannot be imported ({_line(error)})"
        raise Unfit(f"{root if missing else name} {state}: {entry.install}") from error
    if entry.needs_module and len(subject.graph.layers) > 1:
        raise Unfit(
            f"explains one layer, and this model has {len(subject.graph.layers)} pathways: "
            f"{', '.join(p.name for p in subject.graph.layers)}"
        )
    try:
        return getattr(plugin, entry.make)(subject)
    except Unfit:
        raise
    except Exception as error:  # a foreign library may fail in any way; the other rows go on
        raise Unfit(f"failed: {type(error).__name__}: {_line(error)}") from error


def _line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "")[:160]
