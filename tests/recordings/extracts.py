"""Extracts for tests: two sites with a fake Redis, and what a box tells."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from cameras.models import Camera
from recordings.core.extracts import ExtractOrder, ExtractReport
from recordings.extracts import services
from recordings.extracts.hiding import Hidden, hide_of
from recordings.extracts.models import Extract, ExtractPurpose
from tests.fakes import FakeRedis

BEGIN = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PLAY, EXPORT = ExtractPurpose.PLAY, ExtractPurpose.EXPORT
SHA = "ab" * 32


def wish(
    camera_id: str = "vid1", *, begin: datetime = BEGIN, end: datetime | None = None, purpose: ExtractPurpose = PLAY,
    author: str = "kim", hidden: Hidden | None = None,
) -> Extract:  # fmt: skip
    return services.request_extract(
        camera=Camera.objects.get(pk=camera_id), begin=begin, end=end or begin + MINUTE, purpose=purpose, author=author,
        hidden=hidden,
    )  # fmt: skip


def tell(extract: Extract, state: str, *, device_id: str = "", **told: Any) -> bool:
    report = ExtractReport(
        event_id="e", extract_id=extract.extract_id, camera_id=extract.camera_id, state=state, **told
    )  # fmt: skip
    known = services.take_report(report, device_id=device_id or extract.device_id)
    extract.refresh_from_db()
    return known


def finish(extract: Extract, *, size: int = 5_000_000) -> Extract:
    """As a box does that has cut and stored it."""
    at = extract.begin.timestamp() - 1.5
    hide = hide_of(extract)
    told: dict[str, Any] = {"sha256": SHA, "bytes": size, "duration": 61.5, "gaps": [(at + 10, at + 15)]}
    assert tell(extract, "ready", started_at=at, hidden=hide.digest() if hide else "", **told)
    return extract


def orders(cloud: FakeRedis, device_id: str = "box-1") -> list[ExtractOrder]:
    """What the box was told, read as the box reads it."""
    entries = cloud.streams.get(f"device:{device_id}:commands", [])
    kinds = (services.KIND, services.KIND_HIDDEN)
    return [ExtractOrder.model_validate(json.loads(f["body"])) for _, f in entries if f["kind"] in kinds]


def later(seconds: float) -> datetime:
    return timezone.now() + timedelta(seconds=seconds)
