"""Bundles: what is read, and that every wrong one is refused with words that name the place."""

from __future__ import annotations

import copy
import json
import os
import signal

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tiny_bundle
import tubecam
from tubecam import _core
from tubecam.bench.subject import open_bundle
from tubecam.errors import BundleError, UsageError
from wrong_sidecars import VALUES, set_at


@pytest.fixture
def folder(tmp_path):
    return tiny_bundle.write(tmp_path / "tiny")


def delete_at(path):
    def change(sidecar):
        for key in path[:-1]:
            sidecar = sidecar[key]
        del sidecar[path[-1]]

    return change


def test_reads_every_field(folder):
    bundle = tubecam.load_bundle(folder)
    assert bundle.name == "tiny-pool" and bundle.folder == folder.resolve()
    assert bundle.labels == tuple(f"class {i}" for i in range(5))
    assert (bundle.clip.length, bundle.clip.height, bundle.clip.width) == (8, 16, 16)
    assert bundle.clip.sample_fps == 10 and bundle.clip.resize == "crop"
    assert bundle.clip.mean == pytest.approx((0.43, 0.39, 0.38))
    (graph,) = bundle.graphs
    assert graph.file == str(folder.resolve() / "model.onnx")
    (layer,) = graph.layers
    assert layer.weight == "weight" and layer.gradient == ""
    assert graph.layer.shape == [6, 4, 4, 4] and graph.layer.offset == [0.5, 1.5, 1.5]
    assert bundle.methods == (*graph.methods, *_core.methods("motion"))
    assert bundle.default_method == "gradcam"
    assert bundle.export_error == 1e-7 and bundle.precision == "float32"
    assert bundle.sidecar["provenance"]["license"] == "Apache-2.0"


def test_a_receptive_field_is_told_where_the_bundle_does(folder, tmp_path):
    assert tubecam.load_bundle(folder).graphs[0].layer.receptive_field is None
    assert "sees" not in tubecam.load_bundle(folder).describe()
    told = tiny_bundle.write(
        tmp_path / "told", change=set_at(("graphs", 0, "layer", "receptive_field"), [3, 7, 16])
    )
    bundle = tubecam.load_bundle(told)
    assert bundle.graphs[0].layer.receptive_field == [3, 7, 16]
    assert "a cell sees 3 slices of 16×7 pixels; a coarse grid" in bundle.describe()


def test_finds_the_graph_of_a_method(tmp_path):
    bundle = tubecam.load_bundle(tiny_bundle.write(tmp_path, "relevance"))
    graph = bundle.graph_of("lrp-epsilon-plus")
    assert (graph.layers[0].relevance, graph.layers[0].activation) == ("relevance", "")
    assert "relevance to the input" in bundle.describe()
    with pytest.raises(UsageError, match='no method "gradcam": choose one of lrp-epsilon-plus'):
        bundle.graph_of("gradcam")


def test_the_bench_takes_methods_that_the_bundle_has(tmp_path):
    folder = str(tiny_bundle.write(tmp_path, "relevance"))
    assert open_bundle(folder, threads=1, methods=["motion-split"]).methods == ["motion-split"]
    with pytest.raises(UsageError, match="--method cam: tiny-relevance offers lrp-epsilon-plus"):
        open_bundle(folder, threads=1, methods=["cam"])


def test_describes_itself(folder):
    text = tubecam.load_bundle(folder).describe()
    for words in ("tiny-pool", "class 3", "8 slices of 16×16", "gradcam (default)", "1.0e-07 on 3"):
        assert words in text


@pytest.mark.parametrize("head", ["pool", "full", "relevance"])
def test_tiny_bundles_and_the_parser_follow_the_schema(root, tmp_path, head):
    schema = json.loads((root / "engines" / "bundle.schema.json").read_text())
    bundle = tubecam.load_bundle(tiny_bundle.write(tmp_path, head))
    jsonschema.validate(bundle.sidecar, schema)
    assert schema["$defs"]["method"]["enum"] == list(_core.methods("class-activation"))
    assert schema["$defs"]["relevance_method"]["enum"] == list(_core.methods("relevance"))
    assert schema["$defs"]["few_pass_method"]["enum"] == list(_core.methods("multi-pass"))


