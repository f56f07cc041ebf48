"""One person is one track: boxes of half a person, of two at once, of who walked out; and people who never look good."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from detection.core.detections import Detections
from detection.core.track_doubles import made_up
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


@pytest.mark.parametrize("rate", RATES)
def test_a_box_around_two_people_takes_nobodys_place(rate: int) -> None:
    """It lies nearer to where the right one should be than that one's own box, which is off for a moment."""
    left, right = person(0.5), person(0.5 + 1.1 * WIDTH)
    own = [right[0] + 0.25 * WIDTH, right[1], right[2] + 0.25 * WIDTH, right[3]]
    both = [left[0] + 0.5 * WIDTH, left[1], right[2], right[3]]
    tracker = OverlapTracker()
    before = ids_of(tracker, [found([left, right])] * rate, rate=rate)
    assert before[-1] == {1, 2}
    tracks = tracker.update(found([left, both, own], scores=[0.7, 0.6, 0.6]), 1.0)
    shown = dict(zip(tracks.ids.tolist(), tracks.detections.boxes.tolist(), strict=True))
    assert shown[1] == pytest.approx(left, abs=1e-6)
    assert shown[2] == pytest.approx(own, abs=1e-6)
    lax = OverlapTracker(TrackerSettings(max_made_up=1.1))
    ids_of(lax, [found([left, right])] * rate, rate=rate)
    tracks = lax.update(found([left, both, own], scores=[0.7, 0.6, 0.6]), 1.0)
    assert dict(zip(tracks.ids.tolist(), tracks.detections.boxes.tolist(), strict=True))[2] == pytest.approx(
        both, abs=1e-6
    )


def test_somebody_who_is_seen_only_between_two_others_goes_on() -> None:
    """Nothing else continues that track, so a box that the two in front could explain does."""
    left, middle, right = person(0.5), person(0.5 + 0.55 * WIDTH), person(0.5 + 1.1 * WIDTH)
    frames = [found([left, right, middle], scores=[0.8, 0.8, 0.7])] * 10
    assert ids_of(OverlapTracker(), frames, rate=10)[-1] == {1, 2, 3}


LEFT, MIDDLE, RIGHT = [0.0, 0.0, 0.4, 1.0], [0.1, 0.0, 0.9, 1.0], [0.5, 0.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("boxes", "scores", "classes", "found_in"),
    [
        pytest.param([LEFT, MIDDLE, RIGHT], [0.6, 0.6, 0.6], [0, 0, 0], 1, id="seven eighths of it"),
        pytest.param([LEFT, MIDDLE, RIGHT], [0.5, 0.6, 0.6], [0, 0, 0], 1, id="scores flicker"),
        pytest.param([LEFT, MIDDLE, RIGHT], [0.4, 0.6, 0.6], [0, 0, 0], None, id="it is surer than one of them"),
        pytest.param([LEFT, MIDDLE, RIGHT], [0.6, 0.6, 0.6], [0, 0, 1], None, id="one is something else"),
        pytest.param([LEFT, MIDDLE], [0.6, 0.6], [0, 0], None, id="two boxes"),
        pytest.param([LEFT, MIDDLE, [0.8, 0.0, 1.0, 1.0]], [0.6] * 3, [0, 0, 0], None, id="one is only at its side"),
        pytest.param(
            [[0.0, 0.0, 0.3, 1.0], MIDDLE, [0.15, 0.0, 0.5, 1.0]],
            [0.6] * 3,
            [0, 0, 0],
            2,
            id="the small one in both, not the one with both at a side",
        ),
        pytest.param([LEFT, [0.4, 0.5, 0.4, 0.5], RIGHT], [0.6] * 3, [0, 0, 0], None, id="it has no area"),
    ],
)
def test_what_is_made_up_of_two_others(
    boxes: list[list[float]], scores: list[float], classes: list[int], found_in: int | None
) -> None:
    mask = made_up(np.array(boxes), np.array(scores, np.float32), np.array(classes, np.int32), share=0.75)
    assert mask.tolist() == [row == found_in for row in range(len(boxes))]


def test_nobody_is_made_up_of_nobody() -> None:
    assert made_up(np.zeros((0, 4)), np.zeros(0, np.float32), np.zeros(0, np.int32), share=0.75).tolist() == []
