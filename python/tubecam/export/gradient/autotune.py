"""Which form of a convolution's input gradient is fastest, by measuring it in the engine."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, fx, nn

from .conv_backward import conv_input_gradient

WORTH_MEASURING = 2e7  # multiply–adds: below, the forms differ by microseconds
CLEARLY_FASTER = 0.75  # of the first form's time; a smaller gain may be noise
REPEATS = 7
FEW_CHANNELS = 16  # of the gradient that is computed, in a group: they do not fill a vector
OUT_OF_THE_RUNNING = 2.0  # times the fastest in the first timed round


class FormMeasurer:
    """Picks a form for each geometry once; usable as the chooser of ``decompositions``.

    While a graph is traced it can only note what occurs. `measure_pending` then times the large
    ones, and the graph is traced again. Small convolutions take the first candidate unmeasured, and
    another one has to be clearly faster, so that equal models give equal files.
    """

    def __init__(self) -> None:
        self.chosen: dict[tuple, str] = {}

    def __call__(
        self, grad: Sequence[int], weight: Sequence[int], size: Sequence[int],
        stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int], groups: int,
    ) -> str:  # fmt: skip
        key = tuple(tuple(v) for v in (grad, weight, size, stride, padding, dilation))
        return self.chosen.setdefault((*key, groups), candidates(stride, weight, dilation)[0])

    def measure_pending(self) -> bool:
        """Times the large convolutions; True when a form other than the first was chosen."""
        changed = False
        for key, first in self.chosen.items():
            grad, weight, size, stride, padding, dilation, groups = key
            if math.prod(grad) * math.prod(weight[1:]) >= WORTH_MEASURING:
                forms = candidates(stride, weight, dilation)
                if len(forms) == 1:
                    continue
                geometry = (list(size), list(stride), list(padding), list(dilation), groups)
                self.chosen[key] = _fastest(forms, grad, weight, geometry)
                changed |= self.chosen[key] != first
        return changed

    def trace(self, trace: Callable[[], fx.GraphModule], measure: bool) -> fx.GraphModule:
        """What `trace` gives; it is traced again where `measure` finds a faster form."""
        traced = trace()
        return trace() if measure and self.measure_pending() else traced

    def counts(self) -> dict[str, int]:
        """How many gradients took which form."""
        return dict(sorted(Counter(self.chosen.values()).items()))


def candidates(stride: Sequence[int], weight: Sequence[int], dilation: Sequence[int]) -> list[str]:
    """Candidates, the one that usually wins in our engine first.

    The transposed form is not among them: where OpenVINO 2026.4.1 ran the three convolution
    gradients of mc3_18 at layer3 in that form, its gradient was off by 0.66 of the greatest value,
    while ONNX Runtime agreed with autograd to 5e-7 on the same file.
    """
    pointwise = all(k == 1 for k in weight[2:])
    if any(s > 1 for s in stride) and not pointwise and not any(d > 1 for d in dilation):
        few = weight[1] < FEW_CHANNELS
        forms = ["interleaved", "phases"] if few else ["phases", "interleaved"]
        return [*forms, "convolution"]
    return ["convolution"]


def _fastest(forms: list[str], grad: Sequence[int], weight: Sequence[int], geometry: tuple) -> str:
    runners = [_runner(_OneGradient(weight, geometry, form), grad) for form in forms]
    times = _least_times(runners)
    best = min(range(len(forms)), key=times.__getitem__)
    return forms[best] if times[best] < CLEARLY_FASTER * times[0] else forms[0]


class _OneGradient(nn.Module):
    def __init__(self, weight: Sequence[int], geometry: tuple, form: str) -> None:
        super().__init__()
        self.register_buffer("weight", torch.ones(*weight) / math.prod(weight[1:]))
        self.geometry, self.form = geometry, form

    def forward(self, grad: Tensor) -> Tensor:
        return conv_input_gradient(grad, self.weight, *self.geometry, self.form)


def _runner(module: nn.Module, shape: Sequence[int]) -> Callable[[], None]:
    from ..onnx.file import to_onnx
    from ..torch_private import trace_with_shapes
    from ..trace.batch_norm_folding import fold_constants
    from ..trace.simplify import simplify
    from ..verify.engine import compile_in_engine

    grad = torch.ones(*shape)
    traced = trace_with_shapes(lambda x: module(x), {}, grad)
    simplify(traced)
    fold_constants(traced)
    compiled = compile_in_engine(to_onnx(traced, (grad,), ["grad"], ["out"]).SerializeToString())
    values = np.ones(shape, np.float32)
    return lambda: compiled([values])


def _least_times(runners: list[Callable[[], None]]) -> list[float]:
    """Seconds of the least disturbed of some interleaved runs."""
    for run in runners:
        run()
    least = [_seconds(run) for run in runners]
    near = [i for i, t in enumerate(least) if t <= OUT_OF_THE_RUNNING * min(least)]
    for _ in range(REPEATS - 1 if len(near) > 1 else 0):
        for i in near:
            least[i] = min(least[i], _seconds(runners[i]))
    return least


def _seconds(run: Callable[[], None]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
