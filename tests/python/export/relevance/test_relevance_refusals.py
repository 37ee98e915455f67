"""A refused method names operator, module and what works: and that does work."""

from __future__ import annotations

import json
import re

import pytest

import parts

torch = parts.require("torch")

import zoo  # noqa: E402
from tubecam.errors import ExportError  # noqa: E402
from tubecam.export import export  # noqa: E402
from tubecam.export.relevance import memory  # noqa: E402
from tubecam.export.relevance.domain import domain_of  # noqa: E402
from tubecam.export.relevance.graph import build_relevance  # noqa: E402
from tubecam.export.spec import ClipSpec  # noqa: E402
from tubecam.export.trace.refusals import NoFormError  # noqa: E402


def built(name, method):
    entry = zoo.NETWORKS[name]
    domain = domain_of(ClipSpec(*entry.clip), None)
    return build_relevance(
        zoo.network(name), zoo.clip(name), method, (1, 1, 1), domain, entry.time_first, False
    )


REFUSALS = {
    ("reciprocal", "lrp-epsilon-plus"): r"no rule for aten\.reciprocal in trunk\.1 \(Apply\)\. ",
    ("head-softmax", "lrp-epsilon"): r"counts aten\._softmax in the model \(Headed\) as a constant",
    ("late-fusion", "deep-taylor"): r"begins with aten\.sub in the model \(LateFusion\)\. ",
    ("gelu", "guided-backprop"): r"a relu, and this model has none: it would be the plain gradient",
    ("group-norm", "attn-lrp"): r"attention and gated layers, and this model has none",
    ("masked", "deeplift"): r"no rule for aten\.where in trunk\.2 \(Apply\)\. ",
}


@pytest.mark.parametrize(("name", "method"), REFUSALS)
def test_what_is_recommended_instead_fits_this_model(name, method):
    with pytest.raises(ExportError, match=REFUSALS[name, method]) as refused:
        built(name, method)
    good = re.search(r"([\w-]+)(?: and ([\w-]+))? works? for this model\.$", str(refused.value))
    for other in filter(None, good.groups()):
        assert other != method and built(name, other).method == other


def test_a_recommended_method_is_exported_to_the_end(tmp_path):
    """No advice in circles: LRP's refusal leads to a bundle."""
    length, height, width = zoo.NETWORKS["reciprocal"].clip
    clip = {"length": length, "height": height, "width": width}
    report = export(
        zoo.network("reciprocal"), tmp_path / "b", methods=["deeplift", "gradient-x-input"],
        clip=clip, measure=False,
    )  # fmt: skip
    assert report.check.max_relative_error < 1e-4


def test_where_no_other_relevance_works_none_is_recommended(monkeypatch):
    """What else works is then found by the export (test_refusals.py)."""
    from tubecam.export.relevance import graph

    def refused(*inputs):
        raise ExportError("no derivative")

    monkeypatch.setattr(graph, "trace_forward_only", refused)
    with pytest.raises(NoFormError, match=r"aten\.reciprocal in trunk\.1 \(Apply\)\.$"):
        built("reciprocal", "lrp-epsilon")


def test_what_this_machine_could_not_check_is_refused_with_the_size(monkeypatch):
    monkeypatch.setattr(memory, "machine_bytes", lambda: 100_000)
    words = r"attn-lrp keeps 0.0 GiB .* aten\..* in .*\(.*\); 3 times that .* smaller clip"
    with pytest.raises(ExportError, match=words):
        built("vit", "attn-lrp")
    monkeypatch.undo()
    assert memory.machine_bytes() > 1 << 28


def test_the_sidecar_says_what_constants_took(tmp_path):
    length, height, width = zoo.NETWORKS["vit-class-token"].clip
    clip = {"length": length, "height": height, "width": width}
    methods = ["attn-lrp", "lrp-epsilon"]
    report = export(
        zoo.network("vit-class-token"), tmp_path / "b", methods=methods, clip=clip, measure=False
    )
    assert report.check.max_relative_error < 1e-4
    graphs = json.loads((tmp_path / "b" / "bundle.json").read_text())["graphs"]
    through, around = (g["sanity"][m] for g, m in zip(graphs, methods, strict=True))
    assert around["conservation"] + around["constants"] == pytest.approx(1, abs=1e-4)
    assert around["constants"] > 0.9  # the class token's own way
    assert abs(through["conservation"] + through["constants"] - 1) > 1e-4  # softmax keeps some
