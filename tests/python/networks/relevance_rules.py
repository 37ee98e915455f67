"""The rules of relevance as their papers state them: one loop a neuron, nothing shared, float64.

Slow on purpose. A layer is written as the dense matrix of its connections, so that strides,
padding, groups and dilation are not part of the rule.
"""

from __future__ import annotations

import copy
import itertools

import numpy as np
from torch import nn


def connections(layer: nn.Module, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, tuple]:
    """[out, in] weights and [out] biases of a layer, and the shape of its output."""
    if isinstance(layer, nn.Linear):
        weight = layer.weight.detach().double().numpy()
        bias = np.zeros(len(weight)) if layer.bias is None else layer.bias.detach().numpy()
        return weight, bias.astype(np.float64), (len(weight),)
    kernel = layer.weight.detach().double().numpy()
    outs, per_group, *extent = kernel.shape
    sizes = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, p, d, k, s in zip(
            shape[1:], layer.padding, layer.dilation, extent, layer.stride, strict=True
        )
    ]
    cells = list(itertools.product(*(range(n) for n in sizes)))
    matrix = np.zeros((outs * len(cells), int(np.prod(shape))))
    for out, (index, cell) in itertools.product(range(outs), enumerate(cells)):
        first = out // (outs // layer.groups) * per_group
        for tap in itertools.product(range(per_group), *(range(k) for k in extent)):
            place = [
                c * s - p + d * k
                for c, s, p, d, k in zip(
                    cell, layer.stride, layer.padding, layer.dilation, tap[1:], strict=True
                )
            ]
            if all(0 <= x < n for x, n in zip(place, shape[1:], strict=True)):
                column = np.ravel_multi_index((first + tap[0], *place), shape)
                matrix[out * len(cells) + index, column] += kernel[(out, *tap)]
    bias = np.zeros(outs) if layer.bias is None else layer.bias.detach().double().numpy()
    return matrix, np.repeat(bias, len(cells)), (outs, *sizes)


def epsilon(x: np.ndarray, w: np.ndarray, b: np.ndarray, r: np.ndarray, eps: float) -> np.ndarray:
    """R_i = Σ_j z_ij / (z_j + ε sign z_j) R_j (Bach et al. 2015)."""
    result = np.zeros_like(x)
    for j, row in enumerate(w):
        z = row * x
        total = z.sum() + b[j]
        if total != 0:
            result += z / (total + eps * np.sign(total)) * r[j]
    return result


def alpha1_beta0(x: np.ndarray, w: np.ndarray, b: np.ndarray, r: np.ndarray) -> np.ndarray:
    """R_i = Σ_j z⁺_ij / (Σ_i z⁺_ij + b⁺_j) R_j (Bach et al. 2015)."""
    result = np.zeros_like(x)
    for j, row in enumerate(w):
        z = np.maximum(row * x, 0)
        total = z.sum() + max(b[j], 0)
        if total > 0:
            result += z / total * r[j]
    return result


def gamma(x: np.ndarray, w: np.ndarray, b: np.ndarray, r: np.ndarray, more: float) -> np.ndarray:
    """R_i = Σ_j (z_ij + γ z⁺_ij) / (z_j + γ Σ z⁺) R_j where z_j > 0 (Montavon et al. 2019).

    Where z_j < 0 the negative contributions count more. The bias is one of the contributions.
    """
    result = np.zeros_like(x)
    for j, row in enumerate(w):
        z = np.append(row * x, b[j])
        favoured = np.maximum(z, 0) if z.sum() > 0 else np.minimum(z, 0)
        total = (z + more * favoured).sum()
        if total != 0:
            result += ((z + more * favoured) / total * r[j])[:-1]
    return result


def excitation(x: np.ndarray, w: np.ndarray, r: np.ndarray) -> np.ndarray:
    """P(a_i | a_j) = Z_j a_i w_ij for w_ij ≥ 0 and a_i ≥ 0, else 0 (Zhang et al. 2016)."""
    result = np.zeros_like(x)
    for j, row in enumerate(w):
        excited = np.where((row > 0) & (x > 0), row * x, 0)
        if excited.sum() > 0:
            result += excited / excited.sum() * r[j]
    return result


