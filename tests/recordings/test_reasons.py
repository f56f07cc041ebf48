"""Why a camera is recorded although nobody asked: a day of hours, the clock's changes, and a document that changes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cameras.core.algorithms import registry
from cameras.core.document import Document, parse_document
from cameras.core.recording import RecordingPolicy, reason_of
from cameras.core.schedule import ScheduleEntry
from recordings.core.retention import Terms
from recordings.recorder.reasons import Reasons
from tests.cameras.documents import DEVICE, content, document
from tests.fakes import Clock

URL = "rtsp://op:secret@10.0.0.5/1"
VIENNA = "Europe/Vienna"
SHIFT: dict[str, Any] = {
    "schedule_id": "shift",
    "weekly": [
        *({"day": day, "start": "08:00", "end": "12:00"} for day in ("mon", "tue")),
        {"day": "mon", "start": "22:00", "end": "06:00"},
        {"day": "sat", "start": "22:00", "end": "06:00"},
    ],
    "holidays": [{"date": "2026-11-24", "intervals": [{"start": "09:00", "end": "10:00"}]}],
}


def at(text: str) -> float:
    """Unix seconds of a time on the wall in Vienna."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(VIENNA)).timestamp()


class Box:
    """Of one camera, `vid1`."""

    def __init__(self, start: str, **policy: Any) -> None:
        self.clock = Clock(at(start))
        self.document: Document | None = None
        self.configure(**policy)
        self.reasons = Reasons(lambda: self.document, clock=self.clock)

    def configure(self, *, enabled: bool = True, **policy: Any) -> None:
        camera = {"camera_id": "vid1", "rtsp_url": URL, "enabled": enabled} | ({"recording": policy} if policy else {})
        given = content(cameras=[camera], rois=[], binds=[], schedules=[SHIFT])
        given["site"] = {"name": "Kitchen", "time_zone": VIENNA}
        self.document = parse_document(document(given), device_id=DEVICE, registry=registry)

    def recorded(self, hours: float, *, step_s: int = 10) -> list[tuple[str, str]]:
        """From when to when on the wall it is recorded, looked at every few seconds."""
        spans: list[list[str]] = []
        was = False
        for _ in range(int(hours * 3600 / step_s)):
            self.reasons.step()
            now = "vid1" in self.reasons.wanted()
            if now != was:
                told = f"{datetime.fromtimestamp(self.clock.now, ZoneInfo(VIENNA)):%d. %H:%M:%S %Z}"
                if now:
                    spans.append([told, ""])
                else:
                    spans[-1][1] = told
            was = now
            self.clock.advance(step_s)
        return [(start, end) for start, end in spans]


def test_a_day_on_a_schedule() -> None:
    assert Box("2026-11-23T00:00", schedule_id="shift").recorded(24) == [
        ("23. 08:00:00 CET", "23. 12:00:00 CET"),
        ("23. 22:00:00 CET", ""),
    ]


def test_a_holiday_has_hours_of_its_own_and_the_night_before_goes_on() -> None:
    assert Box("2026-11-24T00:00", schedule_id="shift").recorded(24) == [
        ("24. 00:00:00 CET", "24. 06:00:00 CET"),
        ("24. 09:00:00 CET", "24. 10:00:00 CET"),
    ]


@pytest.mark.parametrize(
    ("evening", "hours", "ends"),
    [("2026-10-24T21:00", 9.0, "25. 06:00:00 CET"), ("2026-03-28T21:00", 7.0, "29. 06:00:00 CEST")],
)
def test_a_night_in_which_the_clock_is_changed(evening: str, hours: float, ends: str) -> None:
    box = Box(evening, schedule_id="shift")
    [(start, end)] = box.recorded(12)
    assert start.split()[1] == "22:00:00"
    assert end == ends
    again = Box(evening, schedule_id="shift")
    again.clock.now = at(evening) + 3600
    lasted = 0
    while True:
        again.reasons.step()
        if not again.reasons.of:
            break
        lasted += 60
        again.clock.advance(60)
    assert lasted == hours * 3600


def test_all_the_time_is_every_second_of_a_day() -> None:
    box = Box("2026-11-23T00:00", always=True, schedule_id="shift")
    assert box.recorded(24) == [("23. 00:00:00 CET", "")]
    assert box.reasons.of == {"vid1": "always"}


def test_alerts_alone_keep_it_ready_and_hours_go_before() -> None:
    box = Box("2026-11-23T07:59:59", schedule_id="shift", events={"pre_s": 5, "post_s": 5})
    found = []
    for _ in range(3):
        box.reasons.step()
        found.append(box.reasons.of["vid1"])
        box.clock.advance(1)
    assert found == ["ring", "schedule", "schedule"]


def test_it_follows_the_document() -> None:
    box = Box("2026-11-23T00:00")
    box.reasons.step()
    assert box.reasons.wanted() == {}
    box.configure(always=True, sound=True, keep_days=2, keep_gib=5, least_days=1)
    box.reasons.step()
    assert (box.reasons.wanted(), box.reasons.sound()) == ({"vid1": URL}, frozenset({"vid1"}))
    assert box.reasons.terms() == {"vid1": Terms(2 * 86_400.0, 5 * 2**30, 86_400.0)}
    box.configure(enabled=False, always=True)
    box.reasons.step()
    assert box.reasons.wanted() == {}
    box.document = None
    box.reasons.step()
    assert (box.reasons.wanted(), box.reasons.terms(), box.reasons.of) == ({}, {}, {})


def test_a_policy_records_exactly_in_the_hours_of_its_schedule() -> None:
    """A week, minute by minute, against the hours as they are written."""
    entry, policy = ScheduleEntry.model_validate(SHIFT), RecordingPolicy(schedule_id="shift")
    start = datetime(2026, 11, 23, tzinfo=ZoneInfo(VIENNA))
    for minute in range(7 * 24 * 60):
        moment = start + timedelta(minutes=minute)
        clock, day = f"{moment:%H:%M}", moment.isoweekday()
        morning = (day == 1 and "08:00" <= clock < "12:00") or (day == 2 and "09:00" <= clock < "10:00")
        night = (day in (1, 6) and clock >= "22:00") or (day in (2, 7) and clock < "06:00")
        reason = reason_of(policy, {"shift": entry}, tz=VIENNA, now=moment.timestamp())
        assert bool(reason) == (morning or night), moment
