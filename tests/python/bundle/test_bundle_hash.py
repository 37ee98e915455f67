"""All that a bundle runs is hashed: weights in other files, and the sidecar itself."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import parts
import tiny_bundle
import tubecam
from tubecam import BundleError
from tubecam.cli import main as cli
from tubecam.errors import OutputError

parts.require("torch")  # the writer lives with the export

from tubecam.export.bundle_folder import OWN_HASH, new_folder, sidecar_text, state  # noqa: E402


@pytest.fixture
def folder(tmp_path) -> Path:
    """A bundle that states its own hash."""
    folder = tiny_bundle.write(tmp_path / "tiny")
    state(folder, sidecar_of(folder))
    return folder


def sidecar_of(folder: Path) -> dict:
    return json.loads((folder / "bundle.json").read_text("utf-8"))


def outsource(folder: Path, location: str, listed: bool = True, head: str = "pool") -> Path:
    """Puts the weights of the graph into a file of this name; the sidecar may list it."""
    model = tiny_bundle.model(head)
    for tensor in model.graph.initializer:
        onnx.external_data_helper.set_external_data(tensor, location)
    (folder / "model.onnx").unlink()
    onnx.save_model(model, str(folder / "model.onnx"))
    sidecar = sidecar_of(folder)
    if listed:
        sidecar["files"][location] = ""
    state(folder, sidecar)
    return folder / location


# ---- weights in other files ----


@pytest.mark.parametrize("location", ["w.bin", "model.onnx.data", "weights"])
def test_weights_under_any_name_are_verified(folder, location):
    clip = tiny_bundle.clip()
    with tubecam.Explainer(folder) as explainer:
        logits = explainer.explain(clip).logits
    weights = outsource(folder, location)
    with tubecam.Explainer(folder) as explainer:
        np.testing.assert_array_equal(explainer.explain(clip).logits, logits)
    content = bytearray(weights.read_bytes())
    content[40] ^= 1
    weights.write_bytes(content)
    with pytest.raises(BundleError, match=rf"{location} is not the file that bundle.json names"):
        tubecam.load_bundle(folder)


def test_weights_that_no_hash_covers_are_refused(folder, capsys):
    outsource(folder, "w.bin", listed=False)
    with pytest.raises(BundleError, match=r"keeps weights in w\.bin, which is not among the files"):
        tubecam.load_bundle(folder)
    assert cli.main(["inspect", str(folder)]) == 1
    assert "w.bin" in capsys.readouterr().err


@pytest.mark.parametrize("location", ["../w.bin", "/tmp/w.bin", "sub/w.bin", "./w.bin", "..", ""])
def test_weights_outside_of_the_folder_are_refused(folder, location):
    model = onnx.load(str(folder / "model.onnx"))
    tensor = model.graph.initializer[0]
    onnx.external_data_helper.set_external_data(tensor, "w.bin", 0, 4)
    tensor.ClearField("raw_data")
    next(e for e in tensor.external_data if e.key == "location").value = location
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    state(folder, sidecar_of(folder))
    with pytest.raises(BundleError, match="which is not the name of a file in the bundle's own"):
        tubecam.load_bundle(folder)


def external(name: str) -> onnx.TensorProto:
    tensor = onnx.numpy_helper.from_array(np.zeros(2, np.float32), name)
    onnx.external_data_helper.set_external_data(tensor, "hidden.bin")
    tensor.ClearField("raw_data")
    return tensor


def in_a_node(model: onnx.ModelProto) -> None:
    node = onnx.helper.make_node("Constant", [], ["c"], value=external("c"))
    model.graph.node.append(node)


def in_a_subgraph(model: onnx.ModelProto) -> None:
    inner = onnx.helper.make_graph([], "inner", [], [], [external("c")])
    model.graph.node.append(onnx.helper.make_node("If", ["x"], ["y"], then_branch=inner))


def in_a_function(model: onnx.ModelProto) -> None:
    node = onnx.helper.make_node("Constant", [], ["c"], value=external("c"))
    model.functions.append(
        onnx.helper.make_function("own", "f", [], ["c"], [node], model.opset_import)
    )


def in_a_sparse_tensor(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.append(
        onnx.helper.make_sparse_tensor(external("c"), external("i"), [4])
    )


@pytest.mark.parametrize("hide", [in_a_node, in_a_subgraph, in_a_function, in_a_sparse_tensor])
def test_weights_are_found_wherever_a_graph_may_keep_them(folder, hide):
    model = onnx.load(str(folder / "model.onnx"))
    hide(model)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    state(folder, sidecar_of(folder))
    with pytest.raises(BundleError, match=r"keeps weights in hidden\.bin"):
        tubecam.load_bundle(folder)


def test_a_reference_is_looked_at_too(folder):
    model = tiny_bundle.model()
    onnx.external_data_helper.set_external_data(model.graph.initializer[0], "w.bin", 0, 4)
    (folder / "wide.onnx").write_bytes(model.SerializeToString())
    sidecar = sidecar_of(folder)
    sidecar["graphs"][0] |= {"precision": "float16", "reference": "wide.onnx"}
    sidecar["files"]["wide.onnx"] = ""
    state(folder, sidecar)
    with pytest.raises(BundleError, match=r"wide\.onnx keeps weights in w\.bin"):
        tubecam.load_bundle(folder)


def test_a_file_beside_it_that_no_graph_reads_is_nobodys_business(folder):
    (folder / "model.onnx.data").write_bytes(b"left over")
    tubecam.load_bundle(folder)


# ---- the sidecar ----


def test_an_edit_is_noticed(folder, capsys):
    assert tubecam.load_bundle(folder).sidecar_stated
    assert cli.main(["inspect", str(folder)]) == 0
    assert "bundle.json   has the SHA-256 that it states" in capsys.readouterr().out
    path = folder / "bundle.json"
    text = path.read_text("utf-8")
    for old, new in (
        ('"sample_fps": 10.0', '"sample_fps": 11.0'),
        ("\n  ", "\n   "),
        ("\n", "\r\n"),
    ):
        path.write_text(text.replace(old, new, 1), "utf-8", newline="")
        with pytest.raises(BundleError, match="was changed since it was written"):
            tubecam.load_bundle(folder)
    assert cli.main(["inspect", str(folder)]) == 1
    assert OWN_HASH in capsys.readouterr().err


def test_an_older_bundle_states_none(folder, capsys):
    sidecar = sidecar_of(folder)
    del sidecar[OWN_HASH]
    (folder / "bundle.json").write_text(json.dumps(sidecar))
    assert not tubecam.load_bundle(folder).sidecar_stated
    assert cli.main(["inspect", str(folder)]) == 0
    assert "states no SHA-256 of its own" in capsys.readouterr().out
    assert cli.main(["inspect", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verified"] == ["model.onnx", "labels.txt"]


@pytest.mark.parametrize("stated", ["0" * 64, "A" * 64, "", 5, None, "0" * 63])
def test_a_wrong_hash_is_refused(folder, stated):
    sidecar = {**sidecar_of(folder), OWN_HASH: stated}
    (folder / "bundle.json").write_text(json.dumps(sidecar))
    with pytest.raises(BundleError, match=OWN_HASH):
        tubecam.load_bundle(folder)


def test_the_hash_is_what_the_documentation_says(folder, root):
    """SHA-256 of the file's bytes with 64 zeros in place of the digits."""
    data = (folder / "bundle.json").read_bytes()
    stated = sidecar_of(folder)[OWN_HASH]
    assert data.count(stated.encode()) == 1
    blank = data.replace(stated.encode(), b"0" * 64)
    assert hashlib.sha256(blank).hexdigest() == stated
    readme = (root / "engines/README.md").read_text("utf-8")
    assert re.search(r"`sidecar_sha256`.*64 zeros", readme, re.S)


