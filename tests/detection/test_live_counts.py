"""Numbers of who is there: each person once, and nobody when no picture shows anybody."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from detection.core.rules.base import OtherRoi
from detection.core.statistics import STALE_S, StatsWindow
from detection.core.tracking import Tracks
from detection.pipeline import CameraPipeline
from detection.plan import Plan
from detection.shared_stats import SharedStats
from tests.detection.rule_scenes import INSIDE, NAMES, OUTSIDE, binding, tracks
from tests.detection.test_live_rules import message

SINK = OtherRoi("sink", "rectangle", ((0.4, 0.4), (0.6, 0.6)))
WASHING = replace(
    binding("procedure", points=((0.8, 0.8), (1.0, 1.0)), steps=[{"roi_id": "sink", "min_s": 3.0}]), places=(SINK,)
)
LINE = replace(binding("line_crossing"), bind_id="line")


def pipeline_of(*bindings: Any) -> CameraPipeline:
    pipeline = CameraPipeline(NAMES)
    pipeline.use(Plan("vid1", bindings))
    return pipeline


def watch(pipeline: CameraPipeline, start: float, seconds: float, seen: Tracks, *, visible: bool = True) -> None:
    for tenth in range(round(seconds * 10)):
        pipeline.step(seen.detections, media_time=start + tenth / 10, generation=0, visible=visible)


def test_goals_that_share_a_sink_count_each_person_once() -> None:
    pipeline = pipeline_of(WASHING, replace(WASHING, bind_id="b2"), LINE)
    watch(pipeline, 0.0, 3.0, tracks({1: INSIDE, 2: (0.45, 0.55), 3: OUTSIDE}))
    assert pipeline.numbers()["handwash"] == 2
    assert message(pipeline)["handwash"] == 2


def test_who_is_counted_under_different_names_is_counted_under_each() -> None:
    other = replace(WASHING, bind_id="b2", params=WASHING.params.model_copy(update={"number": "boots"}))
    pipeline = pipeline_of(WASHING, other)
    watch(pipeline, 0.0, 3.0, tracks({1: INSIDE}))
    assert {name: pipeline.numbers()[name] for name in ("handwash", "boots")} == {"handwash": 1, "boots": 1}


def test_without_a_fresh_picture_nobody_is_at_the_sink_and_totals_stay() -> None:
    pipeline = pipeline_of(WASHING, LINE)
    for tenth in range(60):
        watch(pipeline, tenth / 10, 0.1, tracks({1: INSIDE, 2: (0.2 + tenth / 100, 0.8)}))
    fresh, stale = message(pipeline, age_s=STALE_S - 1), message(pipeline, age_s=STALE_S + 1)
    assert (fresh["handwash"], stale["handwash"]) == (1, 0)
    assert (fresh["crossings_a_to_b"], stale["crossings_a_to_b"]) == (1, 1)


def test_under_a_cover_nobody_is_known_to_be_at_the_sink() -> None:
    pipeline = pipeline_of(WASHING)
    watch(pipeline, 0.0, 3.0, tracks({1: INSIDE}))
    assert message(pipeline)["handwash"] == 1
    watch(pipeline, 3.0, 2.0, Tracks.empty(), visible=False)
    assert message(pipeline)["handwash"] == 0


def test_motion_ends_when_no_picture_comes() -> None:
    window = StatsWindow()
    window.moved(0.5, now=100.0)
    told = [window.snapshot(100.0 + age)["motion"] for age in (0.0, STALE_S, STALE_S + 0.1)]
    assert told == [0.5, 0.5, 0.0]


# Threads


@pytest.fixture
def _impatient() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_impatient")
def test_the_live_numbers_stand_two_threads() -> None:
    """The analyser's and the broadcast's: one feeds, one reads, and neither sees the other at work."""
    window, stop, failures = SharedStats(), threading.Event(), []

    def feed() -> None:
        now = 0.0
        try:
            while not stop.is_set():
                now += 0.001
                window.analysed(now, latency_s=0.1, persons=1)
                window.moved(0.5, now=now)
        except RuntimeError as error:
            failures.append(error)

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        for step in range(4000):
            window.reader(step / 1000, decoded=step, dropped=0)
            assert window.snapshot(step / 1000)["latency_ms"] in (100.0, None)
    finally:
        stop.set()
        feeder.join()
    assert failures == []
