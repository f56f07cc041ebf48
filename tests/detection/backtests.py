"""Back-tests for tests: a camera with a published configuration and another draft, and a clip."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from cameras.models import Binding, Camera
from cameras.services import publish_edit
from detection.backtest.models import BackTest
from detection.backtest.services import create_backtest
from tests.rows import make_all
from tests.servers.clips import make_clip

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
LEFT = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]
Row = tuple[int, float, list[float]]


def scene(number: int) -> list[Row]:
    """Somebody stands on the left for all of the clip."""
    return [(0, 0.9, [0.2, 0.3, 0.3, 0.7])]


def make_draft(*, published: dict[str, Any], draft: dict[str, Any]) -> Camera:
    """`vid1` with one binding: published with these parameters, saved with those."""
    device = make_all()
    camera = Camera.objects.get(pk="vid1")
    camera.rois.update(coordinates=LEFT)
    Binding.objects.update(params=published)
    publish_edit(device_ids=[device.pk], author="setup")
    Binding.objects.update(params=draft)
    return camera


def clip_bytes(tmp_path: Path, *, frames: int = 20) -> bytes:
    """Two seconds at ten pictures a second."""
    return make_clip(tmp_path / "clip.mp4", frames=frames).read_bytes()


def make_backtest(camera: Camera, content: bytes, **values: Any) -> BackTest:
    upload = SimpleUploadedFile("clip.mp4", content)
    given: dict[str, Any] = {"author": "anna", "fps": 10.0, "video_name": "clip.mp4", "video_s": 2.0} | values
    return create_backtest(camera=camera, upload=None if given.get("like") else upload, **given)
