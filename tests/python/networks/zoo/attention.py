"""Video transformers with global attention, in the spellings that are in use."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .entry import CLASSES, Entry

WIDTH, HEADS = 8, 2
GRID = (2, 4, 4)  # tokens of a clip of 4x16x16
COUNT = 32


class Tokens(nn.Module):
    """Patches, positions, maybe a class token, blocks over [N, L, D], a head."""

    def __init__(self, *blocks: nn.Module, class_token: bool = False) -> None:
        super().__init__()
        self.embed = nn.Conv3d(3, WIDTH, (2, 4, 4), (2, 4, 4))
        self.first = nn.Parameter(torch.zeros(1, 1, WIDTH)) if class_token else None
        self.positions = nn.Parameter(torch.zeros(1, COUNT + class_token, WIDTH))
        self.blocks = nn.Sequential(*blocks)
        self.norm, self.fc = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x).flatten(2).transpose(1, 2)
        if self.first is not None:
            x = torch.cat([self.first.expand(x.shape[0], -1, -1), x], 1)
        x = self.norm(self.blocks(x + self.positions))
        return self.fc(x.mean(1) if self.first is None else x[:, 0])


class Block(nn.Module):
    """Pre-norm attention and MLP, both with skips."""

    def __init__(self, attention: nn.Module, mlp: nn.Module | None = None) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(WIDTH), attention
        self.norm2 = nn.LayerNorm(WIDTH)
        self.mlp = mlp or nn.Sequential(nn.Linear(WIDTH, 16), nn.GELU(), nn.Linear(16, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Attention(nn.Module):
    """Queries, keys and values of two heads from one projection."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        n, length, _ = x.shape
        q, k, v = self.qkv(x).reshape(n, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4).unbind(0)
        return self.out(self.attend(q, k, v).transpose(1, 2).reshape(n, length, WIDTH))

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v)


class Causal(Attention):
    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)


class Masked(Attention):
    """A Boolean mask and one that is added."""

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        place = torch.arange(q.shape[2])
        near = (place[:, None] - place[None]).abs() < 9
        soft = -0.1 * (place[:, None] - place[None]).abs().to(q.dtype)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=near)
        return y + F.scaled_dot_product_attention(q, k, v, attn_mask=soft, scale=0.3)


class Einsum(Attention):
    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = torch.einsum("bhid,bhjd->bhij", q, k) * q.shape[-1] ** -0.5
        return torch.einsum("bhij,bhjd->bhid", scores.softmax(dim=-1), v)


class StableSoftmax(Attention):
    """Less the greatest score, in place, as some write it."""

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = q @ k.transpose(-2, -1)
        scores /= 2.0
        scores -= scores.amax(-1, keepdim=True).detach()
        weights = scores.exp_()
        return (weights / weights.sum(-1, keepdim=True)) @ v


class Rotary(Attention):
    """Rotary positions on normalised queries and keys."""

    def __init__(self) -> None:
        super().__init__()
        angles = torch.arange(COUNT)[:, None] * torch.tensor([1.0, 0.1])
        self.register_buffer("cos", angles.cos().repeat(1, 2))
        self.register_buffer("sin", angles.sin().repeat(1, 2))
        self.norm_q, self.norm_k = nn.RMSNorm(WIDTH // HEADS), nn.RMSNorm(WIDTH // HEADS)

    def rotate(self, x: Tensor) -> Tensor:
        left, right = x.chunk(2, -1)
        return x * self.cos + torch.cat([-right, left], -1) * self.sin

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        q, k = self.rotate(self.norm_q(q)), self.rotate(self.norm_k(k))
        return F.scaled_dot_product_attention(q, k, v)


class RelativeBias(Attention):
    """A learnt table read by an index that is a buffer."""

    def __init__(self) -> None:
        super().__init__()
        place = torch.arange(COUNT)
        self.register_buffer("index", place[:, None] - place[None] + COUNT - 1)
        self.table = nn.Parameter(torch.zeros(2 * COUNT - 1, HEADS))

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        bias = self.table[self.index.flatten()].view(COUNT, COUNT, HEADS).permute(2, 0, 1)
        return ((q @ k.transpose(-2, -1)) / 2 + bias.contiguous()[None]).softmax(-1) @ v


class Linear(Attention):
    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        q, k = F.elu(q) + 1, F.elu(k) + 1
        return q @ (k.transpose(-2, -1) @ v) / (q @ k.sum(-2).unsqueeze(-1))


class MultiHead(nn.MultiheadAttention):
    """torch's own module, on one tensor."""

    def __init__(self, weights: bool = False) -> None:
        super().__init__(WIDTH, HEADS, batch_first=True)
        self.weights = weights

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x, x, x, need_weights=self.weights)[0]


