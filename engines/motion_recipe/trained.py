"""The trained network, read back from the bundle: to export it with other methods.

    tubecam export engines.motion_recipe.trained:network -o engines/motion_lrp \
        --length 16 --size 72x128 --sample-fps 15 --labels engines/motion/labels.txt \
        --method lrp-epsilon-plus --method integrated-gradients

Batch normalisation was folded into the convolutions, and the mean over the colours, which the
network begins with, into the first of them: rules of first layers need weights. The function is
the same.
"""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import nn

from .model import CentredNet, MotionNet

BUNDLE = Path(__file__).parents[1] / "motion"


def network() -> nn.Module:
    """The function of `CentredNet` with the weights of `engines/motion`, in evaluation mode."""
    graph = onnx.load(BUNDLE / "model.onnx").graph
    constants = {i.name: torch.tensor(numpy_helper.to_array(i)) for i in graph.initializer}
    layers = [node for node in graph.node if node.op_type == "Conv"]
    head = next(node for node in graph.node if node.op_type == "Gemm")
    net = MotionNet(len(constants[head.input[2]]))
    for block, layer in zip(net.features, layers, strict=True):
        block[0].weight = nn.Parameter(constants[layer.input[1]])
        block[0].bias = nn.Parameter(constants[layer.input[2]])
        block[1] = nn.Identity()
    first = net.features[0][0]
    first.weight = nn.Parameter(first.weight.detach().repeat(1, 3, 1, 1, 1) / 3)
    transposed = any(a.name == "transB" and a.i for a in head.attribute)
    weight = constants[head.input[1]]
    net.head.weight = nn.Parameter(weight if transposed else weight.T.contiguous())
    net.head.bias = nn.Parameter(constants[head.input[2]])
    return ColourNet(net).eval()


class ColourNet(CentredNet):
    """`CentredNet` whose first convolution takes the three colours."""

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        return self.head(self.explained(self.features(clip)).mean((2, 3, 4)))
