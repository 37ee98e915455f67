"""Class activation methods for three-dimensional layers, straight from their papers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def cam3d(
    activation: npt.NDArray,
    method: str,
    *,
    weight: npt.NDArray | None = None,
    gradient: npt.NDArray | None = None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The tube of one activation.

    Parameters
    ----------
    activation : [C, t, h, w]
    method : str
        See the table `METHODS`.
    weight : [C]
        The target's row of a head of global average pooling and a linear layer.
    gradient : [C, t, h, w]
        Of the target's logit. Left out, it is ``weight / (t * h * w)`` everywhere.

    Returns
    -------
    tube, relevance : float64 [t, h, w]
        The tube, and the same before ReLU.
    """
    a = np.asarray(activation, np.float64)
    if gradient is None:
        share = np.asarray(weight, np.float64) / a[0].size
        g = np.broadcast_to(share[:, None, None, None], a.shape)
    else:
        g = np.asarray(gradient, np.float64)
    if method == "cam":
        relevance = cam(a, np.asarray(weight, np.float64))
        return relevance, relevance
    relevance = METHODS[method](a, g)
    return (relevance if method == "hirescam" else relu(relevance)), relevance


def relu(x: npt.NDArray) -> npt.NDArray:
    return np.maximum(x, 0)


def cam(a: npt.NDArray, weight: npt.NDArray) -> npt.NDArray:
    """Zhou et al. 2016, eq. 2, shared out over the cells that the head averages.

    Over time, the Saliency Tubes of Stergiou et al. 2019.
    """
    return np.einsum("k,kthw->thw", weight, a) / a[0].size


def gradcam(a: npt.NDArray, g: npt.NDArray) -> npt.NDArray:
    """Selvaraju et al. 2017, eq. 1 and 2, the mean over time and space."""
    return np.einsum("k,kthw->thw", g.mean(axis=(1, 2, 3)), a)


def gradcam_frame(a: npt.NDArray, g: npt.NDArray) -> npt.NDArray:
    """The same with a mean over space for each time, as frame-wise tools do it."""
    return np.einsum("kt,kthw->thw", g.mean(axis=(2, 3)), a)


def hirescam(a: npt.NDArray, g: npt.NDArray) -> npt.NDArray:
    """Draelos and Carin 2020: no averaging at all."""
    return (g * a).sum(axis=0)


def layercam(a: npt.NDArray, g: npt.NDArray) -> npt.NDArray:
    """Jiang et al. 2021: each place has its own weight, the positive gradient."""
    return (relu(g) * a).sum(axis=0)


def gradcam_plus_plus(a: npt.NDArray, g: npt.NDArray) -> npt.NDArray:
    """Chattopadhay et al. 2018, with the closed form of α for an exponential of the logit.

    The mean over the cells in place of their sum, so that it is in logit units.
    """
    total = a.sum(axis=(1, 2, 3), keepdims=True)
    denominator = 2 * g**2 + g**3 * total
    alpha = np.divide(g**2, denominator, out=np.zeros_like(g), where=denominator != 0)
    return np.einsum("k,kthw->thw", (alpha * relu(g)).mean(axis=(1, 2, 3)), a)


def xgradcam(a: npt.NDArray, g: npt.NDArray) -> npt.NDArray:
    """Fu et al. 2020: gradients averaged with the activation as weight."""
    total = a.sum(axis=(1, 2, 3))
    moment = (g * a).sum(axis=(1, 2, 3))
    weight = np.divide(moment, total, out=np.zeros_like(total), where=total != 0)
    return np.einsum("k,kthw->thw", weight, a)


METHODS = {
    "gradcam": gradcam,
    "gradcam-frame": gradcam_frame,
    "hirescam": hirescam,
    "layercam": layercam,
    "gradcam++": gradcam_plus_plus,
    "xgradcam": xgradcam,
}
