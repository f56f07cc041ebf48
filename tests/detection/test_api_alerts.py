"""Alerts over HTTP: their fields, filters, and pages without doubles and gaps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cameras.models import Device, Site
from detection.models import Alert
from detection.selectors import capture_url, decode_cursor, encode_cursor
from tests.detection.alerts import AT, make_alert
from tests.detection.calls import caller, get, problem, two_sites

pytestmark = pytest.mark.django_db


@pytest.fixture
def sites() -> list[Site]:
    return two_sites()


def test_an_alert_has_the_events_fields_and_the_hubs(sites: list[Site]) -> None:
    answer = get(caller(), "alerts", camera="vid1").json()
    [alert] = answer["items"]
    received, cursor = alert.pop("received_at"), alert.pop("cursor")
    assert alert == {
        "type": "event", "event_id": "e1", "device_id": "box-1", "camera_id": "vid1", "camera_name": "Line 1",
        "roi_id": "roi-1",
        "roi_name": "Door 1", "bind_id": "bind-1", "algo_code": "intrusion", "phase": "started",
        "severity": "warning", "timestamp": AT, "data": {}, "capture": None, "capture_url": None,
        "capture_problem": "", "full_capture_url": None, "full_capture_at": None,
        "state": "open", "ended_at": None, "duration_s": None, "end_data": {},
        "acknowledged_by": "", "acknowledged_at": None, "resolved_by": "", "resolved_at": None, "assignee": "",
        "verdict": "", "verdict_reason": "", "escalated_at": None, "updates": 0, "part_of": None,
        "occurrences": 1, "last_at": None, "whole_ended_at": None, "whole_duration_s": None,
    }  # fmt: skip
    assert received > AT - 10**9
    assert decode_cursor(cursor) == Alert.objects.get(event_id="e1").pk
    assert answer["next"] is None


def test_the_url_of_the_picture_is_null_until_it_is_stored(sites: list[Site]) -> None:
    Alert.objects.filter(event_id="e1").update(capture="captures/20261122/a b#1.jpg")
    [alert] = get(caller(), "alerts", camera="vid1").json()["items"]
    assert (alert["capture"], alert["capture_url"]) == ("captures/20261122/a b#1.jpg", None)
    Alert.objects.update(capture_ready=True)
    [alert] = get(caller(), "alerts", camera="vid1").json()["items"]
    assert alert["capture_url"] == "/api/media/captures/20261122/a%20b%231.jpg"
    assert capture_url(Alert.objects.get(event_id="e2")) is None


def make_many(count: int) -> list[str]:
    Alert.objects.all().delete()
    return [make_alert(f"a{number:03}").event_id for number in range(count)]


@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.parametrize("limit", [1, 3, 10, 11])
def test_pages_have_no_doubles_and_no_gaps(sites: list[Site], order: str, limit: int) -> None:
    wanted = make_many(10)
    client, seen, after, pages = caller(), [], None, 0
    while True:
        query: dict[str, str | int] = {"order": order, "limit": limit}
        if after:
            query["after"] = after
        page = get(client, "alerts", **query).json()
        assert len(page["items"]) <= limit
        seen += [a["event_id"] for a in page["items"]]
        after, pages = page["next"], pages + 1
        if after is None:
            break
        assert page["items"][-1]["cursor"] == after
    assert seen == (wanted if order == "oldest" else wanted[::-1])
    assert pages == -(-10 // limit)


def test_alerts_that_arrive_while_paging_neither_double_nor_hide_one(sites: list[Site]) -> None:
    make_many(6)
    client = caller()
    first = get(client, "alerts", limit=3).json()
    make_alert("late")
    rest = get(client, "alerts", limit=3, after=first["next"]).json()
    assert [a["event_id"] for a in first["items"] + rest["items"]] == [f"a{n:03}" for n in range(5, -1, -1)]


def test_the_oldest_first_list_is_a_feed(sites: list[Site]) -> None:
    make_many(2)
    client = caller()
    page = get(client, "alerts", order="oldest").json()
    assert page["next"] is None
    last = page["items"][-1]["cursor"]
    assert get(client, "alerts", order="oldest", after=last).json()["items"] == []
    make_alert("late")
    assert [a["event_id"] for a in get(client, "alerts", order="oldest", after=last).json()["items"]] == ["late"]


def test_filters_by_camera_and_state(sites: list[Site]) -> None:
    Alert.objects.filter(event_id="e2").update(state="resolved")
    client = caller()
    for query, wanted in (
        ({"camera": "vid2"}, ["e2"]), ({"state": "open"}, ["e1"]), ({"state": "resolved", "camera": "vid1"}, []),
        ({}, ["e2", "e1"]),
    ):  # fmt: skip
        assert [a["event_id"] for a in get(client, "alerts", **query).json()["items"]] == wanted


@pytest.mark.parametrize(
    "cursor", ["", "x", "5", "a5", "YTE=", "YTE!", "YTE\n", "YQ", "YTAx", "é", "YS0x", "x" * 5000, "%00"]
)
def test_a_bad_cursor_is_422(sites: list[Site], cursor: str) -> None:
    assert problem(get(caller(), "alerts", after=cursor)) == (422, "`after` is not a cursor of this list.")


def test_a_cursor_beyond_everything_is_an_empty_page(sites: list[Site]) -> None:
    class Far:
        pk = 9_999_999_999_999_999_999

    far = encode_cursor(Far())  # type: ignore[arg-type]
    assert get(caller(), "alerts", order="oldest", after=far).json()["items"] == []
    assert len(get(caller(), "alerts", after=far).json()["items"]) == 2


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "501"}, {"limit": "x"}, {"state": "gone"}, {"order": "random"}]
)
def test_a_bad_query_is_422_and_says_where_without_repeating_it(sites: list[Site], query: dict[str, str]) -> None:
    status, detail = problem(get(caller(), "alerts", **query))
    assert status == 422
    assert detail[0]["loc"][-1] == next(iter(query))
    assert set(detail[0]) == {"loc", "msg"}


def test_the_list_asks_the_database_few_questions(
    sites: list[Site], django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    make_many(30)
    client = caller()
    with django_assert_max_num_queries(10):
        get(client, "alerts")
    with django_assert_max_num_queries(10):
        get(client, "cameras")
    assert Device.objects.count() == 2
