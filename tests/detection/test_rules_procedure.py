"""Steps before the goal: done, skipped, too short, out of order; what nobody could see is held against nobody."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cameras.core.algorithms import registry
from cameras.core.document import parse_content
from cameras.core.strict_json import DocumentError
from detection.core.rules import make_rule
from detection.core.rules.base import OtherRoi, Rule, RuleEvent
from detection.core.rules.procedure import Procedure
from detection.core.tracking import Tracks
from detection.plan import make_plan
from tests.detection.rule_scenes import NAMES, binding, play, times, tracks

DOOR, SINK, TOWEL, LINE = (0.95, 0.5), (0.1, 0.5), (0.3, 0.5), (0.6, 0.5)  # where people stand
PLACES = (
    OtherRoi("sink", "rectangle", ((0.05, 0.3), (0.15, 0.7))),
    OtherRoi("towel", "polygon", ((0.25, 0.3), (0.35, 0.3), (0.35, 0.7), (0.25, 0.7))),
)
WASH = ({"roi_id": "sink", "min_s": 20.0},)
BOTH = (*WASH, {"roi_id": "towel", "min_s": 5.0})
Way = list[tuple[float, tuple[float, float]]]  # seconds at a place


def fresh(steps: tuple[dict[str, Any], ...] = WASH, **params: Any) -> Procedure:
    """The line, 0.5 to 0.7 of the width, is the goal."""
    goal = binding("procedure", points=((0.5, 0.3), (0.7, 0.7)), steps=list(steps), **params)
    machine = make_rule(replace(goal, places=PLACES))
    assert isinstance(machine, Procedure)
    return machine


def made(steps: tuple[dict[str, Any], ...] = WASH, *, until: float = 0.0, **params: Any) -> Procedure:
    """It has seen nobody for long enough: whoever is seen now has just come in."""
    machine = fresh(steps, **params)
    assert play(machine, times(until - 12, until - 1, rate=1), lambda _: Tracks.empty()) == []
    return machine


def where(way: Way, now: float) -> tuple[float, float] | None:
    """Nobody once the way is over."""
    for seconds, place in way:
        now -= seconds
        if now < -1e-9:
            return place
    return None


def scene(ways: dict[int, Way]) -> Callable[[float], Tracks]:
    def at_time(now: float) -> Tracks:
        found = {track_id: where(way, now) for track_id, way in ways.items()}
        return tracks({track_id: place for track_id, place in found.items() if place is not None})

    return at_time


def kinds(events: list[RuleEvent]) -> list[object]:
    return [event.data["kind"] for event in events]


@pytest.mark.parametrize(
    ("steps", "way", "expected"),
    [
        (WASH, [(3, DOOR), (21, SINK), (5, LINE)], []),
        (WASH, [(3, DOOR), (5, LINE)], ["skipped"]),
        (WASH, [(3, DOOR), (12, SINK), (5, LINE)], ["too_short"]),
        (WASH, [(3, DOOR), (0.5, SINK), (5, LINE)], ["skipped"]),  # walked past it
        (WASH, [(3, DOOR), (12, SINK), (5, TOWEL), (10, SINK), (5, LINE)], []),  # a pause shorter than pause_s
        (WASH, [(3, DOOR), (12, SINK), (15, TOWEL), (12, SINK), (5, LINE)], ["too_short"]),
        (WASH, [(3, DOOR), (21, SINK), (300, TOWEL), (5, LINE)], []),
        (WASH, [(3, DOOR), (21, SINK), (700, TOWEL), (5, LINE)], ["skipped"]),  # too long ago
        (WASH, [(3, DOOR), (21, SINK), (100, LINE), (5, TOWEL), (9, LINE)], []),  # counts for coming back too
        (WASH, [(3, DOOR), (5, LINE), (5, TOWEL), (5, LINE), (40, TOWEL), (5, LINE)], ["skipped", "skipped"]),
        (WASH, [(3, DOOR), (0.5, LINE), (5, TOWEL)], []),  # only passed through the goal
        (BOTH, [(3, DOOR), (21, SINK), (6, TOWEL), (5, LINE)], []),
        (BOTH, [(3, DOOR), (6, TOWEL), (21, SINK), (5, LINE)], ["out_of_order"]),
        (BOTH, [(3, DOOR), (6, TOWEL), (21, SINK), (11, DOOR), (6, TOWEL), (5, LINE)], []),
        (BOTH, [(3, DOOR), (21, SINK), (5, LINE)], ["skipped"]),
        (BOTH, [(3, DOOR), (21, SINK), (3, TOWEL), (5, LINE)], ["too_short"]),
        (BOTH, [(3, DOOR), (10, SINK), (5, LINE)], ["skipped"]),
    ],
)  # fmt: skip
def test_what_somebody_did_before_he_entered(steps: tuple[dict[str, Any], ...], way: Way, expected: list[str]) -> None:
    events = play(made(steps), times(0, sum(seconds for seconds, _ in way)), scene({1: way}))
    assert kinds(events) == expected


@pytest.mark.parametrize("min_s", [0.0, 20.0])
def test_what_is_done_after_entering_is_too_late(min_s: float) -> None:
    """He is judged after 30 s, as of the moment at which he entered; an absence of 22 s does not end his visit."""
    machine = made(({"roi_id": "sink", "min_s": min_s},), dwell_s=30, exit_s=25)
    way: Way = [(3, DOOR), (2, LINE), (22, SINK), (10, LINE)]
    (event,) = play(machine, times(0, 37), scene({1: way}))
    step = {"roi_id": "sink", "min_s": min_s, "spent_s": 0.0, "state": "skipped"}
    assert (event.data["kind"], event.data["steps"]) == ("skipped", [step])


def test_who_stays_at_a_step_that_lies_in_the_goal_has_done_before_what_he_had_on_entering() -> None:
    inside = (OtherRoi("sink", "rectangle", ((0.55, 0.3), (0.85, 0.7))),)
    wanted = [{"roi_id": "sink", "min_s": 20.0}]
    for before, expected in ((21, []), (12, ["too_short"])):
        goal = binding("procedure", points=((0.5, 0.3), (0.7, 0.7)), steps=wanted, dwell_s=10.0)
        machine = make_rule(replace(goal, places=inside))
        play(machine, times(-12, -1, rate=1), lambda _: Tracks.empty())
        way: Way = [(3, DOOR), (before, (0.8, 0.5)), (20, LINE)]
        assert kinds(play(machine, times(0, 23 + before), scene({1: way}))) == expected


STAY = st.tuples(st.floats(0.5, 25.0), st.sampled_from([DOOR, SINK, TOWEL]))


@settings(max_examples=25, deadline=None)
@given(before=st.lists(STAY, max_size=5), after=st.lists(st.tuples(st.floats(0.5, 6.0), STAY), max_size=3))
def test_a_verdict_is_that_of_the_moment_of_entering(
    before: Way, after: list[tuple[float, tuple[float, tuple[float, float]]]]
) -> None:
    """Whatever somebody does in absences that do not end his visit."""
    until = sum(seconds for seconds, _ in before) + 3
    left = 100.0 - sum(stay + away for stay, (away, _) in after)
    later: Way = [each for stay, absence in after for each in ((stay, LINE), absence)]

    def told(rest: Way) -> list[tuple[object, object]]:
        machine = made(BOTH, dwell_s=99.0, exit_s=30.0)
        way: Way = [(3, DOOR), *before, *rest]
        events = play(machine, times(0, until + 100, rate=4), scene({1: way}))
        return [(event.data["kind"], event.data["steps"]) for event in events]

    assert told([*later, (left + 9, LINE)]) == told([(109, LINE)])


def test_what_was_spent_at_a_step_before_its_turn_does_not_count() -> None:
    """Towel, sink, towel within one pause: 6 s in all, but only 2 of them after the sink."""
    way: Way = [(3, DOOR), (4, TOWEL), (21, SINK), (2.5, TOWEL), (5, LINE)]
    assert kinds(play(made(BOTH, pause_s=30), times(0, 35), scene({1: way}))) == ["out_of_order"]


def test_the_alert_says_who_when_and_what_was_missing() -> None:
    events = play(made(BOTH, dwell_s=2), times(0, 40), scene({4: [(3, DOOR), (12, SINK), (6, TOWEL), (9, LINE)]}))
    (event,) = events
    assert (event.phase, event.track_id, round(event.media_time, 3)) == ("started", 4, 23.0)
    assert event.data["dwell_s"] == 2.0
    assert event.data["steps"] == [
        {"roi_id": "sink", "min_s": 20.0, "spent_s": 11.9, "state": "too_short"},
        {"roi_id": "towel", "min_s": 5.0, "spent_s": 5.9, "state": "done"},
    ]


def test_who_was_never_seen_outside_is_judged_only_when_asked() -> None:
    assert play(made(), times(0, 30), scene({1: [(30, LINE)]})) == []
    assert kinds(play(made(entry="any"), times(0, 30), scene({1: [(30, LINE)]}))) == ["skipped"]


def test_who_was_hidden_at_the_goal_did_not_enter_anew() -> None:
    way = scene({1: [(3, DOOR), (21, SINK), (700, LINE)]})

    def hidden(now: float) -> Tracks:
        return Tracks.empty() if 700 < now < 705 else way(now)

    assert play(made(), times(0, 720, 5), hidden) == []


def test_two_people_each_have_their_own_procedure() -> None:
    ways: dict[int, Way] = {1: [(3, DOOR), (21, SINK), (9, LINE)], 2: [(3, DOOR), (21, TOWEL), (9, LINE)]}
    assert [(e.track_id, e.data["kind"]) for e in play(made(), times(0, 33), scene(ways))] == [(2, "skipped")]


def test_two_people_who_change_places_keep_what_they_did() -> None:
    """One washes and steps aside, the other takes his place for a moment and goes to the line."""
    ways: dict[int, Way] = {
        1: [(3, DOOR), (21, SINK), (5, TOWEL), (9, LINE)],
        2: [(3, DOOR), (21, TOWEL), (5, SINK), (9, LINE)],
    }
    found = play(made(), times(0, 38), scene(ways))
    assert [(e.track_id, e.data["kind"]) for e in found] == [(2, "too_short")]


@pytest.mark.parametrize("switch", [1.0, 10.0, 23.9, 24.5])
def test_a_new_id_at_the_same_place_goes_on(switch: float) -> None:
    """Also in the middle of washing, with 0.8 s that show nobody."""
    way: Way = [(3, DOOR), (21.5, SINK), (9, LINE)]

    def switched(now: float) -> Tracks:
        place = where(way, now)
        if place is None or switch < now < switch + 0.8:
            return Tracks.empty()
        return tracks({1 if now <= switch else 2: place})

    assert play(made(), times(0, 33), switched) == []


def test_a_lost_track_that_comes_back_had_not_become_somebody_else() -> None:
    """Somebody steps in front of who is washing: he has not washed, and the other's washing is not lost."""
    first: Way = [(3, DOOR), (25, SINK), (9, LINE)]

    def covered(now: float) -> Tracks:
        seen = {1: where(first, now)} if not 15 < now < 15.6 else {}
        if now > 15:
            seen[2] = (0.1, 0.51) if now < 17 else (0.4, 0.5) if now < 20 else LINE
        return tracks({i: place for i, place in seen.items() if place is not None})

    machine = made()
    assert [(e.track_id, e.data["kind"]) for e in play(machine, times(0, 36), covered)] == [(2, "too_short")]
    assert machine.progress(36.0)["complete"] == 1