RELEVANCE_VALUES = [
    (("graphs", 0, "methods"), ["gradcam"], r"methods\[0\].*sensitivity"),
    (("graphs", 0, "methods"), ["sensitivity", "deconvolution"], "methods"),
    (("graphs", 0, "outputs", "weight"), "weight", "either relevance"),
    (("graphs", 0, "outputs", "relevance"), "logits", "names the output logits"),
    (("graphs", 0, "layer", "shape"), [2, 8, 4, 4], r"layer\.shape\[0\].*colours"),
]


@pytest.mark.parametrize(("path", "value", "words"), RELEVANCE_VALUES)
def test_refuses_a_relevance_graph_that_contradicts_itself(tmp_path, path, value, words):
    folder = tiny_bundle.write(tmp_path, "relevance", change=set_at(path, value))
    with pytest.raises(BundleError, match=words):
        tubecam.load_bundle(folder)


@pytest.mark.parametrize("path, value, words", VALUES, ids=lambda value: str(value)[:40])
def test_refuses_absurd_values_and_names_the_place(tmp_path, path, value, words):
    folder = tiny_bundle.write(tmp_path, change=set_at(path, value))
    with pytest.raises(BundleError, match=words) as caught:
        tubecam.load_bundle(folder)
    assert str(tmp_path) in str(caught.value)


