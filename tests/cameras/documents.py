"""A small sound config document, and ways to spoil it."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

from cameras.core.algorithms import Registry
from cameras.core.document import content_hash, make_document
from detection.core.rules import register_all

DEVICE = "box-1"
EPOCH = "01900000-0000-7000-8000-000000000001"
LATER_EPOCH = "01900000-0000-7000-8000-000000000002"
ISSUED = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)

REGISTRY = Registry()
register_all(REGISTRY)

CONTENT: dict[str, Any] = {
    "site": {"name": "Kitchen", "time_zone": "Asia/Shanghai"},
    "cameras": [
        {"camera_id": "vid1", "camera_name": "厨房", "rtsp_url": "rtsp://u:hunter2@10.0.0.5/1", "max_fps": 10.0},
        {"camera_id": "vid2", "rtsp_url": "webcam:0", "enabled": False},
    ],
    "rois": [
        {
            "roi_id": "r1", "camera_id": "vid1", "roi_type": "polygon",
            "coordinates": [[0.1, 0.1], [0.6, 0.1], [0.6, 0.6]], "priority": 3,
        },
        {"roi_id": "r2", "camera_id": "vid1", "roi_type": "line", "coordinates": [[0, 0], [1, 1]]},
    ],
    "binds": [
        {"bind_id": "b1", "roi_id": "r1", "algo_code": "intrusion", "params": {"dwell_s": 2}, "severity": "critical"},
    ],
}  # fmt: skip


def content(**changes: Any) -> dict[str, Any]:
    """A copy of the content; changes replace top-level keys."""
    return copy.deepcopy(CONTENT) | changes


def document(
    given: dict[str, Any] | None = None,
    *,
    version: int = 1,
    epoch: str = EPOCH,
    device_id: str = DEVICE,
    rollback_of: int | None = None,
) -> str:
    """The text of a document with a right header."""
    text, _ = make_document(
        content() if given is None else given, device_id=device_id, epoch=epoch, version=version,
        rollback_of=rollback_of, issued_at=ISSUED,
    )  # fmt: skip
    return text


def spoiled(path: str, value: Any = ..., *, rehash: bool = True) -> str:
    """The sound document with one value replaced (or taken away), as `rois.0.coordinates`; with a hash that fits."""
    raw: dict[str, Any] = json.loads(document())
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place: Any = raw
    for part in parents:
        place = place[part]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    if rehash and path != "sha256":
        header = ("schema", "device_id", "epoch", "version", "rollback_of", "issued_at", "sha256")
        raw["sha256"] = content_hash({k: v for k, v in raw.items() if k not in header})
    return json.dumps(raw)
