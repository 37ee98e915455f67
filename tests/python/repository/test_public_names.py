"""The public face: signatures name public types only, all is documented, the pages build."""

from __future__ import annotations

import dataclasses
import inspect
import re
import subprocess
import sys
import types
import typing

import numpy as np
import pytest

import tubecam

PUBLIC = sorted({*tubecam._HOMES, *tubecam.__all__} - {"__version__"})
CALLABLES = [n for n in PUBLIC if inspect.isfunction(getattr(tubecam, n))]
CLASSES = [n for n in PUBLIC if inspect.isclass(getattr(tubecam, n))]
# Modules whose names users know from elsewhere.
KNOWN = ("builtins", "numpy", "typing", "collections", "types", "pathlib", "os", "torch", "pandas",
         "gi", "datetime")  # fmt: skip


def members(cls: type) -> dict[str, object]:
    """Public functions of a class, its own and those of our own classes above it."""
    found = {}
    for each in reversed(cls.__mro__):
        if each.__module__.startswith("tubecam") and "_core" not in each.__module__:
            found.update({k: v for k, v in vars(each).items() if not k.startswith("_")})
    return found


def functions() -> dict[str, types.FunctionType]:
    found = {name: getattr(tubecam, name) for name in CALLABLES}
    for name in CLASSES:
        cls = getattr(tubecam, name)
        if issubclass(cls, tuple) or "_core" in cls.__module__:
            continue
        for member, value in members(cls).items():
            value = value.fget if isinstance(value, property) else value
            value = getattr(value, "__func__", value)
            if inspect.isfunction(value):
                found[f"{name}.{member}"] = value
    return found


def types_in(hint: object) -> set[type]:
    """All classes that an annotation names."""
    inside = set().union(*(types_in(each) for each in typing.get_args(hint)), set())
    origin = typing.get_origin(hint) or hint
    return inside | ({origin} if isinstance(origin, type) else set())


def hints(of: object) -> dict[str, object]:
    space = {name: getattr(tubecam, name) for name in PUBLIC}
    space |= vars(sys.modules[of.__module__])
    space["pandas"] = types.SimpleNamespace(DataFrame=object)
    return typing.get_type_hints(of, space)


def is_public(cls: type) -> bool:
    if cls.__module__.partition(".")[0] in KNOWN:
        return True
    return getattr(tubecam, cls.__name__, None) is cls


@pytest.mark.parametrize("name", [*functions(), *CLASSES])
def test_signatures_name_public_types(name):
    of = functions().get(name) or getattr(tubecam, name)
    if "_core" in of.__module__ or name.endswith(".core"):
        return  # `core` hands a value to the compiled core, for the package's own use
    found = {cls for key, hint in hints(of).items() if key[0] != "_" and key != "core"
             for cls in types_in(hint)}  # fmt: skip
    assert {cls for cls in found if not is_public(cls)} == set()


@pytest.mark.parametrize("name", functions())
def test_functions_are_documented(name):
    function = functions()[name]
    text = inspect.getdoc(function)
    assert text, "no docstring"
    given = [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
    if len(given) > 1 or (given and "." not in name):
        section = re.search(r"Parameters\n-{10}\n(.*?)(\n\n[A-Z]\w+\n-+\n|\Z)", text, re.S)
        assert section, "no section Parameters"
        for parameter in given:
            stars = {parameter.VAR_KEYWORD: r"\*\*", parameter.VAR_POSITIONAL: r"\*"}
            listed = rf"^[\w, ]*{stars.get(parameter.kind, '')}\b{parameter.name}\b"
            listed = listed if parameter.kind not in stars else rf"^\*+{parameter.name}"
            assert re.search(listed, section[1], re.M), parameter.name


@pytest.mark.parametrize("name", CLASSES)
def test_fields_are_documented(name):
    cls = getattr(tubecam, name)
    assert inspect.getdoc(cls)
    if not dataclasses.is_dataclass(cls):
        return
    bases = [each for each in cls.__mro__ if each.__module__.startswith("tubecam")]
    text = "\n".join(inspect.getdoc(each) or "" for each in bases)
    source = "\n".join(inspect.getsource(each) for each in bases)
    for field in dataclasses.fields(cls):
        commented = re.search(rf"^    {field.name}: .*  # ", source, re.M)
        above = re.search(rf"^    #.*\n    {field.name}: ", source, re.M)
        assert re.search(rf"\b{field.name}\b", text) or commented or above, field.name


def test_private_types_are_found():
    class Hidden:
        pass

    assert types_in(list[Hidden] | None) >= {list, Hidden, type(None)}
    assert not is_public(Hidden) and is_public(tubecam.Frame) and is_public(np.ndarray)


@pytest.mark.needs("pdoc")
def test_the_pages_build_without_warnings(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-m", "pdoc", "--docformat", "numpy",
         "--output-directory", tmp_path, "tubecam", "!tubecam._core"],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0 and "Warn" not in done.stderr, done.stderr
    page = (tmp_path / "tubecam.html").read_text("utf-8")
    assert all(f'id="{name}"' in page for name in tubecam.__all__ if name[0] != "_")
