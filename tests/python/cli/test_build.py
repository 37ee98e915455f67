"""`tubecam build` where there is no GPU: its options, what it says is missing, and the drift."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import tubecam
from tubecam import _core
from tubecam.bundle.packaged import find_bundle
from tubecam.cli import build
from tubecam.evaluation import drift


def arguments(*words):
    import argparse

    parser = argparse.ArgumentParser()
    build.add_parser(parser.add_subparsers())
    return parser.parse_args(["build", *words])


@pytest.mark.parametrize(
    ("words", "named"),
    [(["--precision", "fp8"], "float16"), (["--workspace", "-1"], "MiB"),
     (["--device", "cpu"], "cuda:N")],
)  # fmt: skip
def test_wrong_options_are_usage_errors(words, named):
    with pytest.raises(tubecam.UsageError, match=named):
        build.run(arguments("motion", *words))


@pytest.mark.parametrize("words", [["--workspace", "much"], ["--precision"], ["--nothing"], []])
def test_the_command_line_refuses_what_it_cannot_read(tubecam_command, words):
    done = tubecam_command("build", *(["motion", *words] if words else []))
    assert done.returncode == 2
    assert "usage" in done.stderr.lower()


def test_a_bundle_that_is_not_there_is_named(tubecam_command):
    done = tubecam_command("build", "no/such/bundle")
    assert done.returncode in (1, 2)
    assert "no/such/bundle" in done.stderr and "Traceback" not in done.stderr


def gpu_is_missing() -> bool:
    try:
        _core.Engine(tubecam.load_bundle(find_bundle()).core, device="cuda:0")
    except tubecam.TubecamError:
        return True
    return False


@pytest.mark.skipif("gpu_is_missing() is False")
def test_a_machine_that_cannot_build_says_what_is_missing(tubecam_command, tmp_path):
    done = tubecam_command("build", "motion", "--cache-dir", tmp_path)
    assert done.returncode == 1
    missing = ("-DTUBECAM_TENSORRT=ON", "driver", "libnvinfer", "there is no device")
    assert any(word in done.stderr for word in missing), done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_other_engines_do_not_take_int8():
    bundle = tubecam.load_bundle(find_bundle())
    with pytest.raises(tubecam.UsageError, match="int8"):
        _core.Engine(bundle.core, engine="openvino", precision="int8")
    with pytest.raises(tubecam.UsageError, match="workspace"):
        _core.Engine(bundle.core, workspace_mib=-1)


def explained(tube, logits=(1.0, 2.0)):
    return SimpleNamespace(tube=np.asarray(tube), logits=np.asarray(logits),
                           label_index=int(np.argmax(logits)))  # fmt: skip


def test_drift_of_an_explanation_from_itself_is_none():
    with tubecam.Explainer() as explainer:
        explanation = explainer.explain(drift.sample_clip(explainer))
    found = drift.compare(explanation, explanation)
    assert found == drift.Drift(pytest.approx(1), 0, 0, True)
    assert found.harmless


def test_drift_is_that_of_numpy():
    random = np.random.default_rng(1)
    first = random.normal(size=(3, 4, 5))
    second = first + 0.5 * random.normal(size=first.shape)
    found = drift.compare(explained(first), explained(second, (1.0, 2.5)))
    assert found.correlation == pytest.approx(np.corrcoef(first.ravel(), second.ravel())[0, 1])
    assert found.logit_error == pytest.approx(0.25)
    assert not found.harmless


def test_a_moved_peak_is_measured_along_the_worst_axis():
    first, second = np.zeros((3, 6, 6)), np.zeros((3, 6, 6))
    first[1, 2, 2] = second[2, 2, 5] = 1
    assert drift.compare(explained(first), explained(second)).peak_shift == 3


def test_another_label_is_no_harmless_drift():
    tube = np.arange(8.0).reshape(2, 2, 2)
    found = drift.compare(explained(tube), explained(tube, (2.0, 1.0)))
    assert not found.same_label and not found.harmless
    assert replace(found, same_label=True).harmless


def test_receipts_warn_of_what_hurts():
    good = {"method": "gradcam", "precision": "float16", "engine": "tensorrt 10.3.0",
            "device": "Orin", "milliseconds": 2.0, "milliseconds_float32": 3.0,
            "drift": {"correlation": 0.9999, "peak_shift": 0.0, "harmless": True}}  # fmt: skip
    assert build._warnings(good) == []
    assert "0.9999" in build._line(good) and "2.00 ms" in build._line(good)
    slow = {**good, "milliseconds": 4.0}
    assert "slower" in build._warnings(slow)[0]
    wrong = {**good, "drift": {**good["drift"], "harmless": False}}
    assert "changes the explanation" in build._warnings(wrong)[0]
    assert "not compared" in build._warnings({**good, "unchecked": "no openvino"})[0]
