"""Intrusion when tracks break, fork and swap: a visit follows the object, not the id."""

from __future__ import annotations

from dataclasses import replace

import pytest

from detection.core.rules import make_rule
from detection.core.tracking import Tracks
from tests.detection.rule_scenes import INSIDE, OUTSIDE, at, binding, play, rule, times, tracks


def test_a_new_id_in_the_same_place_takes_the_visit_and_its_dwell_over() -> None:
    events = play(rule(dwell_s=3), times(0, 60), lambda now: tracks({1 if now < 1.95 else 2: INSIDE}))
    assert [(event.track_id, event.media_time, event.data["dwell_s"]) for event in events] == [(2, 3.0, 3.0)]


def test_ids_that_fork_again_and_again_are_one_visit_and_one_cool_down() -> None:
    """Every 1.3 s the track breaks, is unseen for 0.4 s and comes back under a new id, a little to the side."""

    def scene(now: float) -> Tracks:
        turn, phase = divmod(now + 1e-9, 1.7)
        return Tracks.empty() if phase > 1.3 else tracks({int(turn) + 1: (0.3 + 0.02 * int(turn), 0.5)})

    events = play(rule(cooldown_s=30), times(0, 25), scene)
    assert at(events) == [1.0]


def test_the_cool_down_moves_with_the_visit() -> None:
    """Alert at 1, new id at 3, away 10 to 15: the visit that begins then has its alert at 31."""

    def scene(now: float) -> Tracks:
        return tracks({1 if now < 3 else 2: OUTSIDE if 10 < now < 15 else INSIDE})

    assert at(play(rule(cooldown_s=30), times(0, 40), scene)) == [1.0, 31.0]


@pytest.mark.parametrize(
    ("second", "class_id", "gap"),
    [
        pytest.param((0.65, 0.5), 0, 0.5, id="elsewhere"),
        pytest.param((0.3, 0.68), 0, 0.5, id="too far down"),
        pytest.param((0.3, 0.5), 1, 0.5, id="another class"),
        pytest.param((0.3, 0.5), 0, 2.5, id="too late"),
    ],
)
def test_no_hand_over_to_somebody_else(second: tuple[float, float], class_id: int, gap: float) -> None:
    def scene(now: float) -> Tracks:
        if now < 2:
            return tracks({1: (0.3, 0.5)}, height=0.15)
        return Tracks.empty() if now < 2 + gap - 1e-9 else tracks({2: second}, class_id=class_id, height=0.15)

    events = play(rule(classes=["person", "car"]), times(0, 8), scene)
    assert at(events) == [1.0, 3.0 + gap]


def test_no_hand_over_across_a_stretch_without_frames_as_long_as_the_exit() -> None:
    events = play(rule(), [0, 1, 3.1, 4.1], lambda now: tracks({1 if now <= 1 else 2: INSIDE}))
    assert [(event.track_id, event.media_time) for event in events] == [(1, 1), (2, 4.1)]


def test_somebody_who_was_there_all_along_does_not_inherit() -> None:
    """Two side by side, one inside and one just outside; the first vanishes and the second steps in."""

    def scene(now: float) -> Tracks:
        return tracks({1: (0.68, 0.5), 2: (0.72, 0.5)}) if now < 3 else tracks({2: (0.69, 0.5)})

    events = play(rule(), times(0, 8), scene)
    assert [(event.track_id, event.media_time) for event in events] == [(1, 1.0), (2, 4.0)]


def test_one_lost_track_has_one_heir_the_closest() -> None:
    def scene(now: float) -> Tracks:
        return tracks({1: (0.4, 0.5)}) if now < 2 else tracks({2: (0.45, 0.5), 3: (0.41, 0.5)})

    events = play(rule(), times(0, 8), scene)
    assert [(event.track_id, event.media_time) for event in events] == [(1, 1.0), (2, 3.0)]


def test_a_track_that_was_only_hidden_gets_its_visit_back() -> None:
    """Somebody steps in front for half a second: each of the two has one alert."""

    def scene(now: float) -> Tracks:
        if now < 2:
            return tracks({1: (0.4, 0.5)})
        return tracks({2: (0.43, 0.5)}) if now < 2.5 else tracks({1: (0.4, 0.5), 2: (0.43, 0.5)})

    events = play(rule(), times(0, 20), scene)
    assert [(event.track_id, event.media_time) for event in events] == [(1, 1.0), (2, 3.0)]


@pytest.mark.parametrize(
    ("x", "gap", "alerts"),
    [
        pytest.param(0.035, 1.5, [1.0, 4.5], id="at the edge: the next one comes in"),
        pytest.param(0.035, 0.8, [1.0], id="at the edge: hidden for a moment"),
        pytest.param(0.3, 1.5, [1.0], id="in the picture: nobody left it"),
    ],
)
def test_a_visit_is_handed_over_at_the_edge_of_the_picture_only_for_a_moment(
    x: float, gap: float, alerts: list[float]
) -> None:
    def scene(now: float) -> Tracks:
        if now <= 2:
            return tracks({1: (x, 0.5)})
        return Tracks.empty() if now < 2 + gap - 1e-9 else tracks({2: (x, 0.5)})

    machine = make_rule(replace(binding("intrusion"), points=((0.0, 0.2), (0.7, 0.7))))
    assert at(play(machine, times(0, 8), scene)) == alerts


def test_the_heir_of_an_heir_has_no_past_either_when_the_first_one_comes_back() -> None:
    def scene(now: float) -> Tracks:
        if now < 6:
            return tracks({1 if now < 5 else 2: INSIDE})
        return tracks({3: INSIDE} if now < 7 else {1: INSIDE, 3: (0.55, 0.5)})

    events = play(rule(dwell_s=10.0), times(0, 20), scene)
    assert [(event.media_time, event.track_id) for event in events] == [(15.0, 3), (17.0, 1)]
