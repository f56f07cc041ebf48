"""Alerts as rows and as the devices' messages."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from detection.models import Alert

AT = 1_795_305_600.125


def make_alert(event_id: str = "e1", *, device_id: str = "box-1", camera_id: str = "vid1", **values: Any) -> Alert:
    given: dict[str, Any] = {
        "roi_id": "roi-1", "roi_name": "Door 1", "bind_id": "bind-1", "algo_code": "intrusion", "phase": "started",
        "severity": "warning", "timestamp": datetime.fromtimestamp(AT, UTC),
    }  # fmt: skip
    return Alert.objects.create(event_id=event_id, device_id=device_id, camera_id=camera_id, **given | values)


def alert_body(event_id: str = "e1", **changes: Any) -> dict[str, Any]:
    """DESIGN 5.5's event."""
    return {
        "type": "event", "event_id": event_id, "device_id": "box-1", "camera_id": "vid1", "roi_id": "roi-1",
        "bind_id": "bind-1", "algo_code": "intrusion", "phase": "started", "severity": "warning", "timestamp": AT,
        "data": {"class": "person"}, "capture": f"captures/20261122/vid1_{event_id}.jpg",
    } | changes  # fmt: skip


def evidence_body(event_id: str = "n1", alert_id: str = "e1", **changes: Any) -> dict[str, Any]:
    return {
        "type": "evidence", "event_id": event_id, "alert_id": alert_id,
        "key": f"captures/20261122/vid1_{alert_id}.jpg", "status": "stored", "sha256": "0" * 64, "bytes": 10,
        "reason": "",
    } | changes  # fmt: skip


def entry(body: dict[str, Any] | str, *, kind: str = "", event_id: str = "") -> dict[str, str]:
    """The fields of a stream entry."""
    text = body if isinstance(body, str) else json.dumps(body)
    known = body if isinstance(body, dict) else {}
    kind = kind or ("evidence" if known.get("type") == "evidence" else "alert")
    return {"event_id": event_id or str(known.get("event_id", "")), "kind": kind, "body": text}
