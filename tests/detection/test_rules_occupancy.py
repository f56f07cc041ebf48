"""Occupancy: too many or too few, for long enough."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.core.tracking import Tracks
from tests.detection.rule_scenes import at, made, phases, play, times, tracks


def people(number: int, *, first: int = 1) -> Tracks:
    """So many in the region, side by side, and always one outside."""
    inside = {first + n: (0.22 + 0.06 * n, 0.5) for n in range(number)}
    return tracks({**inside, 99: (0.9, 0.9)}, width=0.04)


def crowd(*changes: tuple[float, int]) -> Callable[[float], Tracks]:
    """From each moment on so many."""

    def scene(now: float) -> Tracks:
        return people([number for start, number in changes if start <= now + 1e-9][-1])

    return scene


def test_too_many_for_the_dwell_and_right_again() -> None:
    events = play(made("occupancy", max_persons=3), times(0, 60), crowd((0, 2), (10, 4), (30, 3)))
    # The one who left counts for another 2 s, and then it must be right for 2 s.
    assert phases(events) == [("started", 15.0), ("ended", pytest.approx(33.9))]
    assert events[0].data == {"kind": "too_many", "persons": 4, "bound": 3, "dwell_s": 5.0, "unseen_s": 0.0}
    assert (events[1].data["persons"], events[1].data["reason"]) == (3, "number")


def test_too_few_for_the_dwell() -> None:
    events = play(made("occupancy", min_persons=2), times(0, 60), crowd((0, 2), (10, 1), (30, 2)))
    assert phases(events) == [("started", pytest.approx(16.9)), ("ended", 32.0)]
    assert (events[0].data["kind"], events[0].data["persons"], events[0].data["bound"]) == ("too_few", 1, 2)


def test_both_bounds_have_their_own_alerts() -> None:
    events = play(made("occupancy", min_persons=1, max_persons=2), times(0, 60), crowd((0, 3), (20, 0), (40, 1)))
    assert [(event.phase, event.data["kind"]) for event in events] == [
        ("started", "too_many"), ("ended", "too_many"), ("started", "too_few"), ("ended", "too_few"),
    ]  # fmt: skip


def test_within_bounds_or_not_for_long_enough_is_no_alert() -> None:
    scene = crowd((0, 3), (10, 4), (13, 3), (20, 2))
    assert play(made("occupancy", min_persons=2, max_persons=3, dwell_s=5.5), times(0, 60), scene) == []


def test_nobody_at_all_may_be_too_many_or_too_few() -> None:
    assert at(play(made("occupancy", min_persons=1), times(3, 20), lambda _: Tracks.empty())) == [8.0]
    assert at(play(made("occupancy", max_persons=0), times(3, 20), crowd((3, 0), (5, 1)))) == [10.0]


def test_a_number_that_flickers_is_steady() -> None:
    """Each of four is missed in a fifth of the frames."""
    random = Random(1)

    def scene(_: float) -> Tracks:
        ids = [n for n in range(4) if random.random() > 0.2]
        return tracks({n + 1: (0.22 + 0.06 * n, 0.5) for n in ids}, width=0.04)

    assert play(made("occupancy", min_persons=4), times(0, 120), scene) == []
    assert len(play(made("occupancy", max_persons=3), times(0, 120), scene)) == 1


def test_ids_that_switch_do_not_make_a_crowd() -> None:
    """All three have new ids every second."""
    scene = lambda now: people(3, first=1 + 3 * int(now))  # noqa: E731
    assert play(made("occupancy", min_persons=3, max_persons=3), times(0, 60), scene) == []


def test_two_who_swap_places_over_the_edge_are_one_inside() -> None:
    def scene(now: float) -> Tracks:
        inside, outside = (0.65, 0.5), (0.75, 0.5)
        return tracks({1: inside, 2: outside} if now % 20 < 10 else {1: outside, 2: inside})

    assert play(made("occupancy", min_persons=1, max_persons=1), times(0, 100), scene) == []


def test_unseen_time_does_not_count() -> None:
    frames = [*times(0, 3), *times(20, 40)]
    events = play(made("occupancy", max_persons=1, dwell_s=10), frames, lambda _: people(2))
    assert at(events) == [30.0]  # the unseen stretch is longer than the dwell: begun anew
    frames = [*times(0, 6), *times(20, 40)]
    (event,) = play(made("occupancy", max_persons=1, dwell_s=15), frames, lambda _: people(2))
    assert (event.media_time, event.data["unseen_s"]) == (29.0, 14.0)


def test_lost_tracks_are_counted_anew_at_once() -> None:
    machine = made("occupancy", max_persons=2)
    assert play(machine, times(0, 4), lambda _: people(3)) == []
    machine.tracks_lost()
    assert at(play(machine, times(4.1, 9), lambda _: people(3, first=50))) == [5.1]
    assert machine.progress(9.0)["persons"] == 3


def test_the_schedule_ends_it() -> None:
    machine = made("occupancy", max_persons=2, cooldown_s=0)
    play(machine, times(0, 6), lambda _: people(3))
    (end,) = machine.suspend(6.1)
    assert (end.phase, end.data["kind"], end.data["reason"]) == ("ended", "too_many", "schedule")
    assert at(play(machine, times(10, 20), lambda _: people(3, first=50))) == [15.0]


def test_the_cool_down_is_of_the_binding() -> None:
    scene = crowd((0, 3), (10, 1), (20, 3), (45, 3))
    assert phases(play(made("occupancy", max_persons=2), times(0, 60), scene)) == [
        ("started", 5.0), ("ended", pytest.approx(13.9)), ("started", 35.0),
    ]  # fmt: skip


def test_progress() -> None:
    machine = made("occupancy", max_persons=2)
    play(machine, times(0, 3), lambda _: people(3))
    assert machine.progress(3.0) == {
        "persons": 3, "value": 3.0, "target": 5.0, "alerting": False, "cooldown_left_s": 0.0,
    }  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(
    share=st.sampled_from([0.0, 0.5, 0.8]),
    dwell=st.floats(0, 12),
    start=st.floats(0, 4),
    seed=st.integers(0, 2**32 - 1),
)
def test_dropped_frames_change_the_time_by_less_than_one_interval(
    share: float, dwell: float, start: float, seed: int
) -> None:
    random = Random(seed)
    kept = [now for now in times(0, 30, 10) if random.random() >= share]
    machine = made("occupancy", max_persons=2, dwell_s=dwell, max_gap_s=60.0)
    events = play(machine, kept, lambda now: people(3 if now >= start else 2))
    wrong = [now for now in kept if now >= start]
    assert at(events) == [round(now, 3) for now in wrong if now - wrong[0] >= dwell - 1e-6][:1]