TEXT = st.characters(exclude_categories=("Cs",))  # half a surrogate is no text
LEAVES = (st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False))
JSON = st.recursive(
    st.one_of(*LEAVES, st.text(TEXT, max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(TEXT, max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.text(TEXT, max_size=12), JSON, max_size=6))
def test_writer_and_reader_agree_on_any_sidecar(tmp_path_factory, extra):
    """Fields that no version knows yet, floats of any length, any Unicode."""
    folder = tiny_bundle.write(tmp_path_factory.mktemp("b"))
    text = sidecar_text({**extra, **sidecar_of(folder)})
    (folder / "bundle.json").write_text(text, "utf-8", newline="\n")
    assert tubecam.load_bundle(folder).sidecar_stated


def test_the_packaged_bundle_states_its_hash(motion_bundle):
    assert tubecam.load_bundle(motion_bundle).sidecar_stated


def test_stating_again_changes_nothing(folder):
    before = (folder / "bundle.json").read_bytes()
    state(folder, sidecar_of(folder))
    assert (folder / "bundle.json").read_bytes() == before


def test_a_disk_that_is_full_is_an_output_that_could_not_be_written(tmp_path):
    with pytest.raises(OutputError, match="cannot write .*b: No space left on device") as caught:
        with new_folder(tmp_path / "b"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.exit_status == 5 and not list(tmp_path.iterdir())
