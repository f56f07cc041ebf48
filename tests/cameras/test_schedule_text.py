"""Schedules as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cameras.core.holidays import PlannedSchedule, clean_name, document_holidays
from cameras.core.schedule import DAYS, ScheduleEntry
from cameras.core.schedule_text import ScheduleTextError, days_text, format_text, hours_of, parse


def test_days_ranges_lists_dates_and_remarks_are_read() -> None:
    written = parse(
        "# shifts\nMon-Tue 08:00-12:00, 13:00–17:00  # with a break\n\nsat, Sunday 22:00-6:00\n"
        "Wed closed\n2026-12-25 closed\n2026-12-24 9:00-12:00\n"
    )
    assert written.weekly == [
        {"day": "mon", "start": "08:00", "end": "12:00"},
        {"day": "mon", "start": "13:00", "end": "17:00"},
        {"day": "tue", "start": "08:00", "end": "12:00"},
        {"day": "tue", "start": "13:00", "end": "17:00"},
        {"day": "sat", "start": "22:00", "end": "06:00"},
        {"day": "sun", "start": "22:00", "end": "06:00"},
    ]
    assert written.holidays == [
        {"date": "2026-12-24", "intervals": [{"start": "09:00", "end": "12:00"}]},
        {"date": "2026-12-25", "intervals": []},
    ]
    assert format_text(written.weekly, written.holidays) == (
        "Mon-Tue 08:00-12:00, 13:00-17:00\nSat-Sun 22:00-06:00\n2026-12-24 09:00-12:00\n2026-12-25 closed"
    )


def test_a_date_has_a_name_and_may_have_the_hours_of_a_day() -> None:
    text = (
        "Sun 10:00-14:00\n2026-12-24 09:00-12:00  # Christmas Eve # half a day\n"
        "2026-12-25 closed  # 圣诞节\n2026-12-26 like Sun"
    )
    written = parse(text)
    assert written.holidays == [
        {"date": "2026-12-24", "intervals": [{"start": "09:00", "end": "12:00"}], "name": "Christmas Eve # half a day"},
        {"date": "2026-12-25", "intervals": [], "name": "圣诞节"},
        {"date": "2026-12-26", "like": "sun"},
    ]
    assert format_text(written.weekly, written.holidays) == text
    assert parse("2026-12-25 Like sunday #  two \t words\u200b ").holidays == [
        {"date": "2026-12-25", "like": "sun", "name": "two words"}
    ]


def test_a_range_may_go_over_the_weekend_and_days_may_stand_in_several_lines() -> None:
    written = parse("Sat-Mon 00:00-24:00\nMon 08:00-09:00")
    assert [(i["day"], i["start"]) for i in written.weekly] == [
        ("mon", "00:00"), ("mon", "08:00"), ("sat", "00:00"), ("sun", "00:00"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Mon 08:00-12:00\nFunday 08:00-12:00", "line 2, column 1: a day such as Mon or a date such as 2026-12-25"),
        ("Mon", "line 1, column 4: a time of day such as 08:30 is missing here"),
        ("Mon 08:00", "line 1, column 10: “-” and the end of the hours are missing here"),
        ("Mon 08:00-", "line 1, column 11: a time of day"),
        ("Mon 08:00-25:00", "line 1, column 11: a time of day"),
        ("Mon 08:61-12:00", "line 1, column 5: a time of day"),
        ("Mon 24:00-12:00", "line 1, column 5: 24:00 can only end hours"),
        ("Mon 08:00-08:00", "line 1, column 11: start and end are the same"),
        ("Mon 08:00-12:00 13:00-14:00", "line 1, column 17: 13:00 is too much here"),
        ("Mon 08:00-12:00,", "line 1, column 17: a time of day"),
        ("Mon-Wed, Tue 08:00-12:00", "line 1, column 10: Tue stands twice"),
        ("Mon 08:00-12:00\n Mon closed", "line 2, column 2: Mon has hours and is closed"),
        ("Mon closed\nMon 08:00-12:00", "line 2, column 1: Mon has hours and is closed"),
        ("2026-02-30 closed", "line 1, column 1: 2026-02-30 is not a date"),
        ("2026-2-3 closed", "line 1, column 1: 2026-2-3 is not a date"),
        ("2026-12-25 closed\n2026-12-25 closed", "line 2, column 1: 2026-12-25 stands twice"),
        ("2026-12-25 closed 08:00-09:00", "line 1, column 19: 08:00 is too much here"),
        ("2026-12-25 like closed", "line 1, column 17: a day such as Mon"),
        ("2026-12-25 like Sun 08:00-09:00", "line 1, column 21: 08:00 is too much here"),
        ("2026-12-25 closed # " + "x" * 101, "line 1, column 19: the name has more than 100 characters"),
        ("Mon like Sun", "line 1, column 5: a time of day"),
    ],
)
def test_a_mistake_is_named_by_line_and_column(text: str, problem: str) -> None:
    with pytest.raises(ScheduleTextError) as caught:
        parse(text)
    assert str(caught.value).startswith(problem)


TIMES = st.integers(0, 1439).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")
HOURS = st.tuples(TIMES, st.one_of(TIMES, st.just("24:00"))).filter(lambda pair: pair[0] != pair[1])
WEEK = st.lists(st.tuples(st.sampled_from(DAYS), HOURS), max_size=12)
NAMES_OF_DAYS = st.text(max_size=40).map(clean_name)
DATES = st.dictionaries(
    st.dates().map(str),
    st.tuples(st.lists(HOURS, max_size=3), st.none() | st.sampled_from(DAYS), NAMES_OF_DAYS),
    max_size=4,
)


@given(WEEK, DATES)
def test_what_is_written_out_reads_the_same_and_is_a_sound_schedule(
    week: list[tuple[str, tuple[str, str]]], dates: dict[str, tuple[list[tuple[str, str]], str | None, str]]
) -> None:
    weekly = [{"day": day, "start": start, "end": end} for day, (start, end) in week]
    holidays = [
        {"date": day}
        | ({"like": like} if like else {"intervals": [{"start": start, "end": end} for start, end in hours]})
        | ({"name": name} if name else {})
        for day, (hours, like, name) in dates.items()
    ]
    written = parse(format_text(weekly, holidays))
    assert {tuple(i.values()) for i in written.weekly} == {tuple(i.values()) for i in weekly}
    assert written.holidays == sorted(holidays, key=lambda holiday: str(holiday["date"]))
    PlannedSchedule(schedule_id="s", weekly=written.weekly, holidays=written.holidays)
    ScheduleEntry(schedule_id="s", weekly=written.weekly, holidays=document_holidays(written.weekly, written.holidays))


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        written = parse(text)
    except ScheduleTextError as error:
        sound = 1 <= error.line <= len(text.splitlines()) and error.column >= 1
    else:
        sound = parse(format_text(written.weekly, written.holidays)) == written
    assert sound


def test_neighbouring_days_with_the_same_hours_share_a_line() -> None:
    hours = hours_of([{"day": day, "start": "08:00", "end": "12:00"} for day in ("mon", "tue", "thu")])
    assert days_text(hours) == ["Mon-Tue 08:00-12:00", "Wed closed", "Thu 08:00-12:00", "Fri-Sun closed"]