@pytest.mark.parametrize(("away_s", "expected"), [(0.8, []), (1.7, ["skipped"])])
def test_who_comes_in_where_somebody_walked_out_has_not_washed(away_s: float, expected: list[str]) -> None:
    """At the picture's edge only a moment without a detection is the same person."""
    edge = (0.03, 0.5)
    out: Way = [(3, DOOR), (21, SINK), (1, edge)]
    enters: Way = [(1, edge), (2, TOWEL), (9, LINE)]

    def one_by_one(now: float) -> Tracks:
        first, second = where(out, now), where(enters, now - 25 - away_s) if now >= 25 + away_s - 1e-9 else None
        return tracks({i: place for i, place in ((1, first), (2, second)) if place is not None})

    assert kinds(play(made(), times(0, 40), one_by_one)) == expected


@pytest.mark.parametrize(("covered_s", "expected"), [(5.0, ["too_short"]), (25.0, [])])
def test_what_nobody_could_see_is_held_against_nobody(covered_s: float, expected: list[str]) -> None:
    """The view is covered while he stands at the sink: after 25 s of that he may well have washed."""
    machine = made()
    events = []
    for now in times(0, 60):
        if 5 < now <= 5 + covered_s:
            machine.unseen()
        else:
            place = DOOR if now < 3 else SINK if now < 8 + covered_s else LINE
            events += machine.step(tracks({1: place}), NAMES, now)
    assert kinds(events) == expected


