"""How far each rule is, as a value: what somebody sees who sets it up."""

from __future__ import annotations

from typing import Any

import pytest

from detection.core.rules.base import Rule
from detection.core.rules.state import IDLE, OUTSIDE, ObjectState, RuleState, of_objects, unknown
from detection.core.scene import Scene, View
from tests.detection.rule_scenes import INSIDE, NAMES, made, play, stand, times, tracks
from tests.detection.rule_scenes import OUTSIDE as AWAY


def state(rule: Rule, now: float) -> RuleState:
    return rule.state(now)


def test_an_intrusion_counts_is_raised_and_is_idle_again() -> None:
    rule = made("intrusion", dwell_s=2.0, exit_s=1.0)
    assert state(rule, 0.0).word == "idle"
    play(rule, times(0, 1.2), stand((0, 9)))
    found = state(rule, 1.2)
    assert (found.word, found.value, found.target, found.unit, found.counts) == (
        "counting",
        1.2,
        2.0,
        "s",
        {"visits": 1},
    )
    assert found.objects == (ObjectState(1, "counting", 1.2, 2.0),)
    play(rule, times(1.3, 2.0), stand((0, 9)))
    assert state(rule, 2.0).word == "raised"
    play(rule, times(2.1, 3.5), stand((0, 2)))
    assert (state(rule, 3.5).word, state(rule, 3.5).objects) == ("idle", ())


def test_who_comes_back_too_soon_waits_for_the_cool_down() -> None:
    rule = made("intrusion", dwell_s=1.0, exit_s=1.0, cooldown_s=20.0)
    play(rule, times(0, 6.0), stand((0, 2), (4, 9)))
    found = state(rule, 6.0)
    assert (found.word, found.left_s, found.value) == ("cooling", 15.0, 1.0)


def test_the_one_who_is_nearest_to_an_alert_speaks_for_the_rule() -> None:
    rule = made("intrusion", dwell_s=5.0)
    for now in times(0, 3):
        rule.step(tracks({7: INSIDE} | ({8: INSIDE} if now >= 2 else {})), NAMES, now)
    found = state(rule, 3.0)
    assert (found.value, found.counts["visits"], {one.track_id for one in found.objects}) == (3.0, 2, {7, 8})


def test_a_raised_visit_does_not_hide_another_one_that_counts() -> None:
    rule = made("intrusion", dwell_s=2.0)
    for now in times(0, 3):
        rule.step(tracks({7: INSIDE} | ({8: INSIDE} if now >= 2 else {})), NAMES, now)
    assert (state(rule, 3.0).word, state(rule, 3.0).value) == ("counting", 1.0)


def test_loitering_counts_what_was_spent_inside() -> None:
    rule = made("loitering", dwell_s=10.0, exit_s=5.0)
    play(rule, times(0, 4), stand((0, 2), (4, 9)))
    assert 2.0 <= state(rule, 4.0).value < 2.3


def test_a_post_that_is_left_is_open_until_somebody_is_back() -> None:
    rule = made("leave_post", absent_s=2.0, back_s=1.0, exit_s=0.5, cooldown_s=10.0)
    play(rule, times(0, 1), stand((0, 1)))
    assert state(rule, 1.0).word == "idle"
    play(rule, times(1.1, 2.1), stand())
    assert (state(rule, 2.1).word, state(rule, 2.1).value, state(rule, 2.1).target) == ("counting", 1.0, 2.0)
    play(rule, times(2.2, 4.0), stand())
    assert state(rule, 4.0).word == "open"
    play(rule, times(4.1, 5.5), stand((4, 9)))
    assert state(rule, 5.5).word == "idle"
    play(rule, times(5.6, 9.0), stand())
    found = state(rule, 9.0)
    assert found.word == "cooling"
    assert 3.5 < found.left_s < 5.0


def test_occupancy_tells_how_many_there_are() -> None:
    rule = made("occupancy", max_persons=0, dwell_s=2.0)
    play(rule, times(0, 1), stand((0, 9)))
    found = state(rule, 1.0)
    assert (found.word, found.value, found.counts) == ("counting", 1.0, {"persons": 1})
    play(rule, times(1.1, 3), stand((0, 9)))
    assert state(rule, 3.0).word == "open"


def walk(rule: Rule, start: float, *places: float) -> None:
    """Somebody walks over the middle line; half a second a place."""
    for number, x in enumerate(places):
        for now in times(start + number, start + number + 0.9):
            rule.step(tracks({1: (x, 0.5)}), NAMES, now)


def test_a_line_tells_its_totals_and_a_limit_what_is_left() -> None:
    rule = made("line_crossing")
    walk(rule, 0, 0.2, 0.8)
    assert (state(rule, 2.0).word, state(rule, 2.0).counts) == ("idle", {"a_to_b": 1, "b_to_a": 0})
    limited = made("line_crossing", alert="limit", limit=1)
    walk(limited, 0, 0.2, 0.8)
    found = state(limited, 2.0)
    assert (found.word, found.value, found.target, found.unit) == ("counting", 1, 1, "")
    walk(limited, 2, 0.2)
    assert (state(limited, 3.0).word, state(limited, 3.0).value) == ("raised", 2)


def see(rule: Rule, now: float, answer: Any) -> None:
    """One frame with somebody inside, and what the second look at him says."""
    scene = Scene.of(tracks({1: INSIDE}), NAMES)
    scene.views.update(dict.fromkeys(rule.wants(scene, now), answer))
    rule.step(scene, NAMES, now)


def test_an_attribute_counts_views_and_says_that_its_model_is_missing() -> None:
    rule = made("attribute", model="hairnet-1", needed=2, views=3, dwell_s=0.5, looks_per_s=10)
    see(rule, 0.0, View("missing", 0.9))
    found = state(rule, 0.0)
    assert (found.word, found.value, found.target, found.unit) == ("counting", 1, 2, "")
    see(rule, 1.0, View("missing", 0.9))
    assert (state(rule, 1.0).word, state(rule, 1.0).counts["missing"]) == ("raised", 1)
    see(rule, 2.0, View("unknown", 0.0, absent=True))
    assert (state(rule, 2.0).word, state(rule, 2.0).why, state(rule, 2.0).detail) == (
        "unknown",
        "no_model",
        "hairnet-1",
    )


def test_rules_without_a_better_word_are_idle_and_outside_is_another_word() -> None:
    assert (IDLE.word, OUTSIDE.word, unknown("covered").why) == ("idle", "outside_schedule", "covered")
    nobody = ObjectState(1, "idle")
    assert of_objects([nobody], visits=0) == RuleState("idle", counts={"visits": 0}, objects=(nobody,))


@pytest.mark.parametrize("code", ["intrusion", "loitering", "leave_post", "line_crossing"])
def test_asking_changes_nothing(code: str) -> None:
    asked, left = made(code), made(code)
    for now in times(0, 3):
        for rule in (asked, left):
            rule.step(tracks({1: INSIDE if now < 1.5 else AWAY}), NAMES, now)
        asked.state(now)
    assert asked.snapshot() == left.snapshot()
