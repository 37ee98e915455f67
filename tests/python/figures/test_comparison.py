"""What a sheet of methods says about each of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import tiny_bundle
import tubecam
from tubecam import _core
from tubecam.figures.method_sheet import Moment, draw_comparison, facts
from tubecam.windows.pathway import Pathway


@pytest.fixture(scope="module")
def explanation(tmp_path_factory):
    folder = tiny_bundle.write(tmp_path_factory.mktemp("tiny"))
    with tubecam.Explainer(folder, method="hirescam") as explainer:
        return explainer.explain(tiny_bundle.clip())


def pathway(name: str, share: float) -> Pathway:
    return Pathway(name, name, False, np.ones((1, 1, 1), np.float32), (1,) * 3, (0,) * 3, 1, share)


def test_cells_motion_sum_and_marks_are_told(explanation):
    passes, motion, total, *marks = facts(explanation)
    assert passes.startswith("1 pass, ") and passes.endswith(" ms; 4×4×4 cells")
    assert motion == f"motion {100 * explanation.motion_share:.0f} % (relevance that changes)"
    assert total == f"sums to {100 * explanation.receipt.conservation:.1f} % of the logit"
    assert marks == [mark.text for mark in explanation.marks] != []


def test_pathways_tell_their_shares(explanation):
    paths = (pathway("slow", 62.6), pathway("fast", 37.4))
    told = facts(dataclasses.replace(explanation, pathways=paths))
    assert told[1] == "slow 63 %, fast 37 %"
    cancelled = tuple(path._replace(share=float("nan")) for path in paths)
    assert facts(dataclasses.replace(explanation, pathways=cancelled)) == facts(explanation)


@pytest.mark.parametrize(("by", "words"), _core.motion_sources().items())
def test_every_source_of_motion_has_words(explanation, by, words):
    told = facts(dataclasses.replace(explanation, motion_by=by, motion_share=0.25))
    assert told[1] == f"motion 25 % ({words})" and words


def test_an_invalid_one_says_why(explanation):
    broken = dataclasses.replace(explanation, valid=False, problem="the logits hold NaN")
    assert facts(broken)[-1] == "the logits hold NaN"


def test_each_method_has_a_row_with_heat_of_its_own(explanation):
    pictures = [np.full((90, 120, 3), 90, np.uint8)] * len(explanation.times)
    moment = Moment(pictures, explanation.times.tolist())
    cold = dataclasses.replace(explanation, tube=np.zeros_like(explanation.tube))
    single = draw_comparison(moment, [explanation])
    both = np.asarray(draw_comparison(moment, [cold, explanation]))
    row = both.shape[0] - single.height
    top = next(y for y in range(single.height) if not (both[y] == np.asarray(single)[y]).all())
    assert 0 < row < single.height and 0 < top < single.height
    assert (both[top:][row : 2 * row] != both[top:][:row]).mean() > 0.01
