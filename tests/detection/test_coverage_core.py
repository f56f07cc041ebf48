"""How much a rule could see, and whom: sums over any looks, frames and clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cameras.core.schedule import ScheduleEntry, active
from detection.core.coverage import HOUR_S, LONGEST_LOOK_S, Hours, Ledger, Look, Sums, hour_of, note_time
from detection.core.presence import LONGEST_GAP_S, Presence
from detection.core.scene import Scene
from tests.detection.rule_scenes import INSIDE, NAMES, OUTSIDE, binding, tracks

VIENNA = "Europe/Vienna"
ZONES = ["UTC", VIENNA, "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"]
NIGHTS = ScheduleEntry.model_validate(
    {"schedule_id": "n", "weekly": [{"day": d, "start": "22:00", "end": "06:30"} for d in ("sat", "sun", "mon")]}
)
SPRING, AUTUMN = datetime(2027, 3, 28, tzinfo=ZoneInfo(VIENNA)), datetime(2026, 10, 25, tzinfo=ZoneInfo(VIENNA))
moments = st.integers(1_700_000_000, 1_900_000_000).map(float)


@settings(deadline=None)
@given(at=moments, tz=st.sampled_from(ZONES))
def test_an_hour_begins_when_the_clock_on_the_wall_is_full(at: float, tz: str) -> None:
    hour = hour_of(tz, at)
    assert 0 <= at - hour < HOUR_S
    assert hour % 900 == 0
    assert hour_of(tz, at) == hour_of(tz, at + 0.5)
    shown = datetime.fromtimestamp(at, ZoneInfo(tz))
    assert (at - hour) // 60 == shown.minute


@settings(deadline=None)
@given(
    start=moments,
    cuts=st.lists(st.floats(0, 40 * 3600), max_size=6),
    length=st.floats(0, 40 * 3600),
    tz=st.sampled_from(ZONES),
)
def test_however_time_is_cut_the_same_is_wanted(start: float, cuts: list[float], length: float, tz: str) -> None:
    """What the schedule wants does not depend on when somebody looks, and is what `active` says minute by minute."""
    whole, pieces = Ledger(), Ledger()
    note_time(whole, "b", Hours(NIGHTS, tz), Look(able=False), start=start, end=start + length)
    hours = Hours(NIGHTS, tz)
    for low, high in pairwise([0.0, *sorted(min(cut, length) for cut in cuts), length]):
        note_time(pieces, "b", hours, Look(able=False), start=start + low, end=start + high)
    for (_, hour), sums in whole.rows.items():
        assert sums.wanted_s == pytest.approx(pieces.rows["b", hour].wanted_s, abs=1e-3)
    step = 300.0
    sampled = sum(step for n in range(int(length // step)) if active(NIGHTS, tz, start + n * step))
    assert sum(sums.wanted_s for sums in whole.rows.values()) == pytest.approx(sampled, abs=8 * step)


@settings(deadline=None)
@given(
    looks=st.lists(st.tuples(st.floats(0.01, 30), st.booleans(), st.booleans()), min_size=1, max_size=40), start=moments
)
def test_nothing_is_seen_that_was_not_wanted(looks: list[tuple[float, bool, bool]], start: float) -> None:
    ledger, hours, at = Ledger(), Hours(None, VIENNA), start
    for seconds, able, coarse in looks:
        note_time(ledger, "b", hours, Look(able, coarse), start=at, end=at + seconds)
        at += seconds
    rows = ledger.rows.values()
    assert all(row.coarse_s <= row.seen_s + 1e-6 <= row.wanted_s + 2e-6 for row in rows)
    assert sum(row.wanted_s for row in rows) == pytest.approx(at - start, abs=1e-3)
    seen = sum(min(seconds, LONGEST_LOOK_S) for seconds, able, _ in looks if able)
    assert sum(row.seen_s for row in rows) == pytest.approx(seen, abs=1e-3)
    assert all(0 <= row.wanted_s <= HOUR_S + 1e-3 for row in rows)


@pytest.mark.parametrize(("midnight", "hours"), [(SPRING, 23), (AUTUMN, 25)])
def test_the_days_on_which_the_clock_is_changed(midnight: datetime, hours: int) -> None:
    """All rows of the day lie on its date, none is longer than an hour, and together they are the day."""
    start, end = midnight.timestamp(), (midnight + timedelta(days=1)).timestamp()
    ledger = Ledger()
    note_time(ledger, "b", Hours(None, VIENNA), Look(able=True), start=start, end=end)
    assert {datetime.fromtimestamp(hour, ZoneInfo(VIENNA)).date() for _, hour in ledger.rows} == {midnight.date()}
    assert [row.wanted_s for row in ledger.rows.values()] == [HOUR_S] * hours


def test_a_night_shift_lasts_as_long_as_the_clock_says() -> None:
    for midnight, length in ((SPRING, 7.5), (AUTUMN, 9.5), (SPRING + timedelta(days=7), 8.5)):
        ledger = Ledger()
        evening = (midnight - timedelta(hours=12)).astimezone(UTC).timestamp()
        note_time(ledger, "b", Hours(NIGHTS, VIENNA), Look(able=True), start=evening, end=evening + 20 * 3600)
        assert sum(row.wanted_s for row in ledger.rows.values()) == length * 3600


def test_a_full_ledger_gives_up_the_oldest_and_counts_it() -> None:
    ledger = Ledger(most=2)
    for hour in (3600, 7200, 10800):
        ledger.add("b", hour, Sums(1.0))
    assert [hour for _, hour in ledger.rows] == [7200, 10800]
    assert ledger.lost == 1
    taken = ledger.take()
    assert not ledger.rows
    ledger.add("b", 10800, Sums(2.0, alerts=1))
    ledger.put_back(taken)
    assert ledger.rows["b", 10800] == Sums(3.0, alerts=1)


# Who was there


def seen(presence: Presence, people: int, at: float, *, outside: int = 0, algo: str = "intrusion") -> None:
    bound = binding(algo)
    places = dict.fromkeys(range(people), INSIDE) | dict.fromkeys(range(100, 100 + outside), OUTSIDE)
    scene = Scene.of(tracks(places), NAMES)
    presence.step({bound.bind_id: presence.count(bound, scene)}, at)


@settings(deadline=None)
@given(frames=st.lists(st.tuples(st.floats(0.05, 20), st.integers(0, 5), st.booleans()), max_size=30))
def test_person_seconds_are_the_sum_over_the_frames(frames: list[tuple[float, int, bool]]) -> None:
    presence, at, expected, there = Presence(), 0.0, 0.0, 0
    seen(presence, 0, at)
    for gap, people, visible in frames:
        at += gap
        expected += there * gap if gap <= LONGEST_GAP_S else 0.0
        if visible:
            seen(presence, people, at, outside=2)
            there = people
        else:
            presence.unseen(at)
            there = 0
    assert presence.totals.get("b1", 0.0) == pytest.approx(expected)


def test_half_of_the_frames_tell_the_same() -> None:
    totals = []
    for rate in (10, 5):
        presence = Presence()
        for n in range(20 * rate + 1):
            seen(presence, 2 if 5 * rate <= n < 15 * rate else 0, n / rate)
        totals.append(presence.totals["b1"])
    assert totals == pytest.approx([20.0, 20.0])


def test_at_a_line_everybody_in_the_picture_counts_and_who_goes_is_forgotten() -> None:
    presence = Presence()
    for at in (0.0, 1.0):
        seen(presence, 1, at, outside=2, algo="line_crossing")
    assert presence.totals == {"b1": 3.0}
    presence.keep(())
    assert presence.totals == {}


def test_other_classes_and_weak_detections_do_not_count() -> None:
    presence, bound = Presence(), binding("intrusion")
    assert presence.count(bound, Scene.of(tracks({1: INSIDE}, class_id=1), NAMES)) == 0
    assert presence.count(bound, Scene.of(tracks({1: INSIDE}, score=0.2), NAMES)) == 0
    assert presence.count(binding("intrusion", classes=["car"]), Scene.of(tracks({1: INSIDE}, class_id=1), NAMES)) == 1
