"""One person is one track: boxes of half a person, of two at once, of who walked out; and people who never look good."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from detection.core.detections import Detections
from detection.core.tracking import OverlapTracker, TrackerSettings
from tests.detection.test_tracking import WIDTH, found, person

RATES = [5, 10, 25]
BOX = person(0.5)
TOP = [BOX[0], BOX[1], BOX[2], BOX[1] + 0.09]  # the upper 45 % of the same person


def ids_of(tracker: OverlapTracker, frames: Sequence[Detections], *, rate: float, start: float = 0.0) -> list[set[int]]:
    return [set(tracker.update(each, start + i / rate).ids.tolist()) for i, each in enumerate(frames)]


@pytest.mark.parametrize("rate", RATES)
def test_half_a_person_beside_the_whole_one_is_no_second_track(rate: int) -> None:
    frames = [found([BOX])] + [found([BOX, TOP], scores=[0.7, 0.6])] * 3 * rate
    assert set.union(*ids_of(OverlapTracker(), frames, rate=rate)) == {1}


def test_of_two_boxes_that_overlap_by_more_than_half_only_the_better_one_is_followed() -> None:
    """A detector lists both of them, since in a crowd they may be two people; as identities they come and go."""
    other = person(0.5 + 0.3 * WIDTH)
    tracks = OverlapTracker().update(found([other, BOX], scores=[0.6, 0.8]), 0.0)
    assert tracks.detections.boxes.tolist() == pytest.approx(np.array([BOX], np.float32))


def test_two_side_by_side_are_two_tracks() -> None:
    frames = [found([BOX, person(0.5 + 0.5 * WIDTH)])] * 10
    assert all(ids == {1, 2} for ids in ids_of(OverlapTracker(), frames, rate=10))


@pytest.mark.parametrize("rate", RATES)
def test_a_box_around_two_people_now_and_then_is_no_third_one(rate: int) -> None:
    left, right = person(0.5), person(0.5 + 1.1 * WIDTH)
    both = [left[0], left[1], right[2], right[3]]
    frames = [found([left, right])] * rate
    frames += [found([left, right, both], scores=[0.7, 0.6, 0.65]), found([left, right])] * rate
    assert set.union(*ids_of(OverlapTracker(), frames, rate=rate)) == {1, 2}


def test_somebody_far_behind_in_the_box_of_somebody_near_has_a_track() -> None:
    near = person(0.5, 0.95, width=0.2, height=0.7)
    far = person(0.5, 0.5, width=0.04, height=0.12)
    assert ids_of(OverlapTracker(), [found([near]), found([near, far])], rate=10) == [{1}, {1, 2}]


def test_another_class_in_the_same_place_has_a_track_of_its_own() -> None:
    frames = [found([BOX], classes=[0]), found([BOX, BOX], classes=[0, 1])]
    assert ids_of(OverlapTracker(), frames, rate=10) == [{1}, {1, 2}]


@pytest.mark.parametrize("rate", RATES)
def test_who_never_looks_good_is_told_of_once_walked_away_from_the_first_place(rate: int) -> None:
    """A score of 0.45 all the time, just enough for the usual `min_score`."""
    walk = [found([person(0.2 + WIDTH * i / rate)], scores=[0.45]) for i in range(6 * rate)]
    told = [bool(ids) for ids in ids_of(OverlapTracker(), walk, rate=rate)]
    assert not any(told[: int(1.3 * rate)])
    assert all(told[int(1.8 * rate) :])
    stand = [found([person(0.2 + 6 * WIDTH)], scores=[0.45])] * 5 * rate
    tracker = OverlapTracker()
    ids_of(tracker, walk, rate=rate)
    assert all(ids_of(tracker, stand, rate=rate, start=6.0))


def test_below_the_start_a_way_earns_nothing() -> None:
    walk = [found([person(0.2 + WIDTH * i / 10)], scores=[0.41 if i == 0 else 0.35]) for i in range(60)]
    assert not any(ids_of(OverlapTracker(), walk, rate=10)[5:])


def test_a_stone_whose_track_followed_somebody_for_a_moment_is_doubted_again() -> None:
    stone, away = person(0.5), [person(0.5 + WIDTH * i / 4) for i in range(1, 9)]
    frames = [found([stone], scores=[0.42])] * 20
    frames += [found([box], scores=[0.42]) for box in [*away, *reversed(away)]]
    told = ids_of(OverlapTracker(), [*frames, *[found([stone], scores=[0.42])] * 40], rate=10)
    assert any(told[20:40])
    assert not any(told[60:])


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("gap", "expected"), [(0.8, 1), (1.6, 2)])
def test_who_comes_in_where_somebody_went_out_is_somebody_else(rate: int, gap: float, expected: int) -> None:
    """A box is cut off by the picture's edge more and more; who was hidden for a moment there is the same."""
    tracker = OverlapTracker()
    last = 0.0
    for i in range(20 * rate):
        middle = 0.5 + 2 * WIDTH * i / rate
        if middle > 1.0:
            break
        last = i / rate
        x1, y1, x2, y2 = person(middle)
        tracker.update(found([[x1, y1, min(x2, 1.0), y2]]), last)
    ids = tracker.update(found([[1 - WIDTH, *person(1.0)[1:2], 1.0, 0.8]]), last + gap).ids.tolist()
    assert ids == [expected]


def test_all_of_this_can_be_set() -> None:
    loose = OverlapTracker(TrackerSettings(max_overlap=1.0, max_cover=1.0, trust_way=0.0))
    frames = [found([BOX]), found([BOX, TOP, person(0.8)], scores=[0.7, 0.6, 0.42])]
    assert ids_of(loose, frames, rate=10) == [{1}, {1, 2, 3}]
