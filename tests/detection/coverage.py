"""Hours for reports, as a box tells them and as the hub keeps them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from detection.reports.models import CoverageHour

HOUR = 1_795_305_600  # 2026-11-22 00:00 UTC


def told_hour(bind_id: str = "bind-1", start: int = HOUR, **values: Any) -> dict[str, Any]:
    return {
        "bind_id": bind_id, "start": start, "wanted_s": 3600.0, "seen_s": 1800.0, "coarse_s": 0.0, "person_s": 7200.0,
        "alerts": 1, "revision": 1,
    } | values  # fmt: skip


def coverage_body(*rows: dict[str, Any], event_id: str = "c1", **changes: Any) -> dict[str, Any]:
    return {"type": "coverage", "event_id": event_id, "rows": list(rows)} | changes


def make_hour(at: datetime, *, bind: int = 1, zone: str = "UTC", **values: Any) -> CoverageHour:
    """A row of `bind-{n}` of `make_all`. at: aware, a full hour of the zone's clock."""
    local = at.astimezone(ZoneInfo(zone))
    given = {"wanted_s": 3600.0, "seen_s": 3600.0, "person_s": 3600.0, "revision": 1} | values
    return CoverageHour.objects.create(
        device_id=f"box-{bind}", camera_id=f"vid{bind}", roi_id=f"roi-{bind}", roi_name=f"Door {bind}",
        bind_id=f"bind-{bind}", algo_code="intrusion", start=at.astimezone(UTC), day=local.date(), hour=local.hour, **given,
    )  # fmt: skip
