"""Loitering: time really spent inside, in pieces, in seconds of media time."""

from __future__ import annotations

import itertools
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.core.rules.handover import BRIDGE_S
from detection.core.tracking import Tracks
from tests.detection.rule_scenes import INSIDE, OUTSIDE, at, made, play, stand, times, tracks


def test_a_stay_without_interruption_is_told_after_the_dwell() -> None:
    (event,) = play(made("loitering"), times(10, 130), stand((10, 130)))
    assert (event.algo_code, event.phase, event.media_time, event.track_id) == ("loitering", "started", 70.0, 1)
    assert event.data["dwell_s"] == 60.0


def test_pieces_add_up_and_the_time_between_does_not_count() -> None:
    """20 s in, 10 s out, again and again: intrusion would count 90 s at the moment when 60 were spent inside."""
    scene = stand((0, 20), (30, 50), (60, 80), (90, 110))
    (event,) = play(made("loitering"), times(0, 120), scene)
    assert at([event]) == [80.0]
    assert event.data["dwell_s"] == 60.0


def test_an_absence_of_exit_s_ends_the_visit_and_what_was_spent() -> None:
    scene = stand((0, 50), (81, 200))
    assert at(play(made("loitering"), times(0, 200), scene)) == [141.0]
    assert at(play(made("loitering", exit_s=40), times(0, 200), scene)) == [91.0]


def test_a_few_missed_detections_are_no_absence_and_a_longer_one_is() -> None:
    def flickering(now: float, missing: float) -> Tracks:
        return Tracks.empty() if now % 5 < missing - 0.05 and now > 1 else tracks({1: INSIDE})

    assert at(play(made("loitering"), times(0, 70), lambda now: flickering(now, BRIDGE_S - 0.1))) == [60.9]
    assert at(play(made("loitering"), times(0, 150), lambda now: flickering(now, 2.5)))[0] > 110


def test_unseen_time_is_not_spent() -> None:
    """The camera freezes from 20 to 50; who is found there again is the same visit, without those 30 s."""
    seen = [*times(0, 20), *times(50, 120)]
    assert at(play(made("loitering", exit_s=60), seen, lambda _: tracks({1: INSIDE}))) == [90.0]
    assert at(play(made("loitering", exit_s=60, max_gap_s=40), seen, lambda _: tracks({1: INSIDE}))) == [60.0]


def test_a_covered_view_is_not_spent() -> None:
    machine = made("loitering")
    assert play(machine, times(0, 50), lambda _: tracks({1: INSIDE})) == []
    machine.unseen()
    assert at(play(machine, times(55, 80), lambda _: tracks({1: INSIDE}))) == [65.0]


def test_ids_that_switch_mid_dwell_are_one_visit() -> None:
    """Every 7 s a new id, with half a second between in which nothing is detected."""

    def scene(now: float) -> Tracks:
        turn, phase = divmod(now + 1e-9, 7.0)
        return Tracks.empty() if phase > 6.5 else tracks({int(turn) + 1: INSIDE})

    assert at(play(made("loitering"), times(0, 100), scene)) == [60.0]


def test_two_who_swap_places_have_an_alert_each_at_their_own_time() -> None:
    """One comes at 0, the other at 20; at 40 they change places, and at 41 one of them steps out for 5 s."""

    def scene(now: float) -> Tracks:
        first, second = (0.3, 0.5), (0.6, 0.5)
        swapped = {1: second, 2: first} if now >= 40 else {1: first, 2: second}
        if 41 <= now < 46:
            swapped[1] = OUTSIDE
        return tracks({key: place for key, place in swapped.items() if key == 1 or now >= 20})

    events = play(made("loitering"), times(0, 100), scene)
    assert [(event.track_id, event.media_time) for event in events] == [(1, pytest.approx(65.1)), (2, 80.0)]


def test_one_alert_a_visit_and_the_cool_down_between_two() -> None:
    scene = stand((0, 20), (60, 80))
    assert at(play(made("loitering", dwell_s=10, cooldown_s=0), times(0, 90), scene)) == [10.0, 70.0]
    assert at(play(made("loitering", dwell_s=10, cooldown_s=65), times(0, 90), scene)) == [10.0, 75.0]


def test_progress_is_what_was_spent() -> None:
    machine = made("loitering", dwell_s=10)
    play(machine, times(0, 8), stand((0, 3), (5, 8)))
    told = machine.progress(8.0)
    assert (told["visits"], told["value"], told["target"]) == (1, 6.0, 10.0)


@settings(deadline=None, max_examples=30)
@given(
    share=st.sampled_from([0.0, 0.5, 0.8]),
    rate=st.sampled_from([5.0, 10.0, 25.0]),
    dwell=st.floats(1, 20),
    entry=st.floats(0, 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_dropped_frames_change_a_dwell_by_less_than_one_interval(
    share: float, rate: float, dwell: float, entry: float, seed: int
) -> None:
    """A person enters and stays (invariant 9). max_gap_s is larger than any stretch that is dropped here."""
    random = Random(seed)
    kept = [now for now in times(0, 40, rate) if random.random() >= share]
    machine = made("loitering", dwell_s=dwell, max_gap_s=60.0)
    events = play(machine, kept, lambda now: tracks({1: INSIDE if now >= entry else OUTSIDE}))
    seen = [now for now in kept if now >= entry]
    due = [now for now in seen if now - seen[0] >= dwell - 1e-6]
    assert at(events) == [round(now, 3) for now in due[:1]]


@settings(deadline=None, max_examples=30)
@given(
    share=st.sampled_from([0.0, 0.5, 0.8]),
    pieces=st.lists(st.tuples(st.floats(2, 8), st.floats(2.5, 8)), min_size=1, max_size=6),
    seed=st.integers(0, 2**32 - 1),
)
def test_what_is_told_was_spent_inside_up_to_an_interval_for_each_coming_and_going(
    share: float, pieces: list[tuple[float, float]], seed: int
) -> None:
    """Comings and goings at any time: no alert before the true time inside could reach the dwell, none much later."""
    random = Random(seed)
    spans, clock = [], 0.0
    for inside, outside in pieces:
        spans.append((clock, clock + inside))
        clock += inside + outside
    kept, last = [], -1.0
    for now in times(0, clock, 10):
        if random.random() >= share or now - last > 0.85:
            kept.append(now)
            last = now
    events = play(made("loitering", dwell_s=10, exit_s=20), kept, stand(*spans))
    longest = max((after - before for before, after in itertools.pairwise(kept)), default=0.1)

    def spent(now: float) -> float:
        return sum(min(max(now - start, 0.0), end - start) for start, end in spans)

    for event in events:
        assert spent(event.media_time) >= 10 - 1e-6
    if spent(clock) >= 10 + 2 * longest * len(spans) + longest:
        (event,) = events
        assert spent(event.media_time) <= 10 + 2 * longest * len(spans) + longest


def test_a_track_that_was_only_hidden_gets_its_time_back_and_the_other_has_his_own() -> None:
    """Somebody steps in front at 30 for half a second, and both stay."""

    def scene(now: float) -> Tracks:
        first, second = (0.4, 0.5), (0.43, 0.5)
        if now < 30:
            return tracks({1: first})
        return tracks({2: second}) if now < 30.5 else tracks({1: first, 2: second})

    events = play(made("loitering"), times(0, 100), scene)
    assert [(event.track_id, round(event.media_time, 1)) for event in events] == [(1, 60.0), (2, 90.0)]