def test_frames_that_did_not_come_are_unknown_too() -> None:
    way = scene({1: [(3, DOOR), (30, SINK), (9, LINE)]})
    assert play(made(), [now for now in times(0, 42) if not 4 < now < 32], way) == []


@given(
    drop=st.sampled_from([0.0, 0.5, 0.8]), seed=st.integers(0, 10**6), washed=st.floats(10, 30), late=st.floats(0.5, 8)
)
@settings(max_examples=60, deadline=None)
def test_dropped_frames_change_the_time_by_less_than_two_intervals(
    *, drop: float, seed: int, washed: float, late: float
) -> None:
    chance = random.Random(seed)
    way = scene({1: [(late, DOOR), (washed, SINK), (20, LINE)]})
    shown = [now for now in times(0, late + washed + 19) if chance.random() >= drop]
    gap = max((b - a for a, b in zip([0.0, *shown], shown, strict=False)), default=0.0)
    events = play(made(cooldown_s=0), shown, way)
    if washed > 20 + 2 * gap + 0.2:
        assert events == []
    elif washed < 20 - gap - 1e-3:
        assert kinds(events) == ["too_short"]


# Restarts, seams, schedules


def restarted(machine: Procedure, now: float, away_s: float, **params: Any) -> Procedure:
    second = fresh(**params)
    second.restore(json.loads(json.dumps(machine.snapshot())), media_time=now, away_s=away_s)
    return second


