"""What `tubecam export` says of a bundle that it has written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..bundle.layer_grid import field_text

if TYPE_CHECKING:
    from ..export import ExportReport


def summary(report: ExportReport) -> str:
    """What the user needs to know about the bundle, a few lines."""
    c, t, h, w = report.layer_shape
    stride, offset = (" ".join(f"{v:g}" for v in place) for place in
                      (report.geometry.stride, report.geometry.offset))  # fmt: skip
    head = "average pool + linear, no backward pass" if report.closed_form else "by gradient"
    head = "relevance to the input" if report.layer == "clip" else head
    guess = "" if report.geometry.exact else " (by their number: some see places far apart)"
    sees = field_text(report.geometry.field, report.clip)
    replaced = report.check.replaced
    lines = [
        f"bundle   {report.path}",
        f"classes  {report.classes}{_head(report)}",
        f"layer    {report.layer}: {c} channels, {t}x{h}x{w} cells; {head}",
        *(f"         and {layer}" for layer in report.layers[1:]),
        f"cells    stride {stride}, offset {offset} (t y x){guess}"
        + (f"; each sees {sees}" if sees else ""),
        *(f"coarse   {sentence}" for sentence in report.coarse),
        *([f"beside   {report.beside}"] if report.beside else []),
        f"methods  {' '.join(report.methods)}",
        f"check    {report.check.max_relative_error:.1e} relative error against "
        f"{report.check.reference} on {report.check.inputs} unseen inputs ({report.check.engine})"
        + (f"; {replaced} at kinks of the gradient left out" if replaced else ""),
        *(f"mark     {mark}" for mark in report.marks),
        *_quantisation(report.quantisation),
    ]
    return "\n".join(lines)


def _head(report: ExportReport) -> str:
    """How scores follow from what the model gives, where that is not softmax of its logits."""
    head = report.head
    if head is None or (head.kind, head.unit) == ("softmax", "logit"):
        return ""
    if head.one_logit:
        return ", no and yes by the sigmoid of one logit"
    how = {"softmax": "softmax", "sigmoid": "each by its sigmoid", "scores": "no probabilities"}
    return f", {how[head.kind]}; explained is the {head.unit}"


def _quantisation(found: dict[str, Any]) -> list[str]:
    if not found:
        return []
    drift, kept = found["drift"], len(found["kept"])
    return [
        f"int8     {found['layers']} layers, calibrated on {found['windows']} windows of "
        f"{found['clip_count']} clips" + (f"; {kept} layers stay in float32" if kept else ""),
        f"drift    map correlation {drift['map_correlation']:.4f} (least "
        f"{drift['map_correlation_min']:.4f}), peaks moved {drift['peak_shift']:.2f} cells, "
        f"{drift['top1_agreement']:.0%} of predictions the same, on "
        f"{found['held_out_windows']} unseen windows",
        *(() if found["accepted"] else ["         beyond the limits: exported by force"]),
    ]
