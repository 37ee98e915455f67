"""A network of two streams, on pictures and on flow, and a clip in which a blob moves."""

from __future__ import annotations

import numpy as np
import torch

import tubecam
from tubecam import _core

FLOW = {"bound": 6.0, "scale": 0.5}
CLIP = {"length": 9, "height": 32, "width": 32, "sample_fps": 10.0, "flow": FLOW}
CLASSES = 4
LAYERS = ["rgb=rgb.1", "flow=flow.1"]


class Streams(torch.nn.Module):
    """Both streams see three segments; late fusion of biasless heads, so that shares are exact."""

    def __init__(self) -> None:
        super().__init__()
        relu, conv = torch.nn.ReLU, torch.nn.Conv3d
        self.rgb = torch.nn.Sequential(conv(3, 5, (1, 8, 8), (1, 8, 8)), relu())
        self.flow = torch.nn.Sequential(conv(2, 7, (2, 8, 8), (3, 8, 8)), relu())
        self.heads = torch.nn.ModuleList([torch.nn.Linear(n, CLASSES, bias=False) for n in (5, 7)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        streams = self.rgb(x[:, :3, 1::3]), self.flow(x[:, 3:])
        rgb, flow = (h(s.mean((2, 3, 4))) for h, s in zip(self.heads, streams, strict=True))
        return (rgb + 1.5 * flow) / 2.5


def seeded() -> Streams:
    torch.manual_seed(8)
    return Streams().eval()


def doubled(model: Streams) -> Streams:
    """The same in float64."""
    double = Streams().double().eval()
    double.load_state_dict(model.state_dict())
    return double


def moving_blob() -> np.ndarray:
    """A soft blob that moves, on a soft ground."""
    t, y, x = np.meshgrid(np.arange(9), np.arange(32), np.arange(32), indexing="ij")
    blob = np.exp(-((x - 8 - 1.5 * t) ** 2 + (y - 14 - 0.5 * t) ** 2) / 18)
    ground = 0.3 * np.sin(x / 2.0) * np.cos(y / 3.0)
    colours = np.reshape([1.5, 1.0, -0.7], (3, 1, 1))
    return ((blob + ground)[:, None] * colours).astype(np.float32)


def explain(bundle, clip, **options):
    with tubecam.Explainer(bundle, **options) as explainer:
        return explainer.explain(clip)


def packed(bundle, clip) -> torch.Tensor:
    """What the model sees, with the flow by the runtime's own stage: [1, 5, T, H, W] float64."""
    flow = _core.ClipFlow(_core.load_bundle(str(bundle)).clip).run(clip)
    flow = np.concatenate([flow, np.zeros_like(flow[:1])])
    return torch.from_numpy(np.concatenate([clip, flow], 1)).double().transpose(0, 1)[None]
