"""The demo's network: motion-energy filters, three more convolutions, average pool, linear.

The head makes Grad-CAM exact without a backward pass: each class's logit is a mean over the last
layer's cells (Zhou et al., "Learning Deep Features for Discriminative Localization", eq. 2).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

LAYER = "explained"

_DIRECTIONS, _PHASES = 8, 2
_WAVELENGTH, _SPEED = 8.0, 1.4  # pixels; pixels a slice, the middle of what the scenes show


def _block(
    inputs: int, outputs: int, kernel: tuple[int, int, int], stride: tuple[int, int, int]
) -> nn.Sequential:
    # Kernel and stride are both odd or both even, so a layer's cells lie symmetrically in the clip.
    padding = tuple((k - s + 1) // 2 for k, s in zip(kernel, stride))
    conv = nn.Conv3d(inputs, outputs, kernel, stride, padding, bias=False)
    return nn.Sequential(conv, nn.BatchNorm3d(outputs), nn.ReLU(inplace=True))


def motion_filters(kernel: tuple[int, int, int]) -> Tensor:
    """Drifting waves in eight directions and two phases, blind to whatever stands still.

    Adelson & Bergen, "Spatiotemporal energy models for the perception of motion" (1985): an
    oriented filter in space and time answers to one direction of motion. Taken as the first
    layer's starting point, they spare the network the slow search for motion.

    Returns
    -------
    Tensor
        Unit-norm filters, float32 [16, 1, *kernel].
    """
    axes = [torch.arange(size) - (size - 1) / 2 for size in kernel]
    t, y, x = torch.meshgrid(*axes, indexing="ij")
    window = torch.exp(-(x**2 + y**2) / (2 * (kernel[1] / 3.5) ** 2))
    filters = []
    for phase in range(_PHASES):
        for turn in range(_DIRECTIONS):
            angle = 2 * math.pi * turn / _DIRECTIONS
            along = math.cos(angle) * x + math.sin(angle) * y - _SPEED * t
            wave = torch.cos(2 * math.pi * along / _WAVELENGTH + math.pi * phase / _PHASES)
            wave = window * wave
            filters.append(wave - wave.mean(0, keepdim=True))
    bank = torch.stack(filters)[:, None]
    return bank / bank.flatten(1).norm(dim=1).view(-1, 1, 1, 1, 1)


class MotionNet(nn.Module):
    """Takes clips [N, 3, T, H, W] (or grey, [N, 1, T, H, W]), gives logits [N, K].

    `features` gives 4×9×16 cells for 16×72×128: one every 4 slices and 8 pixels.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _block(1, _DIRECTIONS * _PHASES, (4, 6, 6), (2, 2, 2)),
            _block(_DIRECTIONS * _PHASES, 32, (1, 4, 4), (1, 2, 2)),
            _block(32, 48, (4, 4, 4), (2, 2, 2)),
            _block(48, 48, (3, 3, 3), (1, 1, 1)),
        )
        self.head = nn.Linear(48, classes)
        with torch.no_grad():
            self.features[0][0].weight.copy_(motion_filters((4, 6, 6)))
            # A body covers a few cells of the pool; a louder head makes up for the dilution.
            self.head.weight.mul_(5)

    def forward(self, clip: Tensor) -> Tensor:
        return self.head(self.features(clip.mean(1, keepdim=True)).mean((2, 3, 4)))


class CentredNet(nn.Module):
    """A trained `MotionNet` whose explained layer, `explained`, peaks at the centre of evidence.

    Average pooling rewards every cell that sees the body, so training on labels leaves a halo
    whose strongest cell may lie beside the body. The mean over 5×5 cells, as wide as that halo,
    peaks in its middle; the pool behind it hardly changes, as a mean of means.
    """

    def __init__(self, net: MotionNet) -> None:
        super().__init__()
        self.features, self.head = net.features, net.head
        self.explained = nn.AvgPool3d((1, 5, 5), stride=1, padding=(0, 2, 2))

    def forward(self, clip: Tensor) -> Tensor:
        cells = self.explained(self.features(clip.mean(1, keepdim=True)))
        return self.head(cells.mean((2, 3, 4)))
