"""What waits on a box, in words on its device's page."""

from __future__ import annotations

import time
from typing import Any

import pytest

from cameras.admin.waiting import capture_list, waiting_lines
from cameras.models import Device, DeviceStatus
from tests.cameras.pages import browser, path, two_sites, visible

pytestmark = pytest.mark.django_db


def health(**changes: Any) -> dict[str, Any]:
    waiting = {"rows": 7, "oldest_at": time.time() - 7200, "cameras": {"vid1": 2, "vid2": 5}, "dead_letters": 1}
    return {"waiting": waiting | changes, "captures": {"upload": 3}}


def test_the_devices_page_says_what_waits() -> None:
    two_sites()
    DeviceStatus.objects.filter(pk="box-1").update(health=health())
    page = visible(browser("viewer"), path(Device, "change", Device.objects.get(pk="box-1")))
    for text in ("7 events wait for the hub, the oldest for 2\xa0hours", "<div>vid2: 5</div>", "3 pictures wait"):
        assert text in page
    assert "1 event was refused by the hub" in page


def test_the_devices_page_says_what_became_of_pictures() -> None:
    two_sites()
    captures = {"saved": 1204, "failed": 3, "queued": 1, "full_missed": 2}
    DeviceStatus.objects.filter(pk="box-1").update(health={"captures": captures})
    page = visible(browser("viewer"), path(Device, "change", Device.objects.get(pk="box-1")))
    texts = ("3 could not be saved", "1204 pictures saved", "1 is being saved", "2 full pictures did not come in time")
    places = [page.index(text) for text in texts]
    assert places == sorted(places)
    assert 'class="chip chip-warn"' in capture_list({"captures": captures})
    assert capture_list({"captures": {"saved": 1, "failed": 0}}) == "<div>1 picture saved</div>"


@pytest.mark.parametrize("health", [None, [], {}, {"captures": 7}, {"captures": None}, "x"])
def test_a_box_that_says_nothing_of_pictures_shows_nothing(health: Any) -> None:
    assert capture_list(health) == "–"


@pytest.mark.parametrize("number", [-1, True, "7", None, 1.5])
def test_a_number_that_is_none_counts_for_nothing(number: Any) -> None:
    names = ("saved", "failed", "queued", "full_missed")
    assert capture_list({"captures": dict.fromkeys(names, number)}) == "<div>0 pictures saved</div>"


def test_the_cameras_with_most_come_first() -> None:
    lines = waiting_lines(health(cameras={f"v{n}": n for n in range(9)}))
    assert lines[1:6] == ["v8: 8", "v7: 7", "v6: 6", "v5: 5", "v4: 4"]


@pytest.mark.parametrize("rows", [0, -1, True, "7", None, 1.5])
def test_nothing_waits(rows: Any) -> None:
    assert waiting_lines({"waiting": {"rows": rows, "x": 1}}) == ["nothing waits"]


@pytest.mark.parametrize("health", [None, [], {}, {"waiting": 7}, {"waiting": None}, "x"])
def test_a_box_that_says_nothing_or_nonsense_shows_nothing(health: Any) -> None:
    assert waiting_lines(health) == []


@pytest.mark.parametrize("at", ["x", 1e300, None, [], float("nan")])
def test_a_time_that_is_none_is_left_out(at: Any) -> None:
    assert waiting_lines(health(oldest_at=at))[0] == "7 events wait for the hub"
