"""Post left: an absence is only what was seen; what was not seen is unknown."""

from __future__ import annotations

import json
import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.core.rules.base import RuleEvent
from detection.core.tracking import Tracks
from tests.detection.rule_scenes import INSIDE, OUTSIDE, at, made, phases, play, stand, times, tracks


def test_one_alert_an_absence_and_its_end_when_somebody_is_back() -> None:
    events = play(made("leave_post", absent_s=30), times(0, 200), stand((0, 20), (100, 110)))
    assert phases(events) == [("started", 50.1), ("ended", 103.0), ("started", 140.1)]
    assert events[0].data == {"absent_s": 30.0, "unseen_s": 0.0}
    assert events[1].data == {"absent_s": 79.8, "unseen_s": 0.0, "persons": 1, "reason": "back"}
    assert [event.track_id for event in events] == [None] * 3
    assert all(json.loads(json.dumps(event.data)) == event.data for event in events)


def test_a_post_that_is_empty_from_the_start_counts_from_the_first_frame() -> None:
    assert at(play(made("leave_post", absent_s=30), times(5, 60), lambda _: Tracks.empty())) == [35.0]


@pytest.mark.parametrize(
    "somebody",
    [
        pytest.param(lambda: tracks({7: INSIDE}), id="one"),
        pytest.param(lambda: tracks({7: OUTSIDE, 8: INSIDE}), id="one of two"),
        pytest.param(lambda: tracks({int(1e6): INSIDE}), id="anybody"),
    ],
)
def test_somebody_at_the_post_is_no_absence(somebody: object) -> None:
    assert callable(somebody)
    assert play(made("leave_post", absent_s=5), times(0, 60), lambda _: somebody()) == []


@pytest.mark.parametrize(
    "nobody",
    [
        pytest.param(lambda: tracks({7: OUTSIDE}), id="outside"),
        pytest.param(lambda: tracks({7: INSIDE}, class_id=1), id="another class"),
        pytest.param(lambda: tracks({7: INSIDE}, score=0.3), id="below min_score"),
    ],
)
def test_who_does_not_count_is_nobody(nobody: object) -> None:
    assert callable(nobody)
    assert at(play(made("leave_post", absent_s=5), times(0, 9), lambda _: nobody())) == [5.0]


def test_changing_the_guard_does_not_matter() -> None:
    assert play(made("leave_post", absent_s=5), times(0, 60), lambda now: tracks({int(now): INSIDE})) == []


def test_passing_through_is_not_being_back() -> None:
    """One second inside at 20 neither resets the clock nor counts as absence; nor does it end an alert."""
    scene = stand((20, 21), (50, 51))
    events = play(made("leave_post", absent_s=30, back_s=3), times(0, 70), scene)
    assert phases(events) == [("started", 31.2)]


def test_detections_that_are_missing_do_not_keep_somebody_from_being_back() -> None:
    """Half hidden behind a desk: seen in every fifth frame."""

    def scene(now: float) -> Tracks:
        return tracks({1: INSIDE}) if now >= 50 and round(now * 10) % 5 == 0 else Tracks.empty()

    assert phases(play(made("leave_post", absent_s=20), times(0, 300), scene)) == [("started", 20.0), ("ended", 53.0)]


def test_a_frozen_camera_is_not_an_absence() -> None:
    """Nobody for 20 s, nothing for 5 minutes, nobody again: 20 s of 60 are known, and the stretch is longer than 60."""
    machine = made("leave_post")
    assert at(play(machine, [*times(0, 20), *times(320, 400)], lambda _: Tracks.empty())) == [380.0]


def test_a_short_blackout_only_stops_the_clock() -> None:
    events = play(made("leave_post"), [*times(0, 20), *times(50, 120)], lambda _: Tracks.empty())
    assert at(events) == [90.0]
    assert events[0].data == {"absent_s": 60.0, "unseen_s": 30.0}


def test_slow_analysis_still_sees_an_absence() -> None:
    """A heartbeat every 5 s shows nobody: that is seen."""
    assert at(play(made("leave_post"), times(0, 100, 0.2), lambda _: Tracks.empty())) == [60.0]


def test_lost_tracks_and_a_covered_view_are_unknown_until_the_next_frame() -> None:
    for happening in ("tracks_lost", "unseen"):
        machine = made("leave_post")
        assert play(machine, times(0, 40), lambda _: Tracks.empty()) == []
        getattr(machine, happening)()
        assert at(play(machine, times(48, 100), lambda _: Tracks.empty())) == [68.0], happening


