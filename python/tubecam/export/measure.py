"""Which form of a convolution's input gradient is fastest, by measuring it in the engine."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from .backward import conv_input_gradient

WORTH_MEASURING = 2e7  # multiply–adds: below, the forms differ by microseconds
CLEARLY_FASTER = 0.75  # of the first form's time; a smaller gain may be noise
REPEATS = 7


class FormMeasurer:
    """Picks a form for each geometry once; usable as the chooser of ``decompositions``.

    Small convolutions take the first candidate unmeasured, and another one has to be clearly
    faster, so that equal models give equal files.
    """

    def __init__(self, measure: bool = True) -> None:
        self.measure = measure
        self.chosen: dict[tuple, str] = {}

    def __call__(
        self, grad: Sequence[int], weight: Sequence[int], size: Sequence[int],
        stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int], groups: int,
    ) -> str:  # fmt: skip
        key = tuple(tuple(v) for v in (grad, weight, size, stride, padding, dilation)) + (groups,)
        if key not in self.chosen:
            self.chosen[key] = self._choose(*key)
        return self.chosen[key]

    def _choose(self, grad, weight, size, stride, padding, dilation, groups) -> str:  # noqa: ANN001
        strided = any(s > 1 for s in stride)
        pointwise = all(k == 1 for k in weight[2:])
        dilated = any(d > 1 for d in dilation)
        forms = ["convolution", "transposed"]
        if strided and not pointwise and not dilated:
            forms.insert(0, "interleaved")
        work = math.prod(grad) * math.prod(weight[1:])
        if not self.measure or work < WORTH_MEASURING:
            return forms[0]
        geometry = (list(size), list(stride), list(padding), list(dilation), groups)
        times = _interleaved_times(
            [_runner(_OneGradient(weight, geometry, form), grad) for form in forms]
        )
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
    from torch.fx.experimental.proxy_tensor import make_fx

    from .check import compile_in_engine
    from .fold import fold_constants
    from .onnx_file import to_onnx

    grad = torch.ones(*shape)
    traced = make_fx(module)(grad)
    fold_constants(traced)
    compiled = compile_in_engine(to_onnx(traced, (grad,), ["grad"], ["out"]).SerializeToString())
    values = np.ones(shape, np.float32)
    return lambda: compiled([values])


def _interleaved_times(runners: list[Callable[[], None]]) -> list[float]:
    for run in runners:
        run()
    times: list[list[float]] = [[] for _ in runners]
    for _ in range(REPEATS):
        for run, series in zip(runners, times, strict=True):
            start = time.perf_counter()
            run()
            series.append(time.perf_counter() - start)
    return [statistics.median(series) for series in times]
