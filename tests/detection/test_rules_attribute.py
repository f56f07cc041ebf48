"""Compliance of a person, from second looks: k of n views, unknown is neither, one alert a visit."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.core.rules.attribute import Attribute
from detection.core.rules.base import RuleEvent
from detection.core.scene import Answer, Scene, View, Want
from detection.core.tracking import Tracks
from tests.detection.rule_scenes import INSIDE, NAMES, OUTSIDE, at, made, times, tracks

Says = Callable[[int, float], Answer]


def attribute(**params: Any) -> Attribute:
    machine = made("attribute", model="nets", **params)
    assert isinstance(machine, Attribute)
    return machine


class Looks:
    """A second stage that answers as told; counts what it was asked."""

    def __init__(self, says: Says, *, absent: bool = False) -> None:
        self.says, self.absent = says, absent
        self.asked: list[tuple[float, Want]] = []

    def play(self, machine: Attribute, when: Iterable[float], seen: Callable[[float], Tracks]) -> list[RuleEvent]:
        events = []
        for now in when:
            scene = Scene.of(seen(now), NAMES)
            for want in machine.wants(scene, now):
                self.asked.append((now, want))
                scene.views[want] = View(self.says(want.track_id, now), 0.9, absent=self.absent)
            events += machine.step(scene, NAMES, now)
        return events


def always(answer: Answer) -> Looks:
    return Looks(lambda _id, _now: answer)


def here(_: float) -> Tracks:
    return tracks({1: INSIDE})


def sequence(*answers: Answer) -> Looks:
    """Two looks a second from 0 on; the last answer stays."""
    return Looks(lambda _id, now: answers[min(round(now * 2), len(answers) - 1)])


M: Answer = "missing"
P: Answer = "present"
U: Answer = "unknown"


@pytest.mark.parametrize(
    ("answers", "params", "expected"),
    [
        ((M,), {}, [2.0]),  # three views by 1.0, seen for two seconds by 2.0
        ((M,), {"dwell_s": 0}, [1.0]),
        ((P,), {}, []),
        ((U,), {}, []),
        ((M, M, U), {}, []),  # two are not enough, and unknown is none
        ((U, U, U, U, U, U, M), {}, [4.0]),
        ((P, P, P, P, P, M), {}, [3.5]),  # three of the last five
        ((M, P, M, P, U, U, M, P), {}, [3.0]),
        ((M, P, U, P, M, P), {}, []),
        ((M,), {"views": 1, "needed": 1, "dwell_s": 0}, [0.0]),
    ],
)
def test_so_many_of_the_last_views_must_say_missing(
    answers: tuple[Answer, ...], params: dict[str, Any], expected: list[float]
) -> None:
    assert at(sequence(*answers).play(attribute(**params), times(0, 20), here)) == expected


@given(st.lists(st.sampled_from([M, P, U]), min_size=1, max_size=40), st.sampled_from([(1, 1), (3, 2), (5, 3), (5, 5)]))
@settings(deadline=None)
def test_unknown_views_change_nothing(answers: list[Answer], counts: tuple[int, int]) -> None:
    """An alert comes exactly when, of those that say something, enough of the last n say missing."""
    views, needed = counts
    events = sequence(*answers, U).play(attribute(views=views, needed=needed, dwell_s=0), times(0, 25), here)
    telling = [answer for answer in answers if answer != U]
    due = any(telling[max(end - views, 0) : end].count(M) >= needed for end in range(1, len(telling) + 1))
    assert len(events) == int(due)


def test_the_alert_says_what_was_seen() -> None:
    (event,) = always(M).play(attribute(attribute="mask", dwell_s=3), times(0, 9), here)
    assert event.track_id == 1
    assert {k: event.data[k] for k in ("attribute", "missing_views", "views", "view_score", "dwell_s")} == {
        "attribute": "mask", "missing_views": 5, "views": 5, "view_score": 0.9, "dwell_s": 3.0,
    }  # fmt: skip


def test_a_visit_has_one_alert_and_the_next_one_after_the_cool_down_another() -> None:
    def comes_and_goes(now: float) -> Tracks:
        away = 10 < now < 11 or 20 < now < 25  # the first is shorter than exit_s
        return tracks({1: OUTSIDE if away else INSIDE})

    assert at(always(M).play(attribute(cooldown_s=0), times(0, 40), comes_and_goes)) == [2.0, 27.0]
    assert at(always(M).play(attribute(cooldown_s=30), times(0, 40), comes_and_goes)) == [2.0, 32.0]


def test_nobody_is_asked_about_outside_too_small_or_cut_off() -> None:
    looks = always(M)
    for seen in (
        tracks({1: OUTSIDE}),
        tracks({1: INSIDE}, height=0.05),
        tracks({1: INSIDE}, height=0.6),  # the head is above the picture
        tracks({1: INSIDE}, class_id=1),
        tracks({1: INSIDE}, score=0.3),
    ):
        assert looks.play(attribute(), times(0, 5), functools.partial(lambda shown, _: shown, seen)) == []
    assert looks.asked == []


def test_the_crop_is_the_head_or_the_body() -> None:
    (head,) = attribute().wants(Scene.of(here(0), NAMES), 0.0)
    assert head.box == pytest.approx((0.461, 0.291, 0.539, 0.369), abs=1e-6)
    (body,) = attribute(crop="body").wants(Scene.of(here(0), NAMES), 0.0)
    assert body.box == pytest.approx((0.47, 0.3, 0.53, 0.5), abs=1e-6)


def test_looks_are_few_and_the_largest_come_first() -> None:
    looks = always(P)
    looks.play(attribute(looks_per_s=1), times(0, 9.9), here)
    assert len(looks.asked) == 10
    crowd = tracks({i: (0.22 + 0.04 * i, 0.6) for i in range(1, 11)})
    crowd.detections.boxes[:, 1] -= [0.01 * i for i in range(10)]  # the later ones are taller
    looks = always(P)
    looks.play(attribute(), times(0, 0.5), lambda _: crowd)
    by_frame = [[w.track_id for now, w in looks.asked if abs(now - at) < 0.01] for at in (0.0, 0.1, 0.2)]
    assert by_frame == [[10, 9, 8, 7], [6, 5, 4, 3], [2, 1]]


def test_a_look_that_was_not_taken_is_asked_for_again() -> None:
    machine = attribute()
    for now, taken, wanted in ((0.0, False, 1), (0.1, False, 1), (0.2, True, 1), (0.3, True, 0), (0.6, True, 0)):
        scene = Scene.of(here(now), NAMES)
        wants = machine.wants(scene, now)
        assert len(wants) == wanted, now
        scene.views.update({want: View(P, 0.9) for want in wants if taken})
        machine.step(scene, NAMES, now)


def test_nobody_waits_for_ever_behind_larger_ones() -> None:
    crowd = tracks({i: (0.22 + 0.04 * i, 0.6) for i in range(1, 11)})
    crowd.detections.boxes[:, 1] -= [0.01 * i for i in range(10)]
    looks = always(P)
    looks.play(attribute(looks_per_s=25), times(0, 9.9), lambda _: crowd)
    counts = [sum(want.track_id == i for _, want in looks.asked) for i in range(1, 11)]
    assert min(counts) > max(counts) / 2  # of those who wait equally long, the largest come first


@pytest.mark.parametrize(("away_s", "expected"), [(0.8, [1]), (1.7, [1, 2])])
def test_who_comes_in_where_somebody_walked_out_is_somebody_else(away_s: float, expected: list[int]) -> None:
    def at_the_edge(now: float) -> Tracks:
        return tracks({1: (0.04, 0.5)} if now < 5 else {2: (0.04, 0.5)} if now > 5 + away_s else {})

    machine = made("attribute", model="nets", points=((0.0, 0.2), (0.7, 0.7)))
    assert isinstance(machine, Attribute)
    assert [e.track_id for e in always(M).play(machine, times(0, 12), at_the_edge)] == expected


def test_the_statistics_count_who_is_known_to_wear_it() -> None:
    machine = attribute()
    says: dict[int, Answer] = {1: "present", 2: "missing", 3: "unknown"}
    people = tracks({1: (0.3, 0.5), 2: (0.5, 0.5), 3: (0.6, 0.5), 4: OUTSIDE})
    Looks(lambda i, _: says[i]).play(machine, times(0, 0.4), lambda _: people)
    assert machine.present() == {"hairnets": set()}
    Looks(lambda i, _: says[i]).play(machine, times(0.5, 3), lambda _: people)
    assert machine.present() == {"hairnets": {1}}
    assert machine.progress(3.0) == {"present": 1, "missing": 1, "unknown": 1}
    Looks(lambda i, _: says[i]).play(machine, times(3.1, 6), lambda _: Tracks.empty())
    assert machine.present() == {"hairnets": set()}
    assert attribute(attribute="mask").present() == {"masks": set()}


def test_without_the_model_everything_is_unknown_and_said_so() -> None:
    machine = attribute()
    assert Looks(lambda _id, _now: "unknown", absent=True).play(machine, times(0, 5), here) == []
    assert machine.progress(5.0) == {"present": 0, "missing": 0, "unknown": 1, "state": "no model nets"}
    always(P).play(machine, times(5.1, 9), here)
    assert machine.progress(9.0) == {"present": 1, "missing": 0, "unknown": 0}


def test_a_new_id_takes_the_views_over_and_a_lost_one_that_comes_back_has_them_again() -> None:
    def switched(now: float) -> Tracks:
        return tracks({1 if now < 1.2 else 2: INSIDE})

    events = sequence(M, M, M, U, U, M).play(attribute(dwell_s=2), times(0, 9), switched)
    assert [(e.track_id, round(e.media_time, 3)) for e in events] == [(2, 2.7)]  # views at 0, 0.5, 1; id 2 at 1.2 …

    def covered(now: float) -> Tracks:
        """A colleague, with a net, stands in front for half a second."""
        seen = {} if 3 < now < 3.5 else {1: (0.4, 0.5)}
        return tracks(seen | ({2: (0.43, 0.5)} if now > 3 else {}))

    looks = Looks(lambda i, _: "missing" if i == 1 else "present")
    machine = attribute()
    assert [e.track_id for e in looks.play(machine, times(0, 3.6), covered)] == [1]
    assert machine.progress(3.6) == {"present": 0, "missing": 1, "unknown": 1}
    assert looks.play(machine, times(3.7, 20), covered) == []
    assert machine.progress(20.0) == {"present": 1, "missing": 1, "unknown": 0}


def test_two_people_who_swap_places_keep_their_views() -> None:
    def swapped(now: float) -> Tracks:
        left, right = (0.3, 0.5), (0.6, 0.5)
        return tracks({1: left, 2: right} if now < 1.2 else {1: right, 2: left})

    looks = Looks(lambda i, _: "missing" if i == 1 else "present")
    assert [e.track_id for e in looks.play(attribute(), times(0, 10), swapped)] == [1]


@pytest.mark.parametrize("step", [2, 5])
def test_dropped_frames_change_the_time_by_less_than_an_interval(step: int) -> None:
    (event,) = always(M).play(attribute(dwell_s=5), times(0, 20)[::step], here)
    assert 5 - 1e-6 <= event.media_time < 5 + 0.5 + step * 0.1  # the next look is at most half a second later


def test_a_visit_goes_on_after_a_restart() -> None:
    first = attribute(dwell_s=4)
    always(M).play(first, times(0, 2), here)
    second = attribute(dwell_s=4)
    second.restore(json.loads(json.dumps(first.snapshot())), media_time=50.0, away_s=3.0)
    (event,) = always(M).play(second, times(50, 60), lambda _: tracks({9: INSIDE}))
    assert 52.0 <= event.media_time <= 52.6
    third = attribute(dwell_s=4)
    third.restore(json.loads(json.dumps(second.snapshot())), media_time=0.0, away_s=1.0)
    assert always(M).play(third, times(0, 9), lambda _: tracks({3: INSIDE})) == []
    late = attribute()
    late.restore(json.loads(json.dumps(first.snapshot())), media_time=50.0, away_s=31.0)
    assert late.snapshot() == {}
    assert attribute().snapshot() == {}
    with pytest.raises(ValueError, match="unusable state"):
        late.restore({"version": 1, "people": [{}]}, media_time=0.0, away_s=0.0)


def test_a_camera_that_reconnects_raises_no_second_alert() -> None:
    machine, found = attribute(cooldown_s=5), []
    for start in range(0, 60, 10):
        if start:
            machine.reconnected(start)
        someone = tracks({1 + start: INSIDE})
        found += always(M).play(machine, times(start, start + 9), functools.partial(lambda seen, _: seen, someone))
    assert at(found) == [2.0]
    machine.reconnected(100.0)  # after so long it may be anybody
    assert at(always(M).play(machine, times(100, 105), here)) == [102.0]


def test_seams_schedules_and_covered_views() -> None:
    machine = attribute()
    always(M).play(machine, times(0, 1.5), here)
    machine.tracks_lost()
    assert machine.progress(1.5) == {"present": 0, "missing": 0, "unknown": 0}
    assert at(always(M).play(machine, times(1.6, 3.5), here)) == []
    machine.unseen()
    assert at(always(M).play(machine, times(9, 9.5), here)) == [9.5]
    with pytest.raises(ValueError, match="not a finite number"):
        machine.step(here(0), NAMES, float("inf"))


def test_who_does_not_count_for_a_while_but_is_seen_keeps_his_cool_down() -> None:
    def fades(now: float) -> Tracks:
        return tracks({1: INSIDE}, score=0.2 if 5 <= now < 17 else 0.8)

    assert at(always(M).play(attribute(cooldown_s=60), times(0, 40), fades)) == [2.0]


def test_an_absence_shorter_than_exit_s_does_not_end_a_visit_however_long_that_is() -> None:
    def hides(now: float) -> Tracks:
        return tracks({1 if now < 5 else 2: INSIDE}) if not 5 <= now < 20 else Tracks.empty()

    assert at(always(M).play(attribute(exit_s=20, cooldown_s=0), times(0, 30), hides)) == [2.0]
    assert at(always(M).play(attribute(exit_s=14, cooldown_s=0), times(0, 30), hides)) == [2.0, 22.0]
