"""Two networks, one on pictures and one on stacked optical flow, whose logits are fused.

*Two-stream*: Simonyan and Zisserman, "Two-Stream Convolutional Networks for Action Recognition in
Videos", NIPS 2014: one picture, and the flow of ten slices in a row as 20 channels (x and y by
turns). *Temporal segment networks*: Wang et al., ECCV 2016: the same for one picture and five flows
of each of three segments, whose logits are averaged.

Both fuse logits, so that a stream's and a segment's share of the decision are its part of a sum.
The streams are ResNet-50.
"""

from __future__ import annotations

import torch
from torch import nn

from ...spec import ClipSpec, FlowSpec
from .architecture import KINETICS_CLASSES, Architecture
from .image_resnet import ImageResNet50

FLOW = FlowSpec(bound=20.0, scale=0.05)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
UCF101_CLASSES = 101
STACK = 10  # flows
SEGMENTS = 3
SNIPPET = 5  # flows a segment
FLOW_WEIGHT = 1.5  # of a segment network's flow stream, against 1 for the pictures


class TwoStream(nn.Module):
    """Takes [N, 5, T, H, W], T at least 11: the picture in the middle, and ten flows around it."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.rgb = ImageResNet50(3, classes)
        self.flow = ImageResNet50(2 * STACK, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = (x.shape[2] - 1 - STACK) // 2
        if first < 0:
            raise ValueError(f"{STACK} flows need {STACK + 1} slices, not {x.shape[2]}")
        middle = x.shape[2] // 2
        rgb = self.rgb(x[:, :3, middle : middle + 1])
        flows = [x[:, 3:, first + i : first + i + 1] for i in range(STACK)]
        return (rgb + self.flow(torch.cat(flows, 1))) / 2


class SegmentNetwork(nn.Module):
    """Takes [N, 5, T, H, W], T a multiple of 3 and at least 18: three segments of equal length."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.rgb = ImageResNet50(3, classes)
        self.flow = ImageResNet50(2 * SNIPPET, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        length, rest = divmod(x.shape[2], SEGMENTS)
        if rest or length <= SNIPPET:
            raise ValueError(
                f"{SEGMENTS} segments of {SNIPPET} flows need a multiple of {SEGMENTS} slices, "
                f"{SEGMENTS * (SNIPPET + 1)} or more, not {x.shape[2]}"
            )
        first = (length - 1 - SNIPPET) // 2
        rgb = self.rgb(x[:, :3, length // 2 :: length])
        flows = [x[:, 3:, first + i :: length] for i in range(SNIPPET)]
        return (rgb + FLOW_WEIGHT * self.flow(torch.cat(flows, 1))) / (1 + FLOW_WEIGHT)


LAYERS = ("rgb=rgb.volume", "flow=flow.volume")
ARCHITECTURES = (
    Architecture(
        "two_stream", TwoStream,
        ClipSpec(STACK + 1, 224, 224, 25.0, MEAN, STD, short_side=256, flow=FLOW),
        47_483_274, 8.85, "Simonyan and Zisserman 2014",
        "torchvision's resnet50 names under rgb. and flow.", "rgb.fc.weight", UCF101_CLASSES,
        LAYERS, ("cam",),
    ),
    Architecture(
        "tsn", SegmentNetwork,
        ClipSpec(16 * SEGMENTS, 224, 224, 25.0, MEAN, STD, short_side=256, flow=FLOW),
        48_677_216, 25.4, "Wang et al. 2016",
        "torchvision's resnet50 names under rgb. and flow.", "rgb.fc.weight", KINETICS_CLASSES,
        LAYERS, ("cam",),
    ),
)  # fmt: skip
