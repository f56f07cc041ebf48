"""Rules over midnight and a changed clock; over ids that switch at any moment, dropped frames and a restart."""

from __future__ import annotations

import itertools
import json
import random
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cameras.core.schedule import ScheduleEntry
from detection.core.detections import Detections
from detection.core.rules import make_rule
from detection.core.rules.base import OtherRoi, RuleEvent
from detection.core.tracking import Tracks
from detection.pipeline import CameraPipeline
from detection.plan import Plan
from tests.detection.rule_scenes import INSIDE, NAMES, OUTSIDE, binding, made, times, tracks

VIENNA = ZoneInfo("Europe/Vienna")
EVERY_NIGHT = ScheduleEntry.model_validate(
    {
        "schedule_id": "nights",
        "weekly": [{"day": day, "start": "22:00", "end": "06:00"} for day in ("sat", "sun")],
        "holidays": [],
    }
)
# The evening, and how many hours the shift from 22:00 to 06:00 has: the clock goes forward, goes back, stays.
NIGHTS = [((2026, 3, 28), 7), ((2026, 10, 24), 9), ((2026, 11, 21), 8)]


def evening(day: tuple[int, int, int], hour: int) -> float:
    return datetime(*day, hour, tzinfo=VIENNA).timestamp()


@pytest.mark.parametrize(("day", "hours"), NIGHTS)
def test_an_absence_in_the_night_is_as_long_as_it_was_and_ends_with_the_shift(
    day: tuple[int, int, int], hours: int
) -> None:
    pipeline = CameraPipeline(NAMES)
    post = replace(binding("leave_post", time_zone="Europe/Vienna", absent_s=6.5 * 3600), schedule=EVERY_NIGHT)
    pipeline.use(Plan("c1", (post,)))
    began, found = evening(day, 21), []
    for number in range(11 * 360):  # from 21:00 on, every ten seconds
        moment = number * 10.0
        step = pipeline.step(Detections.empty(), media_time=moment, generation=0, wall_time=began + moment)
        found += [(event.phase, (event.media_time - 3600) / 3600, event.data.get("reason")) for event in step.events]
    assert found == [("started", 6.5, None), ("ended", float(hours), "schedule")]


@pytest.mark.parametrize(("day", "hours"), NIGHTS)
def test_a_shift_has_the_crossings_of_its_own_hours(day: tuple[int, int, int], hours: int) -> None:
    """Somebody crosses every half hour from 21:15 on; shifts begin at 06:00 and 22:00."""
    machine = made("line_crossing", time_zone="Europe/Vienna", reset_at=["06:00", "22:00"], alert="none")
    began, totals = evening(day, 21) + 900, dict[str, float]()
    for number in range(2 * 11):
        start = number * 1800.0
        for place, now in enumerate(times(0, 1.4, rate=5)):
            walker = tracks({number + 1: (0.2 + 0.08 * place, 0.5)})
            assert machine.step(walker, NAMES, start + now, began + start + now) == []
        totals[f"{datetime.fromtimestamp(began + start, VIENNA):%H:%M}"] = machine.numbers()["crossings_a_to_b"]
    assert [totals[moment] for moment in ("21:45", "22:15", "05:45", "06:15")] == [2, 1, 2 * hours, 1]
    assert machine.progress(0.0)["before_a_to_b"] == 2 * hours


CASES: dict[str, dict[str, Any]] = {
    "intrusion": {"dwell_s": 5.0},
    "loitering": {"dwell_s": 5.0},
    "occupancy": {"dwell_s": 5.0, "max_persons": 0},
    "procedure": {"dwell_s": 5.0, "steps": [{"roi_id": "sink", "min_s": 20.0}]},
}


def started(code: str, frames: list[tuple[float, Tracks]], *, restart_at: float = 1e9) -> list[RuleEvent]:
    """What the rule tells of these frames; restarted once, which takes no time."""
    bound = binding(code, **CASES[code])
    sink = (((0.75, 0.75), (0.85, 0.85)),) if code == "procedure" else ()
    bound = replace(bound, places=tuple(_area("sink", points) for points in sink))
    machine, found = make_rule(bound), []
    for now, seen in frames:
        if now >= restart_at:
            restart_at, state = 1e9, json.loads(json.dumps(machine.snapshot()))
            machine = make_rule(bound)
            if state:
                machine.restore(state, media_time=now, away_s=0.0)
        found += machine.step(seen, NAMES, now, 1_780_000_000.0 + now)
    return found


def _area(roi_id: str, points: tuple[tuple[float, float], ...]) -> OtherRoi:
    return OtherRoi(roi_id, "rectangle", points)


@pytest.mark.parametrize("code", CASES)
@pytest.mark.parametrize("dropped", [0.0, 0.5, 0.8])
@settings(max_examples=25, deadline=None)
@given(switch=st.floats(2.2, 6.5), gap=st.floats(0, 0.4), seed=st.integers(0, 10**6), restart=st.booleans())
def test_a_dwell_goes_on_over_a_new_id_dropped_frames_and_a_restart(
    code: str, dropped: float, switch: float, gap: float, seed: int, *, restart: bool
) -> None:
    """Somebody comes in at 2 s and stays: one alert, late by less than two intervals between frames that were seen.

    A restart adds a third: what was between the last frame before it and the first one after it does not count.
    """
    chance = random.Random(seed)
    frames = [(now, Tracks.empty()) for now in times(-12, -1, rate=1)] if code == "procedure" else []  # else: unknown
    for now in times(0, 12, rate=25):
        if now > 0.05 and chance.random() < dropped:
            continue
        hidden = switch <= now < switch + gap
        who = 1 if now < switch else 2
        frames.append((now, tracks({} if hidden else {who: OUTSIDE if now < 2 else INSIDE})))
    shown = [now for now, seen in frames if len(seen)]
    longest = max((b - a for a, b in itertools.pairwise(shown)), default=99.0)
    assume(longest <= 1.0 and any(2 <= now < switch for now in shown))
    # Not: longer out of sight than the least that these rules forgive, or never inside under the first id
    events = started(code, frames, restart_at=4.5 if restart else 1e9)
    assert len(events) == 1
    assert 7.0 - 0.11 <= events[0].media_time <= 7.0 + (3 if restart else 2) * longest + gap + 0.11
