"""How a model ends: declared by the user, or seen by running it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ...errors import ExportError, UsageError
from ..models.load import Source
from ..options import ModelOptions
from ..trace.capture import capture
from ..trace.model_input import model_input
from ..trace.recorder import unchanged
from ..verify.unseen_clips import unseen_clips
from .head import ENDS, LOG_SOFTMAX, SIGMOID, SOFTMAX, Head, Headed
from .outputs import select

LOGITS, MULTI_LABEL, SCORES = "logits", "multi-label", "scores"
HEADS = (LOGITS, SOFTMAX, LOG_SOFTMAX, SIGMOID, MULTI_LABEL, SCORES)
MOST_VALUES = 100_000  # of an output; attentions have more
SUM_TOLERANCE = 1e-4  # float32 probabilities of many classes sum to 1 within this
SAME = 1e-5
CLIPS = 3  # on which a model is looked at


@dataclass
class _Call:
    place: int  # among all calls of such functions
    kind: str
    result: Tensor
    behind: _Call | None = None  # a logarithm's softmax


class _Recorder(TorchFunctionMode):
    """Notes every call that could be a model's end."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[_Call] = []
        self.count = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        kind = ENDS.get(function, "")
        if kind and result.numel() <= MOST_VALUES:
            behind = next((c for c in self.calls if args and c.result is args[0]), None)
            self.calls.append(_Call(self.count, kind, result, behind))
        self.count += bool(kind)
        return result


def read_head(
    model: nn.Module,
    run: Callable[[nn.Module, Tensor], Any],
    clips: Sequence[Tensor],
    *,
    declared: str | None = None,
    output: str | None = None,
    reduce: str | None = None,
    labels: int | None = None,
) -> tuple[nn.Module, Head, str]:
    """The model with logits for its prediction, how they are read, and in words what was found.

    Parameters
    ----------
    run : callable
        Gives what a model says of a clip [1, T, C, H, W].
    declared : str or None
        One of `HEADS`; None: it is recognised.
    output, reduce : str or None
        Which output, and what becomes of several times (``outputs.select``).
    labels : int or None
        How many classes there are, where that is known.

    Raises
    ------
    UsageError
        A name is wrong, or the model does not end as was declared.
    ExportError
        What the model gives does not show which of it is the prediction.
    """
    if declared is not None and declared not in HEADS:
        raise UsageError(f"unknown head {declared!r}: choose one of {', '.join(HEADS)}.")
    with torch.no_grad(), _Recorder() as recorder:
        given = run(model, clips[0])
    selection = select(given, output, reduce, labels, clips[0].shape[1])
    headed = Headed(model, selection)
    rows = _Rows(headed, run, clips)
    rows.known.append(selection.row(given))
    end = _end(recorder.calls, rows[0])
    found = _decide(declared, end, rows)
    head = _set(headed, found, rows[0])
    if found.without and not _agrees(head, run(headed, clips[0]), rows[0], found.logarithm):
        found = _decide(declared, None, rows)  # something changes its result
        head = _set(headed, found, rows[0])
    changed = found.without or found.convert or found.one_logit or reduce or selection.path
    plain = not changed and given.dim() == 2
    return model if plain else headed, head, found.words


def _set(headed: Headed, found: _Found, row: Tensor) -> Head:
    headed.without, headed.convert, headed.one_logit = found.without, found.convert, found.one_logit
    return Head(found.kind, found.unit, 2 if found.one_logit else row.shape[1], found.one_logit)


class _Rows:
    """The model's values [1, K] for each clip, computed when they are looked at."""

    def __init__(self, headed: Headed, run: Callable[..., Any], clips: Sequence[Tensor]) -> None:
        self.headed, self.run, self.clips = headed, run, clips
        self.known: list[Tensor] = []

    def __getitem__(self, place: int) -> Tensor:
        while len(self.known) <= place:
            with torch.no_grad():
                given = self.run(self.headed.inner, self.clips[len(self.known)])
                self.known.append(self.headed.selection.row(given))
        return self.known[place]

    def every(self, holds: Callable[[Tensor], bool]) -> bool:
        return all(holds(self[place]) for place in range(len(self.clips)))


@dataclass(frozen=True)
class _Found:
    kind: str
    words: str
    unit: str = "logit"
    end: str = ""
    without: frozenset[int] = field(default_factory=frozenset)
    convert: str = ""
    one_logit: bool = False
    logarithm: bool = False  # the model gives logarithms of probabilities


def _end(calls: Sequence[_Call], row: Tensor) -> _Call | None:
    """The call whose result is the model's output; a logarithm counts with its softmax."""
    values = row.flatten()
    for call in reversed(calls):
        same = call.result.numel() == values.numel()
        if same and torch.equal(call.result.flatten().to(values.dtype), values):
            logarithm = call.kind == "log"
            known = not logarithm or (call.behind is not None and call.behind.kind == SOFTMAX)
            return call if known else None
    return None


