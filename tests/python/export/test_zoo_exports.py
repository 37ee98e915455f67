"""Whole exports of networks with one hard construct each: in the engine, on unseen clips."""

from __future__ import annotations

import collections

import pytest

import parts

torch = parts.require("torch")

import onnx  # noqa: E402

import zoo  # noqa: E402
from tubecam.export import export  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")
METHODS = ["gradcam", "gradient-x-input"]
# Engines differ in these, run them slowly, or lack them (TensorRT before 10 all but the last two).
AVOIDED = {
    "ScatterND", "ScatterElements", "If", "Loop", "Scan", "NonZero", "GridSample", "GatherND",
    "ConvTranspose", "MaxUnpool", "ConstantOfShape", "Range", "OneHot",
}  # fmt: skip
KINKS = ["prelu", "clamp-at-zero", "clamp-both-ends", "hardtanh", "masked", "maximum-minimum"]
HARD = [
    "group-norm", "layer-norm-channels-last", "batch-norm-without-statistics", "weight-norm",
    "spectral-norm", "selu", "adaptive-max-3d-uneven", "generalised-mean", "average-ceil",
    "average-divisor", "one-norm", "variance", "trilinear", "bilinear-corners", "written-over",
    "reflected-edges", "tied", "dynamic-kernels", "in-place", "conv-gru", "state-space",
    "vit-rotary", "s3d", "temporal-shift",
]  # fmt: skip
LONG = ["swin-3d", "mvit"]  # with the gradient at the layer alone: these take a while


def operators(folder):
    """How often each operator stands in the graphs of a bundle."""
    found = collections.Counter()
    for file in folder.glob("*.onnx"):
        found.update(node.op_type for node in onnx.load(file).graph.node)
    return found


def exported(folder, name, methods):
    entry = zoo.NETWORKS[name]
    length, height, width = entry.clip
    clip = {"length": length, "height": height, "width": width}
    # Whether random weights' maps tell classes apart is no question of operators.
    return export(
        zoo.network(name), folder, layer=entry.layer, methods=methods, clip=clip, force=True,
        time_first=entry.time_first, measure=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", [*KINKS, *HARD, *LONG])
def test_class_activation_and_gradients_are_right_in_the_engine(tmp_path, name):
    methods = METHODS[: 1 if name in LONG else 2]
    report = exported(tmp_path / "b", name, methods)
    assert set(methods) <= set(report.methods)
    assert report.check.max_relative_error < 1e-4
    assert not AVOIDED & set(operators(tmp_path / "b"))


@pytest.mark.parametrize(
    ("name", "operator"),
    [
        ("vit", "LayerNormalization"),
        ("group-norm", "InstanceNormalization"),
        ("batch-norm-without-statistics", "InstanceNormalization"),
    ],
)
def test_normalisations_stay_one_operator(tmp_path, name, operator):
    exported(tmp_path / "b", name, ["gradcam"])
    norms = sum("Norm" in str(type(m)) for m in zoo.network(name).modules())
    assert operators(tmp_path / "b")[operator] == norms
