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


def _ordered(rows: Iterable[Row], key: str) -> list[dict[str, Any]]:
    """Larger priority first, then by identifier, so that row order in the database never makes a version."""
    return sorted((dict(row) for row in rows), key=lambda row: (-row.get("priority", 0), row[key]))


def compile_content(rows: DeviceRows) -> dict[str, Any]:
    """The document's content (everything but the header). Never raises: checking is `parse_content`'s business."""
    return {
        "site": dict(rows.site),
        "cameras": _ordered(rows.cameras, "camera_id"),
        "rois": _ordered(rows.rois, "roi_id"),
        "binds": [{**row, "schedule_id": None} for row in _ordered(rows.binds, "bind_id")],
    }
