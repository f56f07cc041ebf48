"""Intrusion: one alert a visit, in seconds of media time, whatever the detector does."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from cameras.core.algorithms import CommonParameters
from cameras.core.geometry import GeometryError
from detection.core.rules.base import Binding
from detection.core.rules.handover import MAX_VISITORS
from detection.core.rules.intrusion import Intrusion
from detection.core.tracking import Tracks
from tests.detection.rule_scenes import INSIDE, NAMES, OUTSIDE, at, play, rule, stand, times, tracks


def test_the_alert_comes_when_the_dwell_is_over_and_only_once() -> None:
    events = play(rule(), times(100, 160), stand((100, 160)))
    assert at(events) == [101.0]


def test_the_event_says_who_where_and_how_long() -> None:
    (event,) = play(rule(bind_id="b9"), times(100, 102, 4), lambda _: tracks({17: (0.51239, 0.5)}, score=0.87654))
    assert (event.bind_id, event.roi_id, event.algo_code) == ("b9", "r1", "intrusion")
    assert (event.severity, event.phase, event.media_time, event.track_id) == ("critical", "started", 101.0, 17)
    assert event.data == {
        "track_id": 17,
        "class": "person",
        "score": 0.8765,
        "box": [0.4824, 0.3, 0.5424, 0.5],
        "dwell_s": 1.0,
    }
    assert json.loads(json.dumps(event.data)) == event.data


def test_without_dwell_the_first_sight_is_enough() -> None:
    assert at(play(rule(dwell_s=0), times(5, 8), stand((5, 8)))) == [5.0]


def test_passing_through_quicker_than_the_dwell_raises_nothing() -> None:
    assert play(rule(dwell_s=1), times(0, 20), stand((5, 5.9))) == []


@pytest.mark.parametrize("rate", [2, 5, 25])
def test_dwell_is_seconds_at_any_rate(rate: float) -> None:
    assert at(play(rule(dwell_s=3), times(0, 10, rate), stand((2, 10)))) == [5.0]


@pytest.mark.parametrize(
    ("place", "counts"),
    [
        ((0.5, 0.5), True),
        ((0.2, 0.5), True),
        ((0.5, 0.7), True),
        ((0.7, 0.7), True),
        ((0.71, 0.5), False),
        ((0.5, 0.71), False),
        ((0.5, 0.19), False),
    ],
)
def test_the_bottom_centre_decides_and_the_edge_is_inside(place: tuple[float, float], *, counts: bool) -> None:
    assert bool(rule(dwell_s=0).step(tracks({1: place}, height=0.15), NAMES, 1.0)) is counts


@pytest.mark.parametrize(
    ("params", "score", "class_id", "counts"),
    [
        ({}, 0.4, 0, True),
        ({}, 0.39, 0, False),
        ({"min_score": 0.7}, 0.7, 0, True),
        ({"min_score": 0.7}, 0.69, 0, False),
        ({}, 0.9, 1, False),
        ({"classes": ["dog", "car"]}, 0.9, 1, True),
        ({"classes": ["dog", "car"]}, 0.9, 0, False),
        ({}, 0.9, 99, False),
    ],
)
def test_class_and_score_decide(params: dict[str, Any], score: float, class_id: int, *, counts: bool) -> None:
    step = rule(dwell_s=0, **params).step(tracks({1: INSIDE}, score=score, class_id=class_id), NAMES, 1.0)
    assert bool(step) is counts


def test_a_line_cannot_be_intruded() -> None:
    binding = Binding("b", "r", "c", "intrusion", "info", 0, "line", ((0.1, 0.1), (0.9, 0.9)), CommonParameters())
    with pytest.raises(GeometryError):
        Intrusion(binding)


@pytest.mark.parametrize(
    "away",
    [
        pytest.param(lambda: tracks({1: OUTSIDE}), id="outside"),
        pytest.param(Tracks.empty, id="unseen"),
        pytest.param(lambda: tracks({1: INSIDE}, score=0.3), id="below min_score"),
    ],
)
@pytest.mark.parametrize(("back", "visits"), [(7.0, 1), (7.9, 1), (8.0, 2), (9.5, 2)])
def test_only_an_absence_of_exit_s_ends_the_visit(away: Callable[[], Tracks], back: float, visits: int) -> None:
    """Last seen inside at 6.0: with an exit of 2 s, being back before 8.0 is the same visit."""

    def scene(now: float) -> Tracks:
        return away() if 6.01 < now < back - 0.01 else tracks({1: INSIDE})

    events = play(rule(exit_s=2, cooldown_s=0), times(5, 12), scene)
    assert len(events) == visits
    assert at(events)[1:] == [back + 1.0][: visits - 1]


def test_an_absence_counts_also_when_few_of_its_frames_were_seen() -> None:
    machine = rule(dwell_s=0, cooldown_s=0)
    seen = [(0.0, True), (0.5, False), (30.0, True)]
    assert at(play(machine, [now for now, _ in seen], lambda now: tracks({1: INSIDE if now != 0.5 else OUTSIDE}))) == [
        0.0,
        30.0,
    ]


def test_a_stretch_without_frames_is_no_absence() -> None:
    """The camera stalls for 1.9 s, longer than the exit; nothing showed the object leaving."""
    machine = rule(dwell_s=3, exit_s=0.5, cooldown_s=0)
    assert at(play(machine, [0, 0.2, 2.1, 2.3, 3.0, 3.2], lambda _: tracks({1: INSIDE}))) == [3.0]


def test_a_short_absence_does_not_reset_the_dwell() -> None:
    (event,) = play(rule(dwell_s=4), times(0, 10), stand((0, 2), (3.5, 10)))
    assert at([event]) == [4.0]
    assert event.data["dwell_s"] == 4.0


def test_the_alert_waits_until_the_object_is_seen_inside() -> None:
    """The dwell is over at 4.0, while the object is outside for a moment."""
    (event,) = play(rule(dwell_s=4), times(0, 10), stand((0, 3.5), (5, 10)))
    assert at([event]) == [5.0]
    assert event.data["dwell_s"] == 5.0


def test_without_exit_time_the_first_frame_outside_ends_the_visit() -> None:
    events = play(rule(dwell_s=1, exit_s=0, cooldown_s=0), times(0, 5), stand((0, 0.8), (1.0, 2.5)))
    assert at(events) == [2.0]


def test_flicker_at_the_edge_gives_one_alert() -> None:
    machine = rule(cooldown_s=0)
    scene = [tracks({1: (0.699 if i % 3 else 0.705, 0.5)}) for i in range(300)]
    assert len([event for i in range(300) for event in machine.step(scene[i], NAMES, i / 10)]) == 1


def test_the_cool_down_keeps_two_alerts_apart_and_the_late_one_comes_when_it_is_over() -> None:
    scene = stand((0, 5), (10, 40))
    assert at(play(rule(cooldown_s=30), times(0, 45), scene)) == [1.0, 31.0]
    assert at(play(rule(cooldown_s=5), times(0, 45), scene)) == [1.0, 11.0]


def test_a_visit_that_ends_within_the_cool_down_raises_nothing() -> None:
    assert at(play(rule(cooldown_s=30), times(0, 60), stand((0, 5), (10, 15), (50, 60)))) == [1.0, 51.0]


def test_the_cool_down_is_of_each_object() -> None:
    both = tracks({1: (0.3, 0.5), 2: (0.6, 0.5)})
    events = play(rule(), times(0, 60), lambda now: both if now >= 5 else tracks({1: (0.3, 0.5)}))
    assert [(event.track_id, event.media_time) for event in events] == [(1, 1.0), (2, 6.0)]


def test_bindings_share_nothing() -> None:
    first, second = rule(bind_id="b1", dwell_s=1), rule(bind_id="b2", dwell_s=2)
    for now in times(0, 5):
        frame = tracks({1: INSIDE})
        assert [e.bind_id for e in first.step(frame, NAMES, now)] == (["b1"] if now == 1.0 else [])
        assert [e.bind_id for e in second.step(frame, NAMES, now)] == (["b2"] if now == 2.0 else [])
        if now == 1.5:
            first.tracks_lost()
            break
    assert second.progress(1.5)["visits"] == 1
    assert first.progress(1.5)["visits"] == 0


def test_lost_tracks_void_visits_and_cool_downs() -> None:
    machine = rule(dwell_s=2)
    assert play(machine, times(0, 1.5), stand((0, 99))) == []
    machine.tracks_lost()
    assert at(play(machine, times(1.6, 5), stand((0, 99)))) == [3.6]
    machine.tracks_lost()
    assert at(play(machine, times(5.1, 9), stand((0, 99)))) == [7.1]


def test_media_time_that_goes_back_voids_them_too() -> None:
    machine = rule(dwell_s=2)
    assert at(play(machine, [*times(50, 51.5), *times(3, 6)], lambda _: tracks({1: INSIDE}))) == [5.0]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_media_time_that_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="media time"):
        rule().step(Tracks.empty(), NAMES, bad)


def test_progress_tells_of_the_visits_that_go_on() -> None:
    machine = rule(dwell_s=3)
    still = {"visits": 0, "longest_dwell_s": 0.0, "value": 0.0, "target": 3.0, "cooldown_left_s": 0.0}
    assert machine.progress(0.0) == still
    play(machine, times(0, 2.5), lambda now: tracks({1: (0.3, 0.5), 2: (0.6, 0.5)} if now >= 2 else {1: (0.3, 0.5)}))
    assert machine.progress(2.5) == {**still, "visits": 2, "longest_dwell_s": 2.5, "value": 2.5}
    play(machine, times(2.6, 4), lambda _: tracks({1: (0.3, 0.5), 2: (0.6, 0.5)}))
    assert machine.progress(4.0) == {
        **still,
        "visits": 2,
        "longest_dwell_s": 4.0,
        "value": 2.0,
        "cooldown_left_s": 29.0,
    }
    play(machine, times(4.1, 6), lambda _: tracks({1: OUTSIDE, 2: (0.6, 0.5)}))
    assert machine.progress(6.0) == {**still, "visits": 1, "longest_dwell_s": 4.0, "cooldown_left_s": 29.0}


def test_state_is_forgotten_after_exit_and_cool_down() -> None:
    machine = rule(dwell_s=0, exit_s=2, cooldown_s=30)
    play(machine, times(0, 1), stand((0, 1)))
    play(machine, times(1.1, 29), lambda _: Tracks.empty())
    assert len(machine._visits) == 1
    play(machine, times(29.1, 30.1), lambda _: Tracks.empty())
    assert len(machine._visits) == 0
    assert not machine._visits._known
    assert not machine._visits._handing


def test_state_is_bounded_even_with_a_day_of_cool_down() -> None:
    machine = rule(dwell_s=0, exit_s=0, cooldown_s=86_400)
    for index in range(MAX_VISITORS + 500):
        machine.step(tracks({index + 1: INSIDE}), NAMES, index * 0.2)
    assert len(machine._visits) == MAX_VISITORS
    assert len(machine._visits._known) <= 60