def z_box(
    x: np.ndarray, w: np.ndarray, low: np.ndarray, high: np.ndarray, r: np.ndarray
) -> np.ndarray:
    """R_i = Σ_j (z_ij − l_i w⁺_ij − h_i w⁻_ij) / Σ_i (the same) R_j (Montavon et al. 2017)."""
    result = np.zeros_like(x)
    x = np.clip(x, low, high)
    for j, row in enumerate(w):
        z = row * x - np.maximum(row, 0) * low - np.minimum(row, 0) * high
        if z.sum() > 0:
            result += z / z.sum() * r[j]
    return result


def flat(connected: np.ndarray, r: np.ndarray) -> np.ndarray:
    """R_i = Σ_j R_j / (how many inputs j has), over the j that i is connected to."""
    result = np.zeros(connected.shape[1])
    for j, row in enumerate(connected):
        result += row / row.sum() * r[j]
    return result


def sequential(
    layers: list[nn.Module],
    clip: np.ndarray,
    target: int,
    rules: dict[type, str],
    eps: float = 1e-6,
    first: str = "",
    box: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Relevance of clip [C, T, H, W] in a chain of convolutions, ReLUs, a flattening, a linear.

    `first` is another rule for the first layer, ``z_box`` with the `box` of [C, 1, 1, 1] bounds or
    ``flat``.
    """
    x, shape, passed = clip.ravel(), clip.shape, []
    for layer in layers:
        if isinstance(layer, nn.ReLU):
            x = np.maximum(x, 0)
        elif not isinstance(layer, nn.Flatten):
            w, b, after = connections(layer, shape)
            if first == "flat" and not passed:
                connected, *_ = connections(_of_ones(layer), shape)
            passed.append((first if first and not passed else rules[type(layer)], x, w, b))
            x, shape = w @ x + b, after
    r = np.where(np.arange(len(x)) == target, x, 0.0)
    for rule, x, w, b in reversed(passed):
        if rule == "epsilon":
            r = epsilon(x, w, b, r, eps)
        elif rule == "alpha1beta0":
            r = alpha1_beta0(x, w, b, r)
        elif rule.startswith("gamma"):
            r = gamma(x, w, b, r, float(rule.removeprefix("gamma")))
        elif rule == "z_box":
            r = z_box(x, w, *(np.broadcast_to(end, clip.shape).ravel() for end in box), r)
        elif rule == "flat":
            r = flat(connected, r)
        else:
            r = excitation(x, w, r)
    return r.reshape(clip.shape)


def _of_ones(layer: nn.Module) -> nn.Module:
    other = copy.deepcopy(layer)
    nn.init.ones_(other.weight)
    return other


def deeplift(
    layers: list[nn.Module], clip: np.ndarray, reference: np.ndarray, target: int
) -> np.ndarray:
    """C = m·Δx with multipliers by the linear and the rescale rule (Shrikumar et al. 2017)."""
    x, y, shape, passed = clip.ravel(), reference.ravel(), clip.shape, []
    for layer in layers:
        if isinstance(layer, nn.ReLU):
            passed.append((np.maximum(x, 0) - np.maximum(y, 0), x - y))
            x, y = np.maximum(x, 0), np.maximum(y, 0)
        elif not isinstance(layer, nn.Flatten):
            w, b, shape = connections(layer, shape)
            passed.append(w)
            x, y = w @ x + b, w @ y + b
    m = np.where(np.arange(len(x)) == target, 1.0, 0.0)
    for step in reversed(passed):
        if isinstance(step, tuple):
            rise, run = step
            m = np.array([a * u / v if v else 0.0 for a, u, v in zip(m, rise, run, strict=True)])
        else:
            m = np.array(
                [sum(m[j] * step[j, i] for j in range(len(m))) for i in range(len(step.T))]
            )
    return m.reshape(clip.shape) * (clip - reference)