def test_washing_goes_on_after_a_restart() -> None:
    """15 s before it, 6 s after; the track has another id. Without the state that would be too short."""
    way: Way = [(3, DOOR), (15.2, SINK)]
    first = made()
    play(first, times(0, 18), scene({1: way}))
    after = scene({7: [(6, SINK), (9, LINE)]})
    events = play(restarted(first, 100.0, 3.0), times(100, 115), lambda now: after(now - 100))
    assert events == []
    assert kinds(play(made(until=100), times(100, 115), lambda now: after(now - 100))) == ["too_short"]


def test_who_had_washed_before_a_restart_may_enter_after_it_and_who_had_his_alert_has_no_second() -> None:
    first = made()
    ways: dict[int, Way] = {1: [(3, DOOR), (21, SINK), (9, TOWEL)], 2: [(3, DOOR), (40, LINE)]}
    assert kinds(play(first, times(0, 32), scene(ways))) == ["skipped"]
    after = scene({11: [(2, TOWEL), (9, LINE)], 12: [(11, LINE)]})
    assert play(restarted(first, 50.0, 2.0), times(50, 61), lambda now: after(now - 50)) == []


@pytest.mark.parametrize(("washed_s", "away_s", "expected"), [(12, 2, ["too_short"]), (12, 9, []), (21, 2, [])])
def test_what_he_had_done_on_entering_is_known_after_a_restart(
    washed_s: float, away_s: float, expected: list[str]
) -> None:
    """In the goal he is seen no more for 2 s, too short to have done what was missing, or for 9 s."""
    entered = 3.0 + washed_s
    way: Way = [(3, DOOR), (washed_s, SINK), (60, LINE)]
    before = made(dwell_s=10)
    assert play(before, times(0, entered + 5), scene({1: way})) == []
    machine = restarted(before, entered + 5 + away_s, away_s, dwell_s=10)
    assert kinds(play(machine, times(entered + 5 + away_s, entered + 25), scene({1: way}))) == expected


def test_after_a_long_restart_nothing_is_assumed() -> None:
    first = made()
    play(first, times(0, 25), scene({1: [(3, DOOR), (22, SINK)]}))
    second = restarted(first, 90.0, 31.0)
    assert second.progress(90.0)["persons"] == 0


@pytest.mark.parametrize(
    "state", [{}, {"version": 2, "people": []}, {"version": 1, "people": [{}]}, {"version": 1, "people": 5}]
)
def test_a_state_that_is_none_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="unusable state"):
        fresh().restore(state, media_time=0.0, away_s=0.0)
    first = made(BOTH)
    play(first, times(0, 9), scene({1: [(9, SINK)]}))
    with pytest.raises(ValueError, match="another number of steps"):
        fresh().restore(first.snapshot(), media_time=0.0, away_s=0.0)


@pytest.mark.parametrize("void", [lambda m: m.tracks_lost(), lambda m: m.suspend(10.0)])
def test_after_a_seam_or_a_schedule_people_are_new(void: Callable[[Rule], object]) -> None:
    machine = made()
    assert play(machine, times(0, 10), scene({1: [(11, DOOR)]})) == []
    void(machine)
    assert play(machine, times(11, 20), scene({1: [(30, LINE)]})) == []


