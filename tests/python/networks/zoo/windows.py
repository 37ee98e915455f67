"""Hierarchical transformers, with the in-place constructs of the published code."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .entry import CLASSES, Entry

WIDTH, HEADS = 8, 2
WINDOW, SHIFT = (2, 4, 4), (1, 2, 2)


class WindowAttention(nn.Module):
    """Attention in (shifted) windows of [N, t, h, w, D] (Liu et al. 2022).

    The mask of what the shift brings together is written slice by slice into a fresh tensor.
    """

    def __init__(self, width: int, shifted: bool) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.shift = SHIFT if shifted else (0, 0, 0)
        sizes = [2 * n - 1 for n in WINDOW]
        self.table = nn.Parameter(torch.zeros(sizes[0] * sizes[1] * sizes[2], HEADS))
        places = torch.stack(torch.meshgrid(*map(torch.arange, WINDOW), indexing="ij")).flatten(1)
        apart = places[:, :, None] - places[:, None] + torch.tensor(WINDOW)[:, None, None] - 1
        self.register_buffer("index", (apart[0] * sizes[1] + apart[1]) * sizes[2] + apart[2])

    def forward(self, x: Tensor) -> Tensor:
        n, t, h, w, width = x.shape
        pads = [-size % window for size, window in zip((t, h, w), WINDOW)]
        x = F.pad(x, (0, 0, 0, pads[2], 0, pads[1], 0, pads[0]))
        _, tp, hp, wp, _ = x.shape
        if any(self.shift):
            x = torch.roll(x, shifts=[-s for s in self.shift], dims=(1, 2, 3))
        y = self.attend(self.windows(x), (tp, hp, wp))
        y = y.view(n, tp // 2, hp // 4, wp // 4, *WINDOW, width)
        x = y.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(n, tp, hp, wp, width)
        if any(self.shift):
            x = torch.roll(x, shifts=self.shift, dims=(1, 2, 3))
        return x[:, :t, :h, :w, :].contiguous()

    @staticmethod
    def windows(x: Tensor) -> Tensor:
        n, t, h, w, width = x.shape
        x = x.view(n, t // 2, 2, h // 4, 4, w // 4, 4, width)
        return x.permute(0, 1, 3, 5, 2, 4, 6, 7).reshape(-1, 32, width)

    def attend(self, x: Tensor, sizes: tuple[int, int, int]) -> Tensor:
        count, length, width = x.shape
        qkv = self.qkv(x).reshape(count, length, 3, HEADS, width // HEADS).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        scores = (q * (width // HEADS) ** -0.5).matmul(k.transpose(-2, -1))
        bias = self.table[self.index.flatten()].view(length, length, -1)
        scores = scores + bias.permute(2, 0, 1).contiguous().unsqueeze(0)
        if any(self.shift):
            scores = scores + self.mask(x, sizes)[:, None]
        return self.out(F.softmax(scores, -1).matmul(v).transpose(1, 2).reshape(x.shape))

    def mask(self, x: Tensor, sizes: tuple[int, int, int]) -> Tensor:
        region = x.new_zeros(sizes)
        slices = [((0, -a), (-a, -s), (-s, None)) for a, s in zip(WINDOW, self.shift)]
        count = 0
        for t in slices[0]:
            for h in slices[1]:
                for w in slices[2]:
                    region[t[0] : t[1], h[0] : h[1], w[0] : w[1]] = count
                    count += 1
        region = self.windows(region[None, ..., None])[..., 0]
        apart = region.unsqueeze(1) - region.unsqueeze(2)
        return apart.masked_fill(apart != 0, -100.0).masked_fill(apart == 0, 0.0)


class SwinBlock(nn.Module):
    def __init__(self, width: int, shifted: bool) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width), WindowAttention(width, shifted)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 16), nn.GELU(), nn.Linear(16, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Swin3d(nn.Module):
    """As torchvision's swin3d: patches, two blocks, patch merging, one block."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv3d(3, WIDTH, (2, 2, 2), (2, 2, 2))
        self.norm = nn.LayerNorm(WIDTH)
        self.first = nn.Sequential(SwinBlock(WIDTH, False), SwinBlock(WIDTH, True))
        self.merge = nn.Sequential(
            nn.LayerNorm(4 * WIDTH), nn.Linear(4 * WIDTH, 2 * WIDTH, bias=False)
        )
        self.last = SwinBlock(2 * WIDTH, True)
        self.final, self.head = nn.LayerNorm(2 * WIDTH), nn.Linear(2 * WIDTH, CLASSES)
        self.volume = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.embed(x).permute(0, 2, 3, 4, 1))
        x = self.first(x)
        x = F.pad(x, (0, 0, 0, x.shape[3] % 2, 0, x.shape[2] % 2))
        parts = [x[..., i::2, j::2, :] for i, j in ((0, 0), (1, 0), (0, 1), (1, 1))]
        x = self.final(self.last(self.merge(torch.cat(parts, -1))))
        x = self.volume(x.permute(0, 4, 1, 2, 3))
        return self.head(torch.flatten(F.adaptive_avg_pool3d(x, 1), 1))


