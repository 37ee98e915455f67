"""One style for video, sheet and command line: every option of the overlay reaches them."""

from __future__ import annotations

import argparse
import dataclasses

import numpy as np
import pytest

from tubecam import _core
from tubecam.cli import main as cli
from tubecam.cli import run as run_command
from tubecam.drawing.heat import HeatStyle
from tubecam.figures.contact_sheet import draw_sheet
from tubecam.figures.key_frames import Gallery
from tubecam.run.job import Result, sheet_info
from window_records import gallery_of, record

OPTIONS = [
    ["--show", "auto"], ["--show", "motion"], ["--show", "heat"],
    *(["--color-map", name] for name in _core.color_maps()),
    ["--alpha", "0.3"], ["--threshold", "0.6"], ["--scale", "auto"], ["--scale", "2.5"],
    ["--no-overlay"], ["--no-overlay", "--alpha", "0.3"],
]  # fmt: skip
LIKE_THE_DEFAULT = (
    ["--show", "auto"], ["--show", "motion"], ["--color-map", "inferno"], ["--scale", "auto"],
    ["--no-overlay"],
)  # fmt: skip


def job_of(*options: str):
    parser = argparse.ArgumentParser()
    run_command.add_parser(parser.add_subparsers())
    return run_command.make_job(
        parser.parse_args(["run", "test", "--sheet", "never-written.png", *options])
    )


def moving_gallery() -> Gallery:
    """Windows that know what moves."""
    gallery = gallery_of(1)
    motion = np.full((4, 6, 8), 0.8, np.float32)
    moving = dataclasses.replace(record(1), motion=motion, motion_by="split")
    gallery.add_window(moving)
    gallery.finish()
    return gallery


def sheet_of(*options: str) -> np.ndarray:
    job = job_of(*options)
    drawn = [draw_sheet(g, sheet_info(job, Result())) for g in (gallery_of(2), moving_gallery())]
    return np.concatenate([np.asarray(page).ravel() for page in drawn])


@pytest.fixture(scope="module")
def default() -> np.ndarray:
    return sheet_of()


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_a_sheet_takes_every_option_of_the_overlay(options, default):
    assert np.array_equal(sheet_of(*options), default) == (options in LIKE_THE_DEFAULT)


def test_every_field_is_an_option_and_a_property():
    from tubecam.video.gstreamer import make

    element = make("tubeoverlay", **HeatStyle(scale=0.5, show="heat").properties())
    assert element.get_property("scale") == pytest.approx(0.5)
    assert element.get_property("show").value_nick == "heat"
    assert make("tubeoverlay", **HeatStyle().properties()).get_property("scale") == 0
    parser = argparse.ArgumentParser()
    run_command.add_parser(parser.add_subparsers())
    known = vars(parser.parse_args(["run", "test"]))
    assert {field.name for field in dataclasses.fields(HeatStyle)} <= known.keys()


@pytest.mark.parametrize("options", [["--show", "heat"], ["--scale", "0.01"]], ids=" ".join)
def test_a_run_with_a_sheet_ends_well(tmp_path, options):
    sheet = tmp_path / "sheet.png"
    arguments = ["run", "test", "--sheet", str(sheet), "--duration", "1.1", "-q", *options]
    assert cli.main(arguments) == 0 and sheet.is_file()
