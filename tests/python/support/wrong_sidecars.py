"""Values that no sidecar may hold, each with words of the error that refuses it."""

from __future__ import annotations

VALUES = [
    (("format",), 2, "upgrade"),
    (("format",), 0, "format"),
    (("format",), "1", "format"),
    (("name",), "", "name"),
    (("name",), "a\nb", "name"),
    (("labels",), "../labels.txt", "folder"),
    (("labels",), "other.txt", "files"),
    (("files",), {}, "files"),
    (("files",), [], "files"),
    (("files", "../up"), "0" * 64, "folder"),
    (("files", "/etc/passwd"), "0" * 64, "folder"),
    (("files", "a\\b"), "0" * 64, "folder"),
    (("files", ".."), "0" * 64, "folder"),
    (("files", "gone.bin"), "0" * 64, "gone.bin"),
    (("files", "model.onnx"), "0" * 64, "not the file"),
    (("files", "model.onnx"), "A" * 64, "SHA-256"),
    (("files", "model.onnx"), "0" * 63, "SHA-256"),
    (("clip", "length"), 0, r"clip\.length"),
    (("clip", "length"), -1, r"clip\.length"),
    (("clip", "length"), 10**9, r"clip\.length"),
    (("clip", "length"), 2**64 - 1, r"clip\.length"),
    (("clip", "length"), 8.0, r"clip\.length"),
    (("clip", "length"), True, r"clip\.length"),
    (("clip", "height"), 7, r"clip\.height"),
    (("clip", "width"), 1025, r"clip\.width"),
    (("clip", "sample_fps"), 0, r"clip\.sample_fps"),
    (("clip", "sample_fps"), 1e300, r"clip\.sample_fps"),
    (("clip", "mean"), [0, 0], r"clip\.mean"),
    (("clip", "mean"), [0, 0, "0"], r"clip\.mean\[2\]"),
    (("clip", "std"), [1, 0, 1], r"clip\.std\[1\]"),
    (("clip", "color"), "GBR", r"clip\.color"),
    (("clip", "resize"), "crop", r"clip\.resize"),
    (("clip", "resize"), {"rule": "squash"}, r"clip\.resize\.rule"),
    (("clip", "resize"), {"rule": "crop"}, r"short_side is missing"),
    (("clip", "resize", "short_side"), 15, r"short_side"),
    (("graphs",), [], "graphs"),
    (("graphs",), {}, "graphs"),
    (("graphs", 0, "file"), "model2.onnx", r"graphs\[0\]\.file"),
    (("graphs", 0, "methods"), [], r"graphs\[0\]\.methods"),
    (("graphs", 0, "methods"), ["lrp"], r"methods\[0\].*knows"),
    (("graphs", 0, "methods"), ["gradcam", "gradcam"], r"methods\[1\].*once"),
    (("graphs", 0, "default_method"), "lrp", "default_method"),
    (("graphs", 0, "outputs", "gradient"), "gradient", "either"),
    (("graphs", 0, "outputs", "weight"), "logits", "names the output logits"),
    (("graphs", 0, "layer", "shape"), [6, 0, 4, 4], r"layer\.shape\[1\]"),
    (("graphs", 0, "layer", "shape"), [65536, 256, 1024, 1024], r"in all"),
    (("graphs", 0, "layer", "stride"), [2, -4, 4], r"stride\[1\]"),
    (("graphs", 0, "layer", "offset"), [0, 0, 1e9], r"offset\[2\]"),
    (("head",), "softmax", "head must be an object"),
    (("head",), {"kind": "softplus"}, r"head\.kind must be softmax, sigmoid or scores"),
    (("head",), {"unit": "logit"}, r"head\.kind is missing"),
    (("head",), {"kind": "sigmoid", "unit": "volt"}, r"head\.unit must be logit, log-prob"),
    (("head",), {"kind": "sigmoid", "unit": 1}, r"head\.unit"),
    (("graphs", 0, "sanity"), {"gradcam": {"class_specific": 1}}, r"class_specific"),
    (("graphs", 0, "sanity"), {"gradcam": {"class_specific": False, "undecided": 1}}, "undecided"),
    (("graphs", 0, "layer", "receptive_field"), [0, 3, 3], r"receptive_field\[0\]"),
    (("graphs", 0, "layer", "receptive_field"), [3, 3], r"receptive_field"),
    (("graphs", 0, "layer", "receptive_field"), [8, 16, 17], r"receptive_field\[2\]"),  # of 16
    (("precision",), "float8", "precision"),
    (("check", "max_relative_error"), -1, "max_relative_error"),
    (("check", "max_relative_error"), None, "max_relative_error"),
    (("provenance",), "me", "provenance"),
]


def set_at(path, value):
    """A change that sets sidecar[path[0]][path[1]]… to a value."""

    def change(sidecar):
        for key in path[:-1]:
            sidecar = sidecar[key]
        sidecar[path[-1]] = value

    return change
