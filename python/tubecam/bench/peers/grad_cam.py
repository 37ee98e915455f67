"""pytorch-grad-cam: its GradCAM, which takes 3D activations and scales the map to the clip."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from ..subject import Subject
from .peer import Peer
from .torch_hooks import torch_clip


class PytorchGradCam(Peer):
    """The call of its README. Its hooks stay on the module only while it runs."""

    title = "Grad-CAM, pytorch-grad-cam"
    version = version("grad-cam")

    def __init__(self, subject: Subject) -> None:
        self._clip = torch_clip(subject).requires_grad_()
        self._targets = None if subject.target < 0 else [ClassifierOutputTarget(subject.target)]
        self._module = subject.module
        self._layers = [self._module.get_submodule(subject.layer)]

    def run(self) -> np.ndarray:
        with GradCAM(self._module, self._layers) as method:
            return method(input_tensor=self._clip, targets=self._targets)

    def tube(self) -> np.ndarray:
        with GradCAM(self._module, self._layers) as method:
            method(input_tensor=self._clip, targets=self._targets)
            grabbed = method.activations_and_grads
            activation = grabbed.activations[0].detach().numpy()
            weights = grabbed.gradients[0].detach().numpy().mean(axis=(2, 3, 4), keepdims=True)
        return np.maximum((weights * activation).sum(axis=1), 0)[0]


def make(subject: Subject) -> Peer:
    return PytorchGradCam(subject)
