"""The arithmetic of reports against values worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.core.reporting import HOURS, Figures, ShiftError, Shifts, bars, change, scale


@settings(deadline=None)
@given(begins=st.sets(st.integers(0, 23), min_size=1, max_size=12))
def test_every_hour_belongs_to_one_shift(begins: set[int]) -> None:
    shifts = Shifts(tuple(sorted(begins)))
    hours = [shifts.hours(number) for number in range(len(begins))]
    assert sorted(hour for part in hours for hour in part) == list(range(HOURS))
    for begin, part in zip(shifts.begins, hours, strict=True):
        assert begin in part
    assert Shifts.read(str(shifts)) == shifts


def test_shifts_over_midnight() -> None:
    shifts = Shifts.read(" 22:00,06:00, 14:00 ")
    assert [shifts.name(n) for n in range(3)] == ["06:00–14:00", "14:00–22:00", "22:00–06:00"]
    assert shifts.hours(2) == [0, 1, 2, 3, 4, 5, 22, 23]
    assert Shifts.read("00:00").hours(0) == list(range(24))
    assert Shifts.read("07:00").name(0) == "07:00–07:00"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "time"), (", ,", "time"), ("6", "time"), ("06:30", "time"), ("24:00", "time"), ("6:00", "time"),
        ("06:00;14:00", "time"), ("-1:00", "time"), ("٠٦:00", "time"), ("06:00, 06:00", "twice"),
        (",".join(f"{h:02}:00" for h in range(13)), "many"),
    ],
)  # fmt: skip
def test_what_is_no_shift(text: str, kind: str) -> None:
    with pytest.raises(ShiftError) as error:
        Shifts.read(text)
    assert error.value.kind == kind


def test_rates_and_coverage() -> None:
    assert Figures(violations=5, rated=3, person_s=2 * 3600).rate == 150.0
    assert Figures(rated=3, person_s=3599).rate is None
    assert Figures().coverage is None
    assert Figures(wanted_s=200, seen_s=150).coverage == 0.75
    assert Figures(wanted_s=200, seen_s=150).low
    assert not Figures(wanted_s=200, seen_s=160).low
    assert not Figures().low
    assert Figures(violations=2, false=1, raised=5).missing == 2
    assert Figures(violations=2, false=1, repeats=2, raised=5).missing == 0
    assert Figures(violations=2, raised=1).missing == 0


def test_a_trend_needs_enough_behind_it() -> None:
    def figures(violations: int, hours: float = 10) -> Figures:
        return Figures(violations=violations, rated=violations, person_s=hours * 3600)

    for now, before, share, clear in (
        (figures(15), figures(10), 0.5, False),  # ln 1.5 = 0.41 against 1.96 √(1/15 + 1/10) = 0.80
        (figures(150), figures(100), 0.5, True),  # against 0.25
        (figures(15), figures(10, 5), -0.25, False),
        (figures(0), figures(10), -1.0, True),  # ln 20 = 3.0 against 2.84
        (figures(40), figures(40), 0.0, False),
    ):
        found = change(now, before)
        assert found is not None
        assert found.share == pytest.approx(share)
        assert found.clear is clear
    assert change(figures(5), figures(4)) is None
    assert change(figures(50), figures(0)) is None
    assert change(figures(50), figures(50, 0.5)) is None


def test_figures_add_up() -> None:
    total = Figures(1, 2, 3.0, 4.0, 5.0, 6.0, 7, 8, 9)
    total.add(Figures(10, 20, 30.0, 40.0, 50.0, 60.0, 70, 80, 90))
    assert total == Figures(11, 22, 33.0, 44.0, 55.0, 66.0, 77, 88, 99)


@settings(deadline=None)
@given(values=st.lists(st.one_of(st.none(), st.floats(0, 1e6)), max_size=92))
def test_bars_stay_within_the_chart(values: list[float | None]) -> None:
    most = scale(values)
    assert most >= max((v for v in values if v is not None), default=0)
    for number, (bar, value) in enumerate(zip(bars(values, most), values, strict=True)):
        assert 10 * number < bar.x < bar.x + bar.width < 10 * number + 10
        assert 0 <= bar.y <= 100
        assert bar.y + bar.height == pytest.approx(100)
        assert bar.known == (value is not None)
        assert (bar.height > 0) == bool(value)


@pytest.mark.parametrize(
    ("largest", "end"), [(0, 1), (1, 1), (2, 2), (3, 5), (7, 10), (11, 20), (230, 500), (1000, 1000)]
)
def test_an_axis_ends_at_a_round_value(largest: float, end: float) -> None:
    assert scale([largest, None, 0]) == end
