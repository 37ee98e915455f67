"""Models that other packages build: `PREFIX:REST` → a module and what its clips are."""

from __future__ import annotations

from collections.abc import Callable

from .adapted import Adapted


def _huggingface(rest: str) -> Adapted:
    from .huggingface import load

    return load(rest)


def _torchvision(rest: str) -> Adapted:
    from .torchvision_models import load

    return load(rest)


ADAPTERS: dict[str, Callable[[str], Adapted]] = {
    "transformers": _huggingface,
    "torchvision": _torchvision,
}
