"""A restart in the middle of a dwell, an absence or a count: what can honestly go on does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cameras.core.schedule import ScheduleEntry
from detection.core.rules.base import Binding, RuleEvent
from detection.core.tracking import Tracks
from detection.pipeline import CameraPipeline
from detection.plan import Plan
from tests.detection.rule_scenes import INSIDE, NAMES, at, binding, times, tracks

WALL = 1_780_000_000.0  # of the scenes' moment 0


class Run:
    """The program from one start to the next: media time and track ids begin where they like."""

    def __init__(
        self, *bindings: Binding, state: Any = None, began: float = 0.0, names: tuple[str, ...] = NAMES
    ) -> None:
        self.pipeline = CameraPipeline(names)
        self.pipeline.use(Plan("c1", bindings))
        self.began = began
        if state is not None:
            self.pipeline.restore(json.loads(json.dumps(state)))

    def watch(
        self, start: float, end: float, scene: Callable[[float], Tracks], *, late: float = 0.0
    ) -> list[RuleEvent]:
        """Ten frames a second; times of the scene. Events carry them too. late: of the wall clock."""
        found = []
        for now in times(start, end):
            seen = scene(now).detections
            step = self.pipeline.step(seen, media_time=now - self.began, generation=3, wall_time=WALL + now + late)
            found += [replace(event, media_time=event.media_time + self.began) for event in step.events]
        return found

    def stop(self) -> Any:
        return self.pipeline.snapshot()


def here(_: float) -> Tracks:
    return tracks({1: INSIDE})


def test_a_dwell_goes_on_with_whoever_stands_at_the_same_place() -> None:
    """Intrusion and loitering, 40 s of 60, 8 s of restart: those count neither as stay nor as absence."""
    bindings = [
        replace(binding("intrusion", dwell_s=60), bind_id="i"),
        replace(binding("loitering", dwell_s=60), bind_id="l"),
    ]
    first = Run(*bindings)
    assert first.watch(0, 40, here) == []
    second = Run(*bindings, state=first.stop(), began=47.0)
    events = second.watch(48, 100, here)
    assert second.pipeline.ignored == []
    assert [(e.bind_id, round(e.media_time, 3)) for e in events] == [("i", 68.0), ("l", 68.0)]
    assert [e.data["dwell_s"] for e in events] == [60.0, 60.0]


def test_a_visit_that_had_its_alert_has_no_second_after_a_restart() -> None:
    bound = binding("intrusion", cooldown_s=0)
    first = Run(bound)
    assert len(first.watch(0, 5, here)) == 1
    assert Run(bound, state=first.stop()).watch(8, 60, here) == []
    assert at(Run(bound).watch(8, 60, here)) == [9.0]


@pytest.mark.parametrize(
    ("restart", "scene"),
    [
        pytest.param(31.0, here, id="after too long a restart"),
        pytest.param(5.0, lambda _: tracks({1: (0.3, 0.4)}), id="at another place"),
        pytest.param(5.0, lambda _: tracks({1: INSIDE}, class_id=1), id="of another class"),
        pytest.param(5.0, lambda now: here(now) if now > 17.5 else Tracks.empty(), id="later than exit_s"),
    ],
)
def test_somebody_else_begins_a_dwell_of_his_own(restart: float, scene: Callable[[float], Tracks]) -> None:
    bound = binding("intrusion", dwell_s=15, classes=["person", "car"])
    first = Run(bound)
    first.watch(0, 10, here)
    start = 10 + restart
    (event,) = Run(bound, state=first.stop()).watch(start, start + 30, scene)
    assert event.data["dwell_s"] == 15.0
    assert event.media_time >= start + 15 - 1e-6


def test_of_two_visitors_each_goes_on_with_his_own_dwell() -> None:
    bound = binding("loitering", dwell_s=30)
    left, right = (0.3, 0.5), (0.6, 0.5)
    first = Run(bound)
    first.watch(0, 20, lambda now: tracks({1: left, 2: right} if now >= 10 else {1: left}))
    events = Run(bound, state=first.stop()).watch(22, 60, lambda _: tracks({1: right, 2: left}))
    assert [(round(e.media_time, 3), e.track_id) for e in events] == [(32.0, 2), (42.0, 1)]


def test_the_cool_down_goes_on_by_the_wall_clock() -> None:
    bound = binding("loitering", dwell_s=1, exit_s=5, cooldown_s=60)
    first = Run(bound)
    assert at(first.watch(0, 10, here)) == [1.0]
    away = lambda now: tracks({1: INSIDE}, score=0.8 if now < 31 or now > 40 else 0.3)  # noqa: E731
    assert at(Run(bound, state=first.stop(), began=29.0).watch(30, 90, away)) == [61.0]


def test_a_seen_absence_goes_on_and_the_restart_is_unknown() -> None:
    bound = binding("leave_post")
    first = Run(bound)
    assert first.watch(0, 40, lambda _: Tracks.empty()) == []
    (event,) = Run(bound, state=first.stop()).watch(55, 100, lambda _: Tracks.empty())
    assert event.media_time == 75.0
    assert event.data == {"absent_s": 60.0, "unseen_s": 15.0}


def test_an_absence_begins_anew_after_a_restart_longer_than_itself() -> None:
    bound = binding("leave_post")
    first = Run(bound)
    first.watch(0, 40, lambda _: Tracks.empty())
    assert at(Run(bound, state=first.stop()).watch(101, 200, lambda _: Tracks.empty())) == [161.0]


def test_an_alert_that_is_on_stays_one_alert_and_ends_after_the_restart() -> None:
    bound = binding("leave_post", absent_s=10, cooldown_s=0)
    first = Run(bound)
    assert len(first.watch(0, 20, lambda _: Tracks.empty())) == 1
    second = Run(bound, state=first.stop())
    events = second.watch(500, 560, lambda now: here(now) if now >= 540 else Tracks.empty())
    assert [(e.phase, round(e.media_time, 3)) for e in events] == [("ended", 543.0)]


def test_a_number_that_is_wrong_goes_on() -> None:
    bound = binding("occupancy", max_persons=0, dwell_s=20)
    first = Run(bound)
    first.watch(0, 15, here)
    assert at(Run(bound, state=first.stop()).watch(17, 40, here)) == [22.0]


def across(start: float) -> Callable[[float], Tracks]:
    return lambda now: tracks({1: (0.2 + (now - start) / 10, 0.5)}) if start <= now <= start + 6 else Tracks.empty()


def test_counts_are_exact_over_restarts_and_a_crossing_within_one_is_none() -> None:
    bound = binding("line_crossing", alert="limit", limit=2, time_zone="Asia/Shanghai")
    first = Run(bound)
    first.watch(0, 10, across(1))
    first.watch(20, 30, across(21))
    second = Run(bound, state=first.stop())
    assert len(second.watch(40, 50, across(41))) == 1  # the third is over the limit
    assert second.pipeline.numbers() == {"crossings_a_to_b": 3, "crossings_b_to_a": 0}
    second.watch(60, 63, across(60))  # just before the line
    third = Run(bound, state=second.stop())
    assert third.watch(64, 80, across(60)) == []
    assert third.pipeline.numbers()["crossings_a_to_b"] == 3
    assert third.watch(90, 100, across(91)) == []  # the limit was told in this shift
    assert third.pipeline.numbers()["crossings_a_to_b"] == 4


def test_a_shift_that_ended_during_the_restart_is_over() -> None:
    bound = binding("line_crossing")
    first = Run(bound)
    first.watch(0, 10, across(1))
    tomorrow = Run(bound, state=first.stop())
    tomorrow.watch(0, 1, lambda _: Tracks.empty(), late=86_400)
    assert tomorrow.pipeline.numbers()["crossings_a_to_b"] == 0
    assert tomorrow.pipeline.progress(0.0)["b1"]["before_a_to_b"] == 1


def test_state_that_waits_for_its_first_frame_is_not_lost_by_another_restart() -> None:
    bound = binding("line_crossing")
    first = Run(bound)
    first.watch(0, 10, across(1))
    unused = Run(bound, state=first.stop())
    assert unused.stop() == first.stop()
    assert Run(bound, state=unused.stop()).stop() == first.stop()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"points": ((0.4, 0.9), (0.4, 0.1))}, "another configuration"),
        ({"time_zone": "Asia/Tokyo"}, "another configuration"),
        ({"roi_id": "r2"}, "another configuration"),
        ({"severity": "critical", "priority": 7}, ""),
        ({"bind_id": "b2"}, ""),
    ],
)
def test_state_of_another_configuration_is_left(change: dict[str, Any], reason: str) -> None:
    bound = binding("line_crossing")
    first = Run(bound)
    first.watch(0, 10, across(1))
    second = Run(replace(bound, **change), state=first.stop())
    second.watch(20, 21, lambda _: Tracks.empty())
    assert second.pipeline.numbers()["crossings_a_to_b"] == (0 if reason or "bind_id" in change else 1)
    assert [reason in text for text in second.pipeline.ignored] == ([True] if reason else [])


@pytest.mark.parametrize("names", [("dog", "person"), ("person",)])
def test_what_rules_know_outlives_another_model(names: tuple[str, ...]) -> None:
    bindings = [
        replace(binding("line_crossing", alert="none"), bind_id="line"),
        replace(binding("leave_post", absent_s=5, back_s=1, points=((0.7, 0.7), (0.9, 0.9))), bind_id="post"),
    ]
    first = Run(*bindings)
    assert [(e.bind_id, e.phase) for e in first.watch(0, 10, across(1))] == [("post", "started")]
    second = Run(*bindings, state=first.stop(), names=names)
    events = second.watch(12, 16, lambda _: tracks({1: (0.8, 0.8)}, class_id=names.index("person")))
    assert second.pipeline.ignored == []
    assert second.pipeline.numbers()["crossings_a_to_b"] == 1
    assert [(e.bind_id, e.phase) for e in events] == [("post", "ended")]


def test_who_is_of_a_class_that_the_new_model_lacks_is_forgotten() -> None:
    bound = binding("intrusion", dwell_s=4, classes=["person", "car"])
    seen = {"person": tracks({1: INSIDE}), "car": tracks({1: INSIDE}, class_id=1)}
    for name, alerts in (("person", [7.0]), ("car", [])):
        first = Run(bound)
        assert first.watch(0, 3, lambda _, name=name: seen[name]) == []  # type: ignore[misc]
        second = Run(bound, state=first.stop(), names=("truck", "person"))
        assert at(second.watch(6, 8, lambda _: tracks({1: INSIDE}, class_id=1))) == alerts
        assert second.pipeline.ignored == []


def broken(*path: str | int, value: Any) -> Callable[[dict[str, Any]], Any]:
    def change(state: dict[str, Any]) -> Any:
        place: Any = state
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        return state

    return change


RULES = ("rules", "b1", "state")


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("intrusion", lambda _: None),
        ("intrusion", lambda _: "x"),
        ("intrusion", lambda _: []),
        ("intrusion", lambda _: {}),
        ("intrusion", broken("version", value=2)),
        ("intrusion", broken("wall_time", value="now")),
        ("intrusion", broken("classes", value="dog")),
        ("intrusion", broken(*RULES, "visits", 0, "class_id", value=[])),
        ("intrusion", broken("rules", value=[])),
        ("intrusion", broken("rules", "b1", value={})),
        ("intrusion", broken(*RULES, "version", value=2)),
        ("intrusion", broken(*RULES, "visits", value=7)),
        ("intrusion", broken(*RULES, "visits", 0, "box", value=[1, 2])),
        ("intrusion", broken(*RULES, "visits", 0, "lasted_s", value=float("nan"))),
        ("intrusion", broken(*RULES, "visits", 0, "spent_s", value=-1)),
        ("intrusion", broken(*RULES, "visits", 0, "extra", value=1)),
        ("leave_post", broken(*RULES, "absence", value=None)),
        ("leave_post", broken(*RULES, "absence", "held_s", value="9")),
        ("leave_post", broken(*RULES, "version", value=0)),
        ("occupancy", broken(*RULES, "too_many", value=[])),
        ("occupancy", broken(*RULES, "too_many", "alerting", value=1)),
        ("line_crossing", broken(*RULES, "a_to_b", value=-1)),
        ("line_crossing", broken(*RULES, "b_to_a", value=True)),
        ("line_crossing", broken(*RULES, "before", value=[1])),
    ],
)
def test_unusable_state_is_left_with_a_reason_and_the_rule_is_as_new(code: str, change: Any) -> None:
    given: dict[str, Any] = {"max_persons": 0, "dwell_s": 20} if code == "occupancy" else {}
    bound = binding(code, **given)
    first = Run(bound)
    first.watch(0, 0.5, here)
    second = Run(bound)
    second.pipeline.restore(change(json.loads(json.dumps(first.stop()))))
    fresh = Run(bound)
    for run in (second, fresh):
        run.watch(3, 4, here)
    assert len(second.pipeline.ignored) == 1
    assert "unusable state" in second.pipeline.ignored[0]
    assert second.stop() == fresh.stop()


def test_a_clock_that_was_set_back_over_the_restart_keeps_counts_but_no_visits() -> None:
    bindings = [
        replace(binding("intrusion", dwell_s=20), bind_id="i"),
        replace(binding("line_crossing"), bind_id="l"),
    ]
    first = Run(*bindings)
    first.watch(0, 10, across(1))
    first.watch(11, 20, here)
    second = Run(*bindings, state=first.stop())
    assert at(second.watch(22, 50, here, late=-4000)) == [42.0]
    assert second.pipeline.numbers()["crossings_a_to_b"] == 1


# On a Thursday at 20:26:40 UTC the scenes begin; a minute of the night is none of the schedule's.
PAUSED = ScheduleEntry.model_validate(
    {
        "schedule_id": "paused",
        "weekly": [{"day": "thu", "start": a, "end": b} for a, b in (("20:00", "20:27"), ("20:28", "23:00"))],
        "holidays": [],
    }
)
ABSENCE = [
    ("leave_post", {"absent_s": 5, "cooldown_s": 300}, "absence"),
    ("occupancy", {"min_persons": 1, "dwell_s": 5, "cooldown_s": 300}, "too_few"),
]


@pytest.mark.parametrize(("code", "params", "_"), ABSENCE)
@pytest.mark.parametrize("stops", [25, 70])
def test_a_cool_down_goes_on_after_the_schedule_ended_its_alert(
    code: str, params: dict[str, Any], _: str, stops: float
) -> None:
    bound = replace(binding(code, **params), schedule=PAUSED)
    first = Run(bound)
    (alert, end) = first.watch(0, stops, lambda now: Tracks.empty())
    assert (alert.phase, end.phase) == ("started", "ended")
    again = Run(bound, state=first.stop(), began=29.0).watch(stops + 5, 400, lambda now: Tracks.empty())
    assert at(again) == [pytest.approx(alert.media_time + 300, abs=0.3)]


@pytest.mark.parametrize(("code", "params", "kind"), ABSENCE)
def test_a_cool_down_is_stored_when_the_configuration_ended_its_alert(
    code: str, params: dict[str, Any], kind: str
) -> None:
    run = Run(binding(code, **params))
    run.watch(0, 10, lambda now: Tracks.empty())
    assert [event.phase for event in run.pipeline.end()] == ["ended"]
    state: Any = run.pipeline.latest
    assert state["rules"]["b1"]["state"][kind]["alerted_s_ago"] == pytest.approx(5, abs=0.3)
