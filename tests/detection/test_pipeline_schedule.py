"""Rules within and outside their schedules, by the wall time of each frame."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cameras.core.algorithms import registry
from cameras.core.document import Content
from cameras.core.schedule import ScheduleEntry
from detection.core.rules.base import Binding, RuleEvent
from detection.core.rules.line_crossing import LineCrossing
from detection.core.tracking import Tracks
from detection.pipeline import CameraPipeline
from detection.plan import Plan, make_plan
from tests.detection.rule_scenes import INSIDE, NAMES, binding, times, tracks
from tests.detection.test_pipeline import content

VIENNA = ZoneInfo("Europe/Vienna")
SHIFT = ScheduleEntry.model_validate(
    {"schedule_id": "shift", "weekly": [{"day": "sun", "start": "22:00", "end": "06:00"}], "holidays": []}
)


def guarded(algo_code: str, schedule: ScheduleEntry | None = SHIFT, **params: Any) -> Binding:
    return replace(binding(algo_code, time_zone="Europe/Vienna", **params), schedule=schedule)


class Guard:
    """A pipeline whose media time has nothing to do with the clock on the wall."""

    def __init__(self, *bindings: Binding) -> None:
        self.pipeline = CameraPipeline(NAMES)
        self.pipeline.use(Plan("c1", bindings))
        self.media = 5000.0

    def watch(self, at: datetime, seconds: float, seen: Tracks, *, visible: bool = True) -> list[RuleEvent]:
        """Ten frames a second from that moment on; events with the seconds since then as their media time."""
        start, self.media = self.media, self.media + seconds + 1000
        found = []
        for now in times(0, seconds):
            step = self.pipeline.step(
                seen.detections, media_time=start + now, generation=0, wall_time=at.timestamp() + now, visible=visible
            )
            found += [replace(event, media_time=round(event.media_time - start, 3)) for event in step.events]
        return found


def at(day: int, hour: int, minute: int = 0, second: int = 0) -> datetime:
    """In November 2026; the 22nd is a Sunday."""
    return datetime(2026, 11, day, hour, minute, second, tzinfo=VIENNA)


def test_outside_its_schedule_a_rule_raises_nothing_and_within_it_does() -> None:
    guard = Guard(guarded("intrusion"), replace(guarded("intrusion", None), bind_id="always"))
    noon = guard.watch(at(22, 12), 10, tracks({1: INSIDE}))
    assert [e.bind_id for e in noon] == ["always"]
    night = guard.watch(at(22, 23), 10, tracks({1: INSIDE}))
    assert [(e.bind_id, e.media_time) for e in night] == [("b1", 1.0), ("always", 1.0)]


def test_time_before_the_schedule_is_no_dwell_and_visits_end_with_it() -> None:
    guard = Guard(guarded("intrusion", dwell_s=20, cooldown_s=0))
    events = guard.watch(at(22, 21, 59, 30), 70, tracks({1: INSIDE}))
    assert [e.media_time for e in events] == [50.0]
    assert guard.pipeline.progress(0.0)["b1"]["active"] is True
    assert guard.watch(at(23, 5, 59, 45), 30, tracks({1: INSIDE})) == []
    assert guard.pipeline.progress(0.0)["b1"] == {"active": False}


def test_a_post_may_be_empty_until_the_shift_and_its_alert_ends_with_it() -> None:
    guard = Guard(guarded("leave_post", absent_s=30))
    events = guard.watch(at(22, 21, 59, 0), 100, Tracks.empty())
    assert [(e.phase, e.media_time) for e in events] == [("started", 90.0)]
    (end,) = guard.watch(at(23, 5, 59, 58), 10, Tracks.empty())
    assert (end.phase, end.media_time, end.data["reason"]) == ("ended", 2.0, "schedule")


def test_crossings_outside_the_schedule_are_not_counted_and_those_within_stay() -> None:
    guard = Guard(guarded("line_crossing", reset_at=[]))
    for day, hour, expected in ((22, 23, 1), (23, 12, 1), (29, 23, 2)):
        for now in times(0, 6):
            guard.watch(at(day, hour, second=int(now)), 0, tracks({1: (0.2 + now / 10, 0.5)}))
            guard.media += 0.1 - 1000
        guard.media += 100
        assert guard.pipeline.numbers()["crossings_a_to_b"] == expected


def test_it_goes_by_the_site_s_clock_also_where_that_jumps() -> None:
    """On 25 October 2026 the hour from 02:00 comes twice: a schedule from 02:15 to 02:45 runs twice."""
    twice = ScheduleEntry.model_validate(
        {"schedule_id": "s", "weekly": [{"day": "sun", "start": "02:15", "end": "02:45"}]}
    )
    guard = Guard(guarded("intrusion", twice, dwell_s=0, cooldown_s=0))
    told = []
    for fold in (0, 1):
        for minute in (14, 15, 44, 45):
            moment = datetime(2026, 10, 25, 2, minute, tzinfo=VIENNA, fold=fold)
            guard.pipeline.tracker.reset()
            told.append(len(guard.watch(moment, 1, tracks({1: INSIDE}))))
    assert told == [0, 1, 1, 0, 0, 1, 1, 0]


def test_another_schedule_costs_no_visit_and_takes_effect_at_once() -> None:
    guard = Guard(guarded("intrusion", None, dwell_s=3))
    for now in times(0, 2):
        guard.pipeline.step(
            tracks({1: INSIDE}).detections, media_time=now, generation=0, wall_time=at(22, 23).timestamp()
        )
    guard.pipeline.use(Plan("c1", (guarded("intrusion", SHIFT, dwell_s=3),)))
    late = at(22, 23).timestamp()
    found = [
        guard.pipeline.step(tracks({1: INSIDE}).detections, media_time=now, generation=0, wall_time=late).events
        for now in times(2.1, 3.5)
    ]
    assert sum(map(len, found)) == 1
    closed = ScheduleEntry(schedule_id="shift")
    guard.pipeline.use(Plan("c1", (guarded("intrusion", closed, dwell_s=3),)))
    guard.watch(at(22, 23), 0, tracks({1: INSIDE}))
    assert guard.pipeline.progress(0.0)["b1"] == {"active": False}


def test_a_covered_view_is_seen_by_no_rule() -> None:
    guard = Guard(guarded("leave_post", None, absent_s=5))
    assert guard.watch(at(22, 12), 60, Tracks.empty(), visible=False) == []
    assert [e.media_time for e in guard.watch(at(22, 13), 10, Tracks.empty())] == [5.0]


def test_numbers_of_rules_are_added_up() -> None:
    both = [replace(guarded("line_crossing", None), bind_id=name) for name in ("one", "two")]
    guard = Guard(*both, guarded("intrusion", None))
    for now in times(0, 6):
        guard.pipeline.step(tracks({1: (0.2 + now / 10, 0.5)}).detections, media_time=now, generation=0)
    assert guard.pipeline.numbers() == {"crossings_a_to_b": 2, "crossings_b_to_a": 0}


def test_the_plan_takes_schedules_from_the_document() -> None:
    class WithSchedules:
        """A document's content as it will be."""

        def __init__(self, base: Content, schedule_id: str) -> None:
            self.site, self.cameras, self.rois = base.site, base.cameras, base.rois
            self.binds = [bind.model_copy(update={"schedule_id": schedule_id}) for bind in base.binds]
            self.schedules = (SHIFT,)

    given: Any = WithSchedules(content(), "shift")
    assert [b.schedule for b in make_plan(given, "vid1", registry).bindings] == [SHIFT, SHIFT]
    assert [b.schedule for b in make_plan(content(), "vid1", registry).bindings] == [None, None]
    assert make_plan(content(), "vid1", registry).bindings[0].time_zone == "Asia/Shanghai"
    given = WithSchedules(content(), "gone")
    with pytest.raises(ValueError, match="there is no schedule 'gone'"):
        make_plan(given, "vid1", registry)


@pytest.mark.parametrize("visible", [True, False])
def test_a_shift_ends_by_the_clock_also_while_nobody_is_counted(visible: bool) -> None:
    bound = guarded("line_crossing", SHIFT if visible else None, reset_at=["06:00"])
    guard = Guard(bound)
    guard.watch(at(23, 5, 59), 1, Tracks.empty())
    rule = guard.pipeline._rules[0].rule
    assert isinstance(rule, LineCrossing)
    rule._counts.a_to_b = 7
    guard.watch(at(23, 5, 59, 50), 1, Tracks.empty(), visible=visible)
    assert guard.pipeline.numbers()["crossings_a_to_b"] == 7
    guard.watch(at(23, 6, 0, 10), 1, Tracks.empty(), visible=visible)
    assert guard.pipeline.numbers()["crossings_a_to_b"] == 0
    assert rule.progress(0.0)["before_a_to_b"] == 7
