"""Line crossing: who really walked over the line, in which direction, in this shift."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from datetime import datetime
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.core.rules.base import Rule
from detection.core.rules.line import Line
from detection.core.tracking import OverlapTracker, Tracks
from tests.detection.rule_scenes import NAMES, made, play, times, tracks

HEIGHT, WIDTH = 0.2, 0.06  # of a person in these scenes
LEVEL = ((0.1, 0.5), (0.9, 0.5))  # to the right: side A is above


def counts(machine: Rule) -> tuple[int, int]:
    told = machine.numbers()
    return int(told["crossings_a_to_b"]), int(told["crossings_b_to_a"])


def walk(*path: tuple[float, float, float], track_id: int = 1) -> Callable[[float], Tracks]:
    """(time, x, y): straight from place to place, unseen before the first and after the last."""

    def scene(now: float) -> Tracks:
        for (t1, x1, y1), (t2, x2, y2) in itertools.pairwise(path):
            if t1 - 1e-9 <= now <= t2 + 1e-9:
                share = (now - t1) / (t2 - t1)
                return tracks({track_id: (x1 + share * (x2 - x1), y1 + share * (y2 - y1))})
        return Tracks.empty()

    return scene


def counted(scene: Callable[[float], Tracks], when: Iterable[float] = times(0, 20), **params: Any) -> tuple[int, int]:
    machine = made("line_crossing", **params)
    play(machine, when, scene)
    return counts(machine)


ACROSS = walk((0, 0.2, 0.5), (6, 0.8, 0.5))
BACK = walk((0, 0.8, 0.5), (6, 0.2, 0.5))


def test_who_walks_over_the_line_is_counted_in_his_direction() -> None:
    assert counted(ACROSS) == (1, 0)
    assert counted(BACK) == (0, 1)
    assert counted(walk((0, 0.2, 0.5), (5, 0.8, 0.5), (10, 0.2, 0.5), (15, 0.8, 0.5))) == (2, 1)


@pytest.mark.parametrize(
    ("points", "path", "expected"),
    [
        (((0.1, 0.5), (0.9, 0.5)), (0.5, 0.2, 0.5, 0.8), (1, 0)),
        (((0.9, 0.5), (0.1, 0.5)), (0.5, 0.2, 0.5, 0.8), (0, 1)),
        (((0.2, 0.2), (0.8, 0.8)), (0.8, 0.2, 0.2, 0.8), (1, 0)),
        (((0.5, 0.1), (0.5, 0.9)), (0.2, 0.5, 0.8, 0.5), (0, 1)),
    ],
)
def test_side_a_is_at_the_left_hand_from_the_first_point_to_the_second(
    points: Any, path: tuple[float, float, float, float], expected: tuple[int, int]
) -> None:
    x1, y1, x2, y2 = path
    assert counted(walk((0, x1, y1), (6, x2, y2)), points=points) == expected


def test_the_event_says_who_and_where_and_both_totals() -> None:
    machine = made("line_crossing", cooldown_s=0)
    first, second = play(machine, times(0, 20), walk((0, 0.2, 0.5), (6, 0.8, 0.5), (12, 0.2, 0.5), track_id=9))
    assert (first.phase, first.track_id, first.algo_code) == ("started", 9, "line_crossing")
    assert first.media_time == pytest.approx(3.4)  # a quarter of a width beyond the line at 3.15, there for 0.2 s
    assert (first.data["direction"], first.data["a_to_b"], first.data["b_to_a"]) == ("a_to_b", 1, 0)
    assert (second.data["direction"], second.data["a_to_b"], second.data["b_to_a"]) == ("b_to_a", 1, 1)
    assert first.data["class"] == "person"


@pytest.mark.parametrize(
    "scene",
    [
        pytest.param(walk((0, 0.2, 0.5), (5, 0.49, 0.5), (10, 0.2, 0.5)), id="turns back before it"),
        pytest.param(walk((0, 0.2, 0.5), (5, 0.51, 0.5), (10, 0.2, 0.5)), id="grazes it"),
        pytest.param(walk((0, 0.2, 0.5), (5, 0.5, 0.5), (10, 0.2, 0.5)), id="stands on it"),
        pytest.param(walk((0, 0.2, 0.15), (6, 0.8, 0.02)), id="over its upper end"),
        pytest.param(walk((0, 0.2, 0.95), (6, 0.8, 0.95)), id="under its lower end"),
        pytest.param(walk((0, 0.495, 0.2), (6, 0.505, 0.85)), id="along it"),
        pytest.param(walk((0, 0.55, 0.5), (6, 0.9, 0.5)), id="begins beyond it"),
    ],
)
def test_what_is_no_crossing(scene: Callable[[float], Tracks]) -> None:
    machine = made("line_crossing")
    play(machine, times(0, 10), scene)
    assert counts(machine) == (0, 0)


def test_around_the_end_and_back_through_counts_the_way_back() -> None:
    scene = walk((0, 0.3, 0.5), (2, 0.3, 0.05), (4, 0.7, 0.05), (6, 0.7, 0.5), (10, 0.3, 0.5))
    assert counted(scene) == (0, 1)


def test_only_who_counts_is_counted() -> None:
    def weak(now: float) -> Tracks:
        return tracks({1: (0.2 + now / 10, 0.5)}, score=0.3)

    def dog(now: float) -> Tracks:
        return tracks({1: (0.2 + now / 10, 0.5)}, class_id=2)

    assert counted(weak, times(0, 6)) == (0, 0)
    assert counted(dog, times(0, 6)) == (0, 0)
    assert counted(dog, times(0, 6), classes=["dog"]) == (1, 0)


def test_the_anchor_decides_what_crosses() -> None:
    """The feet come to 0.54, the centre only to 0.44."""
    scene = walk((0, 0.5, 0.2), (5, 0.5, 0.56), (10, 0.5, 0.56))
    assert counted(scene, points=LEVEL) == (1, 0)
    assert counted(scene, points=LEVEL, anchor="center") == (0, 0)


@pytest.mark.parametrize(("gap", "expected"), [(0.0, 1), (1.0, 1), (2.5, 0)])
def test_an_id_that_switches_on_the_line_is_one_crossing_or_none(gap: float, expected: int) -> None:
    """Lost at 0.47, found again under a new id; beyond exit_s nobody knows that it was the same."""

    def scene(now: float) -> Tracks:
        if now <= 2.7:
            return tracks({1: (0.2 + now / 10, 0.5)})
        return Tracks.empty() if now < 2.75 + gap else tracks({2: (0.2 + min(2.7 + now - gap - 2.7, 9) / 10, 0.5)})

    assert counted(scene, times(0, 10)) == (expected, 0)


def test_ids_that_switch_beside_the_line_make_no_crossing() -> None:
    """Somebody stands a box width beside the line; the track breaks every second."""
    assert counted(lambda now: tracks({int(now): (0.45, 0.5)})) == (0, 0)


@pytest.mark.parametrize(("away_s", "alerts"), [(0.5, 1), (1.7, 2)])
def test_who_comes_in_where_somebody_walked_out_has_his_own_alert(away_s: float, alerts: int) -> None:
    """One crosses and leaves at the left edge; the next one comes in there and crosses the other way."""
    out, back = walk((0, 0.8, 0.5), (7, 0.04, 0.5)), walk((7 + away_s, 0.04, 0.5), (15, 0.8, 0.5), track_id=2)
    machine = made("line_crossing")
    assert len(play(machine, times(0, 16), lambda now: out(now) if now <= 7 else back(now))) == alerts
    assert counts(machine) == (1, 1)


def test_two_who_swap_places_are_one_crossing_each_way() -> None:
    def scene(now: float) -> Tracks:
        step = min(now, 6) / 10
        return tracks({1: (0.2 + step, 0.5), 2: (0.8 - step, 0.52)})

    assert counted(scene) == (1, 1)


def test_two_whose_ids_are_swapped_where_they_meet_make_no_phantoms() -> None:
    """The tracker confuses them on the line: each id turns back. Nobody is counted, rather than somebody twice."""

    def scene(now: float) -> Tracks:
        step = min(now, 6) / 10
        left, right = (0.2 + step, 0.5), (0.8 - step, 0.52)
        return tracks({1: left, 2: right} if now < 3 else {1: right, 2: left})

    assert counted(scene) == (0, 0)


def test_somebody_who_was_only_hidden_does_not_lend_his_side() -> None:
    """2 appears beyond the line in front of 1, who is hidden for half a second and then seen again where he was."""

    def scene(now: float) -> Tracks:
        hidden, other = (0.47, 0.5), (0.52, 0.5)
        if now < 2:
            return tracks({1: hidden})
        if now < 2.15:
            return tracks({2: other})
        return tracks({1: hidden, 2: other})

    assert counted(scene, dwell_s=0.3) == (0, 0)


# What sits and lingers


@settings(deadline=None, max_examples=40)
@given(
    seat=st.tuples(st.floats(0.3, 0.7), st.floats(0.3, 0.8)),
    points=st.sampled_from([LEVEL, ((0.5, 0.9), (0.5, 0.1)), ((0.2, 0.2), (0.8, 0.8))]),
    rate=st.sampled_from([5.0, 10.0, 25.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_who_sits_at_the_line_makes_no_phantom_crossing(
    seat: tuple[float, float], points: Any, rate: float, seed: int
) -> None:
    """The box shakes by up to 0.2 of its size to each side, its lower half is hidden in single frames, ids switch."""
    random = Random(seed)
    machine, track_id, cut = made("line_crossing", points=points, dwell_s=0.25), 1, -1.0
    for now in times(0, 30, rate):
        if random.random() < 0.02:
            track_id += 1
        if random.random() < 0.1:
            continue
        place = (
            seat[0] + random.uniform(-0.15, 0.15) * WIDTH,
            seat[1] + random.uniform(-0.15, 0.15) * HEIGHT,
        )
        frame = tracks({track_id: place})
        if now - cut > 1 and random.random() < 0.1:
            cut = now
            frame.detections.boxes[0, 3] -= 0.5 * HEIGHT
        machine.step(frame, NAMES, now)
    assert counts(machine) == (0, 0)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), side=st.sampled_from([-1, 1]))
def test_who_loiters_in_front_of_the_line_is_not_counted(seed: int, side: int) -> None:
    """He strolls about on one side, up to the line and a tenth of a width over it, followed by the real tracker."""
    random = Random(seed)
    machine, tracker = made("line_crossing"), OverlapTracker()
    x, y = 0.5 + side * 0.1, 0.5
    for now in times(0, 60, 5):
        x += random.uniform(-0.02, 0.02)
        x = 0.5 + side * min(max(side * (x - 0.5), -0.1 * WIDTH), 0.3)
        y = min(max(y + random.uniform(-0.02, 0.02), 0.3), 0.8)
        machine.step(tracker.update(tracks({0: (x, y)}).detections, now), NAMES, now)
    assert counts(machine) == (0, 0)


@settings(deadline=None, max_examples=30)
@given(
    share=st.sampled_from([0.0, 0.5, 0.8]),
    passages=st.lists(st.tuples(st.booleans(), st.floats(0.25, 0.75), st.floats(3, 6)), min_size=1, max_size=5),
    seed=st.integers(0, 2**32 - 1),
)
def test_everybody_who_walks_across_is_counted_once_whatever_is_dropped(
    share: float, passages: list[tuple[bool, float, float]], seed: int
) -> None:
    """One after the other at walking pace, with a shaking box, 10 frames a second of which some are analysed."""
    random = Random(seed)
    machine, tracker = made("line_crossing"), OverlapTracker()
    clock, expected = 0.0, [0, 0]
    for forth, y, seconds in passages:
        last = -1.0
        for now in times(0, seconds, 10):
            if random.random() < share and now - last < 0.45:
                continue
            last = now
            progress = now / seconds
            x = 0.2 + 0.6 * (progress if forth else 1 - progress) + random.gauss(0, 0.002)
            scene = tracks({0: (x, y + random.gauss(0, 0.003))}, width=0.12, height=0.3)
            machine.step(tracker.update(scene.detections, clock + now), NAMES, clock + now)
        expected[0 if forth else 1] += 1
        clock += seconds + 5
    assert counts(machine) == tuple(expected)


# Alerts and shifts


def crowd(count: int) -> Callable[[float], Tracks]:
    """One person every 2 s walks across, each with an id of its own."""

    def scene(now: float) -> Tracks:
        seen = {n + 1: (0.2 + (now - 2 * n) / 5, 0.5) for n in range(count) if 0 <= now - 2 * n <= 3}
        return tracks(seen)

    return scene


def test_alerts_for_every_crossing_in_the_direction_or_at_the_limit_or_never() -> None:
    frames = times(0, 30)
    assert len(play(made("line_crossing"), frames, crowd(5))) == 5
    assert play(made("line_crossing", direction="b_to_a"), frames, crowd(5)) == []
    assert play(made("line_crossing", alert="none"), frames, crowd(5)) == []
    (event,) = play(made("line_crossing", alert="limit", limit=3), frames, crowd(5))
    assert (event.data["a_to_b"], event.data["limit"], event.track_id) == (4, 3, 4)
    assert play(made("line_crossing", alert="limit", limit=3, direction="b_to_a"), frames, crowd(5)) == []


def test_the_cool_down_is_of_each_object_and_costs_no_count() -> None:
    scene = walk((0, 0.2, 0.5), (5, 0.8, 0.5), (10, 0.2, 0.5), (15, 0.8, 0.5))
    machine = made("line_crossing", cooldown_s=8)
    assert len(play(machine, times(0, 16), scene)) == 2
    assert counts(machine) == (2, 1)


def wall(zone: str, *moment: int) -> float:
    return datetime(*moment, tzinfo=ZoneInfo(zone)).timestamp()  # type: ignore[misc, arg-type]


def one_across(machine: Rule, start: float) -> None:
    """One more crossing, at that wall time; media time follows it."""
    machine.tracks_lost()
    for now in times(0, 6):
        machine.step(ACROSS(now), NAMES, start + now, start + now)


def test_totals_begin_anew_at_midnight_of_the_site() -> None:
    machine = made("line_crossing", time_zone="Asia/Shanghai")
    for minute in (30, 40, 50):
        one_across(machine, wall("Asia/Shanghai", 2026, 11, 22, 23, minute))
    assert counts(machine) == (3, 0)
    one_across(machine, wall("Asia/Shanghai", 2026, 11, 23, 0, 10))
    assert counts(machine) == (1, 0)
    told = machine.progress(0.0)
    assert (told["before_a_to_b"], told["before_b_to_a"]) == (3, 0)


def test_totals_of_shifts_and_of_none() -> None:
    shifts = made("line_crossing", reset_at=["06:00", "14:00", "22:00"])
    endless = made("line_crossing", reset_at=[])
    for hour, expected in ((5, 1), (6, 1), (13, 2), (14, 1), (21, 2), (23, 1)):
        for machine in (shifts, endless):
            one_across(machine, wall("UTC", 2026, 11, 22, hour, 30))
        assert counts(shifts) == (expected, 0), hour
    assert counts(endless) == (6, 0)


def test_a_shift_in_which_nobody_looked_had_no_crossings() -> None:
    shifts, days = made("line_crossing", reset_at=["06:00", "14:00", "22:00"]), made("line_crossing")
    for day, hour, by_shift, by_day in (
        (22, 5, 0, 0), (22, 6, 1, 0), (22, 15, 1, 0), (23, 1, 1, 3), (23, 15, 0, 3), (25, 15, 0, 0), (26, 1, 1, 1),
    ):  # fmt: skip
        for machine, expected in ((shifts, by_shift), (days, by_day)):
            one_across(machine, wall("UTC", 2026, 11, day, hour, 30))
            told = machine.progress(0.0)
            assert (told["before_a_to_b"], told["before_b_to_a"]) == (expected, 0), (day, hour)


def test_a_reset_at_a_time_that_comes_twice_or_never_happens_once() -> None:
    zone = "Europe/Vienna"
    machine = made("line_crossing", reset_at=["02:30"], time_zone=zone)
    autumn = wall(zone, 2026, 10, 25, 2, 0)  # summer time: an hour later it is 02:00 again
    for minutes, expected in ((0, 1), (40, 1), (80, 2), (100, 3), (140, 4)):
        one_across(machine, autumn + 60 * minutes)
        assert counts(machine) == (expected, 0), minutes
    spring = made("line_crossing", reset_at=["02:30"], time_zone=zone)
    for minute, expected in ((50, 1), (70, 1), (80, 2)):  # from 01:00; at 60 the clock jumps to 03:00
        one_across(spring, wall(zone, 2027, 3, 28, 1, 0) + 60 * minute)
        assert counts(spring) == (expected, 0), minute


def test_a_clock_set_back_a_little_over_midnight_resets_once() -> None:
    machine = made("line_crossing")
    midnight = wall("UTC", 2026, 11, 23)
    for start, expected in ((-600, 1), (30, 1), (-200, 2), (100, 3)):
        one_across(machine, midnight + start)
        assert counts(machine) == (expected, 0), start


def test_the_limit_is_told_once_a_shift() -> None:
    machine, told = made("line_crossing", alert="limit", limit=1), []
    for day in (22, 23):
        for minute in (0, 1, 2):
            machine.tracks_lost()
            start = wall("UTC", 2026, 11, day, 12, minute)
            told += [len(machine.step(ACROSS(now), NAMES, start + now, start + now)) for now in times(0, 6)]
    assert sum(told) == 2
    assert (machine.progress(0.0)["value"], machine.progress(0.0)["target"]) == (3, 1)


def test_lost_tracks_cost_no_count_and_make_none() -> None:
    machine = made("line_crossing")
    play(machine, times(0, 2.9), ACROSS)
    machine.tracks_lost()
    assert play(machine, times(3.2, 6), ACROSS) == []
    play(machine, times(7, 13), lambda now: BACK(now - 7))
    machine.suspend(14.0)
    assert counts(machine) == (0, 1)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_media_time_that_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="media time"):
        made("line_crossing").step(Tracks.empty(), NAMES, bad)


def test_a_line_is_two_points() -> None:
    with pytest.raises(ValueError, match="two different points"):
        Line.of(((0.1, 0.1), (0.1, 0.1)))


def test_memory_is_bounded() -> None:
    machine = made("line_crossing")
    for index in range(3000):
        machine.step(tracks({index + 1: (0.3, 0.5)}), NAMES, index * 0.5)
    walkers = machine._walkers  # type: ignore[attr-defined]
    assert len(walkers) <= 21
    assert len(walkers._handing) <= 21


@pytest.mark.parametrize("score", [0.8, 0.45])
def test_who_was_there_all_along_takes_no_side_over_also_when_nobody_counted_him(score: float) -> None:
    """Two stand on both sides of the line, one is lost: the other one has not crossed it, however well he was seen before."""

    def scene(now: float) -> Tracks:
        left, right = {1: (0.475, 0.5)}, {2: (0.525, 0.5)}
        return tracks(left | right, score=[0.8, score]) if now < 3 else tracks(right, score=score if now < 3.5 else 0.8)

    assert counted(scene, min_score=0.5) == (0, 0)


def test_a_track_that_begins_with_a_weak_sight_goes_on_for_the_lost_one() -> None:
    def scene(now: float) -> Tracks:
        x = 0.35 + 0.05 * now
        return tracks({1 if now < 2.55 else 2: (x, 0.5)}, score=0.45 if 2.5 < now < 3.2 else 0.8)

    assert counted(scene, times(0, 6), min_score=0.5) == (1, 0)


@pytest.mark.parametrize(("exit_s", "expected"), [(20, (1, 0)), (9, (0, 0))])
def test_who_is_lost_on_his_way_goes_on_within_exit_s_however_long_that_is(
    exit_s: float, expected: tuple[int, int]
) -> None:
    comes, goes = walk((0, 0.2, 0.5), (3, 0.45, 0.5)), walk((15, 0.505, 0.5), (18, 0.8, 0.5), track_id=2)
    assert counted(lambda now: comes(now) if now < 10 else goes(now), exit_s=exit_s) == expected
