"""Rows to document content: a pure, total and deterministic function. The same rows always give the same hash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DeviceRows:
    """One device's rows as plain mappings, in any order. Keys are the document's own."""

    site: Row
    cameras: Iterable[Row] = ()
    rois: Iterable[Row] = ()
    binds: Iterable[Row] = ()
    schedules: Iterable[Row] = ()


def _ordered(rows: Iterable[Row], key: str) -> list[dict[str, Any]]:
    """Larger priority first, then by identifier, so that row order in the database never makes a version."""
    return sorted((dict(row) for row in rows), key=lambda row: (-row.get("priority", 0), row[key]))


def compile_content(rows: DeviceRows) -> dict[str, Any]:
    """The document's content (everything but the header), with the schedules that its bindings and cameras follow.

    Never raises: checking is `parse_content`'s business.
    """
    binds = [{"schedule_id": None, **row} for row in _ordered(rows.binds, "bind_id")]
    cameras = _ordered(rows.cameras, "camera_id")
    used = {bind["schedule_id"] for bind in binds} | {c.get("recording", {}).get("schedule_id") for c in cameras}
    schedules = [row for row in _ordered(rows.schedules, "schedule_id") if row["schedule_id"] in used]
    content = {
        "site": dict(rows.site),
        "cameras": cameras,
        "rois": _ordered(rows.rois, "roi_id"),
        "binds": binds,
    }
    # Without a schedule there is no key, so that documents from before schedules keep their hash.
    return {**content, "schedules": schedules} if schedules else content
