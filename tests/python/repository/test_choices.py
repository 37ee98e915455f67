"""Every list of names is stated once: the elements, Python and the command line offer the same."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import parts
from tubecam import _core
from tubecam.cli import choices
from tubecam.errors import UsageError
from tubecam.windows import sampling

CHOICES = {
    name: list(getattr(_core, name)())
    for name in (
        "alignments", "baselines", "color_maps", "color_orders", "engines", "fallbacks",
        "head_kinds", "head_units", "late_windows", "method_kinds", "methods", "motion_sources",
        "paddings", "precisions", "resize_rules", "shows",
    )
}  # fmt: skip
OF_PROPERTIES = {
    ("tubecam", "align"): "alignments", ("tubecam", "late-windows"): "late_windows",
    ("tubecam", "engine"): "engines", ("tubecam", "precision"): "precisions",
    ("tubecam", "method"): "methods", ("tubecam", "baseline"): "baselines",
    ("tubecam", "padding"): "paddings", ("tubeoverlay", "color-map"): "color_maps",
    ("tubeoverlay", "show"): "shows",
}  # fmt: skip
OF_COMMANDS = {
    "ENGINES": "engines", "PRECISIONS": "precisions", "BASELINES": "baselines",
    "ALIGNMENTS": "alignments", "SHOWS": "shows", "COLOR_MAPS": "color_maps",
    "COLOR_ORDERS": "color_orders", "RESIZE_RULES": "resize_rules",
}  # fmt: skip
PACKAGE = Path(__file__).parents[3] / "python" / "tubecam"


def without_auto(names) -> list[str]:
    names = list(names)
    return names[1:] if names[0] == "auto" else names


@pytest.mark.parametrize("name", CHOICES)
def test_every_choice_has_a_name_and_a_meaning(name):
    meanings = getattr(_core, name)()
    assert len(meanings) > 1 and all(meanings) and all(meanings.values())


@pytest.mark.parametrize(("element", "name"), OF_PROPERTIES)
def test_a_property_takes_what_the_core_lists(element, name):
    gst = parts.require("plugin")
    made = gst.Gst.ElementFactory.make(element)
    value = made.get_property(name)
    known = getattr(_core, OF_PROPERTIES[element, name])()
    offered = {v.value_nick: v.value_name for v in type(value).__enum_values__.values()}
    assert set(without_auto(offered)) == set(without_auto(known))
    assert offered.items() >= known.items()
    for word in known:
        gst.Gst.util_set_object_arg(made, name, word)
        assert made.get_property(name).value_nick == word


@pytest.mark.parametrize("name", OF_COMMANDS)
def test_the_command_line_takes_what_the_core_lists(name):
    assert without_auto(getattr(choices, name)) == without_auto(CHOICES[OF_COMMANDS[name]])


def test_a_short_video_is_padded_as_the_core_can():
    assert list(sampling.PADS) == CHOICES["paddings"]


def test_kinds_share_out_the_methods():
    kinds = [_core.methods(kind) for kind in _core.method_kinds()]
    assert sorted(name for kind in kinds for name in kind) == sorted(CHOICES["methods"])
    with pytest.raises(UsageError, match="class-activation, relevance, multi-pass or motion"):
        _core.methods("magic")


@pytest.mark.parametrize(("old", "word"), _core.old_precisions().items())
def test_short_words_of_precisions_are_taken_still(old, word):
    assert _core.parse_precision(old) == word and word in _core.precisions()
    assert choices.precision(old) == word
    gst = parts.require("plugin")
    element = gst.Gst.ElementFactory.make("tubecam")
    gst.Gst.util_set_object_arg(element, "precision", old)
    assert element.get_property("precision").value_nick == word


def lists_of(source: str) -> list[set[str]]:
    """The tuples, lists and sets of words that a module spells out."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
            words = [e.value for e in node.elts if isinstance(e, ast.Constant)]
            if len(words) == len(node.elts) and all(isinstance(word, str) for word in words):
                found.append(set(words) - {"auto"})
    return found


def spelled(source: str) -> list[str]:
    """The choices that a module spells out."""
    wholes = {name: set(without_auto(words)) for name, words in CHOICES.items()}
    del wholes["color_orders"]  # two formats of pictures, too
    return [name for words in lists_of(source) for name, whole in wholes.items() if words == whole]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_no_module_spells_a_list_of_the_core(path):
    assert spelled(path.read_text()) == []


def test_a_list_that_is_spelled_twice_is_found():
    assert spelled('PADS = ("last", "loop", "none")') == ["paddings"]
    assert spelled('ENGINES = ["auto", "openvino", "tensorrt"]') == ["engines"]
    assert spelled('FEW = ("last", "loop")') == []
