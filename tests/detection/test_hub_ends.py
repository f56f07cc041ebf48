"""What comes after an alert's start becomes part of it: once, in any order, and never lost."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

from detection.hub.store import store_event
from detection.models import Alert
from detection.selectors import alert_message
from tests.detection.alerts import AT, alert_body, entry, evidence_body
from tests.detection.calls import caller, get, two_sites

pytestmark = pytest.mark.django_db

START = alert_body(algo_code="leave_post", data={"absent_s": 60})


def later(event_id: str, phase: str, after_s: float, **changes: Any) -> dict[str, Any]:
    data = {"started_event_id": "e1", "absent_s": 60 + after_s} | changes.pop("data", {})
    given = {"algo_code": "leave_post", "phase": phase, "timestamp": AT + after_s, "capture": "", "data": data}
    return alert_body(event_id, **given | changes)


UPDATE = later("u1", "updated", 10, data={"persons": 1})
END = later("x1", "ended", 90, data={"reason": "back"})
AGAIN = later("x2", "ended", 95)  # a box that was restarted between the end and its note of it


def store(body: dict[str, Any], device_id: str = "box-1") -> str | None:
    return store_event(entry(body), device_id=device_id)


def told() -> dict[str, Any]:
    message = alert_message(Alert.objects.get())
    return {key: message[key] for key in ("event_id", "phase", "state", "data", "ended_at", "duration_s", "end_data")}


def test_an_end_belongs_to_its_alert_which_stays_open_for_people() -> None:
    store(START)
    assert told()["ended_at"] is None
    assert store(END) == "e1"
    assert told() == {
        "event_id": "e1", "phase": "started", "state": "open", "data": {"absent_s": 60}, "ended_at": AT + 90,
        "duration_s": 90.0, "end_data": {"absent_s": 150, "reason": "back"},
    }  # fmt: skip
    assert store(END) is None
    assert store(START) is None


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_whatever_the_order_and_however_often_the_outcome_is_the_same(order: tuple[int, ...]) -> None:
    events = [START, UPDATE, END, AGAIN]
    for index in (*order, *order, *reversed(order)):
        store(events[index])
    assert told() == {
        "event_id": "e1", "phase": "started", "state": "open", "data": {"absent_s": 70, "persons": 1},
        "ended_at": AT + 90, "duration_s": 90.0, "end_data": {"absent_s": 150, "reason": "back"},
    }  # fmt: skip
    for event in events:
        assert store(event) is None


def test_the_latest_update_counts() -> None:
    store(START)
    newest = later("u2", "updated", 20)
    assert store(newest) == "e1"
    assert store(UPDATE) is None
    assert told()["data"] == {"absent_s": 80}


@pytest.mark.parametrize(
    "body",
    [
        END,
        alert_body("x1", phase="ended", timestamp=AT + 90, data={}),
        alert_body("x1", phase="ended", timestamp=AT + 90, data={"started_event_id": 7}),
    ],
)
def test_an_end_without_its_alert_is_kept_as_a_closed_record(body: dict[str, Any]) -> None:
    assert store(body) == "x1"
    assert store(body) is None
    alert = Alert.objects.get()
    assert (alert.event_id, alert.phase, alert.state, alert.duration_s) == ("x1", "ended", "resolved", None)
    assert alert.ended_at == datetime.fromtimestamp(AT + 90, UTC)
    assert alert.data == body["data"]


def test_a_closed_record_may_have_a_picture() -> None:
    store(alert_body("x1", phase="ended"))
    assert store(evidence_body(alert_id="x1")) == "x1"


@pytest.mark.parametrize("changes", [{"device_id": "box-2"}, {"camera_id": "vid2"}, {"bind_id": "other"}])
def test_an_event_ends_no_alert_of_another_device_camera_or_binding(changes: dict[str, str]) -> None:
    foreign = END | changes
    store(START)
    store(foreign, device_id=foreign["device_id"])
    assert Alert.objects.get(event_id="e1").ended_at is None
    Alert.objects.filter(event_id="e1").delete()
    store(START)
    assert Alert.objects.get(event_id="e1").ended_at is None
    assert Alert.objects.count() == 2


def test_the_api_tells_of_the_end() -> None:
    two_sites()
    Alert.objects.all().delete()
    store(START)
    store(END)
    [alert] = get(caller(), "alerts", camera="vid1").json()["items"]
    assert (alert["ended_at"], alert["duration_s"], alert["end_data"]["reason"]) == (AT + 90, 90.0, "back")
