"""Captum: LayerGradCam and its interpolation to the clip, as its documentation shows them."""

from __future__ import annotations

import captum
import numpy as np
from captum.attr import LayerAttribution, LayerGradCam
from torch import Tensor

from ..subject import Subject
from .peer import Peer
from .torch_hooks import torch_clip


class Captum(Peer):
    """Two forward passes: one for the class, one that Captum runs to attribute it."""

    title = "Grad-CAM, LayerGradCam + interpolation"
    version = captum.__version__

    def __init__(self, subject: Subject) -> None:
        self._clip, self._target = torch_clip(subject), subject.target
        self._module = subject.module
        self._size = tuple(self._clip.shape[2:])
        self._method = LayerGradCam(self._module, self._module.get_submodule(subject.layer))

    def run(self) -> Tensor:
        return LayerAttribution.interpolate(self._attribute(), self._size, "trilinear")

    def tube(self) -> np.ndarray:
        return self._attribute()[0, 0].detach().numpy()

    def _attribute(self) -> Tensor:
        import torch

        target = self._target
        if target < 0:
            with torch.no_grad():
                target = int(self._module(self._clip).argmax())
        return self._method.attribute(self._clip, target=target, relu_attributions=True)


def make(subject: Subject) -> Peer:
    return Captum(subject)
