"""Export your own torch model with its explanation, and run it without torch."""

import torch
from torch import nn

import tubecam

model = nn.Sequential(
    nn.Conv3d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv3d(8, 16, 3, 2, 1), nn.ReLU(),
    nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(16, 4),
)  # fmt: skip
report = tubecam.export(model, "mine", clip={"length": 8, "height": 32, "width": 32}, force=True)
print(report.layer, report.check.max_relative_error)
with tubecam.Explainer("mine") as explainer:
    print(explainer.explain(torch.randn(8, 3, 32, 32)))
