"""Try layers and methods on a live torch model before exporting it."""

import torch
from torch import nn

import tubecam

model = nn.Sequential(
    nn.Conv3d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv3d(8, 16, 3, 2, 1), nn.ReLU(),
    nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(16, 4),
)  # fmt: skip
clip = torch.randn(8, 3, 32, 32)
for layer in tubecam.list_layers(model, clip={"length": 8, "height": 32, "width": 32}).layers:
    print(layer.name, tubecam.attribute(model, clip, layer=layer.name).tube.shape)
print(tubecam.attribute(model, clip, "lrp-epsilon-plus", target=2))
