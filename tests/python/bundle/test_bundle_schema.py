"""The schema of bundle.json and the runtime's reader are one truth."""

from __future__ import annotations

import json

import jsonschema
import pytest

import tiny_bundle
import tubecam
from tubecam import _core
from wrong_sidecars import VALUES, set_at

# What no JSON schema can say: other places decide whether such a value is good.
BEYOND_SCHEMA = [
    "other.txt", "gone.bin", "model2.onnx",  # a file in the folder, named in `files`
    "model.onnx",  # its hash
    15,  # short_side against height and width
    "logits",  # outputs differ
    [65536, 256, 1024, 1024],  # the product
    [8, 16, 17],  # a receptive field against the clip
]  # fmt: skip


@pytest.fixture(scope="module")
def schema(root):
    content = json.loads((root / "engines" / "bundle.schema.json").read_text("utf-8"))
    return jsonschema.Draft202012Validator(content)


def expressible(path, value):
    beyond = path[-1] in BEYOND_SCHEMA and value == "0" * 64 or value in BEYOND_SCHEMA
    return not beyond and value != 8.0  # in JSON Schema a whole number, whatever its notation


@pytest.mark.parametrize(
    ("path", "value"), [v[:2] for v in VALUES if expressible(*v[:2])],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_the_schema_refuses_what_the_runtime_refuses(schema, path, value):
    content = tiny_bundle.sidecar()
    content["files"] = {"model.onnx": "0" * 64, "labels.txt": "0" * 64}
    schema.validate(content)
    set_at(path, value)(content)
    with pytest.raises(jsonschema.ValidationError):
        schema.validate(content)


ADDED = [
    ("note",), ("clip", "note"), ("clip", "resize", "note"), ("graphs", 0, "note"),
    ("graphs", 0, "layer", "note"), ("graphs", 0, "outputs", "note"), ("check", "note"),
    ("provenance", "note"),
]  # fmt: skip


@pytest.mark.parametrize("path", ADDED, ids=lambda path: ".".join(map(str, path)))
def test_both_ignore_what_they_do_not_know(schema, tmp_path, path):
    folder = tiny_bundle.write(tmp_path, change=set_at(path, "new"))
    schema.validate(tubecam.load_bundle(folder).sidecar)


ACCEPTED = [
    (("precision",), "bfloat16"),
    (("clip", "sample_fps"), 0.001),
    (("check",), {"inputs": 1, "max_relative_error": 0.02}),
    (("provenance",), {"figures": {"accuracy": 0.98}}),
]


@pytest.mark.parametrize(("path", "value"), ACCEPTED, ids=lambda value: str(value)[:40])
def test_both_accept(schema, tmp_path, path, value):
    folder = tiny_bundle.write(tmp_path, change=set_at(path, value))
    schema.validate(tubecam.load_bundle(folder).sidecar)


def test_bundles_of_this_repository_follow_the_schema(schema, motion_bundle):
    schema.validate(json.loads((motion_bundle / "bundle.json").read_text("utf-8")))


def test_heads_have_one_list_of_names(schema):
    head = schema.schema["properties"]["head"]["properties"]
    assert head["kind"]["enum"] == list(_core.head_kinds())
    assert head["unit"]["enum"] == list(_core.head_units())
