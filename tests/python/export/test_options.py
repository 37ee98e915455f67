"""The settings of an export: one statement, of which function and command line are made."""

from __future__ import annotations

import argparse
import inspect
from dataclasses import fields

import pytest

import parts

parts.require("torch")

from tubecam.cli import export as command  # noqa: E402
from tubecam.errors import UsageError  # noqa: E402
from tubecam.export import ExportOptions, export  # noqa: E402

NAMES = {field.name for field in fields(ExportOptions)}


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    return parser.parse_args(["export", "r3d_18", *words])


def test_help_shows_every_option_with_its_default():
    shown = inspect.signature(export).parameters
    assert list(shown)[:3] == ["source", "out", "progress"]
    assert set(list(shown)[3:]) == NAMES
    for field in fields(ExportOptions):
        assert shown[field.name].default == field.default
        assert shown[field.name].kind is inspect.Parameter.KEYWORD_ONLY


def test_an_option_that_there_is_not_is_refused(tmp_path):
    with pytest.raises(TypeError, match="'presicion'"):
        export("r3d_18", tmp_path / "b", presicion="int8")
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_has_them_all_but_two():
    found = command.options(arguments(), {})
    assert NAMES - found.keys() == {"measure", "reference"}
    assert found.keys() <= NAMES
    different = {k for k, v in found.items() if v != getattr(ExportOptions(), k)}
    assert different == {"pool", "clip"}  # readable cells; no setting of a clip is no mapping


def test_the_command_line_writes_some_otherwise(tmp_path):
    words = ["-o", str(tmp_path), "--output-key", "0", "--layer", "a=x,b=y", "--pool", "1x4x4"]
    found = command.options(arguments(*words), {"length": 8})
    assert (found["output"], found["layer"], found["pool"]) == ("0", ["a=x", "b=y"], (1, 4, 4))
    assert found["clip"] == {"length": 8}


def test_short_words_of_precisions_are_understood():
    assert ExportOptions(precision="fp16").precision == "float16"
    assert ExportOptions(precision="float16").precision == "float16"


def test_an_unknown_precision_is_refused(tmp_path):
    with pytest.raises(UsageError, match="'half'; there are float32, float16, int8"):
        export("r3d_18", tmp_path / "b", precision="half")
