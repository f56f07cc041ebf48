"""Which segments go: a table of stock and limits."""

from __future__ import annotations

import pytest

from recordings.core.retention import Limits, Plan, Stock, most_are_old, plan
from recordings.core.segments import Segment

NOW = 1_000_000.0
LIMITS = Limits(keep_s=1000, most=None, floor=100, enough=150)


def pieces(*ages: float, camera_id: str = "vid1", size: int = 20) -> list[Segment]:
    """Segments of four seconds that ended so many seconds ago."""
    return [Segment(camera_id, f"{camera_id}/{a}", "r", NOW - a - 4, NOW - a, size) for a in ages]


def decide(found: list[Segment], **values: object) -> Plan:
    given = {"count": len(found) * 10, "size": 20 * len(found), "free": 1000, "cleaning": False} | values
    needed = given.pop("needed", [])
    limits = given.pop("limits", LIMITS)
    return plan(found, stock=Stock(**given), limits=limits, now=NOW, needed=needed)  # type: ignore[arg-type]


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
