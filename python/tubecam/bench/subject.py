"""What is measured: a bundle, and the torch module that it was made from, where it is known."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..bundle.bundle import Bundle, load_bundle
from ..bundle.packaged import find_bundle
from ..errors import UsageError
from ..evaluation.drift import moving_noise

SYNTHETIC = 16  # clips that int8 is calibrated with where none are named


@dataclass
class Subject:
    """The model under measurement.

    Attributes
    ----------
    bundle : Bundle
    module : torch.nn.Module or None
        With the same weights, BatchNorm and all, in evaluation mode; None for a mere bundle.
    clip : float32 [1, T, 3, H, W]
        Normal random numbers: time does not depend on them.
    threads : int
        For every engine and library alike.
    """

    bundle: Bundle
    module: Any
    clip: np.ndarray
    threads: int
    device: str = "cpu"
    engine: str = "auto"
    precision: str = "auto"
    target: int = -1
    methods: list[str] | None = None  # to measure; None: all but the slowest
    precisions: list[str] = field(default_factory=list)  # to measure besides, with their drift

    @property
    def graph(self):
        """The first graph, the one of the default method."""
        return self.bundle.graphs[0]

    @property
    def graph_file(self) -> str:
        """What `precision` runs of it: itself, or the float32 graph that it was made from."""
        own = self.precision in ("auto", self.graph.precision)
        return self.graph.file if own or not self.graph.reference else self.graph.reference

    @property
    def layer(self) -> str:
        """Module path of the explained layer."""
        return self.graph.layer.name.partition(":")[0]


@dataclass(frozen=True)
class ModelChoice:
    """A model to export for the bench, as `tubecam export` takes it."""

    source: str
    weights: str | None = None
    random_weights: bool = False
    seed: int = 0
    layer: str | None = None
    clip: dict[str, int] = field(default_factory=dict)  # length, height, width where they differ
    methods: list[str] | None = None
    int8: bool = False  # the bundle has that besides float32
    calibrate: list[str] | None = None  # videos for it; None: synthetic clips


def open_bundle(text: str, **settings: Any) -> Subject:
    """A subject from a bundle's folder or name."""
    bundle = load_bundle(find_bundle(text))
    _check_methods(bundle, settings.get("methods"))
    return Subject(bundle, None, _clip(bundle, 0), **settings)


def check_choice(choice: ModelChoice) -> None:
    """Finds what is wrong with a model's name or weights before anything is exported."""
    from ..export.models.load import load_source

    if choice.weights is None and not choice.random_weights and ":" not in choice.source:
        raise UsageError(
            f"--model {choice.source}: give its checkpoint with --weights FILE, or --random-weights"
            " (time does not depend on the weights)"
        )
    load_source(choice.source, choice.weights, choice.random_weights, choice.seed, None)


def export_model(choice: ModelChoice, stack: ExitStack, log, **settings: Any) -> Subject:
    """A subject from a torch model, exported into a folder that goes when `stack` closes."""
    from ..export import export
    from ..export.models.load import load_source

    options = (choice.weights, choice.random_weights, choice.seed)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tubecam-bench-")))
    name = choice.source.rpartition(":")[2]
    export(
        choice.source, folder / name, weights=choice.weights, seed=choice.seed,
        random_weights=choice.random_weights, layer=choice.layer, clip=choice.clip or None,
        methods=choice.methods, progress=log, **_int8(choice),
    )  # fmt: skip
    bundle = load_bundle(folder / name)
    module = load_source(choice.source, *options, None).model
    for parameter in module.parameters():
        parameter.requires_grad_(False)  # as for inference: no gradients of weights
    return Subject(bundle, module, _clip(bundle, choice.seed), **settings)


def _int8(choice: ModelChoice) -> dict[str, Any]:
    """What makes an int8 graph; synthetic clips do where time alone matters."""
    from ..export.models.load import load_source
    from ..export.spec import clip_spec

    if not choice.int8:
        return {}
    calibrate: Any = choice.calibrate
    if calibrate is None:
        default = load_source(choice.source, choice.weights, choice.random_weights, choice.seed,
                              None).clip  # fmt: skip
        spec = clip_spec(choice.clip or None, default)
        calibrate = ["test"]
        if spec.flow is None:
            calibrate = np.stack([moving_noise(spec, 1000 + i) for i in range(SYNTHETIC)])
    return {"precision": "int8", "calibrate": calibrate, "force": True}


def _check_methods(bundle: Bundle, methods: list[str] | None) -> None:
    for method in methods or ():
        if method not in bundle.methods:
            raise UsageError(f"--method {method}: {bundle.name} offers {', '.join(bundle.methods)}")


def _clip(bundle: Bundle, seed: int) -> np.ndarray:
    spec = bundle.clip
    shape = (1, spec.length, 3, spec.height, spec.width)
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
