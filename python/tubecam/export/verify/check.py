"""Is the exported graph right? The engine's answers against autograd on the original model."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import ExportError
from ...libraries.openvino_core import openvino_core
from ..layers.layer import Layer
from ..trace.graph import Capture, run_nodes, split_at
from ..trace.model_input import feeds, model_input, without_last_flow
from ..trace.plain_module import copied
from ..trace.recorder import plain_operators

LIMITS = {"float32": 1e-3, "float16": 1e-2}  # half precision rounds each weight by up to 5e-4
INPUTS = 3
MOST_CLIPS = 12  # tried before an export is given up whose gradient fails at kinks everywhere
NOISE_DRAWS = 6
CANCELS = 1e-3  # of its terms: a map of less is the rounding of sums that cancel
ROUNDING = 3e-6  # of the clip's greatest value; float32 sums of deep networks err by 1e-6


@dataclass(frozen=True)
class Case:
    """One comparison: clip [1, T, 3, H, W] float32, target, and the reference's tensors.

    Activations and gradients [1, C, t, h, w] are those of each explained layer.
    """

    clip: np.ndarray
    target: int
    logits: np.ndarray
    activations: tuple[np.ndarray, ...]
    gradients: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class CheckReport:
    """Figures of an export check.

    Attributes
    ----------
    inputs : int
        Clips compared.
    replaced : int
        Clips that were left out because they lie at a kink (see :func:`check_graph`).
    errors : dict
        Largest |difference| over largest |reference|, for logits, activation, gradient and the
        Grad-CAM map, over all inputs.
    reference, engine : str
        What was compared.
    """

    inputs: int
    replaced: int
    errors: dict[str, float]
    reference: str
    engine: str

    @property
    def max_relative_error(self) -> float:
        return max(self.errors.values())

    def sidecar(self) -> dict[str, Any]:
        return {
            "inputs": self.inputs,
            "replaced": self.replaced,
            "max_relative_error": self.max_relative_error,
            "relative_errors": self.errors,
            "reference": self.reference,
            "engine": self.engine,
        }


def joined(reports: list[CheckReport]) -> CheckReport:
    """One report for a bundle of several graphs; the largest error where they share a name."""
    errors: dict[str, float] = {}
    for name, error in (item for report in reports for item in report.errors.items()):
        errors[name] = max(error, errors.get(name, 0.0))
    return CheckReport(
        min(report.inputs for report in reports), sum(report.replaced for report in reports),
        errors, "; ".join(dict.fromkeys(each.reference for each in reports)), reports[0].engine,
    )  # fmt: skip


class Reference:
    """Autograd on the original model, BatchNorm and all, in float64 where the model allows it."""

    def __init__(
        self, model: nn.Module, original: Capture, layers: Sequence[Layer], time_first: bool
    ) -> None:
        self.layers, self.time_first, self.original = layers, time_first, original
        self.model = copied(model).double()
        paths = original.paths()
        self.by_path = all(layer.name in paths for layer in layers)
        self.dtype = torch.float64
        self.own_functions: list[str] = []

    @property
    def name(self) -> str:
        return "autograd float64" if self.dtype is torch.float64 else "autograd float32"

    def __call__(self, clip: Tensor, target: int) -> Case:
        try:
            logits, activations = self._forward(clip.to(self.dtype))
            index = int(logits.argmax()) if target < 0 else target
            self.own_functions = own_functions(logits)
            gradients = torch.autograd.grad(logits[0, index], activations, materialize_grads=True)
        except RuntimeError:
            if not self._other_way():
                raise
            return self(clip, target)
        found = [self._volumes(tensors) for tensors in (activations, gradients)]
        return Case(clip.numpy(), target, logits.detach().double().numpy(), *found)

    @property
    def doubt(self) -> str:
        """What may make the model's own derivative another than that of what it computes."""
        names = ", ".join(self.own_functions)
        if not names:
            return ""
        return (
            f" The model has autograd functions of its own ({names}): where their derivative is "
            "not that of what they compute, no graph of the model shows it."
        )

    def _other_way(self) -> bool:
        """Takes the next of: the model in float64, in float32, its captured graph in float64.

        A model that creates float32 tensors itself cannot run in float64; one that overwrites what
        its derivative reads, or checkpoints, runs and cannot be differentiated as it is.
        """
        if not self.by_path:
            return False
        self.by_path = self.dtype is torch.float64
        self.dtype = torch.float32 if self.by_path else torch.float64
        self.model = self.model.to(self.dtype)
        return True

    def _volumes(self, tensors: Sequence[Tensor]) -> tuple[np.ndarray, ...]:
        pairs = zip(self.layers, tensors, strict=True)
        return tuple(layer.volume(x).detach().double().numpy() for layer, x in pairs)

    def _forward(self, clip: Tensor) -> tuple[Tensor, list[Tensor]]:
        return self._by_hook(clip) if self.by_path else self._by_node(clip)

    def _by_hook(self, clip: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Adds a zero that requires a gradient to each module's output."""
        hooks = [_Hook(self.model, layer.name, self.original.paths()) for layer in self.layers]
        try:
            with torch.enable_grad(), plain_operators():
                logits = self.model(model_input(clip, self.time_first))
        finally:
            for hook in hooks:
                hook.handle.remove()
        return logits, [hook.output for hook in hooks]

    def _by_node(self, clip: Tensor) -> tuple[Tensor, list[Tensor]]:
        """A layer is an operator of no module: runs the graph as captured, nothing folded."""
        captured = self.original
        nodes = [captured.find(layer.name) for layer in self.layers]
        before, after = split_at(captured, *nodes)
        values: dict = {captured.clip: clip}
        with torch.enable_grad(), plain_operators():
            run_nodes(captured.module, before, values, self.dtype)
            values.update({node: values[node].detach().requires_grad_() for node in nodes})
            run_nodes(captured.module, after, values, self.dtype)
        return values[captured.logits], [values[node] for node in nodes]


def own_functions(logits: Tensor) -> list[str]:
    """The classes of ``torch.autograd.Function`` that a result came through."""
    names: dict[str, None] = {}
    seen, waiting = set(), [logits.grad_fn]
    while waiting:
        step = waiting.pop()
        if step is not None and step not in seen:
            seen.add(step)
            waiting += [following for following, _ in step.next_functions]
            if hasattr(step, "_forward_cls"):
                names[step._forward_cls.__name__] = None
    return list(names)


class _Hook:
    """Watches one call of a module, named ``path:call``; the last one where no call is named."""

    def __init__(self, model: nn.Module, name: str, names: Sequence[str]) -> None:
        path, _, call = name.partition(":")
        self.left = int(call) + 1 if call else 1
        while not call and f"{path}:{self.left}" in names:
            self.left += 1
        self.output: Tensor
        self.handle = model.get_submodule(path).register_forward_hook(self._watch)

    def _watch(self, module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        self.left -= 1
        if self.left != 0:
            return output
        self.output = output + torch.zeros_like(output, requires_grad=True)
        return self.output.clone()


def compile_in_engine(graph: bytes | str | Path) -> Any:
    """The graph compiled by OpenVINO for the CPU at float32 precision."""
    core = openvino_core()
    settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    try:
        model = core.read_model(graph if isinstance(graph, bytes) else str(graph))
        return core.compile_model(model, "CPU", settings)
    except RuntimeError as error:
        failed = re.search(r"Conversion is failed for: ([\w ,-]+)", str(error))
        operators = f": it lacks {failed[1]}" if failed else ""
        raise ExportError(
            f"{engine_version()} does not take the graph of this model{operators}. Nothing was "
            "written."
        ) from error


def engine_version() -> str:
    import openvino as ov

    return f"OpenVINO {ov.__version__.split('-')[0]}"


def unseen_clips(shape: tuple[int, ...], seed: int) -> Iterator[Tensor]:
    """Clips [1, T, 3, H, W]: noise, a moving blob, a gradient in time, and more of the like."""
    random = torch.Generator().manual_seed(seed + 7919)
    _, length, _, height, width = shape
    t = torch.linspace(0, 1, length)[:, None, None]
    y = torch.linspace(0, 1, height)[None, :, None]
    x = torch.linspace(0, 1, width)[None, None, :]
    blob = torch.exp(-((x - t) ** 2 + (y - 0.4) ** 2) * 30) * 3 - 1
    ramp = torch.sin(6 * t + 9 * x) + torch.cos(11 * y) + t
    tint = torch.tensor([1.0, 0.6, -0.8, 0.5, -0.3])[None, : shape[2], None, None]
    while True:
        noise, speck = (torch.randn(shape, generator=random) for _ in range(2))
        yield without_last_flow(noise)
        yield without_last_flow((blob[:, None] * tint)[None] + 0.2 * speck)
        yield without_last_flow((ramp[:, None] * tint.flip(1))[None] - 0.2 * speck.flip(1))


def grad_cam(activation: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Σ_k mean(gradient_k)·A_k before the ReLU, [t, h, w]."""
    weights = gradient[0].mean(axis=(1, 2, 3))
    return np.einsum("c,cthw->thw", weights, activation[0])


def _terms(activation: np.ndarray, gradient: np.ndarray) -> float:
    """The greatest value that a map could have if no terms of its sums cancelled."""
    weights = np.abs(gradient[0]).mean(axis=(1, 2, 3))
    return float(np.einsum("c,cthw->thw", weights, np.abs(activation[0])).max())


def check_graph(
    graph: Path, reference: Reference, shape: tuple[int, ...], classes: int, seed: int
) -> tuple[CheckReport, list[Case]]:
    """Compares the graph with the reference on clips that it was not traced with.

    At a kink (a ReLU whose input is zero within rounding) a gradient jumps, so that two correct
    computations differ. A clip whose gradient fails is replaced, therefore, if and only if noise of
    the size of rounding moves the reference's own gradient beyond the limit. A wrong graph gains
    nothing by that: it has to pass on three other clips, and logits and activation, which do not
    jump, have to agree on every clip.

    Raises
    ------
    ExportError
        A tensor differs by more than 1e-3 of its largest reference value; all figures are given.
    """
    compiled = compile_in_engine(graph)
    if not any("target" in port.names for port in compiled.inputs):
        raise ExportError("the explanation does not depend on the target. Nothing was written.")
    targets = [-1, classes - 1, classes // 3]
    cases: list[Case] = []
    replaced: list[float] = []
    for clip in itertools.islice(unseen_clips(shape, seed), MOST_CLIPS):
        case = reference(clip.contiguous(), targets[len(cases)])
        errors = case_errors(compiled, case)
        if only_gradient_fails(errors) and at_kink(reference, case):
            replaced.append(errors["gradient"])
            continue
        cases.append(case)
        if len(cases) == INPUTS:
            try:
                return summarise(compiled, cases, reference.name, "float32", len(replaced)), cases
            except ExportError as error:
                raise ExportError(f"{error}{reference.doubt}") from error
    names = ", ".join(layer.name for layer in reference.layers)
    raise ExportError(
        f"the gradient at layer '{names}' differs from {reference.name} by "
        f"{min(replaced):.2g} to {max(replaced):.2g} on {len(replaced)} of {MOST_CLIPS} clips. On "
        "each of them it jumps under noise of the size of rounding, so the graph cannot be told "
        "right from wrong. Choose a layer nearer to the logits. Nothing was written."
    )


def only_gradient_fails(errors: dict[str, float]) -> bool:
    """Whether all that differs is what jumps at a kink: the gradient, and the map made of it."""
    steady = max(errors["logits"], errors["activation"])
    return steady <= LIMITS["float32"] < max(errors.values())


def at_kink(reference: Reference, case: Case) -> bool:
    """Whether rounding-sized noise on the clip moves the reference's gradient beyond the limit."""
    random = torch.Generator().manual_seed(31)
    clip = torch.from_numpy(case.clip)
    for _ in range(NOISE_DRAWS):
        noise = torch.randn(clip.shape, generator=random) * float(clip.abs().max()) * ROUNDING
        moved = reference(clip.double() + noise.double(), case.target)
        pairs = zip(moved.gradients, case.gradients, strict=True)
        changes = [relative_error(now, before) for now, before in pairs]
        if any(LIMITS["float32"] < change < float("inf") for change in changes):
            return True
    return False


def compare(graph: Path, cases: list[Case], seen: CheckReport, precision: str) -> CheckReport:
    """Runs the cases of an earlier check in the engine; raises ExportError as that does."""
    compiled = compile_in_engine(graph)
    return summarise(compiled, cases, seen.reference, precision, seen.replaced)


def summarise(
    compiled: Any, cases: list[Case], reference: str, precision: str, replaced: int
) -> CheckReport:
    """Figures over all cases; refuses those beyond the precision's limit."""
    every = [case_errors(compiled, case) for case in cases]
    errors = {name: max(e[name] for e in every) for name in every[0]}
    report = CheckReport(len(cases), replaced, errors, reference, engine_version())
    limit = LIMITS[precision]
    if not report.max_relative_error <= limit:
        figures = ", ".join(f"{name} {error:.2g}" for name, error in errors.items())
        raise ExportError(
            f"the exported graph does not agree with {reference} ({report.engine}, {precision}): "
            f"relative errors {figures}; at most {limit:g} is accepted. Nothing was written."
            + (" Try precision float32." if precision != "float32" else "")
        )
    return report


def case_errors(compiled: Any, case: Case) -> dict[str, float]:
    """Relative errors of one case: logits, activation, gradient and Grad-CAM map.

    Of several layers, the one that differs most.
    """
    result = compiled(feeds(case.clip, case.target))
    got = {
        name: result[name].astype(np.float64) for port in compiled.outputs for name in port.names
    }
    errors = {"logits": relative_error(got["logits"], case.logits)}
    ends = [name.removeprefix("activation") for name in got if name.startswith("activation")]
    for end, activation, gradient in zip(ends, case.activations, case.gradients, strict=True):
        found = got[f"activation{end}"]
        slopes = _gradient(got, end, found.shape)
        least = CANCELS * _terms(activation, gradient)
        figures = {
            "activation": relative_error(found, activation),
            "gradient": relative_error(slopes, gradient),
            "map": relative_error(grad_cam(found, slopes), grad_cam(activation, gradient), least),
        }
        errors.update({name: max(v, errors.get(name, 0.0)) for name, v in figures.items()})
    return errors


def maps(got: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The Grad-CAM map [t, h, w] of each explained layer, by the ending of its outputs' names."""
    ends = [name.removeprefix("activation") for name in got if name.startswith("activation")]
    volumes = {end: got[f"activation{end}"] for end in ends}
    return {end: grad_cam(x, _gradient(got, end, x.shape)) for end, x in volumes.items()}


def _gradient(got: dict[str, np.ndarray], end: str, shape: tuple[int, ...]) -> np.ndarray:
    if f"gradient{end}" in got:
        return got[f"gradient{end}"]
    cells = shape[2] * shape[3] * shape[4]
    weight = got[f"weight{end}"] / cells
    return np.broadcast_to(weight[:, :, None, None, None], shape)


def relative_error(got: np.ndarray, want: np.ndarray, least: float = 0.0) -> float:
    """Largest |difference| over largest |reference|, or `least` where that is smaller.

    Infinite where they cannot be compared.
    """
    if got.shape != want.shape or not np.isfinite(got).all() or not np.isfinite(want).all():
        return float("inf")
    scale = max(float(np.abs(want).max()), least)
    difference = float(np.abs(got - want).max())
    return difference / scale if scale > 0 else (0.0 if difference == 0 else float("inf"))
