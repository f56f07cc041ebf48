"""When an alert is the same one again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.core.repeats import JOIN, LONGEST, MOST, Earlier, Occurrence, Span, is_repeat, may_touch, span_of

START = datetime(2026, 11, 22, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def earlier(*, ends: bool = False, last: float = 0.0, over: float | None = None, occurrences: int = 1) -> Earlier:
    span = Span(occurrences, START, at(last), None if over is None else at(over))
    return Earlier(span, ends=ends, kind="few", severity="warning")


@pytest.mark.parametrize(
    ("before", "seconds", "wanted"),
    [
        (earlier(), 0, True),
        (earlier(), 60, True),
        (earlier(), 60.1, False),
        (earlier(last=200, occurrences=4), 260, True),
        (earlier(last=200, occurrences=4), 261, False),
        (earlier(ends=True), 3600, True),
        (earlier(ends=True), 3601, False),
        (earlier(ends=True, over=100), 160, True),
        (earlier(ends=True, over=100), 161, False),
        (earlier(over=100), 160, True),
        (earlier(), -60, True),
        (earlier(), -61, False),
        (earlier(occurrences=MOST - 1), 10, True),
        (earlier(occurrences=MOST), 10, False),
    ],
)
def test_a_repeat_comes_while_it_goes_on_or_soon_after(before: Earlier, seconds: float, *, wanted: bool) -> None:
    assert is_repeat(before, at=at(seconds), kind="few", severity="warning") is wanted
    assert (JOIN.total_seconds(), LONGEST.total_seconds(), MOST) == (60, 3600, 200)


def test_another_kind_and_what_is_graver_are_news() -> None:
    same = {"at": at(5), "kind": "few", "severity": "warning"}
    assert is_repeat(earlier(), **same)  # type: ignore[arg-type]
    assert is_repeat(earlier(), **same | {"severity": "info"})  # type: ignore[arg-type]
    assert not is_repeat(earlier(), **same | {"severity": "critical"})  # type: ignore[arg-type]
    assert not is_repeat(earlier(), **same | {"kind": "many"})  # type: ignore[arg-type]
    assert not is_repeat(earlier(), **same | {"kind": None})  # type: ignore[arg-type]


def test_all_occurrences_together_in_any_order() -> None:
    found = [Occurrence(at(30), at(50)), Occurrence(at(0), at(90)), Occurrence(at(60), at(70))]
    assert span_of(found) == span_of(reversed(found)) == Span(3, at(0), at(60), at(90))
    assert span_of([*found, Occurrence(at(10), None)]) == Span(4, at(0), at(60), None)
    with pytest.raises(ValueError, match="empty"):
        span_of([])


@given(
    st.lists(st.integers(0, int(LONGEST.total_seconds())), max_size=6),
    st.integers(-7200, 7200),
    st.booleans(),
    st.booleans(),
)
def test_what_may_be_a_repeat_touches_every_occurrence(later: list[int], seconds: int, ends: bool, over: bool) -> None:
    found = [Occurrence(at(each), at(each + 30) if over else None) for each in [0, *later]]
    if is_repeat(Earlier(span_of(found), ends, "few", "warning"), at=at(seconds), kind="few", severity="warning"):
        assert all(may_touch(at(seconds), each.at) for each in found)
    assert not may_touch(at(0), at(7201))
