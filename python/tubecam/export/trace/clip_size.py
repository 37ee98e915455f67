"""Which clips a network can take: the smallest that its layers do not refuse."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from ..spec import LIMITS
from .model_input import model_input
from .plain_module import copied

Size = tuple[int, int, int]  # slices, height, width
LENGTHS, SIDES = (16, 8, 32, 4, 64, 48), (112, 224, 256, 160, 128, 64)  # usual ones
STEP = 16  # pixels between the sides that are tried first


class Shapes:
    """A model without values, which shows what it accepts and computes nothing."""

    def __init__(self, model: nn.Module, time_first: bool, channels: int) -> None:
        self.model, self.time_first = copied(model).to("meta"), time_first
        self.channels = channels

    def accept(self, size: Size) -> bool:
        """Whether the forward pass of one such clip gets through."""
        return self.classes(size) is not None

    def classes(self, size: Size) -> int | None:
        """How many logits one such clip gives, None where the forward pass does not get through."""
        length, height, width = size
        try:
            with torch.device("meta"), torch.no_grad():
                clip = torch.zeros(1, length, self.channels, height, width)
                result = self.model(model_input(clip, self.time_first))
        except Exception:
            return None
        logits = isinstance(result, torch.Tensor) and result.dim() == 2 and result.shape[0] == 1
        return result.shape[1] if logits else None

    def first(self, sizes: Iterable[Size]) -> Size | None:
        """The first of `sizes` that is accepted."""
        return next(filter(self.accept, sizes), None)


def smallest_clip(
    model: nn.Module, asked: Size, time_first: bool, channels: int = 3
) -> Size | None:
    """The fewest slices, and with them the smallest picture, that the network takes.

    Usual sizes are tried until one works; then the slices are lowered, then the picture. It is
    square, unless only the asked proportions work.

    Returns
    -------
    (slices, height, width), or None where no usual size works.
    """
    shapes = Shapes(model, time_first, channels)
    least_side = int(LIMITS["side"][0] if channels == 3 else LIMITS["flow_side"])
    lengths = dict.fromkeys((asked[0], *LENGTHS))
    pictures = dict.fromkeys((asked[1:], *((side, side) for side in (*asked[1:], *SIDES))))
    known = shapes.first((length, *picture) for length in lengths for picture in pictures)
    if known is None:
        return None
    _, height, width = known
    longest = int(LIMITS["length"][1])
    length, *_ = shapes.first((n, height, width) for n in range(1, longest + 1)) or known
    if height != width:
        return length, height, width
    coarse = (least_side, *range(STEP, height, STEP), height)
    _, side, _ = shapes.first((length, n, n) for n in coarse) or known
    while side > least_side and shapes.accept((length, side - 1, side - 1)):
        side -= 1
    return length, side, side