class Gated(nn.Module):
    """SwiGLU."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.out = nn.Linear(WIDTH, 24, bias=False), nn.Linear(12, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.into(x).chunk(2, -1)
        return self.out(F.silu(gate) * value)


class Divided(nn.Module):
    """Attention over time, then over space (Bertasius et al. 2021)."""

    def __init__(self) -> None:
        super().__init__()
        self.time, self.space = Block(Einsum()), Block(Einsum())

    def forward(self, x: Tensor) -> Tensor:
        n, (t, h, w) = x.shape[0], GRID
        x = x.reshape(n, t, h * w, WIDTH).transpose(1, 2).reshape(n * h * w, t, WIDTH)
        x = self.time(x).reshape(n, h * w, t, WIDTH).transpose(1, 2).reshape(n * t, h * w, WIDTH)
        return self.space(x).reshape(n, t * h * w, WIDTH)


class Mixer(nn.Module):
    """Linear layers over tokens, then over channels."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.tokens = nn.LayerNorm(WIDTH), nn.Linear(COUNT, COUNT)
        self.channels = Gated()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.tokens(self.norm(x).mT).mT
        return x + self.channels(x)


class AttentivePool(nn.Module):
    """One learnt query reads all tokens; its row is the only one that is left."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(self.query.expand(x.shape[0], -1, -1), x, x)[0]


class Padded(nn.Module):
    """torch's encoder with tokens that are masked out."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)

    def forward(self, x: Tensor) -> Tensor:
        absent = torch.arange(x.shape[1])[None].expand(x.shape[0], -1) >= 28
        return self.encoder(x, src_key_padding_mask=absent)


def encoder(first: bool, class_token: bool) -> nn.Module:
    layer = nn.TransformerEncoderLayer(
        WIDTH, HEADS, 16, batch_first=True, norm_first=first, activation="gelu"
    )
    blocks = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
    return Tokens(blocks, class_token=class_token)


def entry(name: str, make, notes: str = "") -> Entry:  # noqa: ANN001
    return Entry(name, make, layer="embed", notes=notes)


ENTRIES = [
    entry("vit", lambda: Tokens(Block(Attention()))),
    entry("vit-class-token", lambda: Tokens(Block(Attention()), class_token=True)),
    entry("vit-causal", lambda: Tokens(Block(Causal()))),
    entry("vit-masked", lambda: Tokens(Block(Masked()))),
    entry("vit-einsum", lambda: Tokens(Block(Einsum()), class_token=True)),
    entry("vit-stable-softmax", lambda: Tokens(Block(StableSoftmax()))),
    entry("vit-rotary", lambda: Tokens(Block(Rotary(), Gated()))),
    entry("vit-relative-bias", lambda: Tokens(Block(RelativeBias()))),
    entry("vit-linear", lambda: Tokens(Block(Linear()))),
    entry("vit-multi-head", lambda: Tokens(Block(MultiHead()), MultiHead(True))),
    entry("vit-divided", lambda: Tokens(Divided()), notes="TimeSformer"),
    entry("vit-attentive-pool", lambda: Tokens(Block(Attention()), AttentivePool())),
    entry("encoder-post-norm", lambda: encoder(False, False)),
    entry("encoder-pre-norm-class-token", lambda: encoder(True, True)),
    entry("encoder-padded", lambda: Tokens(Padded())),
    entry("mixer", lambda: Tokens(Mixer())),
]
