"""Trains the network on labels alone: no mask, no box, no hint of where the object is."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import nn

from tubecam.scene.scene import LABELS

from .augment import augment
from .data import Clips
from .model import MotionNet


def train(clips: Clips, epochs: int, seed: int, batch: int = 16, rate: float = 3e-3) -> MotionNet:
    """Fits a `MotionNet` to the clips' labels; prints a line an epoch."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = MotionNet(len(LABELS)).to(memory_format=torch.channels_last_3d)
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.02)
    steps = len(clips.labels) // batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, epochs * steps, pct_start=0.2)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)
    for epoch in range(epochs):
        begin, losses, right = time.monotonic(), [], 0
        order = rng.permutation(len(clips.labels))[: steps * batch].reshape(steps, batch)
        for chosen in order:
            x, y = map(torch.from_numpy, augment(clips.frames[chosen], clips.labels[chosen], rng))
            logits = net(x.transpose(1, 2))
            loss = loss_of(logits, y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
            right += int((logits.argmax(1) == y).sum())
        print(
            f"epoch {epoch + 1:2d}/{epochs}: loss {np.mean(losses):.3f}, training accuracy"
            f" {right / order.size:.1%}, {time.monotonic() - begin:.0f} s",
            flush=True,
        )
    return net.eval()
