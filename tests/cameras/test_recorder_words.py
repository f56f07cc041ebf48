"""What a box's recorder says, in words on its device's page."""

from __future__ import annotations

from typing import Any

import pytest

from cameras.admin.recorder_words import recorder_lines
from cameras.models import Device, DeviceStatus
from tests.cameras.pages import browser, path, two_sites, visible

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
    "value", [7, [], {"cameras": 7}, {"cameras": {"a": 3}, "missing": [], "bytes": "x", "alarm": {}, "segments": -4}]
)
def test_nonsense_breaks_nothing(value: Any) -> None:
    assert recorder_lines({"recording": value})
