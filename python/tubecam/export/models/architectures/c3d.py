"""C3D: plain 3×3×3 convolutions and a fully connected head.

Tran et al., "Learning Spatiotemporal Features with 3D Convolutional Networks", ICCV 2015, with the
parameter names of its common PyTorch ports (``conv1`` … ``conv5b``, ``fc6`` … ``fc8``).
"""

from __future__ import annotations

import torch
from torch import nn

from ...spec import ClipSpec
from .architecture import Architecture

UCF101_CLASSES = 101
# The ports subtract a mean picture of 0…255 and nothing else; its average stands for it here.
CLIP = ClipSpec(
    16, 112, 112, 16.0,
    (0.398, 0.383, 0.352), (1 / 255, 1 / 255, 1 / 255), short_side=128,
)  # fmt: skip


class C3D(nn.Module):
    """Eight convolutions, five max pools, three dense layers.

    Takes [N, 3, 16, 112, 112] float32 and no other size: the head is fully connected.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1 = _convolution(3, 64)
        self.pool1 = nn.MaxPool3d((1, 2, 2))
        self.conv2 = _convolution(64, 128)
        self.pool2 = nn.MaxPool3d(2)
        self.conv3a = _convolution(128, 256)
        self.conv3b = _convolution(256, 256)
        self.pool3 = nn.MaxPool3d(2)
        self.conv4a = _convolution(256, 512)
        self.conv4b = _convolution(512, 512)
        self.pool4 = nn.MaxPool3d(2)
        self.conv5a = _convolution(512, 512)
        self.conv5b = _convolution(512, 512)
        self.pool5 = nn.MaxPool3d(2, padding=(0, 1, 1))
        self.fc6 = nn.Linear(512 * 4 * 4, 4096)
        self.fc7 = nn.Linear(4096, 4096)
        self.fc8 = nn.Linear(4096, classes)
        self.relu = nn.ReLU()
        self.relu5b = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        relu = self.relu
        x = self.pool1(relu(self.conv1(x)))
        x = self.pool2(relu(self.conv2(x)))
        x = self.pool3(relu(self.conv3b(relu(self.conv3a(x)))))
        x = self.pool4(relu(self.conv4b(relu(self.conv4a(x)))))
        x = self.pool5(self.relu5b(self.conv5b(relu(self.conv5a(x)))))
        x = relu(self.fc6(x.flatten(1)))
        return self.fc8(relu(self.fc7(x)))


def _convolution(inputs: int, outputs: int) -> nn.Conv3d:
    layer = nn.Conv3d(inputs, outputs, 3, padding=1)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return layer


def c3d(classes: int = UCF101_CLASSES) -> C3D:
    """C3D (78 409 573 parameters at 101 classes)."""
    return C3D(classes)


# As the converted Caffe weights count the layers, activations and pools included.
_CAFFE = {
    "features.0": "conv1",
    "features.3": "conv2",
    "features.6": "conv3a",
    "features.8": "conv3b",
    "features.11": "conv4a",
    "features.13": "conv4b",
    "features.16": "conv5a",
    "features.18": "conv5b",
    "classifier.0": "fc6",
    "classifier.3": "fc7",
    "classifier.6": "fc8",
}
ARCHITECTURES = (
    Architecture(
        "c3d", c3d, CLIP, 78_409_573, 38.6, "Tran et al. 2015",
        "the PyTorch ports' c3d.pickle (Sports-1M) and ucf101-caffe.pth", "fc8.weight",
        UCF101_CLASSES, "relu5b", ("cam",), _CAFFE,
    ),
)  # fmt: skip
