"""How a transformer's tokens lie in the clip, and how its attentions run over them."""

from __future__ import annotations

from dataclasses import dataclass

from .geometry import Geometry


@dataclass(frozen=True)
class TokenLayout:
    """Known of a video transformer by whoever adapts it.

    Attributes
    ----------
    grid : (t, h, w)
        Tokens of the clip, in this order.
    patch : (t, y, x)
        Slices and pixels that one of them covers.
    class_token : bool
        One more token, in front.
    mean_pooled : bool
        The head reads the mean of all tokens, else the first one.
    blocks : int
    divided : bool
        Each block attends over time, each place for itself, and then over space, each slice for
        itself with a copy of the class token in front, the copies being averaged afterwards
        (Bertasius et al. 2021, "divided space-time attention"). Else over all tokens at once.
    """

    grid: tuple[int, int, int]
    patch: tuple[int, int, int]
    class_token: bool
    mean_pooled: bool
    blocks: int
    divided: bool = False

    @property
    def geometry(self) -> Geometry:
        """Of the cells that the tokens are; patches do not overlap."""
        stride = tuple(float(p) for p in self.patch)
        return Geometry(stride, tuple((p - 1) / 2 for p in self.patch), True)

    def attentions(self) -> list[tuple[int, int]]:
        """(sequences, tokens in each) of every attention, in the order of execution."""
        t, h, w = self.grid
        if self.divided:
            return [(h * w, t), (t, 1 + h * w)] * self.blocks
        return [(1, int(self.class_token) + t * h * w)] * self.blocks
