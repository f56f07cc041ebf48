"""What devices send: one table of what the hub refuses for good."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.core.events import DEEPEST, AlertEvent, EventError, EvidenceEvent, parse_event
from tests.detection.alerts import AT, alert_body, entry, evidence_body


def parse(fields: dict[str, str]) -> AlertEvent | EvidenceEvent:
    event = parse_event(fields, device_id="box-1")
    assert isinstance(event, AlertEvent | EvidenceEvent)
    return event


def test_an_alert_is_read() -> None:
    event = parse(entry(alert_body()))
    assert isinstance(event, AlertEvent)
    assert (event.event_id, event.camera_id, event.timestamp) == ("e1", "vid1", AT)
    assert event.data == {"class": "person"}


def test_evidence_is_read_with_and_without_its_type() -> None:
    event = parse(entry(evidence_body()))
    assert isinstance(event, EvidenceEvent)
    bare = {k: v for k, v in evidence_body().items() if k != "type"}
    assert parse(entry(bare, kind="evidence")) == event


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return {"x": value}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"type": "stats"}, "type: "),
        ({"event_id": ""}, "event_id: "),
        ({"event_id": "x" * 65}, "event_id: "),
        ({"event_id": 5}, "event_id: "),
        ({"device_id": "box-2"}, "device_id is not that of the stream"),
        ({"camera_id": "a\nb"}, "camera_id: Value error, holds a control character"),
        ({"camera_id": None}, "camera_id: "),
        ({"phase": "paused"}, "phase: "),
        ({"severity": "fatal"}, "severity: "),
        ({"timestamp": -1}, "timestamp: "),
        ({"timestamp": 1e300}, "timestamp: "),
        ({"timestamp": 253_402_300_799}, "timestamp: "),
        ({"timestamp": "now"}, "timestamp: "),
        ({"data": []}, "data: "),
        ({"data": nested(DEEPEST)}, f"data: Value error, is nested more than {DEEPEST} deep"),
        ({"data": nested(900)}, "data: "),
        ({"capture": "/etc/passwd"}, "capture: Value error, is not a key below captures/"),
        ({"capture": "captures/../x"}, "capture: "),
        ({"capture": "captures//x"}, "capture: "),
        ({"capture": "recordings/x"}, "capture: "),
        ({"capture": "captures/" + "x" * 500}, "capture: "),
        ({"extra": 1}, "extra: "),
    ],
)
def test_alerts_that_are_refused(changes: dict[str, Any], words: str) -> None:
    fields = entry(alert_body(**changes), event_id=str(changes.get("event_id", "e1")))
    with pytest.raises(EventError) as caught:
        parse(fields)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": "maybe"}, "status: "),
        ({"bytes": -1}, "bytes: "),
        ({"key": "../x"}, "key: "),
        ({"alert_id": ""}, "alert_id: "),
        ({"reason": "x" * 501}, "reason: "),
        ({"extra": 1}, "extra: "),
    ],
)
def test_evidence_that_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(EventError, match=f"^{words}"):
        parse(entry(evidence_body(**changes)))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "kind '' is unknown"),
        ({"kind": "gossip" * 100}, "is unknown"),
        ({"kind": "alert"}, "not a JSON object"),
        ({"kind": "alert", "body": "nonsense"}, "not a JSON object"),
        ({"kind": "evidence", "body": "[]"}, "not a JSON object"),
        ({"kind": "alert", "body": "[]"}, "not a JSON object"),
        ({"kind": "alert", "body": "x" * 70_000}, "larger than 65536"),
        ({"kind": "alert", "body": "[" * 60_000}, "not a JSON object"),
        ({"kind": "alert", "body": '{"x": ' + "9" * 5000 + "}"}, "not a JSON object"),
        (entry(json.dumps(alert_body()).replace('"person"', "NaN"), event_id="e1"), "not a JSON object"),
        (entry(json.dumps(alert_body()).replace('"person"', "1e999"), event_id="e1"), "data: "),
        (entry(alert_body(data={"x": "\ud800"})), "data: "),
        (entry(alert_body(data={"\ud800": 1})), "data"),
        (entry(alert_body(), event_id="e2"), "event_id of the body and of the entry differ"),
    ],
)
def test_entries_that_are_refused(fields: dict[str, str], words: str) -> None:
    with pytest.raises(EventError) as caught:
        parse(fields)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 1000


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(st.sampled_from(sorted(alert_body())), json_values)
def test_any_value_is_read_or_refused(key: str, value: Any) -> None:
    body = alert_body(**{key: value})
    try:
        event = parse(entry(body, event_id=str(value) if key == "event_id" else "e1"))
    except EventError:
        return
    assert isinstance(event, AlertEvent)
    json.dumps(event.data, allow_nan=False)


@given(st.text(), st.text(), st.text())
def test_any_entry_is_read_or_refused(kind: str, event_id: str, body: str) -> None:
    with pytest.raises(EventError):
        parse({"kind": kind, "event_id": event_id, "body": body})
