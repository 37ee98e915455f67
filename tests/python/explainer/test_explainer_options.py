"""What the Explainer is made from: graphs and options, good and refused."""

from __future__ import annotations

import numpy as np
import pytest

import tiny_bundle
import tubecam
from tubecam.errors import BundleError, EngineError, UnavailableError, UsageError

# Not built; or built, and the machine lacks TensorRT, the driver, or that many GPUs.
NO_TENSORRT = "TUBECAM_TENSORRT|libnvinfer|driver|there is no device"

BAD_GRAPHS = [
    ({"without": "weight"}, "no output `weight`.*logits, activation"),
    ({"without": "logits"}, "no output `logits`"),
    ({"graph": b""}, "cannot read"),
    ({"labels": "a\nb\n"}, r"`logits`.*\[1, 5\].*\[1, 2\]"),
    (
        {"change": lambda s: s["graphs"][0]["layer"].update(shape=[7, 4, 4, 4])},
        r"\[1, 7, 4, 4, 4\]",
    ),
    ({"change": lambda s: s["clip"].update(length=9)}, r"`clip`.*\[1, 9, 3, 16, 16\]"),
    ({"change": lambda s: s["graphs"][0]["outputs"].update(weight="w")}, "no output `w`"),
]


@pytest.mark.parametrize("keywords, words", BAD_GRAPHS, ids=[words for _, words in BAD_GRAPHS])
def test_refuses_graphs_that_are_not_what_the_sidecar_says(tmp_path, keywords, words):
    with pytest.raises(EngineError, match=words) as caught:
        tubecam.Explainer(tiny_bundle.write(tmp_path, **keywords))
    assert "model.onnx" in str(caught.value)


@pytest.mark.parametrize("graph", [b"garbage", tiny_bundle.model().SerializeToString()[:3000]])
def test_refuses_damaged_graphs(tmp_path, graph):
    with pytest.raises(BundleError, match="model.onnx is no ONNX graph, or is damaged at byte"):
        tubecam.Explainer(tiny_bundle.write(tmp_path, graph=graph))


def test_options(tmp_path, monkeypatch):
    folder, expected = tiny_bundle.write(tmp_path / "bundle"), None
    cached = {"cache_dir": tmp_path / "cache"}
    for keywords in ({}, {"threads": 1}, {"precision": "float32"}, cached):
        for _ in range(2):
            with tubecam.Explainer(folder, **keywords) as explainer:
                assert explainer.engine_info.precision == "float32"
                tube = explainer.explain(tiny_bundle.clip()).tube
                expected = tube if expected is None else expected
                np.testing.assert_allclose(tube, expected, rtol=1e-5, atol=1e-6)
    assert list((tmp_path / "cache").iterdir())
    (tmp_path / "file").write_text("")
    for keywords, error, words in [
        ({"precision": "int3"}, UsageError, "auto, float32, float16, bfloat16 or int8"),
        ({"threads": -1}, UsageError, "threads"),
        ({"device": "tpu"}, UsageError, "tpu"),
        ({"engine": "onnx"}, UsageError, "auto, openvino or tensorrt"),
        ({"engine": "tensorrt", "device": "cuda:999"}, UnavailableError, NO_TENSORRT),
        ({"engine": "openvino", "device": "cuda"}, UsageError, "runs on the device cpu"),
        ({"cache_dir": tmp_path / "file" / "cache"}, UsageError, "cannot be written"),
    ]:
        with pytest.raises(error, match=words):
            tubecam.Explainer(folder, **keywords)
    monkeypatch.setenv("TUBECAM_ENGINE", "tensorrt")
    with pytest.raises(UnavailableError, match=NO_TENSORRT):
        tubecam.Explainer(folder, device="cuda:999")


@pytest.mark.parametrize(
    ("asked", "precision"),
    [("float16", "float16"), ("bfloat16", "bfloat16"), ("fp16", "float16"), ("bf16", "bfloat16")],
)
def test_a_precision_is_kept_or_refused(tmp_path, asked, precision):
    """Which, depends on the CPU; computing in another one silently is what must not happen."""
    try:
        with tubecam.Explainer(tiny_bundle.write(tmp_path), precision=asked) as explainer:
            assert explainer.explain(tiny_bundle.clip()).receipt.precision == precision
    except UsageError as error:
        assert f"cannot compute in {precision}" in str(error)


def test_the_cpu_takes_over_where_that_is_allowed(tmp_path):
    folder = tiny_bundle.write(tmp_path)
    with tubecam.Explainer(folder) as explainer:
        expected = explainer.explain(tiny_bundle.clip())
    assert expected.receipt.fell_back_from == ""
    with tubecam.Explainer(
        folder, device="cuda:999", precision="fp16", fallback="cpu"
    ) as explainer:
        explanation = explainer.explain(tiny_bundle.clip())
        assert explainer.engine_info.name == "openvino"
    np.testing.assert_array_equal(explanation.tube, expected.tube)
    assert explanation.receipt.fell_back_from.startswith("cuda:999: ")
    with pytest.raises(UsageError, match="none or cpu"):
        tubecam.Explainer(folder, fallback="gpu")
    with pytest.raises(UsageError, match="runs on the device cpu"):  # wrong use is no failure
        tubecam.Explainer(folder, engine="openvino", device="cuda", fallback="cpu")


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ({"bundle": 3}, "bundle must be a path, not 3"),
        ({"hop": "a"}, "hop must be a whole number, not 'a'"),
        ({"hop": 1.5}, "hop must be a whole number"),
        ({"threshold": "high"}, "threshold must be a number"),
        ({"device": 0}, "device must be a text, not 0"),
        ({"options": {"steps": 3}}, "options must be a MethodOptions"),
        ({"options": tubecam.MethodOptions(steps="a")}, "steps must be a whole number, not 'a'"),
    ],
)
def test_arguments_of_another_type_are_named(argument, words):
    with pytest.raises(UsageError, match=words):
        tubecam.Explainer(**argument)


def test_an_engine_tells_of_itself(tmp_path):
    with tubecam.Explainer(tiny_bundle.write(tmp_path / "tiny")) as explainer:
        assert repr(explainer.engine_info).startswith("EngineInfo('openvino', ")
        graph = explainer.bundle.graphs[0]
        assert "methods ['gradcam'" in repr(graph) and "shape [6, 4, 4, 4]" in repr(graph.layers)
