"""Identities last: over frame rates, flicker, short gaps and crossings; and nothing grows without end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.core.detections import Detections
from detection.core.nms import nms
from detection.core.tracking import OverlapTracker, TrackerSettings, Tracks

WIDTH, HEIGHT = 0.04, 0.2  # a person some metres away; walking is about three widths a second


def person(x: float, y: float = 0.8, *, width: float = WIDTH, height: float = HEIGHT) -> list[float]:
    """A box whose bottom centre is (x, y)."""
    return [x - width / 2, y - height, x + width / 2, y]


def found(
    boxes: Sequence[Sequence[float]], *, scores: Sequence[float] | None = None, classes: Sequence[int] | None = None
) -> Detections:
    count = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(count, 4),
        np.array([0.8] * count if scores is None else scores, np.float32),
        np.array([0] * count if classes is None else classes, np.int32),
    )


def test_tracks_disagreeing_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="tracks disagree"):
        Tracks(np.array([1, 2]), found([person(0.5)]))


def test_anchors_are_the_bottom_centres() -> None:
    anchors = Tracks(np.array([1, 2]), found([[0.1, 0.2, 0.3, 0.6], person(0.5, 0.9)])).anchors
    assert anchors.dtype == np.float32
    assert anchors == pytest.approx(np.array([[0.2, 0.6], [0.5, 0.9]]))
    assert Tracks.empty().anchors.shape == (0, 2)


@settings(deadline=None)
@given(
    speeds=st.lists(st.floats(-3.5, 3.5), min_size=1, max_size=4),
    rate=st.sampled_from([5.0, 8.0, 10.0, 25.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_each_walker_keeps_one_id_at_any_rate(speeds: list[float], rate: float, seed: int) -> None:
    """Walkers in lanes of their own, up to a run, with shaking boxes and one frame in ten lost."""
    random = Random(seed)
    tracker = OverlapTracker()
    ids: list[set[int]] = [set() for _ in speeds]
    for frame in range(int(4 * rate)):
        now = 100.0 + frame / rate
        if frame > 2 and random.random() < 0.1:
            continue
        boxes = []
        for lane, speed in enumerate(speeds):
            shake = [random.gauss(0, 0.02) for _ in range(4)]
            box = person(0.5 + speed * WIDTH * (frame / rate - 2), 0.22 + 0.24 * lane)
            boxes.append([v + s * size for v, s, size in zip(box, shake, [WIDTH, HEIGHT] * 2, strict=True)])
        tracks = tracker.update(found(boxes), now)
        assert len(tracks) == len(speeds)
        for lane, track_id in enumerate(tracks.ids.tolist()):
            ids[lane].add(track_id)
    assert [len(lane) for lane in ids] == [1] * len(speeds)
    assert len(set.union(*ids)) == len(speeds)


@pytest.mark.parametrize("rate", [5, 25])
@pytest.mark.parametrize("speed", [0.0, 2.0, -3.0])
def test_the_id_survives_a_second_unseen_at_constant_speed(rate: int, speed: float) -> None:
    tracker = OverlapTracker()
    ids = set()
    for frame in range(4 * rate):
        now = frame / rate
        hidden = 1.5 < now < 2.5
        boxes = [] if hidden else [person(0.5 + speed * WIDTH * now)]
        ids.update(tracker.update(found(boxes), now).ids.tolist())
    assert ids == {1}


def test_someone_else_far_away_does_not_take_the_id_of_the_hidden_one() -> None:
    tracker = OverlapTracker()
    for frame in range(10):
        tracker.update(found([person(0.2)]), frame / 10)
    assert tracker.update(found([person(0.6)]), 1.5).ids.tolist() == [2]


def test_a_fast_runner_is_followed_from_the_second_sight_on() -> None:
    tracker = OverlapTracker()
    boxes = [person(0.2 + 5 * WIDTH * frame / 5) for frame in range(10)]  # a whole width from frame to frame
    assert {int(tracker.update(found([box]), frame / 5).ids[0]) for frame, box in enumerate(boxes)} == {1}


@pytest.mark.parametrize("rate", [5, 10, 25])
def test_persons_who_cross_keep_their_ids(rate: int) -> None:
    """Two walk towards and past each other, one a little nearer; the farther one is hidden while they overlap."""
    tracker = OverlapTracker()
    last: list[int] = []
    for frame in range(5 * rate):
        now = frame / rate
        near = person(0.3 + 2 * WIDTH * now, 0.82, height=0.24)
        far = person(0.7 - 2 * WIDTH * now, 0.8)
        hidden = abs(near[0] - far[0]) < 0.5 * WIDTH
        tracks = tracker.update(found([near] if hidden else [near, far]), now)
        last = tracks.ids.tolist()
        assert last[0] == 1
    assert last == [1, 2]


def test_a_gap_of_up_to_three_seconds_is_bridged_and_a_longer_one_is_not() -> None:
    for gap, expected in ((2.99, 1), (3.01, 2)):
        tracker = OverlapTracker()
        tracker.update(found([person(0.5)]), 10.0)
        assert tracker.update(found([person(0.5)]), 10.0 + gap).ids.tolist() == [expected]


def test_the_gap_is_counted_in_seconds_not_in_frames() -> None:
    tracker = OverlapTracker()
    tracker.update(found([person(0.5)]), 0.0)
    for frame in range(1, 100):  # a hundred frames without anything, in one and a half seconds
        tracker.update(Detections.empty(), frame * 0.015)
    assert tracker.update(found([person(0.5)]), 1.5).ids.tolist() == [1]


def test_weak_detections_continue_but_do_not_start() -> None:
    tracker = OverlapTracker()
    assert len(tracker.update(found([person(0.5)], scores=[0.39]), 0.0)) == len(tracker) == 0
    assert tracker.update(found([person(0.5)], scores=[0.7]), 0.1).ids.tolist() == [1]
    weak = tracker.update(found([person(0.5)], scores=[0.26]), 0.2)
    assert weak.ids.tolist() == [1]
    assert weak.detections.scores.tolist() == pytest.approx([0.26])
    assert len(tracker.update(found([person(0.5)], scores=[0.2]), 0.3)) == 0


def test_flicker_of_the_score_does_not_fork_ids() -> None:
    tracker = OverlapTracker()
    scores = [0.7, 0.3, 0.65, 0.2, 0.28, 0.61, 0.1, 0.59, 0.8] * 5
    ids = [tracker.update(found([person(0.5)], scores=[s]), i * 0.2).ids.tolist() for i, s in enumerate(scores)]
    assert {track_id for seen in ids for track_id in seen} == {1}
    assert sum(map(len, ids)) == 7 * 5


def test_a_rule_with_a_lower_score_can_lower_the_start() -> None:
    tracker = OverlapTracker()
    tracker.update(found([person(0.2)]), 0.0)
    tracker.start_at(0.3)
    assert tracker.update(found([person(0.2), person(0.7)], scores=[0.8, 0.38]), 0.1).ids.tolist() == [1, 2]


def told(tracker: OverlapTracker, scores: Sequence[float], *, rate: float = 10.0) -> list[bool]:
    """Whether something that stands still is told of, frame by frame."""
    return [len(tracker.update(found([person(0.5)], scores=[s]), i / rate)) == 1 for i, s in enumerate(scores)]


@pytest.mark.parametrize("rate", [5, 10, 25])
def test_what_looks_a_little_like_a_person_all_the_time_is_none(rate: int) -> None:
    random = Random(1)
    scores = [0.38 + 0.1 * random.random() for _ in range(10 * rate)]
    assert max(scores) > 0.47
    assert not any(told(OverlapTracker(), scores, rate=rate))


def test_one_good_look_is_enough_at_once() -> None:
    assert told(OverlapTracker(), [0.5]) == [True]
    assert told(OverlapTracker(), [0.41, 0.62, 0.7]) == [False, True, True]


def test_a_person_half_hidden_for_a_while_is_still_told_of() -> None:
    seen = told(OverlapTracker(), [0.7] * 10 + [0.42] * 50)
    assert all(seen)


def test_after_long_without_a_good_look_there_is_doubt_again() -> None:
    seen = told(OverlapTracker(), [0.7] * 10 + [0.3] * 40 + [0.7] * 10)
    assert all(seen[:20])
    assert not any(seen[35:50])
    assert seen[-1]


def test_trust_is_within_reach_for_any_start() -> None:
    tracker = OverlapTracker()
    tracker.start_at(0.95)
    assert told(tracker, [0.98]) == [True]


def test_classes_do_not_mix() -> None:
    tracker = OverlapTracker()
    tracker.update(found([person(0.5)], classes=[0]), 0.0)
    assert tracker.update(found([person(0.5)], classes=[7]), 0.1).ids.tolist() == [2]
    assert tracker.update(found([person(0.5), person(0.5)], classes=[7, 0]), 0.2).ids.tolist() == [2, 1]


def test_ids_are_not_reused_after_a_reset_or_a_clock_that_goes_back() -> None:
    tracker = OverlapTracker()
    seen = [int(tracker.update(found([person(0.5)]), 5.0).ids[0])]
    tracker.reset()
    seen.append(int(tracker.update(found([person(0.5)]), 5.1).ids[0]))
    seen.append(int(tracker.update(found([person(0.5)]), 1.0).ids[0]))
    seen.append(int(tracker.update(found([person(0.5)]), 1.0).ids[0]))
    assert seen == [1, 2, 3, 3]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_media_time_that_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="media time"):
        OverlapTracker().update(Detections.empty(), bad)


def test_memory_is_bounded_and_the_best_detections_get_the_room() -> None:
    tracker = OverlapTracker(TrackerSettings(max_tracks=20))
    rng = np.random.default_rng(3)
    for frame in range(200):
        boxes = [person(x, y) for x, y in rng.uniform(0.2, 0.95, (30, 2))]
        tracks = tracker.update(found(boxes, scores=rng.uniform(0.5, 1, 30).tolist()), frame * 0.1)
        assert len(tracker) <= 20
        assert len(set(tracks.ids.tolist())) == len(tracks) <= 20
    tracker.reset()
    boxes = [person(0.03 + 0.04 * i, 0.5 + 0.001 * i, width=0.02) for i in range(24)]
    scores = [0.9 if i % 6 else 0.5 for i in range(24)]
    kept = tracker.update(found(boxes, scores=scores), 100.0).detections.scores
    assert kept.tolist() == pytest.approx([0.9] * 20)
    assert len(tracker.update(Detections.empty(), 104.0)) == len(tracker) == 0


def test_full_of_unseen_tracks_the_longest_unseen_one_makes_room() -> None:
    tracker = OverlapTracker(TrackerSettings(max_tracks=2))
    tracker.update(found([person(0.1), person(0.3)]), 0.0)
    tracker.update(found([person(0.3)]), 0.2)
    assert tracker.update(found([person(0.8)]), 0.4).ids.tolist() == [3]
    assert tracker.update(found([person(0.3), person(0.1)]), 0.6).ids.tolist()[0] == 2


@settings(deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.3), st.floats(0, 0.5), st.floats(0, 1)),
            max_size=8,
        ),
        max_size=12,
    ),
    st.floats(0, 3),
)
def test_anything_a_detector_says_is_survived_and_repeatable(
    frames: list[list[tuple[float, float, float, float, float]]], step: float
) -> None:
    one, other = OverlapTracker(), OverlapTracker()
    for index, frame in enumerate(frames):
        boxes = [[x, y, x + w, y + h] for x, y, w, h, _ in frame]
        detections = found(boxes, scores=[row[4] for row in frame], classes=[i % 2 for i in range(len(frame))])
        tracks, again = one.update(detections, index * step), other.update(detections, index * step)
        assert tracks.ids.tolist() == again.ids.tolist()
        assert len(set(tracks.ids.tolist())) == len(tracks)
        if index == 0:  # whom a good look shows is told of at once, and only once
            sized = detections.pick(np.nonzero((detections.boxes[:, :2] < detections.boxes[:, 2:]).all(axis=1))[0])
            distinct = sized.scores[nms(sized.boxes, sized.scores, sized.class_ids, 0.5)]
            assert len(tracks) == sum(score >= 0.5 - 1e-6 for score in distinct.tolist())
        assert (tracks.ids > 0).all()


def test_a_box_of_no_size_is_nobody() -> None:
    """What lay beyond the picture's border and was cut off there."""
    tracker = OverlapTracker()
    beyond = [[1.0, 0.4, 1.0, 0.8], [0.3, 1.0, 0.4, 1.0]]
    for number in range(20):
        assert len(tracker.update(found(beyond), number / 10)) == 0
        assert tracker.update(found([*beyond, person(0.5)]), number / 10 + 0.05).ids.tolist() == [1]
    assert len(tracker) == 1
