"""Networks in the shape of published families: several pathways, frames as the batch, heads."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .entry import CHANNELS, CLASSES, Apply, Entry, Frames, behind_stem, mean, stem
from .shapes import shift_by_assignment


class Backbone(nn.Module):
    """Time folded into the batch, scores averaged over the slices (TSN)."""

    def __init__(self, time_first: bool) -> None:
        super().__init__()
        self.time_first = time_first
        self.pictures = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1), nn.Conv2d(8, 8, 3, 1, 1), nn.ReLU(inplace=True),
        )  # fmt: skip
        self.fc = nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.time_first else x.permute(0, 2, 1, 3, 4)
        n, t, *picture = x.shape
        scores = self.fc(self.pictures(x.reshape(-1, *picture)).mean(dim=(-2, -1)))
        return scores.view(n, t, -1).mean(dim=1)


class ShiftBlock(nn.Module):
    """TSM inside the residual branch, on [N·T, C, h, w]."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length
        self.conv1, self.conv2 = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        _, *picture = x.shape
        clips = x.view(-1, self.length, *picture).transpose(1, 2)
        shifted = shift_by_assignment(clips).transpose(1, 2).reshape(x.shape)
        return x + self.conv2(F.relu(self.conv1(shifted)))


class Tsm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pictures = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), ShiftBlock(4), ShiftBlock(4))
        self.fc = nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        scores = self.fc(self.pictures(x.flatten(0, 1)).mean((2, 3)))
        return scores.view(x.shape[0], -1, CLASSES).mean(1)


class SlowFast(nn.Module):
    """Two rates of frames, a lateral connection, joined before the head."""

    def __init__(self) -> None:
        super().__init__()
        self.slow = nn.Conv3d(3, 8, (1, 3, 3), (1, 2, 2), (0, 1, 1))
        self.fast = nn.Conv3d(3, 4, 3, (1, 2, 2), 1)
        self.lateral = nn.Conv3d(4, 8, (5, 1, 1), (4, 1, 1), (2, 0, 0))
        self.slow2 = nn.Conv3d(16, 8, 3, 1, 1)
        self.fast2 = nn.Conv3d(4, 4, 3, 1, 1)
        self.fc = nn.Linear(12, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        slow, fast = F.relu(self.slow(x[:, :, ::4])), F.relu(self.fast(x))
        slow = F.relu(self.slow2(torch.cat([slow, self.lateral(fast)], 1)))
        fast = F.relu(self.fast2(fast))
        return self.fc(torch.cat([slow.mean((2, 3, 4)), fast.mean((2, 3, 4))], 1))


class LateFusion(nn.Module):
    """Appearance of one slice beside differences of all, scores added (two streams)."""

    def __init__(self) -> None:
        super().__init__()
        self.still, self.moving = stem(), stem()
        self.scores = nn.ModuleList(nn.Linear(CHANNELS, CLASSES) for _ in range(2))
        self.balance = nn.Parameter(torch.zeros(2))

    def forward(self, x: Tensor) -> Tensor:
        moving = F.relu(self.moving(x - x.roll(1, 2))).mean((2, 3, 4))
        still = F.relu(self.still(x[:, :, 2:3])).mean((2, 3, 4))
        share = self.balance.softmax(0)
        return share[0] * self.scores[0](still) + share[1] * self.scores[1](moving)


class SelfGate(nn.Module):
    """S3D-G: a gate of the channels' means."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        weights = torch.sigmoid(self.fc(x.mean((2, 3, 4))))
        return weights[:, :, None, None, None] * x


def separable(inputs: int, outputs: int, stride: int = 1) -> nn.Module:
    """S3D's convolution: in space, then in time."""
    options = {"bias": False}
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, (1, 3, 3), (1, stride, stride), (0, 1, 1), **options),
        nn.BatchNorm3d(outputs, eps=1e-3), nn.ReLU(inplace=True),
        nn.Conv3d(outputs, outputs, (3, 1, 1), (stride, 1, 1), (1, 0, 0), **options),
        nn.BatchNorm3d(outputs, eps=1e-3), nn.ReLU(inplace=True),
    )  # fmt: skip


class S3d(nn.Module):
    """As torchvision's: separable Inception, a pointwise classifier averaged at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            separable(3, 8, 2), nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)), separable(8, 8),
            SelfGate(8),
        )  # fmt: skip
        self.pool = nn.AvgPool3d((2, 4, 4), stride=1)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Conv3d(8, CLASSES, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.classifier(self.pool(self.features(x)))
        return torch.mean(x, dim=(2, 3, 4))


class DropPath(nn.Module):
    """Stochastic depth, which does nothing in evaluation mode."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        keep = x.new_empty((x.shape[0],) + (1,) * (x.dim() - 1)).bernoulli_(0.8)
        return x * keep / 0.8


class Headed(nn.Module):
    """A small trunk with outputs of one kind."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.trunk = nn.Sequential(stem(), nn.ReLU(), nn.Conv3d(8, 8, 3, 1, 1), nn.ReLU())
        self.fc = nn.Linear(8, CLASSES)
        self.extra = nn.Linear(8, 2)
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor | tuple | dict:
        features = self.trunk(x).mean((2, 3, 4))
        logits = self.fc(features)
        return {
            "log-softmax": lambda: F.log_softmax(logits, dim=1),
            "softmax": lambda: logits.softmax(-1),
            "sigmoid": lambda: torch.sigmoid(logits),
            "one-sigmoid": lambda: torch.sigmoid(logits[:, :1]),
            "one-logit": lambda: logits[:, :1],
            "tuple": lambda: (self.extra(features), logits),
            "dict": lambda: {"actions": logits, "scene": self.extra(features)},
        }[self.kind]()


HEADS = {
    "log-softmax": "log-softmax", "softmax": "softmax", "sigmoid": "sigmoid",
    "one-sigmoid": "sigmoid", "one-logit": "logits", "tuple": "tuple", "dict": "dict",
}  # fmt: skip

ENTRIES = [
    Entry("frames-as-batch", lambda: Backbone(False), layer="pictures"),
    Entry("frames-as-batch-time-first", lambda: Backbone(True), layer="pictures", time_first=True),
    Entry("temporal-shift", Tsm, layer="pictures", time_first=True),
    Entry("slowfast", SlowFast, clip=(8, 16, 16), layer="fast2"),
    Entry("late-fusion", LateFusion, layer="moving"),
    Entry("s3d", S3d, layer="features"),
    Entry("stochastic-depth", lambda: behind_stem(nn.ReLU(), DropPath(), nn.Conv3d(8, 8, 3))),
    Entry(
        "hidden-layers",
        lambda: nn.Sequential(
            stem(),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(8 * 4 * 64, 8),
            nn.ReLU(),
            nn.Linear(8, CLASSES),
        ),
        layer="1",
    ),
    Entry(
        "picture-network",
        lambda: nn.Sequential(
            stem(),
            Frames(nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU()),
            mean(),
            nn.Linear(8, CLASSES),
        ),
        layer="1",
    ),
    Entry(
        "squeezed",
        lambda: nn.Sequential(
            stem(),
            nn.ReLU(),
            nn.AvgPool3d((4, 8, 8)),
            Apply(lambda x: x.squeeze()[None]),
            nn.Linear(CHANNELS, CLASSES),
        ),
        layer="1",
    ),
    *(
        Entry(f"head-{name}", lambda name=name: Headed(name), head=head)
        for name, head in HEADS.items()
    ),
]
