"""Cameras into groups that stay as they are while others come and go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.core.groups import Group, assign, crash_reason


def sizes(groups: tuple[Group, ...]) -> list[int]:
    return [len(g.cameras) for g in groups]


def test_a_fresh_start_spreads_evenly_and_is_always_the_same() -> None:
    cameras = [f"c{n}" for n in range(7)]
    grouping = assign(cameras, (), most=3)
    assert sizes(grouping.groups) == [3, 2, 2]
    assert assign(list(reversed(cameras)), (), most=3) == grouping
    assert [g.name for g in grouping.groups] == ["g1", "g2", "g3"]
    assert [g.share for g in grouping.groups] == [pytest.approx(1 / 3, abs=1e-6)] * 3


def test_no_more_groups_than_cameras() -> None:
    assert sizes(assign(["a"], (), most=8).groups) == [1]
    assert assign([], (), most=8).groups == ()


def test_what_finds_no_room_is_said() -> None:
    grouping = assign(["a", "b", "c", "d", "e"], (), most=2, largest=2)
    assert sizes(grouping.groups) == [2, 2]
    assert grouping.left_out == ("e",)


@pytest.mark.parametrize(("most", "largest"), [(0, None), (2, 0), (-1, 3)])
def test_no_room_at_all_is_an_error(most: int, largest: int | None) -> None:
    with pytest.raises(ValueError, match="room"):
        assign(["a"], (), most=most, largest=largest)


CAMERAS = st.frozensets(st.sampled_from([f"c{n}" for n in range(20)]))
LIMIT = st.none() | st.integers(1, 6)


@given(CAMERAS, CAMERAS, st.integers(1, 5), LIMIT)
def test_nobody_is_moved_by_others_coming_and_going(
    first: frozenset[str], then: frozenset[str], most: int, largest: int | None
) -> None:
    before = assign(first, (), most=most, largest=largest)
    after = assign(then, before.groups, most=most, largest=largest)
    was = {c: g.name for g in before.groups for c in g.cameras}
    now = {c: g.name for g in after.groups for c in g.cameras}
    assert {c: n for c, n in now.items() if c in was} == {c: n for c, n in was.items() if c in then}
    assert assign(then, after.groups, most=most, largest=largest) == after


@given(CAMERAS, st.integers(1, 5), st.integers(1, 5), LIMIT)
def test_every_camera_is_somewhere_once_and_no_limit_is_broken(
    cameras: frozenset[str], most: int, fewer: int, largest: int | None
) -> None:
    before = assign(cameras, (), most=most)
    after = assign(cameras, before.groups, most=fewer, largest=largest)
    placed = [c for g in after.groups for c in g.cameras]
    assert sorted([*placed, *after.left_out]) == sorted(cameras)
    assert len(after.groups) <= fewer
    limit = len(cameras) if largest is None else largest
    assert all(0 < len(g.cameras) <= limit for g in after.groups)
    assert not after.left_out or len(placed) == fewer * limit


def test_two_groups_that_claim_one_camera_do_not_both_get_it() -> None:
    groups = assign(["a", "b"], [Group("g1", ("a",)), Group("g2", ("a", "b"))], most=2).groups
    assert [g.cameras for g in groups] == [("a",), ("b",)]


def test_a_crash_in_words() -> None:
    once = crash_reason(crashes=1, how="ended with status 1", delay_s=0.3)
    assert once == "analysis process crashed: ended with status 1; next start in 1 s"
    often = crash_reason(crashes=3, how="was ended by SIGSEGV", delay_s=8.2)
    assert often == "analysis process crashed 3 times: was ended by SIGSEGV; next start in 8 s"
