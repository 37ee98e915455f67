"""Models that no graph can stand for: one sentence, with the operator, its module, what to do."""

from __future__ import annotations

import re

import pytest

import parts

torch = parts.require("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

from tubecam.errors import ExportError, UsageError  # noqa: E402
from tubecam.export import export  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")
CLIP = {"length": 4, "height": 12, "width": 12}
LEAKS = (
    "Traceback", "INTERNAL", "derivative for", "0-d tensor", "FakeTensor", "aten::", "Exception",
    "github", "torch._", "object at 0x", "Node",
)  # fmt: skip


class Odd(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Model(nn.Module):
    """A function between two convolutions, and a convolution behind them where `later`."""

    def __init__(self, function, later=False):
        super().__init__()
        self.conv, self.odd, self.fc = nn.Conv3d(3, 4, 3), Odd(function), nn.Linear(4, 5)
        self.late = nn.Conv3d(4, 4, 3, 1, 1) if later else nn.Identity()

    def forward(self, x):
        return self.fc(self.late(self.odd(self.conv(x))).mean((2, 3, 4)))


class Normalised(nn.Module):
    """Its normalisation trains whatever it is told."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.fc = nn.Conv3d(3, 4, 3), nn.BatchNorm3d(4), nn.Linear(4, 5)

    def train(self, mode=True):
        return super().train(True)

    def forward(self, x):
        return self.fc(self.norm(self.conv(x)).mean((2, 3, 4)))


def sample(x):
    """Bends the first slice along itself."""
    grid = torch.tanh(x[:, :2, 0]).permute(0, 2, 3, 1)
    return F.grid_sample(x[:, :, 0], grid, align_corners=False)[:, :, None]


def pruned(x):
    """Keeps the cells of the highest score."""
    cells = x.flatten(2)
    order = cells.mean(1).argsort(-1, descending=True)[:, :70]
    return torch.take_along_dim(cells, order[:, None], 2).sort(2).values[..., None, None]


READS = r"odd \(Odd\) reads a tensor's values .*depends on data.*torch\.where"
RANDOM = r"the model is random: odd \(Odd\) draws random numbers \(aten\.{}.*self\.training"
CASES = {
    "if on a tensor": (lambda x: x if x.sum() > 0 else -x, READS),
    "a number": (lambda x: x * float(x.mean()), READS),
    "a list": (lambda x: x * sum(x.flatten()[:3].tolist()), READS),
    "nonzero": (lambda x: x + x.flatten()[x.flatten().nonzero()[:4, 0]].sum(), READS),
    "a Boolean index": (lambda x: x + x[x > 0].sum(), READS),
    "unique": (lambda x: x * torch.unique(x.round()).numel(), READS),
    "dropout": (lambda x: F.dropout(x, 0.5, training=True), RANDOM.format("bernoulli")),
    "noise": (lambda x: x + torch.randn_like(x), RANDOM.format("randn_like")),
    "gumbel": (lambda x: x * F.gumbel_softmax(x, dim=1), RANDOM.format("exponential")),
    "Fourier": (lambda x: torch.fft.fft(x).real, r"odd \(Odd\) computes with complex numbers"),
    "half": (lambda x: (x.half() * 2).float(), r"odd \(Odd\) computes in half precision by itself"),
    "bfloat16": (lambda x: x.bfloat16().float(), r"odd \(Odd\) computes in half precision"),
    "GPU": (lambda x: x.cuda(), r"odd \(Odd\) asks for a GPU by itself.*x\.device"),
    "NumPy": (lambda x: torch.from_numpy(x.numpy() * 2), r"odd \(Odd\) computes with NumPy"),
    "constant": (lambda x: torch.zeros(1, 4, 1, 1, 1), "the same logits for every clip"),
    "unpooling": (
        lambda x: F.max_unpool3d(*F.max_pool3d(x, 2, return_indices=True), 2),
        r"odd \(Odd\) reads the places of its maxima.*interpolation",
    ),
    "grid_sample": (sample, r"derivative of aten\.grid_sampler_2d in odd \(Odd\)"),
    "sort": (pruned, r"derivative of aten\.sort in odd \(Odd\)"),
    "products": (lambda x: x.sigmoid().cumprod(2), r"aten\.cumprod in odd \(Odd\)"),
}


def refused(tmp_path, model, error=ExportError, **options):
    """What is said; nothing may be left."""
    with pytest.raises(error) as caught:
        export(model, tmp_path / "b", clip=CLIP, measure=False, **options)
    assert not (tmp_path / "b").exists()
    message = str(caught.value)
    assert [leak for leak in LEAKS if leak in message] == []
    return message


@pytest.mark.parametrize("method", ["gradcam", "gradient-x-input"])
@pytest.mark.parametrize("case", CASES)
def test_the_operator_and_its_module_are_named(tmp_path, case, method):
    function, words = CASES[case]
    error = UsageError if case == "GPU" else ExportError
    layer = "conv" if method == "gradcam" and case != "constant" else None
    message = refused(tmp_path, Model(function), error, methods=[method], layer=layer)
    assert re.search(words, message, re.DOTALL), message


def test_what_is_recommended_instead_works(tmp_path):
    """The layer behind the grid sampler can be explained; no relevance to the clip can."""
    model = Model(sample, later=True)
    for method in ("gradient-x-input", "gradcam"):
        message = refused(tmp_path, model, methods=[method])
        words = r"class-activation methods .* work for this model, at '(.+)' with --tokens (\S+),"
        named = re.search(words, message)
        assert named and "gradient-x-input" not in message.partition("sampler")[2]
    path, grid = named.groups()
    report = export(model, tmp_path / "b", clip=CLIP, measure=False, layer=path, tokens=grid)
    assert report.layer_shape == (4, 1, 10, 10) and report.check.max_relative_error < 1e-4


def test_a_layer_in_front_is_refused_and_one_behind_is_recommended(tmp_path):
    message = refused(tmp_path, Model(sample, later=True), layer="conv")
    assert re.search(r"at layer 'conv' cannot be .*class-activation .* at 'late'", message)


def test_nothing_is_recommended_where_nothing_works(tmp_path):
    for method in ("gradcam", "gradient-x-input", "lrp-epsilon"):
        message = refused(tmp_path, Model(pruned), methods=[method])
        assert message.endswith("Nothing else works for this model either: replace that module.")


def test_a_module_that_trains_in_evaluation_mode(tmp_path):
    message = refused(tmp_path, Normalised())
    assert message.startswith("norm (BatchNorm3d) writes into a buffer of its own")


def test_statistics_of_the_clip_that_are_kept(tmp_path):
    def norm(x):
        return F.batch_norm(x, torch.zeros(4), torch.ones(4), training=True)

    message = refused(tmp_path, Model(norm))
    assert message.startswith("odd (Odd) normalises a clip by its own statistics")


def test_a_model_in_training_mode_is_put_into_evaluation_mode(tmp_path):
    model = nn.Sequential(
        nn.Conv3d(3, 4, 3), nn.BatchNorm3d(4), nn.ReLU(), nn.Dropout3d(0.5),
        nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(4, 5),
    ).train()  # fmt: skip
    report = export(model, tmp_path / "b", clip=CLIP, measure=False)
    assert report.check.max_relative_error < 1e-4 and report.folded == 1


class Second(nn.Module):
    """Takes time first."""

    def __init__(self):
        super().__init__()
        self.cnn, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, 5)

    def forward(self, x):
        return self.fc(self.cnn(x.flatten(0, 1)).mean((2, 3)).reshape(*x.shape[:2], 4).mean(1))


def test_the_order_of_time_and_colour(tmp_path):
    message = refused(tmp_path, Second(), UsageError)
    assert message == "the model takes [N, T, 3, H, W]: say --time-first (time_first=True)."
    message = refused(tmp_path, Model(torch.relu), UsageError, time_first=True)
    assert message == "the model takes [N, 3, T, H, W]: leave --time-first (time_first) out."


class Reverse(torch.autograd.Function):
    """The gradient of another function than the one that it computes."""

    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return -gradient


class Swish(torch.autograd.Function):
    """The gradient of what it computes, written by hand."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x.sigmoid()

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * x.sigmoid() * (1 + x * (1 - x.sigmoid()))


def test_autograd_functions_of_the_models_own(tmp_path):
    message = refused(tmp_path, Model(Reverse.apply), layer="conv")
    assert "does not agree with autograd" in message and "of its own (Reverse)" in message
    report = export(Model(Swish.apply), tmp_path / "b", clip=CLIP, layer="conv", measure=False)
    assert report.check.max_relative_error < 1e-4


def test_scripted_models(tmp_path):
    traced = torch.jit.trace(Model(torch.relu).eval(), torch.randn(1, 3, 4, 12, 12))
    message = refused(tmp_path, traced, UsageError)
    assert message.startswith("the model is a TorchScript program")
    inside = nn.Sequential(nn.Identity(), traced)
    assert refused(tmp_path, inside, UsageError).startswith("module '1' is a TorchScript program")


def test_models_without_values(tmp_path):
    with torch.device("meta"):
        model = Model(torch.relu)
    assert "'conv.weight' has no values (it lies on the meta" in refused(
        tmp_path, model, UsageError
    )


def test_what_is_no_model(tmp_path):
    assert "a list; give a torch.nn.Module" in refused(tmp_path, [1], UsageError)


WRAPPED = {
    "compiled": torch.compile,
    "compiled in place": lambda model: model.compile() or model,
    "parallel": nn.DataParallel,
    "inside": lambda model: nn.Sequential(torch.compile(model)),
    "half": lambda model: model.half(),
    "double": lambda model: model.double(),
}


@pytest.mark.parametrize("wrapping", WRAPPED)
def test_what_is_put_around_a_model_is_taken_off(tmp_path, wrapping):
    layer = "0.odd" if wrapping == "inside" else "odd"
    model = WRAPPED[wrapping](Model(torch.relu))
    report = export(model, tmp_path / "b", clip=CLIP, layer=layer, measure=False)
    assert report.layer == layer and report.check.max_relative_error < 1e-4


def test_a_model_without_parameters(tmp_path):
    def energy(x):
        moved = torch.relu((x[:, :, 1:] - x[:, :, :-1]).abs() - 0.1)
        return torch.stack([moved[..., :6].mean((1, 2, 3, 4)), moved.mean((1, 2, 3, 4))], 1)

    report = export(Odd(energy), tmp_path / "b", clip=CLIP, methods=["sensitivity"], measure=False)
    assert report.check.max_relative_error < 1e-4


class Remembering(nn.Module):
    """Keeps positions that it computed for the first clip."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc, self.table, self.seen = nn.Conv3d(3, 4, 3), nn.Linear(4, 5), None, []
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x):
        self.count += 1
        x = self.conv(x)
        if self.table is None:
            self.table = torch.arange(x.shape[2]).to(x)[:, None, None].sin()
        self.seen.append(self.table)
        return self.fc((x * self.table).mean((2, 3, 4)))


def test_nothing_of_a_trace_stays_in_the_model(tmp_path):
    model = Remembering().eval()
    report = export(model, tmp_path / "b", clip=CLIP, layer="conv", measure=False)
    assert report.check.reference == "autograd float64" and report.check.max_relative_error < 1e-4
    from tubecam.export.trace.capture import capture

    capture(model, torch.randn(1, 4, 3, 12, 12))
    assert model.table is None and model.seen == [] and model.count == 0
