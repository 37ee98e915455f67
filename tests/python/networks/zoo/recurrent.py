"""Networks with a state that runs through time."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .entry import CHANNELS, CLASSES, Entry, behind_stem


class Lrcn(nn.Module):
    """A 2-D network for each frame, a recurrent one over time (Donahue et al. 2015)."""

    def __init__(self, kind: type[nn.RNNBase], **options) -> None:  # noqa: ANN003
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(), nn.Conv2d(6, CHANNELS, 3, 2, 1)
        )
        self.rnn = kind(CHANNELS, 7, batch_first=True, **options)
        self.fc = nn.Linear(14 if options.get("bidirectional") else 7, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        n, t = x.shape[:2]
        features = self.cnn(x.flatten(0, 1)).mean((2, 3)).reshape(n, t, -1)
        return self.fc(self.rnn(features)[0][:, -1])


class Cells(nn.Module):
    """LSTMCell and GRUCell in a loop over the frames."""

    def __init__(self) -> None:
        super().__init__()
        self.cnn = nn.Conv2d(3, CHANNELS, 3, 2, 1)
        self.lstm, self.gru = nn.LSTMCell(CHANNELS, 6), nn.GRUCell(6, 6)
        self.fc = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        frames = F.silu(self.cnn(x.flatten(0, 1))).mean((2, 3)).reshape(*x.shape[:2], -1)
        hidden, cell, top = (x.new_zeros(x.shape[0], 6) for _ in range(3))
        for i in range(x.shape[1]):
            hidden, cell = self.lstm(frames[:, i], (hidden, cell))
            top = self.gru(hidden, top)
        return self.fc(top)


class ConvLstm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gates = nn.Conv2d(2 * CHANNELS, 4 * CHANNELS, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        hidden, cell = torch.zeros_like(x[:, :, 0]), torch.zeros_like(x[:, :, 0])
        states = []
        for t in range(x.shape[2]):
            gates = self.gates(torch.cat([x[:, :, t], hidden], 1))
            into, forget, out, new = gates.chunk(4, 1)
            cell = forget.sigmoid() * cell + into.sigmoid() * new.tanh()
            hidden = out.sigmoid() * cell.tanh()
            states.append(hidden)
        return torch.stack(states, 2)


class ConvGru(nn.Module):
    """Writes each state into a tensor that was made for all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.gates = nn.Conv2d(2 * CHANNELS, 2 * CHANNELS, 3, padding=1)
        self.new = nn.Conv2d(2 * CHANNELS, CHANNELS, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        states = torch.empty_like(x)
        hidden = torch.zeros(x.shape[0], CHANNELS, *x.shape[3:], dtype=x.dtype)
        for t in range(x.shape[2]):
            now = x[:, :, t]
            update, reset = self.gates(torch.cat([now, hidden], 1)).sigmoid().chunk(2, 1)
            new = torch.tanh(self.new(torch.cat([now, reset * hidden], 1)))
            hidden = torch.lerp(hidden, new, update)
            states[:, :, t] = hidden
        return states


class SelectiveScan(nn.Module):
    """A selective state space written as a loop (Gu and Dao 2023)."""

    def __init__(self, width: int = CHANNELS, state: int = 3) -> None:
        super().__init__()
        self.into = nn.Linear(width, 2 * width)
        self.short = nn.Conv1d(width, width, 3, groups=width, padding=2)
        self.select = nn.Linear(width, 1 + 2 * state)
        self.step = nn.Linear(1, width)
        self.log_a = nn.Parameter(torch.log(torch.arange(1.0, state + 1)).repeat(width, 1))
        self.skip = nn.Parameter(torch.ones(width))
        self.out = nn.Linear(width, width)
        self.state = state

    def forward(self, x: Tensor) -> Tensor:
        """[N, L, D] → the same."""
        length = x.shape[1]
        x, gate = self.into(x).chunk(2, -1)
        x = F.silu(self.short(x.transpose(1, 2))[..., :length].transpose(1, 2))
        step, b, c = self.select(x).split([1, self.state, self.state], -1)
        step, a = F.softplus(self.step(step)), -torch.exp(self.log_a)
        decay = torch.exp(torch.einsum("bld,dn->bldn", step, a))
        drive = torch.einsum("bld,bln,bld->bldn", step, b, x)
        state, outputs = torch.zeros_like(drive[:, 0]), []
        for i in range(length):
            state = decay[:, i] * state + drive[:, i]
            outputs.append(torch.einsum("bdn,bn->bd", state, c[:, i]))
        y = torch.stack(outputs, 1) + x * self.skip
        return self.out(y * F.silu(gate))


class OverTime(nn.Module):
    """A sequence layer over the slices' means, added to each slice."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.norm, self.layer = nn.LayerNorm(CHANNELS), layer

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(self.norm(x.mean((3, 4)).transpose(1, 2)))
        return x + y.transpose(1, 2)[..., None, None]


class LinearAttention(nn.Module):
    """Causal, by running sums (Katharopoulos et al. 2020)."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(CHANNELS, 3 * CHANNELS, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        q, k = F.elu(q) + 1, F.elu(k) + 1
        state = torch.cumsum(k[..., :, None] * v[..., None, :], 1)
        total = (q * torch.cumsum(k, 1)).sum(-1, keepdim=True)
        return torch.einsum("bld,blde->ble", q, state) / total


class Temporal(nn.Module):
    """A dilated convolutional network over time (TCN), weights normalised."""

    def __init__(self) -> None:
        super().__init__()
        norm = nn.utils.parametrizations.weight_norm
        self.first = norm(nn.Conv1d(CHANNELS, CHANNELS, 2, dilation=1))
        self.second = norm(nn.Conv1d(CHANNELS, CHANNELS, 2, dilation=2))

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(1, 2)
        x = x + F.relu(self.first(F.pad(x, (1, 0))))
        return (x + F.relu(self.second(F.pad(x, (2, 0))))).transpose(1, 2)


ENTRIES = [
    Entry("lrcn-lstm", lambda: Lrcn(nn.LSTM), layer="cnn", time_first=True),
    Entry(
        "lrcn-lstm-both-ways",
        lambda: Lrcn(nn.LSTM, bidirectional=True),
        layer="cnn",
        time_first=True,
    ),
    Entry("lrcn-gru", lambda: Lrcn(nn.GRU), layer="cnn", time_first=True),
    Entry("lrcn-rnn", lambda: Lrcn(nn.RNN, nonlinearity="tanh"), layer="cnn", time_first=True),
    Entry("recurrent-cells", Cells, layer="cnn", time_first=True),
    Entry("conv-lstm", lambda: behind_stem(ConvLstm())),
    Entry("conv-gru", lambda: behind_stem(ConvGru())),
    Entry("state-space", lambda: behind_stem(OverTime(SelectiveScan()))),
    Entry("linear-attention", lambda: behind_stem(OverTime(LinearAttention()))),
    Entry("temporal-convolutions", lambda: behind_stem(OverTime(Temporal()))),
]