@pytest.mark.parametrize("interrupt", [lambda m: m.tracks_lost(), lambda m: m.suspend(28.0), lambda m: m])
def test_what_people_did_before_anybody_looked_is_unknown(interrupt: Callable[[Rule], object]) -> None:
    """He washed, and then what was known of him was lost; who comes in later has no such past."""
    machine = made()
    way: Way = [(3, DOOR), (25, SINK)]
    assert play(machine, times(0, 28), scene({1: way})) == []
    interrupt(machine)
    present: Way = [(3, SINK), (3, TOWEL), (9, LINE)]
    late: Way = [(15, DOOR), (2, TOWEL), (9, LINE)]

    def then(now: float) -> Tracks:
        since = now - 29
        seen = {2: where(present, since), 3: where(late, since - 12) if since >= 12 else None}
        return tracks({i: place for i, place in seen.items() if place is not None})

    found = play(machine, times(29, 70), then)
    assert [(e.track_id, e.data["kind"]) for e in found] == [(3, "skipped")]


def test_nobody_is_accused_for_the_time_before_a_start_or_a_long_restart() -> None:
    way: Way = [(5, SINK), (2, TOWEL), (9, LINE)]
    assert play(fresh(), times(0, 16), scene({1: way})) == []
    first = made()
    play(first, times(0, 28), scene({1: [(3, DOOR), (25, SINK)]}))
    for away_s in (31.0, 3.0):  # after the short one he is taken for who he is, by place
        moved = lambda now: scene({9: way})(now - 60)  # noqa: E731
        assert play(restarted(first, 60.0, away_s), times(60, 76), moved) == []


@pytest.mark.parametrize(("washed_s", "away_s", "expected"), [(12, 1, ["too_short"]), (21, 1, []), (12, 31, [])])
def test_after_a_reconnect_people_are_known_by_their_place(washed_s: float, away_s: float, expected: list[str]) -> None:
    machine = made()
    assert play(machine, times(0, 4 + washed_s), scene({1: [(3, DOOR), (washed_s, SINK), (9, TOWEL)]})) == []
    back = 4 + washed_s + away_s
    machine.reconnected(back)
    way: Way = [(2, TOWEL), (9, LINE)]
    found = play(machine, times(back, back + 11), lambda now: scene({8: way})(now - back))
    assert kinds(found) == expected
    machine.reconnected(back + 12)
    assert play(machine, times(back + 12, back + 20), scene({9: [(999, LINE)]})) == []


def test_an_unknown_past_stays_unknown_over_a_short_restart_and_ends_with_its_time() -> None:
    first = fresh()
    play(first, times(0, 5), scene({1: [(9, DOOR)]}))
    way: Way = [(5, DOOR), (2, TOWEL), (9, LINE)]
    assert play(restarted(first, 60.0, 3.0), times(60, 76), lambda now: scene({9: way})(now - 60)) == []
    late: Way = [(5, DOOR), (60, TOWEL), (9, LINE)]
    assert kinds(play(fresh(within_s=50), times(0, 74), scene({1: late}))) == ["skipped"]


def test_who_is_first_seen_after_a_covered_view_may_have_washed_meanwhile() -> None:
    for covered_s, expected in ((5.0, ["skipped"]), (25.0, [])):
        machine = made()
        play(machine, times(0, 1), lambda _: Tracks.empty())
        machine.unseen()
        way: Way = [(2, TOWEL), (9, LINE)]
        start = 1 + covered_s
        shown = scene({1: way})
        found = play(
            machine, times(start, start + 11), partial(lambda shown, late, now: shown(now - late), shown, start)
        )
        assert kinds(found) == expected


# Numbers


def test_the_statistics_count_who_is_at_a_step() -> None:
    machine = made()
    ways: dict[int, Way] = {1: [(30, SINK)], 2: [(30, TOWEL)], 3: [(10, SINK), (20, LINE)]}
    play(machine, times(0, 9), scene(ways))
    assert machine.present() == {"handwash": {1, 3}}
    assert machine.progress(9.0) == {"persons": 3, "washing": 2, "complete": 0, "value": 9.0, "target": 20.0}
    play(machine, times(9.1, 25), scene(ways))
    assert machine.present() == {"handwash": {1}}
    assert machine.progress(25.0)["complete"] == 1
    assert made(number="boots").present() == {"boots": set()}