def _cut(end: _Call) -> _Found:
    """Without the model's last operator."""
    if end.kind == SIGMOID:
        words = "the model ends in a sigmoid, which is left to the runtime"
        one = end.result.numel() == 1
        return _Found("sigmoid", words, "logit", SIGMOID, frozenset({end.place}), one_logit=one)
    if end.result.numel() == 1:
        raise ExportError(
            "the model ends in a softmax over one value, which is 1 for every clip: it says "
            "nothing. One value needs a sigmoid."
        )
    places = {end.place} | ({end.behind.place} if end.behind else set())
    name = SOFTMAX if end.kind == SOFTMAX else LOG_SOFTMAX
    words = f"the model ends in a {name}, which is left to the runtime"
    return _Found("softmax", words, "logit", name, frozenset(places), logarithm=name != SOFTMAX)


def _decide(declared: str | None, end: _Call | None, rows: _Rows) -> _Found:
    return _recognised(end, rows) if declared is None else _declared(declared, end, rows)


def _recognised(end: _Call | None, rows: _Rows) -> _Found:
    if end is not None:
        return _cut(end)
    if rows.every(_shares):
        return _log_probabilities("log")
    if rows.every(_log_shares):
        return _log_probabilities("")
    return _logits(rows)


def _declared(declared: str, end: _Call | None, rows: _Rows) -> _Found:
    if declared == SCORES:
        return _Found("scores", "the model's values are shown as they are", "score")
    if declared == MULTI_LABEL:
        if end is not None and end.kind == SIGMOID:
            return _cut(end)
        words = "each class is judged by itself, by the sigmoid of its logit"
        return _Found("sigmoid", words, one_logit=rows[0].shape[1] == 1)
    if declared == LOGITS:
        return _logits(rows)
    if end is not None and _cut(end).end == declared:
        return _cut(end)
    if declared == SOFTMAX and rows.every(_shares):
        return _log_probabilities("log")
    if declared == LOG_SOFTMAX and rows.every(_log_shares):
        return _log_probabilities("")
    if declared == SIGMOID and rows.every(_within_one):
        words = "the model gives probabilities of each class; their logits are explained"
        one = rows[0].shape[1] == 1
        return _Found("sigmoid", words, convert="logit", one_logit=one)
    low, high = float(rows[0].min()), float(rows[0].max())
    raise UsageError(
        f"--head {declared} says that the model itself ends so, but it gave values from "
        f"{low:.3g} to {high:.3g}, which no {declared} gives. "
        + (f"For logits of classes that are each judged by itself say {MULTI_LABEL}."
           if declared == SIGMOID else f"For logits say {LOGITS}.")
    )  # fmt: skip


def _logits(rows: _Rows) -> _Found:
    if rows[0].shape[1] > 1:
        return _Found("softmax", "")
    words = "one logit decides between no and yes, by its sigmoid; --head scores if it is a value"
    return _Found("sigmoid", words, one_logit=True)


def _log_probabilities(convert: str) -> _Found:
    words = "the model gives probabilities without logits behind them: their logarithm is explained"
    return _Found("softmax", words, "log-probability", convert=convert, logarithm=not convert)


def _within_one(row: Tensor) -> bool:
    return bool((row >= 0).all() and (row <= 1).all())


def _shares(row: Tensor) -> bool:
    one = abs(float(row.double().sum()) - 1) <= SUM_TOLERANCE
    return row.shape[1] > 1 and _within_one(row) and one


def _log_shares(row: Tensor) -> bool:
    return bool((row <= 0).all()) and _shares(row.exp())


def _agrees(head: Head, logits: Tensor, row: Tensor, logarithm: bool) -> bool:
    """Whether the runtime will say what the model says."""
    said = head.probabilities(logits)[:, -row.shape[1] :]
    return torch.allclose(said, row.exp() if logarithm else row, atol=SAME)


def headed_model(
    found: Source,
    options: ModelOptions,
    labels: Sequence[str] | None,
    log: Callable[[str], None],
) -> tuple[nn.Module, Head]:
    """The model of a source with logits for its prediction, and how they are read.

    Raises
    ------
    UsageError, ExportError
        As :func:`read_head`; or the model does not accept such a clip.
    """
    clips = list(itertools.islice(unseen_clips(found.clip.input_shape, options.seed), CLIPS))

    def run(model: nn.Module, clip: Tensor) -> Any:
        return model(model_input(clip, options.time_first))

    try:
        with unchanged(found.model):
            model, head, words = read_head(
                found.model,
                run,
                clips,
                declared=options.head or found.head,
                output=options.output,
                reduce=options.reduce,
                labels=len(labels) if labels else None,
            )
    except (ExportError, UsageError):
        raise
    except Exception:
        capture(found.model, clips[0], options.time_first)  # says what is wrong
        raise
    if words:
        log(words)
    return model, head
