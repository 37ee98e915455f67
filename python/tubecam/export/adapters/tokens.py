"""A transformer's tokens as a volume, so that they can be explained like any other layer."""

from __future__ import annotations

import torch
from torch import nn


class TokenCells(nn.Module):
    """Passes tokens on unchanged; on the way they are `cells` [1, C, t, h, w].

    Chefer et al. 2021 and others read class-activation maps of image transformers from the tokens
    that enter the last attention: after it, only the class token matters.

    Parameters
    ----------
    grid : (t, h, w)
        The patches of a clip, in the order of the tokens.
    class_token : bool
        One token in front is no patch.
    """

    def __init__(self, grid: tuple[int, int, int], class_token: bool) -> None:
        super().__init__()
        self.grid, self.front = grid, int(class_token)
        self.cells = nn.Identity()

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """tokens: [1, front + t·h·w, C], or [t, front + h·w, C] where frames are the batch."""
        body = tokens[:, self.front :]
        volume = body.reshape(1, *self.grid, body.shape[-1]).permute(0, 4, 1, 2, 3)
        body = self.cells(volume).permute(0, 2, 3, 4, 1).reshape(body.shape)
        return torch.cat([tokens[:, : self.front], body], 1)