def leaves(value, path=()):
    """Paths of all keys and items."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*path, key)
        if isinstance(item, (dict, list)):
            yield from leaves(item, (*path, key))


# For people, not for the runtime; and without `weight` the complaint is another one.
OPTIONAL = {
    *(("provenance", key) for key in ("source", "license", "created_by")),
    *(("check", key) for key in ("reference", "engine")),
    ("graphs", 0, "outputs", "weight"),
}
KEYS = [path for path in leaves(tiny_bundle.sidecar()) if isinstance(path[-1], str)]


@pytest.mark.parametrize("path", [p for p in KEYS if p not in OPTIONAL], ids=str)
def test_refuses_a_missing_key(tmp_path, path):
    with pytest.raises(BundleError, match=f"{path[-1]}.* (is missing|must)"):
        tubecam.load_bundle(tiny_bundle.write(tmp_path, change=delete_at(path)))


def test_cam_needs_the_weight(tmp_path):
    change = set_at(("graphs", 0, "methods"), ["gradcam", "cam"])
    with pytest.raises(BundleError, match="weight"):
        tubecam.load_bundle(tiny_bundle.write(tmp_path, "full", change=change))


LABELS = [
    ("", "no label"),
    ("\n\n", "no label"),
    ("a\n\nb\n", ":2: a label must not be empty"),
    ("a\tb\n", "control"),
    ("x" * 1025, "1024"),
    ("a\n" * 100_001, "100000"),
]


@pytest.mark.parametrize("labels, words", LABELS, ids=[words for _, words in LABELS])
def test_refuses_bad_labels(tmp_path, labels, words):
    with pytest.raises(BundleError, match=words):
        tubecam.load_bundle(tiny_bundle.write(tmp_path, labels=labels))


def test_labels_of_any_editor(tmp_path):
    folder = tiny_bundle.write(tmp_path, labels="\ufeffeins\r\nzwei äöü\r\n三\r\n\r\n")
    assert tubecam.load_bundle(folder).labels == ("eins", "zwei äöü", "三")


def test_labels_must_be_utf8(folder):
    (folder / "labels.txt").write_bytes(b"\xff\xfe\n")
    rehash(folder)
    with pytest.raises(BundleError, match="UTF-8"):
        tubecam.load_bundle(folder)


def rehash(folder):
    import hashlib

    sidecar = json.loads((folder / "bundle.json").read_text())
    for name in sidecar["files"]:
        sidecar["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "bundle.json").write_text(json.dumps(sidecar))


def test_refuses_what_is_no_bundle(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    for name, words in (
        ("gone", "no bundle at"),
        ("file", "no bundle at"),
        ("empty", "has no bundle"),
    ):
        with pytest.raises(BundleError, match=words):
            tubecam.load_bundle(tmp_path / name)
    with pytest.raises(BundleError, match="empty path"):
        tubecam.load_bundle("")


def test_refuses_tampered_and_missing_files(folder):
    graph = folder / "model.onnx"
    content = bytearray(graph.read_bytes())
    content[100] ^= 1
    graph.write_bytes(content)
    with pytest.raises(BundleError, match=r"model\.onnx is not the file"):
        tubecam.load_bundle(folder)
    graph.unlink()
    with pytest.raises(BundleError, match=r"has no model\.onnx"):
        tubecam.load_bundle(folder)


@pytest.mark.parametrize("name", ["bundle.json", "labels.txt", "model.onnx"])
def test_refuses_links_that_leave_the_folder(folder, name):
    outside = folder.parent / "outside"
    (folder / name).rename(outside)
    (folder / name).symlink_to(outside)
    with pytest.raises(BundleError, match="link that leaves"):
        tubecam.load_bundle(folder)


def test_links_within_the_folder_and_to_it_are_fine(folder):
    (folder / "model.onnx").rename(folder / "real.onnx")
    (folder / "model.onnx").symlink_to("real.onnx")
    (folder.parent / "link").symlink_to(folder)
    assert tubecam.load_bundle(folder.parent / "link").folder == folder.resolve()


@pytest.mark.parametrize("name", ["bundle.json", "labels.txt"])
def test_never_waits_for_a_pipe(folder, name):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(BundleError, match="not a regular file"):
        tubecam.load_bundle(folder)


TEXTS = {
    "empty": b"",
    "no JSON": b"hello",
    "cut": b'{"format": 1, "name": "x',
    "a list": b"[]",
    "null": b"null",
    "deep": b'{"format":' + b"[" * 300_000,
    "deep and closed": b"[" * 100_000 + b"]" * 100_000,
    "too large": b" " * (1 << 20) + b"{}",
    "number out of range": b'{"format": 1e999}',
    "not UTF-8": b'{"format": 1, "name": "\xff"}',
    "a key twice": b'{"format": 1, "format": 1}',
    "zero bytes": b"\0" * 100,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_refuses_what_is_no_sidecar(folder, text):
    (folder / "bundle.json").write_bytes(text)
    with pytest.raises(BundleError, match=r"bundle\.json"):
        tubecam.load_bundle(folder)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A bundle that the fuzzers below spoil again and again, and its good sidecar."""
    folder = tiny_bundle.write(tmp_path_factory.mktemp("fuzz"))
    return folder, (folder / "bundle.json").read_bytes()


def load_or_refuse(folder, text: bytes) -> None:
    """Only BundleError may come out, and within seconds."""
    (folder / "bundle.json").write_bytes(text)
    signal.alarm(20)
    try:
        _core.load_bundle(str(folder))
    except BundleError as error:
        assert str(error)
    finally:
        signal.alarm(0)


numbers = st.one_of(st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=20), st.just("x" * 5000)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5), st.dictionaries(st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=8,
)
FUZZ = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@FUZZ
@given(st.sampled_from(list(leaves(tiny_bundle.sidecar()))), values)
def test_fuzz_values(shared, path, value):
    folder, good = shared
    sidecar = copy.deepcopy(json.loads(good))
    set_at(path, value)(sidecar)
    load_or_refuse(folder, json.dumps(sidecar).encode())


@FUZZ
@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=4))
def test_fuzz_bytes(shared, flips):
    folder, good = shared
    text = bytearray(good)
    for position, value in flips:
        text[position % len(text)] = value
    load_or_refuse(folder, bytes(text))


@FUZZ
@given(st.integers(0, 2000), st.integers(0, 2000))
def test_fuzz_cuts(shared, start, count):
    folder, good = shared
    load_or_refuse(folder, good[:start] + good[start + count :])
