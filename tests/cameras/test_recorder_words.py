"""What a box's recorder says, in words on its device's page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cameras.admin.recorder_words import forecast_line, recorder_lines, recorder_list
from cameras.fleet import fleet_of, recording_warning
from cameras.metrics import device_metrics
from cameras.models import Device, DeviceStatus
from recordings.recorder import forecasting, keeping
from tests.cameras.pages import browser, path, two_sites, visible
from tests.rows import make_person

CAMERAS = {"vid1": {"state": "recording", "reason": ""}, "vid2": {"state": "lost", "reason": "refused"}}
WELL = {
    "ffmpeg": True,
    "cameras": CAMERAS,
    "segments": 70,
    "bytes": 3 * 2**30,
    "trouble": "",
    "missing": {},
    "alarm": "",
}


@pytest.mark.django_db
def test_the_devices_page_says_it() -> None:
    two_sites()
    DeviceStatus.objects.filter(pk="box-1").update(health={"recording": WELL})
    page = visible(browser("viewer"), path(Device, "change", Device.objects.get(pk="box-1")))
    for text in ("<div>vid2: refused</div>", "1 camera is recorded", "70 segments kept, 3.0\xa0GB"):
        assert text in page


def test_what_is_wrong_comes_first() -> None:
    full = "the disk is full and everything on it is still needed"
    lines = recorder_lines({"recording": WELL | {"ffmpeg": False, "alarm": full, "missing": {"vid3": 12}}})
    assert lines[0].startswith("There is no ffmpeg")
    assert lines[1:3] == [full, "vid3: 12 segments are missing on the disk; nothing is forgotten"]


def test_no_recorder_and_a_box_that_does_not_say() -> None:
    assert recorder_lines({"recording": None})[0].startswith("No recorder runs on the box")
    assert recorder_lines({}) == recorder_lines(None) == recorder_lines("x") == []


@pytest.mark.parametrize(
    "value",
    [
        7,
        [],
        {"cameras": 7},
        {"forecast": [3], "alarm": 3},
        {"forecast": {"rate": "x", "reach": {}}},
        {"cameras": {"a": 3}, "missing": [], "bytes": "x", "alarm": {}, "segments": -4},
    ],
)
def test_nonsense_breaks_nothing(value: Any) -> None:
    assert recorder_lines({"recording": value})


# -- room -------------------------------------------------------------------------------------------------------------

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # a Monday
DAY = 86_400
AHEAD = {
    "rate": 2 * 2**30,
    "cameras": {},
    "full_at": NOW.timestamp() + 3 * DAY,
    "by_budget": False,
    "reach": [6.5 * DAY] * 2,
}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({}, "recordings reach back 6 days; the disk is full on Thursday, 2026-11-26."),
        ({"by_budget": True}, "recordings reach back 6 days; their room is used up on Thursday, 2026-11-26."),
        ({"full_at": None}, "there is room for everything: recordings reach back 6 days."),
        ({"full_at": 7}, "The disk is full: at this rate (2.0\xa0GB an hour) recordings reach back 6 days."),
        (
            {"full_at": 7, "by_budget": True},
            "The room for recordings is used: at this rate (2.0\xa0GB an hour) they reach",
        ),
        ({"reach": [7000, 30 * DAY]}, "recordings reach back 1 hour to 30 days; "),
        ({"full_at": 1e300}, "the disk is full on –."),
    ],
)
def test_the_forecast_in_words(change: dict[str, Any], line: str) -> None:
    assert line in forecast_line(AHEAD | change, zone="UTC", now=NOW)


def test_the_day_is_that_of_the_site() -> None:
    late = AHEAD | {"full_at": datetime(2026, 11, 26, 20, tzinfo=UTC).timestamp()}
    assert "Friday, 2026-11-27" in forecast_line(late, zone="Asia/Shanghai", now=NOW)


@pytest.mark.parametrize(
    "known",
    [None, {}, AHEAD | {"rate": 0}, AHEAD | {"reach": []}, AHEAD | {"reach": [1]}, AHEAD | {"reach": ["x", -1]}],
)
def test_without_a_forecast_nothing_is_said(known: Any) -> None:
    assert forecast_line(known, zone="UTC", now=NOW) == ""


@pytest.mark.parametrize(
    ("alarm", "kind"),
    [(forecasting.UNHELD, "warn"), (forecasting.TIGHT, "warn"), (keeping.FULL, "bad"), (keeping.BROKEN, "bad")],
)
def test_an_alarm_is_a_chip(alarm: str, kind: str) -> None:
    shown = recorder_list({"recording": WELL | {"alarm": alarm, "forecast": AHEAD}})
    assert f'<div><span class="chip chip-{kind}"><span aria-hidden="true">▲</span> {alarm}</span></div>' in shown
    assert shown.count("chip-") == 1


@pytest.mark.django_db
def test_who_watches_the_hub_is_told() -> None:
    two_sites()
    chef = make_person("chef", "viewer")
    status = DeviceStatus.objects.filter(pk="box-1")
    status.update(health={"recording": WELL | {"forecast": AHEAD}, "disk_free": 10**12})
    assert (fleet_of(chef).short_of_disk(), recording_warning()) == ([], "")
    status.update(health={"recording": WELL | {"alarm": forecasting.UNHELD, "forecast": AHEAD}, "disk_free": 10**12})
    assert fleet_of(chef).short_of_disk() == ["box-1"]
    assert recording_warning().startswith("Recordings of 1 device(s) are at risk")
    told = {m.name: [s.value for s in m.samples] for m in device_metrics(chef)}
    assert told["edgesite_device_recordings_at_risk"] == [1.0]
    assert told["edgesite_device_recordings_reach_seconds"] == [6.5 * DAY]
    Device.objects.filter(pk="box-1").update(revoked_at=NOW)
    assert recording_warning() == ""
