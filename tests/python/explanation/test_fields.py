"""The names and types of what is told of a window: metadata, messages, JSON lines, the receipt.

Programs of others read these: they stay, and keep their types. New ones may come.
"""

from __future__ import annotations

import json
import pickle
import re
import runpy

import numpy as np
import pytest

import parts
import tiny_bundle
from tubecam import Explainer, Receipt, UsageError
from tubecam._core import RelevanceSignal
from tubecam.windows import jsonl
from tubecam.windows.fields import FIELDS, Field, with_arrays
from tubecam.windows.window_record import WindowRecord

# By type, in the structure of metadata and messages; those after "|" may be missing.
NAMES = {
    "boolean": "valid drifts pathway-i-of-flow | class-specific",
    "int": "label-index target-index against-index tube-t tube-h tube-w clip-length clip-height "
    "clip-width frame-width frame-height passes padded pathway-i-t pathway-i-h pathway-i-w |",
    "uint64": "window peak-pts |",
    "double": "score stride-t stride-y stride-x offset-t offset-y offset-x crop-x crop-y "
    "crop-width crop-height peak-value peak-slice peak-y peak-x peak-frame-y peak-frame-x "
    "threshold relevance-sum logit export-error conservation map-correlation baseline-logit "
    "sample-fps stated-fps preprocess-ms engine-ms explain-ms pathway-i-stride-t "
    "pathway-i-stride-y pathway-i-stride-x pathway-i-offset-t pathway-i-offset-y "
    "pathway-i-offset-x pathway-i-relevance-sum pathway-i-share | motion-share field-t field-y "
    "field-x",
    "string": "label head target bundle method layer unit engine precision padding pathway-i-name "
    "pathway-i-layer mark-i-key mark-i-text | problem also motion-by downgraded-from "
    "fell-back-from",
    "float32": "scores logits tube curve boxes signal pathway-i-tube | motion fused-curve",
    "int64": "window-pts signal-pts |",
}
# What they hold besides: how many pathways and marks there are, and where and when.
COUNTS = {"marks": "gint"}
OF_A_FRAME = {"timestamp": "guint64", "slice": "gdouble", "inside": "gboolean"}
OF_A_MESSAGE = dict.fromkeys(
    ("timestamp", "stream-time", "running-time", "duration", "dropped-windows"), "guint64"
)
G_TYPES = {
    "boolean": "gboolean", "int": "gint", "uint64": "guint64", "double": "gdouble",
    "string": "gchararray", "float32": "GBytes", "int64": "GBytes",
}  # fmt: skip
JSON = {
    "window": int, "start": float, "end": float, "times": [float], "label": str, "score": float,
    "head": str, "top5": [{"label": str, "score": float}], "target": str, "method": str,
    "curve": [float], "peak": {"time": float, "x": float, "y": float, "value": float},
    "boxes": [{"x": float, "y": float, "width": float, "height": float, "value": float}],
    "motion": {"share": float, "by": str},
    "timings_ms": {"preprocess": float, "engine": float, "explain": float},
    "receipt": {
        "bundle": str, "layer": str, "unit": str, "engine": str, "precision": str,
        "relevance_sum": float, "logit": float, "export_error": float, "conservation": None,
        "class_specific": bool, "map_correlation": None, "drifts": bool, "baseline_logit": None,
        "passes": int, "downgraded_from": str, "fell_back_from": str, "receptive_field": None,
    },
    "sampling": {"fps": float, "stated_fps": float, "padding": str, "padded": int},
    "marks": [{"key": str, "text": str}], "signal": [{"time": float, "value": float}],
}  # fmt: skip


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle.write(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def explanation(bundle):
    with Explainer(bundle) as explainer:
        return explainer.explain(tiny_bundle.clip())


def names_of(field: Field) -> list[str]:
    prefix = f"{field.group}-i-" if field.group in ("pathway", "mark") else ""
    parts = [f"-{part}" for part in field.parts.split(", ")] if field.parts else [""]
    return [f"{prefix}{field.name}{part}" for part in parts]


def test_the_list_has_these_names_and_types():
    for kind, text in NAMES.items():
        always, perhaps = (part.split() for part in text.split("|"))
        fields = [field for field in FIELDS if field.type == kind]
        assert {n for f in fields if not f.optional for n in names_of(f)} >= set(always), kind
        assert {n for f in fields for n in names_of(f)} >= set(perhaps), kind
    assert {field.type for field in FIELDS} == NAMES.keys()
    assert len({(f.group, f.key) for f in FIELDS}) == len(FIELDS) and all(f.meaning for f in FIELDS)


@pytest.fixture(scope="module")
def played(bundle):
    """Names and types of a buffer's metadata and of a message, and the fields of all messages."""
    gst = parts.require("plugin")
    from pipelines import play

    kinds: dict[str, dict[str, str]] = {}

    def note(name: str, structure) -> None:
        fields = [structure.nth_field_name(i) for i in range(structure.n_fields())]
        kinds[name] = {field: structure.get_field_type(field).name for field in fields}

    def probe(_pad, info):
        note("buffer", info.get_buffer().get_custom_meta("tubecam").get_structure())
        return gst.Gst.PadProbeReturn.OK

    def prepare(pipeline):
        pipeline.get_by_name("t").get_static_pad("src").add_probe(
            gst.Gst.PadProbeType.BUFFER, probe
        )
        pipeline.get_bus().set_sync_handler(on_message)

    def on_message(_bus, message):
        structure = message.get_structure()
        if structure is not None and structure.get_name() == "tubecam":
            note("message", structure)
        return gst.Gst.BusSyncReply.PASS

    caps = "video/x-raw,format=RGB,framerate=30/1,width=64,height=48"
    line = f"videotestsrc num-buffers=60 pattern=ball ! {caps}"
    windows = play(
        f"{line} ! tubecam name=t bundle={bundle} align=delayed hop=2 ! fakesink", prepare=prepare
    ).windows["t"]
    return kinds["buffer"], kinds["message"], windows


def test_metadata_and_messages_hold_the_list(played):
    buffer, message, windows = played
    stated = {name: field for field in FIELDS for name in names_of(field)}
    for told, own in ((buffer, OF_A_FRAME), (message, OF_A_MESSAGE)):
        known = {name.replace("mark-0-", "mark-i-"): kind for name, kind in told.items()}
        listed = {name: G_TYPES[stated[name].type] for name in known.keys() & stated.keys()}
        assert known == {**listed, **COUNTS, **own}
        needed = {n for n, f in stated.items() if not f.optional and "pathway" not in n}
        assert needed <= known.keys()
    record = WindowRecord.from_fields(
        windows[2], [f"class {i}" for i in range(tiny_bundle.CLASSES)]
    )
    told = json.loads(jsonl.line(record))
    assert_shaped(told, JSON)
    assert told["boxes"] and told["marks"] and told["signal"] and len(told["curve"]) == 8


def test_the_fused_curve_is_what_the_windows_so_far_give_together(played):
    signal = RelevanceSignal(10.0)
    for fields in played[2]:
        signal.add(fields["window-pts"], fields["curve"])
        fused = [signal.at(int(pts)) for pts in fields["window-pts"]]
        np.testing.assert_allclose(fields["fused-curve"], fused, rtol=1e-5, atol=1e-7)
    assert len(played[2]) > 3 and not np.allclose(fields["fused-curve"], fields["curve"])


def test_the_overlay_reads_what_is_on_the_list(root):
    known = {name for field in FIELDS for name in names_of(field)} | COUNTS.keys() | {"pathways"}
    call = re.compile(r'field(?:s\.\w+(?:<\w+>)?|\w*)\((?:fields, )?"([a-z-]+)"')
    sources = (root / "csrc" / "plugin" / "meta").glob("meta_*.cc")
    read = {name for path in sources for name in call.findall(path.read_text("utf-8"))}
    assert len(read) > 20 and read <= known | OF_A_FRAME.keys()


def test_json_lines_of_a_clip_have_the_same_keys(explanation):
    assert_shaped({**explanation.to_dict(), "signal": [{"time": 0.0, "value": 0.0}]}, JSON)


def assert_shaped(value, shape) -> None:
    if isinstance(shape, dict):
        assert value.keys() >= shape.keys()
        for key, part in shape.items():
            assert_shaped(value[key], part)
    elif isinstance(shape, list):
        assert isinstance(value, list)
        for item in value:
            assert_shaped(item, shape[0])
    else:
        assert type(value) is (type(None) if shape is None else shape), (value, shape)


def test_the_receipts_class_is_what_the_list_gives(root):
    writer = runpy.run_path(str(root / "deploy" / "write_receipt.py"))
    assert writer["PATH"].read_text("utf-8") == writer["source"](), "run `make receipt`"
    keys = [field.key for field in FIELDS if field.group == "receipt"]
    assert list(Receipt.__annotations__) == keys


def test_a_receipt_is_a_plain_value(explanation):
    receipt = explanation.receipt
    assert repr(receipt).startswith("Receipt(bundle='tiny-pool', method='gradcam', layer='conv',")
    assert repr(pickle.loads(pickle.dumps(receipt))) == repr(receipt)
    assert receipt.downgraded_from == receipt.fell_back_from == ""
    assert receipt.receptive_field is None and receipt.class_specific is True
    older = {name: value for name, value in vars(receipt).items() if name != "passes"}
    assert Receipt(**older).passes == 0  # a saved one that lacks what is new is read all the same


def test_what_is_missing_reads_as_nothing():
    by_key = {(field.group, field.key): field for field in FIELDS}
    assert by_key["", "also"].read({}) == "" and by_key["", "motion"].read({}) is None
    assert np.isnan(by_key["", "motion_share"].read({}))
    assert by_key["receipt", "receptive_field"].read({}) is None
    with pytest.raises(KeyError):
        by_key["", "label"].read({})


def test_arrays_have_the_size_they_state():
    told = {"tube": np.arange(8, dtype="<f4").tobytes(), "tube-t": 2, "tube-h": 2, "tube-w": 2}
    assert with_arrays(told)["tube"][1, 0, 1] == 5
    with pytest.raises(UsageError, match='"tube" does not have the size'):
        with_arrays({**told, "tube-w": 3})
