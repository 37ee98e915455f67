"""Small models for the export tests, each with one difficulty."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

CLIP = {"length": 8, "height": 24, "width": 32}
CLASSES = 5


class Hard(nn.Module):
    """Strided, grouped and dilated convolutions, overlapping pools, in-place and reused modules."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv3d(3, 8, (3, 5, 5), (1, 2, 2), (1, 2, 2), bias=False), nn.BatchNorm3d(8)
        )
        self.relu = nn.ReLU(inplace=True)
        self.grouped = nn.Conv3d(8, 12, 3, (2, 2, 2), 1, groups=4)
        self.dilated = nn.Conv3d(12, 8, (2, 3, 3), 1, (1, 2, 2), (2, 2, 2))
        self.pool = nn.MaxPool3d(3, (1, 2, 2), 1)
        self.norm = nn.BatchNorm3d(8)
        self.fc = nn.Linear(8 * 4 * 3 * 4, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu(self.stem(x))
        x = self.relu(self.grouped(x))
        skip = F.avg_pool3d(x, (1, 3, 3), 1, (0, 1, 1))[:, :8]
        x = F.silu(self.dilated(x))
        x += skip
        return self.fc(self.pool(self.norm(x)).flatten(1))


class Pooled(nn.Module):
    """Global average pool and a linear head of one kind."""

    def __init__(self, head: str) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv3d(3, 6, 3, 2, 1, bias=False), nn.BatchNorm3d(6), nn.ReLU()
        )
        self.fc = nn.Linear(6, CLASSES)
        self.kernel = nn.Conv3d(6, CLASSES, 1)
        self.dropout = nn.Dropout(0.5)
        self.head = head

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.body(x)
        if self.head == "linear":
            return self.fc(self.dropout(F.adaptive_avg_pool3d(x, 1).flatten(1)))
        if self.head == "pointwise":
            return self.kernel(x).mean((2, 3, 4))
        if self.head == "sum":
            return self.fc(x.sum((2, 3, 4)))
        if self.head == "relu":
            return F.relu(self.fc(x.mean((2, 3, 4))) + 0.3)
        if self.head == "maximum":
            return self.fc(x.amax((2, 3, 4)))
        return self.fc(F.avg_pool3d(x, (1, 12, 16)).amax(2).flatten(1))  # "frames"


class Recurrent(nn.Module):
    """A 2-D network for each frame, an LSTM over time."""

    def __init__(self) -> None:
        super().__init__()
        self.frames = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(), nn.Conv2d(6, 6, 3, 2, 1))
        self.lstm = nn.LSTM(6, 7, batch_first=True)
        self.fc = nn.Linear(7, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, t = x.shape[:2]
        features = self.frames(x.flatten(0, 1)).mean((2, 3)).reshape(n, t, -1)
        return self.fc(self.lstm(features)[0][:, -1])


class Attentive(nn.Module):
    """Tubelet tokens, one transformer block, back to a volume."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv3d(3, 8, (2, 8, 8), (2, 8, 8))
        self.volume = nn.Identity()
        self.block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu")
        self.fc = nn.Linear(8, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.volume(self.embed(x)).flatten(2).transpose(1, 2)
        return self.fc(self.block(tokens).mean(1))


class Branching(nn.Module):
    """Its control flow depends on data."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Sequential(_Gate(), nn.Conv3d(3, 4, 3, 2))
        self.fc = nn.Linear(4, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.gate(x).mean((2, 3, 4)))


class _Gate(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2 if x.sum() > 0 else x


def seeded(make, *args) -> nn.Module:  # noqa: ANN001
    """A model in evaluation mode with running statistics that are not trivial."""
    random = torch.Generator().manual_seed(11)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        model = make(*args).eval()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(0, 0.5, generator=random)
            module.running_var.uniform_(0.5, 2, generator=random)
            nn.init.uniform_(module.weight, -1, 2, generator=random)
            nn.init.normal_(module.bias, 0, 0.5, generator=random)
    return model


def small() -> nn.Module:
    """A factory, as users name one."""
    return seeded(Pooled, "linear")


def weight_normed() -> nn.Module:
    """A weight that was computed as the model was made, as torch's first weight norm keeps it."""
    conv = nn.utils.weight_norm(nn.Conv3d(3, 4, 3))
    return nn.Sequential(conv, nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(4, 5))
