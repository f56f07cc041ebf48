"""When scheduled snapshots are due: slots of the Unix clock, and each camera's own turn in them."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.core.slots import SPREAD_S, is_missed, next_due, slot_id, slot_of, turn_of

MINUTES = st.sampled_from([1, 5, 15, 60])
NOW = st.floats(0, 4e9)
CODES = st.text("abcdefgh0123456789-_.", min_size=1, max_size=64)


@given(NOW, MINUTES, CODES)
def test_the_next_turn_is_the_first_after_now_in_the_cameras_place_of_a_slot(
    now: float, minutes: int, code: str
) -> None:
    due = next_due(now, minutes=minutes, camera_id=code)
    assert now < due <= now + minutes * 60
    assert due - slot_of(due, minutes=minutes) == turn_of(code)
    assert slot_of(due, minutes=minutes) % (minutes * 60) == 0


@given(NOW, MINUTES, CODES)
def test_turns_follow_one_another_slot_by_slot(now: float, minutes: int, code: str) -> None:
    first = next_due(now, minutes=minutes, camera_id=code)
    assert next_due(first, minutes=minutes, camera_id=code) == first + minutes * 60


def test_five_hundred_cameras_spread_over_the_minute() -> None:
    turns = Counter(turn_of(f"vid{number}") for number in range(500))
    assert set(turns) <= set(range(SPREAD_S))
    assert len(turns) >= 58
    assert max(turns.values()) <= 25  # 8.3 a second on average


@pytest.mark.parametrize(
    ("zone", "begin", "hours"),
    [
        ("Europe/Berlin", "2026-03-28T12:00", 23),  # 02:00 to 03:00 is skipped
        ("Europe/Berlin", "2026-10-24T12:00", 25),  # it comes twice
        ("Australia/Lord_Howe", "2026-04-04T12:00", 24.5),  # put back by half an hour
    ],
)
def test_no_change_of_summer_time_skips_or_doubles_a_slot(zone: str, begin: str, hours: float) -> None:
    start = datetime.fromisoformat(begin).replace(tzinfo=ZoneInfo(zone))
    end = (start + timedelta(days=1)).timestamp()  # the same time on the clock of the next day
    due, slots = start.timestamp(), []
    while (due := next_due(due, minutes=15, camera_id="vid1")) < end:
        slots.append(slot_of(due, minutes=15))
    assert len(slots) == hours * 4
    assert {b - a for a, b in pairwise(slots)} == {900}


def test_a_turn_is_missed_after_half_a_minute() -> None:
    assert not is_missed(1000.0, 1030.0)
    assert is_missed(1000.0, 1030.5)


def test_a_slots_picture_has_one_identifier() -> None:
    assert slot_id("vid1", 900) == slot_id("vid1", 900)
    assert len({slot_id(code, slot) for code in ("vid1", "vid2") for slot in (900, 1800)}) == 4
    assert uuid.UUID(slot_id("x" * 64, 4_000_000_000)).version == 5
