"""TorchCAM: its GradCAM on the module's named layer."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from torchcam.methods import GradCAM

from ..subject import Subject
from .peer import Peer
from .torch_hooks import torch_clip


class TorchCam(Peer):
    """The call of its README; its map is normalised to 0…1 and of the layer's resolution."""

    title = "Grad-CAM, TorchCAM"
    version = version("torchcam")

    def __init__(self, subject: Subject) -> None:
        self._clip, self._target = torch_clip(subject).requires_grad_(), subject.target
        self._module, self._layer = subject.module, subject.layer
        self._shape = tuple(subject.clip.shape[i] for i in (2, 1, 3, 4))

    def run(self):
        with GradCAM(self._module, self._layer, input_shape=self._shape) as method:
            logits = self._module(self._clip)
            target = int(logits.argmax()) if self._target < 0 else self._target
            return method(target, logits)[0]

    def tube(self) -> np.ndarray:
        return np.squeeze(self.run().detach().numpy(), 0)


def make(subject: Subject) -> Peer:
    return TorchCam(subject)