def test_media_time_must_be_a_number() -> None:
    with pytest.raises(ValueError, match="not a finite number"):
        made().step(Tracks.empty(), NAMES, float("nan"))


# The config document


def raw(**changes: Any) -> dict[str, Any]:
    square = [[0.1, 0.1], [0.4, 0.1], [0.4, 0.4]]
    rois = [
        {"roi_id": "goal", "camera_id": "vid1", "roi_type": "polygon", "coordinates": square},
        {"roi_id": "sink", "camera_id": "vid1", "roi_type": "rectangle", "coordinates": [[0.5, 0.5], [0.7, 0.7]]},
        {"roi_id": "far", "camera_id": "vid2", "roi_type": "polygon", "coordinates": square},
        {"roi_id": "bar", "camera_id": "vid1", "roi_type": "line", "coordinates": [[0.1, 0.1], [0.4, 0.4]]},
    ]
    rois[1].update(changes.pop("sink", {}))
    steps = [{"roi_id": changes.pop("first", "sink")}, *changes.pop("more", [])]
    return {
        "cameras": [{"camera_id": c, "rtsp_url": "webcam:0"} for c in ("vid1", "vid2")],
        "rois": rois,
        "binds": [{"bind_id": "b", "roi_id": "goal", "algo_code": "procedure", "params": {"steps": steps}}],
    }


@pytest.mark.parametrize(
    ("changes", "path", "reason"),
    [
        ({"first": "nowhere"}, "binds[0].params.steps[0].roi_id", "no ROI 'nowhere' in this document"),
        ({"more": [{"roi_id": "far"}]}, "binds[0].params.steps[1].roi_id", "ROI 'far' is of another camera"),
        ({"first": "bar"}, "binds[0].params.steps[0].roi_id", "a line is no area"),
    ],
)
def test_a_step_must_name_an_area_of_the_same_camera(changes: dict[str, Any], path: str, reason: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_content(raw(**changes), registry)
    assert (caught.value.path, caught.value.reason) == (path, f"{reason}; binding 'b' names it")


@pytest.mark.parametrize("enabled", [True, False])
def test_the_plan_brings_the_step_with_it(*, enabled: bool) -> None:
    plan = make_plan(parse_content(raw(sink={"enabled": enabled}), registry), "vid1", registry)
    (bound,) = plan.bindings
    assert bound.places == (OtherRoi("sink", "rectangle", ((0.5, 0.5), (0.7, 0.7))),)
    assert isinstance(make_rule(bound), Procedure)
    with pytest.raises(ValueError, match="no ROI 'sink' for a step"):
        make_rule(replace(bound, places=()))


def test_a_step_in_pixels_waits_for_the_picture() -> None:
    content = parse_content(raw(), registry)
    plan = make_plan(content, "vid1", registry, {"sink": ((64.0, 36.0), (128.0, 72.0))})
    assert plan.sized(640, 360).bindings[0].places[0].points == ((0.1, 0.1), (0.2, 0.2))
    assert plan.sized(640, 360).bindings[0].points == plan.bindings[0].points


@pytest.mark.parametrize("score", [0.8, 0.45])
def test_who_was_there_all_along_has_not_washed_also_when_nobody_counted_him(score: float) -> None:
    """He waits beside the sink; the one who washes there is lost; then he goes to the line."""
    waits, way = (0.16, 0.5), [(26.0, (0.16, 0.5)), (1.0, TOWEL), (5.0, LINE)]

    def scene(now: float) -> Tracks:
        place = where(way, now)
        if place is None:
            return Tracks.empty()
        if now < 25:
            return tracks({1: (0.12, 0.5), 2: waits}, score=[0.8, score])
        return tracks({2: place}, score=score if now < 25.5 else 0.8)

    assert kinds(play(made(min_score=0.5), times(0, 32), scene)) == ["skipped"]


def test_what_somebody_did_is_known_still_when_he_did_not_count_for_a_while() -> None:
    """Half hidden on his way, below the smallest score: the tracker has him, and nobody else can be in his place."""
    way = scene({1: [(3, DOOR), (21, SINK), (20, TOWEL), (5, LINE)]})

    def fades(now: float) -> Tracks:
        seen = way(now)
        return tracks({1: TOWEL}, score=0.2) if 25 <= now < 40 else seen

    assert play(made(), times(0, 60), fades) == []