def test_nobody_is_said_to_be_back_in_time_that_was_not_seen() -> None:
    machine = made("leave_post", absent_s=10, back_s=5)
    assert at(play(machine, times(0, 20), lambda _: Tracks.empty())) == [10.0]
    assert phases(play(machine, [20.1, 60, 62, 64.9, 65.0], lambda _: tracks({1: INSIDE}))) == [("ended", 65.0)]


def test_the_cool_down_keeps_two_alerts_apart() -> None:
    scene = stand((12, 16))
    assert phases(play(made("leave_post", absent_s=10, cooldown_s=100), times(0, 150), scene)) == [
        ("started", 10.0), ("ended", 15.0), ("started", 110.0),
    ]  # fmt: skip


def test_the_schedule_ends_the_alert_and_the_clock_begins_anew_with_it() -> None:
    machine = made("leave_post", absent_s=10, cooldown_s=0)
    play(machine, times(0, 12), lambda _: Tracks.empty())
    (end,) = machine.suspend(12.1)
    assert (end.phase, end.media_time) == ("ended", 12.1)
    assert end.data == {"absent_s": 12.0, "unseen_s": 0.0, "persons": 0, "reason": "schedule"}
    assert machine.suspend(12.2) == []
    assert at(play(machine, times(15, 30), lambda _: Tracks.empty())) == [25.0]


def test_media_time_that_goes_back_is_unknown_and_one_that_is_no_number_is_refused() -> None:
    machine = made("leave_post", absent_s=10)
    assert at(play(machine, [*times(50, 58), *times(3, 9)], lambda _: Tracks.empty())) == [5.0]
    with pytest.raises(ValueError, match="media time"):
        machine.step(Tracks.empty(), (), math.nan)


def test_progress_tells_how_long_nobody_was_there() -> None:
    machine = made("leave_post", absent_s=10)
    play(machine, times(0, 4), lambda _: Tracks.empty())
    assert machine.progress(4.0) == {"value": 4.0, "target": 10.0, "alerting": False, "cooldown_left_s": 0.0}
    play(machine, times(4.1, 15), lambda _: Tracks.empty())
    assert machine.progress(15.0) == {"value": 10.0, "target": 10.0, "alerting": True, "cooldown_left_s": 25.0}


@settings(deadline=None, max_examples=40)
@given(
    share=st.sampled_from([0.0, 0.5, 0.8]),
    absent=st.floats(0, 15),
    leaves=st.floats(0, 5),
    seed=st.integers(0, 2**32 - 1),
)
def test_dropped_frames_change_an_absence_by_less_than_one_interval(
    share: float, absent: float, leaves: float, seed: int
) -> None:
    random = Random(seed)
    kept = [now for now in times(0, 40, 10) if random.random() >= share]
    machine = made("leave_post", absent_s=absent, max_gap_s=60.0)
    events = play(machine, kept, lambda now: tracks({1: INSIDE}) if now < leaves else Tracks.empty())
    empty = [now for now in kept if now >= leaves]
    due = [now for now in empty if now - empty[0] >= absent - 1e-6]
    assert at(events) == [round(now, 3) for now in due[:1]]


@settings(deadline=None, max_examples=100)
@given(
    gaps=st.lists(st.sampled_from([0.1, 0.2, 1.0, 5.0, 11.0, 30.0, 200.0]), min_size=1, max_size=120),
    there=st.lists(st.booleans(), min_size=120, max_size=120),
)
def test_an_alert_is_never_raised_on_unseen_time(gaps: list[float], there: list[bool]) -> None:
    """Whatever the gaps and whoever comes: between two ends, the frames show at least the absence that is told."""
    machine, now, known, before = made("leave_post", absent_s=8, back_s=0, cooldown_s=0), 0.0, 0.0, True
    for gap, present in zip(gaps, there, strict=False):
        now += gap
        known = 0.0 if present else known + (gap if not before and gap <= 10 else 0.0)
        before = present
        events: list[RuleEvent] = machine.step(tracks({1: INSIDE}) if present else Tracks.empty(), ("person",), now)
        for event in events:
            assert (event.phase == "ended") is present
            assert present or known >= 8 - 1e-6


def test_media_time_that_begins_anew_costs_no_alert_and_the_cool_down_goes_on() -> None:
    machine = made("leave_post", absent_s=5, cooldown_s=30)
    first = play(machine, times(1000, 1015), stand((1010, 1015)))
    assert phases(first) == [("started", 1005.0), ("ended", 1013.0)]
    assert phases(play(machine, times(0, 30), lambda _: Tracks.empty())) == [("started", 20.0)]
