"""Words for a device's desired configuration against the reported one, as API and metrics give them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cameras.models import Device, DeviceStatus
from cameras.states import OFFLINE_AFTER_SECONDS, SYNC_STATES, sync_state

pytestmark = pytest.mark.django_db  # a device without a status is looked up

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
RUNS_2 = {"epoch": "e", "applied": 2, "observed": 2, "state": "applied", "sha256": "s"}


@pytest.mark.parametrize(
    ("device", "status", "word"),
    [
        ({}, RUNS_2, "in_sync"),
        ({}, RUNS_2 | {"sha256": ""}, "in_sync"),
        ({}, RUNS_2 | {"applied": 1}, "pending"),
        ({}, RUNS_2 | {"epoch": "d"}, "pending"),
        ({}, RUNS_2 | {"sha256": "t"}, "drifted"),
        ({}, RUNS_2 | {"applied": 1, "state": "refused"}, "refused"),
        ({}, RUNS_2 | {"applied": 1, "observed": 1, "state": "refused"}, "pending"),
        ({}, RUNS_2 | {"applied": 1, "state": "reverted"}, "reverted"),
        ({}, RUNS_2 | {"silent": OFFLINE_AFTER_SECONDS + 1}, "offline"),
        ({}, RUNS_2 | {"silent": OFFLINE_AFTER_SECONDS - 1}, "in_sync"),
        ({}, None, "never"),
        ({"publish_error": "rois[0]: x"}, RUNS_2, "not_published"),
        ({"redis_ahead": True}, RUNS_2, "redis_ahead"),
    ],
)
def test_words_for_desired_against_reported(device: dict[str, Any], status: dict[str, Any] | None, word: str) -> None:
    row = Device(device_id="b", epoch="e", last_version=2, **device)
    if status is not None:
        silent = status.get("silent", 1)
        values = {k: v for k, v in status.items() if k != "silent"}
        row.status = DeviceStatus(device=row, reported_at=NOW - timedelta(seconds=silent), **values)
    assert sync_state(row, sha256="s", now=NOW) == word
    assert word in SYNC_STATES
