"""Which segments go: a table of stock and limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.core.retention import Limits, Plan, Stock, Terms, lacking, most_are_old, plan
from recordings.core.segments import Segment

NOW = 1_000_000.0
LIMITS = Limits(keep_s=1000, most=None, floor=100, enough=150)


def pieces(*ages: float, camera_id: str = "vid1", size: int = 20) -> list[Segment]:
    """Segments of four seconds that ended so many seconds ago."""
    return [Segment(camera_id, f"{camera_id}/{a}", "r", NOW - a - 4, NOW - a, size) for a in ages]


def decide(found: list[Segment], **values: object) -> Plan:
    given = {"count": len(found) * 10, "size": 20 * len(found), "free": 1000, "cleaning": False} | values
    needed = given.pop("needed", [])
    limits, own, stored = given.pop("limits", LIMITS), given.pop("own", {}), given.pop("stored", ())
    stock = Stock(**given)  # type: ignore[arg-type]
    return plan(found, stock=stock, limits=limits, now=NOW, needed=needed, own=own, stored=stored)  # type: ignore[arg-type]


def ages(decision: Plan) -> list[float]:
    return [round(NOW - s.end) for s in decision.doomed]


def test_what_is_old_goes_and_what_a_task_needs_stays() -> None:
    found = pieces(1200, 1100, 1001, 999, 10)
    assert ages(decide(found)) == [1200, 1100, 1001]
    kept = decide(found, needed=[("vid1", NOW - 1102, NOW - 1000)])
    assert ages(kept) == [1200]
    assert ages(decide(found, needed=[("vid2", NOW - 2000, NOW)])) == [1200, 1100, 1001]


def test_none_go_by_age_while_the_clock_is_in_doubt() -> None:
    found = pieces(*range(3000, 1100, -100))
    assert decide(found, doubtful=True) == Plan((), cleaning=False, suspicious=True)
    assert decide(pieces(900), doubtful=True) == Plan((), cleaning=False, suspicious=False)
    assert len(decide(found).doomed) == len(found)


@pytest.mark.parametrize(("old", "count", "most"), [(10, 10, False), (11, 21, True), (11, 22, False), (0, 0, False)])
def test_most_are_more_than_half_and_more_than_a_few(old: int, count: int, most: bool) -> None:
    assert most_are_old(old, count) is most


@pytest.mark.parametrize(
    ("free", "cleaning", "gone", "goes_on"),
    [(101, False, 0, False), (100, False, 0, False), (99, False, 3, True), (120, True, 2, True), (150, True, 0, False)],
)
def test_a_disk_that_fills_is_cleaned_up_to_a_second_mark(free: int, cleaning: bool, gone: int, goes_on: bool) -> None:
    found = pieces(500, 400, 300, 200, 100)
    decision = decide(found, free=free, cleaning=cleaning)
    assert ages(decision) == [500, 400, 300, 200, 100][:gone]
    assert decision.cleaning is goes_on
    assert decision.short == 0


def test_what_is_needed_is_not_given_for_room_and_the_lack_is_told() -> None:
    found = pieces(500, 400)
    decision = decide(found, free=0, needed=[("vid1", NOW - 450, NOW)])
    assert (ages(decision), decision.short) == ([500], 130)


def test_a_budget_of_bytes() -> None:
    found = pieces(500, 400, 300)
    assert ages(decide(found, limits=Limits(1000, 60, 100, 150))) == []
    assert ages(decide(found, limits=Limits(1000, 59, 100, 150))) == [500]
    assert ages(decide(found, limits=Limits(1000, 20, 100, 150))) == [500, 400]


# -- cameras with terms of their own ----------------------------------------------------------------------------------


def test_a_cameras_budget_takes_its_own_oldest_only() -> None:
    found = pieces(900, 800, 700) + pieces(950, 600, camera_id="vid2")
    own = {"vid1": Terms(most=30), "vid2": Terms(most=40)}
    assert ages(decide(found, own=own, cameras={"vid1": 60, "vid2": 40})) == [900, 800]
    assert ages(decide(found, own=own, cameras={"vid1": 30, "vid2": 41})) == [950]


def test_what_goes_by_age_counts_for_the_budget() -> None:
    assert ages(decide(pieces(1200, 900, 800), own={"vid1": Terms(most=40)}, cameras={"vid1": 60})) == [1200]


def test_of_what_goes_for_room_a_stored_clip_holds_the_first() -> None:
    found = pieces(500, 400, 300, 200)
    assert ages(decide(found, free=120, cleaning=True, stored={"vid1/300"})) == [300, 500]
    assert ages(decide(found, stored={"vid1/300"})) == []


def test_guaranteed_days_outlast_the_limits_days_and_every_budget() -> None:
    found = pieces(1500, 1200, 900)
    own = {"vid1": Terms(least_s=1300.0, most=20)}
    decision = decide(found, own=own, cameras={"vid1": 60}, limits=Limits(1000, 20, 100, 150))
    assert (ages(decision), decision.short, decision.broken) == ([1500], 0, ())


def test_days_that_a_camera_may_be_kept_at_most_bound_what_is_guaranteed() -> None:
    assert ages(decide(pieces(600, 400), own={"vid1": Terms(keep_s=500.0, least_s=900.0)})) == [600]


def test_only_the_floor_takes_guaranteed_ones_last_and_no_more_than_it_asks_for() -> None:
    found = pieces(900, 800, 700, 600) + pieces(100, camera_id="vid2")
    own = {"vid1": Terms(least_s=1000.0)}
    decision = decide(found, own=own, free=75)  # the mark above the floor would ask for 75 bytes, the floor for 25
    assert (ages(decision), ages(Plan(decision.broken, False)), decision.short) == ([100, 900], [900], 0)
    assert ages(decide(found, own=own, free=110, cleaning=True)) == [100]


def test_what_is_only_there_before_an_alert_is_not_guaranteed() -> None:
    ring = [replace(s, ring=True) for s in pieces(50)]
    decision = decide(ring + pieces(900), own={"vid1": Terms(least_s=1000.0)}, free=90)
    assert (ages(decision), decision.broken) == ([50], ())


def test_what_is_missing_when_guaranteed_ones_are_gone_too_is_told() -> None:
    decision = decide(pieces(900), own={"vid1": Terms(least_s=1000.0)}, free=0)
    assert (len(decision.broken), decision.short) == (1, 130)


def test_by_a_clock_in_doubt_nothing_of_a_camera_with_guaranteed_days_looks_too_old() -> None:
    found = pieces(90_000) + pieces(80_000, camera_id="vid2")
    own = {"vid1": Terms(least_s=1000.0)}
    assert [s.camera_id for s in decide(found, own=own, free=70, doubtful=True).doomed] == ["vid2", "vid1"]
    assert [s.camera_id for s in decide(found, own=own, free=120, cleaning=True, doubtful=True).doomed] == ["vid2"]


def test_it_is_asked_for_clips_only_where_room_is_missing() -> None:
    own = {"vid1": Terms(most=50)}
    assert not lacking(Stock(3, 60, 100, cameras={"vid1": 50}), Limits(1000, 60, 100, 150), own)
    assert lacking(Stock(3, 60, 99), LIMITS, {})
    assert lacking(Stock(3, 60, 149, cleaning=True), LIMITS, {})
    assert lacking(Stock(3, 61, 500), Limits(1000, 60, 100, 150), {})
    assert lacking(Stock(3, 60, 500, cameras={"vid1": 51}), LIMITS, own)


CAMERAS = ["vid1", "vid2", "vid3"]
segments = st.lists(
    st.builds(
        lambda camera, age, size, number: Segment(camera, f"{camera}/{number}", "r", NOW - age - 4, NOW - age, size),
        st.sampled_from(CAMERAS), st.integers(-50, 3000), st.integers(1, 40), st.integers(0, 10**9),
    ),
    max_size=25, unique_by=lambda s: s.path,
)  # fmt: skip
terms = st.builds(
    Terms,
    keep_s=st.none() | st.integers(100, 3000).map(float),
    most=st.none() | st.integers(1, 300),
    least_s=st.just(0.0) | st.integers(1, 3000).map(float),
)


@given(
    segments,
    st.dictionaries(st.sampled_from(CAMERAS), terms),
    st.tuples(st.integers(0, 300), st.booleans(), st.booleans(), st.none() | st.integers(1, 500)),
    st.lists(st.tuples(st.sampled_from(CAMERAS), st.integers(0, 3000), st.integers(0, 500)), max_size=4),
    st.sets(st.integers(0, 24)),
)
def test_whatever_there_is_nothing_goes_that_must_stay(
    found: list[Segment],
    own: Mapping[str, Terms],
    disk: tuple[int, bool, bool, int | None],
    clips: list[tuple[str, int, int]],
    held_by_clips: set[int],
) -> None:
    free, cleaning, doubtful, most = disk
    limits = Limits(1000.0, most, 100, 150)
    needed = [(camera, NOW - age, NOW - age + length) for camera, age, length in clips]
    stored = {s.path for number, s in enumerate(found) if number in held_by_clips}
    sizes = {c: sum(s.size for s in found if s.camera_id == c) for c in CAMERAS}
    stock = Stock(len(found), sum(sizes.values()), free, cleaning, doubtful, sizes)
    decision = plan(found, stock=stock, limits=limits, now=NOW, needed=needed, own=own, stored=stored)
    doomed, broken = {s.path for s in decision.doomed}, {s.path for s in decision.broken}

    def guaranteed(s: Segment) -> bool:
        holds = own.get(s.camera_id, Terms()).holds(limits)
        return holds > 0 and (doubtful or s.end >= NOW - holds)

    for s in found:
        if any(c == s.camera_id and s.end > a and s.start < b for c, a, b in needed):
            assert s.path not in doomed
        elif guaranteed(s):
            assert (s.path in doomed) == (s.path in broken)
    assert broken <= doomed
    may_go = [s for s in found if not any(c == s.camera_id and s.end > a and s.start < b for c, a, b in needed)]
    if broken:  # the floor is at risk, nothing else was left, and not one more went than it asked for
        assert decision.cleaning
        assert all(s.path in doomed for s in may_go if not guaranteed(s))
        gained = sum(s.size for s in decision.doomed)
        assert gained - max(s.size for s in decision.broken) < 100 - free
    rest = [s for s in may_go if not guaranteed(s)]
    too_old = {s.path for s in rest if s.end < NOW - own.get(s.camera_id, Terms()).keeps(limits)}
    assert decision.suspicious or too_old <= doomed
    if not decision.short and not any(guaranteed(s) for s in may_go):
        gained = sum(s.size for s in decision.doomed)
        assert not decision.cleaning or free + gained >= 150
        assert most is None or stock.size - gained <= most
    for camera in CAMERAS:  # of one camera's, what is not in a clip goes in the order of time
        left = [s.start for s in rest if s.camera_id == camera and s.path not in doomed | stored | too_old]
        gone = [s.start for s in rest if s.camera_id == camera and s.path in doomed - stored - too_old]
        assert not left or not gone or max(gone) <= min(left)
