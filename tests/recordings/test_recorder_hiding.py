"""Extracts on the box of which something is hidden: which orders it takes for such, what it tells, giving one up."""

from __future__ import annotations

from typing import Any

import pytest

from recordings.core.hiding import Hide
from recordings.recorder import extracts as words
from recordings.recorder.clips import Stopped
from recordings.recorder.extract_jobs import CANCELLED_SECONDS
from tests.recordings.test_recorder_extracts import Box, box

__all__ = ["box"]  # the fixture

HIDE = {"inside": [[[0, 0], [0.5, 0], [0.5, 1]]]}


def test_what_is_to_be_hidden_is_hidden_and_told(box: Box) -> None:
    box.order(kind=words.KIND_HIDDEN, hide=HIDE)
    box.work()
    assert (len(box.hidden), len(box.cuts)) == (1, 1)
    assert box.told()[-1]["hidden"] == Hide.model_validate(HIDE).digest()
    box.order("x2")
    box.work()
    assert (len(box.hidden), box.told("x2")[-1]["hidden"]) == (1, "")


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (words.KIND, {"hide": HIDE}),
        (words.KIND_HIDDEN, {}),
        (words.KIND_HIDDEN, {"hide": None}),
        (words.KIND_HIDDEN, {"hide": {"inside": []}}),
        (words.KIND_HIDDEN, {"hide": HIDE | {"later": 1}}),
        (words.KIND_HIDDEN, {"hide": {"inside": [[[0, 0], [0.5, 0], [0.5, float("nan")]]]}}),
    ],
)
def test_an_order_whose_hiding_is_not_understood_makes_no_film(box: Box, kind: str, more: dict[str, Any]) -> None:
    box.order(kind=kind, **more)
    box.work()
    assert (box.cuts, box.told()) == ([], [])


def test_its_progress_is_what_is_painted(box: Box) -> None:
    box.order(kind=words.KIND_HIDDEN, hide=HIDE)
    [job] = box.extracts._jobs.values()
    job.state, job.share = "cutting", 0.5
    assert job.progress == 40


def test_a_film_that_nobody_asks_for_any_more_is_given_up_while_it_is_made(box: Box) -> None:
    box.order(kind=words.KIND_HIDDEN, hide=HIDE)
    box.problem = Stopped()
    box.work(1)
    assert not box.stop.is_set()
    box.ticks.advance(CANCELLED_SECONDS + 1)
    assert box.stop.is_set()
    assert box.extracts._jobs == {}
    box.problem = None
    box.order(kind=words.KIND_HIDDEN, hide=HIDE)  # asked for anew, it begins anew
    box.work()
    assert box.states()[-1] == "ready"
