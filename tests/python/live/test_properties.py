"""What a host sees of the elements: every property, as `element_properties.txt` has them."""

from __future__ import annotations

from pathlib import Path

import pytest

import parts

gst = parts.require("plugin")

from gi.repository import GObject  # noqa: E402

GOLDEN = Path(__file__).with_name("element_properties.txt")
OURS = ("tubecam", "tubeoverlay")


def properties(element) -> list[GObject.ParamSpec]:
    """Those of the element's own class, by name."""
    return sorted(
        (spec for spec in element.list_properties() if spec.owner_type == element.__gtype__),
        key=lambda spec: spec.name,
    )


def described(spec: GObject.ParamSpec) -> str:
    """Name, type, default, range, flags, title, description."""
    limits = [getattr(spec, name, None) for name in ("minimum", "maximum")]
    span = "" if limits[0] is None else f"{limits[0]:.7g} … {limits[1]:.7g}"
    default = getattr(spec, "default_value", None)
    default = f"{default:.7g}" if isinstance(default, float) else str(default)
    words = (spec.name, spec.value_type.name, default, span, f"{int(spec.flags):#x}")
    return " | ".join((*words, spec.nick, spec.blurb))


@pytest.mark.parametrize("name", OURS)
def test_properties_are_what_hosts_know(name):
    element = gst.Gst.ElementFactory.make(name)
    found = [f"{name}: {described(spec)}" for spec in properties(element)]
    known = [line for line in GOLDEN.read_text().splitlines() if line.startswith(f"{name}: ")]
    assert found == known


@pytest.mark.parametrize("name", OURS)
def test_a_property_starts_at_its_stated_default_and_keeps_what_it_is_set_to(name):
    element = gst.Gst.ElementFactory.make(name)
    for spec in properties(element):
        if not hasattr(spec, "default_value") or spec.value_type == GObject.TYPE_STRING:
            continue
        assert element.get_property(spec.name) == spec.default_value, spec.name
        if not spec.flags & GObject.ParamFlags.WRITABLE:
            continue
        for value in other_values(spec):
            element.set_property(spec.name, value)
            assert element.get_property(spec.name) == value, spec.name


def other_values(spec: GObject.ParamSpec) -> list:
    """Values that a property can have, of whatever kind it is."""
    if spec.value_type.is_a(GObject.TYPE_ENUM):
        return list(range(spec.enum_class.maximum + 1))
    return [False, True] if spec.value_type == GObject.TYPE_BOOLEAN else [spec.minimum, 1]


@pytest.mark.parametrize("name", ["bundle", "device", "fallback", "cache-dir"])
def test_texts_are_kept(name):
    element = gst.Gst.ElementFactory.make("tubecam")
    defaults = {"device": "cpu", "fallback": "none"}
    assert element.get_property(name) == defaults.get(name)
    element.set_property(name, "a text")
    assert element.get_property(name) == "a text"