class Pool(nn.Module):
    """A depthwise convolution over the tokens' grid; the class token goes around it."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.pool = nn.Conv3d(width, width, 3, (1, stride, stride), 1, groups=width, bias=False)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, grid: tuple[int, int, int]) -> tuple[Tensor, tuple]:
        first, x = torch.tensor_split(x, indices=(1,), dim=2)
        n, heads, length, width = x.shape
        x = x.reshape(n * heads, length, width).transpose(1, 2).reshape(-1, width, *grid)
        x = self.pool(x.contiguous())
        grid = tuple(x.shape[2:])
        x = x.flatten(2).transpose(1, 2).reshape(n, heads, -1, width)
        return self.norm(torch.cat((first, x), dim=2)), grid


class PoolingAttention(nn.Module):
    """MViT v2 (Li et al. 2022): relative positions and the residual query are added in place."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        width = WIDTH // HEADS
        self.qkv, self.project = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.pool_q, self.pool_k = Pool(width, stride), Pool(width, 2)
        self.pool_v = Pool(width, 2)
        self.tables = nn.ParameterList(nn.Parameter(torch.zeros(15, width)) for _ in range(3))

    def forward(self, x: Tensor, grid: tuple[int, int, int]) -> tuple[Tensor, tuple]:
        n, length, _ = x.shape
        q, k, v = self.qkv(x).reshape(n, length, 3, HEADS, -1).transpose(1, 3).unbind(dim=2)
        (q, grid_q), (k, grid_k) = self.pool_q(q, grid), self.pool_k(k, grid)
        v, _ = self.pool_v(v, grid)
        attention = torch.matmul((WIDTH // HEADS) ** -0.5 * q, k.transpose(2, 3))
        attention[:, :, 1:, 1:] += self.relative(q, grid_q, grid_k)
        x = torch.matmul(attention.softmax(dim=-1), v)
        x[:, :, 1:, :] += q[:, :, 1:, :]
        return self.project(x.transpose(1, 2).reshape(n, -1, WIDTH)), grid_q

    def relative(self, q: Tensor, grid_q: tuple, grid_k: tuple) -> Tensor:
        n, heads, _, width = q.shape
        q = q[:, :, 1:].reshape(n, heads, *grid_q, width)
        found = []
        for axis, (table, a, b) in enumerate(zip(self.tables, grid_q, grid_k)):
            scale = max(b / a, 1.0), max(a / b, 1.0)
            apart = torch.arange(a)[:, None] * scale[0] - (torch.arange(b)[None] + 1 - b) * scale[1]
            letters = "thw"[axis]
            equation = f"bythwc,{letters}kc->bythwk"
            found.append(torch.einsum(equation, q, table[apart.long()]))
        t, h, w = found
        total = h[:, :, :, :, :, None, :, None] + w[:, :, :, :, :, None, None, :]
        total = total + t[:, :, :, :, :, :, None, None]
        return total.reshape(n, heads, -1, grid_k[0] * grid_k[1] * grid_k[2])


class MvitBlock(nn.Module):
    def __init__(self, stride: int) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(WIDTH), PoolingAttention(stride)
        self.norm2, self.mlp = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH)
        self.skip = nn.MaxPool3d((1, 3, 3), (1, stride, stride), (0, 1, 1)) if stride > 1 else None

    def forward(self, x: Tensor, grid: tuple[int, int, int]) -> tuple[Tensor, tuple]:
        y, after = self.attention(self.norm1(x), grid)
        if self.skip is not None:
            first, body = x[:, :1], x[:, 1:]
            body = self.skip(body.transpose(1, 2).reshape(-1, WIDTH, *grid))
            x = torch.cat([first, body.flatten(2).transpose(1, 2)], 1)
        x = x + y
        return x + self.mlp(self.norm2(x)), after


class Mvit(nn.Module):
    """As torchvision's mvit_v1_b and mvit_v2_s, positions added in place."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv3d(3, WIDTH, (3, 5, 5), (2, 2, 2), (1, 2, 2))
        self.first = nn.Parameter(torch.zeros(WIDTH))
        self.spatial, self.temporal = (nn.Parameter(torch.zeros(n, WIDTH)) for n in (64, 2))
        self.blocks = nn.ModuleList([MvitBlock(1), MvitBlock(2)])
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        grid = tuple(x.shape[2:])
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat((self.first.expand(x.size(0), -1).unsqueeze(1), x), dim=1)
        places = self.temporal.unsqueeze(1) + self.spatial
        x[:, 1:].add_(places.reshape(1, -1, WIDTH))
        for block in self.blocks:
            x, grid = block(x, grid)
        return self.head(self.norm(x)[:, 0])


ENTRIES = [
    Entry("swin-3d", Swin3d, layer="volume", notes="shifted windows, mask by slice assignment"),
    Entry("mvit", Mvit, layer="embed", notes="pooling attention, additions in place"),
]
