"""Stored scheduled snapshots, for several files of tests."""

from __future__ import annotations

from datetime import datetime

import cv2
import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from edgesite.ids import uuid7
from recordings.models import SnapshotRequest
from recordings.snapshots import scheduled_folder


def jpeg(shade: int, size: tuple[int, int] = (64, 48)) -> bytes:
    """A grey picture."""
    done, encoded = cv2.imencode(".jpg", np.full((size[1], size[0], 3), shade, dtype=np.uint8))
    assert done
    return encoded.tobytes()


def taken_at(
    at: datetime,
    camera_id: str = "vid1",
    *,
    content: bytes = b"jpeg",
    key: str = "",
    device_id: str = "box-1",
    **values: str,
) -> str:
    """The key of a picture that the hub took by itself then, stored unless its content is empty."""
    name = uuid7()
    key = key or f"{scheduled_folder(camera_id)}/{at:%Y%m%d}/{name}.jpg"
    if content:
        default_storage.save(key, ContentFile(content))
    SnapshotRequest.objects.create(
        request_id=name, camera_id=camera_id, device_id=device_id, requested_at=at, deadline=at, at=at, key=key,
        **{"origin": "schedule", "state": "ready"} | values,
    )  # fmt: skip
    return key
