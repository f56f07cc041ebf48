"""A camera that comes back after a moment: who still stands where they stood is still on the same visit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from detection.core.rules import make_rule
from detection.core.rules.handover import MOST_KEPT, RESUME_S
from detection.core.tracking import Tracks
from detection.pipeline import CameraPipeline
from detection.plan import Plan
from tests.detection.rule_scenes import INSIDE, NAMES, binding, times, tracks

RATE = 5


class Camera:
    """A pipeline that is fed, with a camera that now and then is away. How tracks begin anew is the caller's to say."""

    def __init__(self, algo_code: str = "intrusion", **params: Any) -> None:
        self.pipeline = CameraPipeline(NAMES)
        self.pipeline.use(Plan("c1", (binding(algo_code, **params),)))
        self.generation = self.reconnects = 0
        self.time = 0.0
        self.alerts: list[float] = []

    def watch(self, seconds: float, scene: Tracks | None = None, *, visible: bool = True) -> None:
        seen = tracks({1: INSIDE}) if scene is None else scene
        for _ in range(round(seconds * RATE)):
            self.time += 1 / RATE
            step = self.pipeline.step(
                seen.detections,
                media_time=self.time,
                generation=self.generation,
                reconnects=self.reconnects,
                visible=visible,
            )
            self.alerts += [round(event.media_time, 1) for event in step.events]

    def reconnect(self, away_s: float = 1.0) -> None:
        self.generation, self.reconnects, self.time = self.generation + 1, self.reconnects + 1, self.time + away_s

    def seam(self) -> None:
        self.generation += 1


def test_somebody_who_stands_there_all_the_time_has_one_alert_however_often_the_camera_reconnects() -> None:
    camera = Camera(dwell_s=1, cooldown_s=30)
    for _ in range(6):
        camera.watch(9)
        camera.reconnect()
    assert len(camera.alerts) == 1


def test_the_time_that_the_camera_was_away_is_neither_stay_nor_absence() -> None:
    camera = Camera(dwell_s=4)
    camera.watch(3)
    camera.reconnect(10)
    camera.watch(3)
    assert camera.alerts == [pytest.approx(13.0 + 1.2, abs=0.41)]


def test_two_reconnects_in_a_row_and_one_before_anybody_was_found_again() -> None:
    camera = Camera(dwell_s=1)
    camera.watch(3)
    camera.reconnect()
    camera.watch(0.4, Tracks.empty())
    camera.reconnect()
    camera.watch(5)
    assert len(camera.alerts) == 1


@pytest.mark.parametrize("algo_code", ["intrusion", "loitering", "attribute"])
def test_a_reconnect_under_a_cover_keeps_what_can_be_stored_and_who_is_there_still(algo_code: str) -> None:
    camera = Camera(algo_code, dwell_s=1, exit_s=20, **({"model": "nets"} if algo_code == "attribute" else {}))
    camera.watch(3)
    for _ in range(2):
        camera.reconnect()
        camera.watch(4, Tracks.empty(), visible=False)
    assert json.dumps(camera.pipeline.latest, allow_nan=False).count('"class_id": 0') == 1
    camera.watch(3)
    assert camera.alerts == ([] if algo_code == "attribute" else [1.2])
    assert json.dumps(camera.pipeline.snapshot()).count('"class_id": 0') == 1


@pytest.mark.parametrize("how", ["seam", "both", "long"])
def test_a_seam_a_jump_or_a_long_time_away_is_another_scene(how: str) -> None:
    camera = Camera(dwell_s=1)
    camera.watch(3)
    if how == "long":
        camera.reconnect(RESUME_S + 1)
    else:
        camera.seam()
    if how == "both":
        camera.reconnect()
    camera.watch(3)
    assert len(camera.alerts) == 2


def test_whoever_comes_elsewhere_after_the_reconnect_is_somebody_else() -> None:
    camera = Camera(dwell_s=1)
    camera.watch(3, tracks({1: (0.3, 0.4)}))
    camera.reconnect()
    camera.watch(3, tracks({1: (0.65, 0.68)}))
    assert len(camera.alerts) == 2


@pytest.mark.parametrize("algo_code", ["loitering", "intrusion"])
def test_a_reconnect_before_the_first_frame_loses_what_is_kept_from_before_a_restart_no_more(algo_code: str) -> None:
    before, after = make_rule(binding(algo_code)), make_rule(binding(algo_code))
    for now in times(0, 3, RATE):
        before.step(tracks({1: INSIDE}), NAMES, now)
    after.restore(before.snapshot(), media_time=10.0, away_s=5.0)
    after.reconnected(10.0)
    after.step(tracks({7: INSIDE}), NAMES, 10.0)
    assert after.progress(10.0)["longest_dwell_s"] == pytest.approx(before.progress(3.0)["longest_dwell_s"], abs=0.3)


def test_what_is_stored_with_an_alert_has_a_bound_and_keeps_whom_an_alert_was_raised_about() -> None:
    rule = make_rule(binding("intrusion", dwell_s=1))
    early = {number: (0.25 + 0.004 * (number % 100), 0.5) for number in range(1, 101)}
    crowd = early | {number: (0.25 + 0.004 * (number % 100), 0.6) for number in range(101, MOST_KEPT + 101)}
    for now in times(0, 2, RATE):
        rule.step(tracks(early if now < 1.5 else crowd), NAMES, now)
    visits: Any = rule.snapshot()["visits"]
    assert len(visits) == MOST_KEPT
    assert [visit["raised"] for visit in visits] == [True] * 100 + [False] * (MOST_KEPT - 100)
