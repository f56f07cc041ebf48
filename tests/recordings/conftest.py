"""The hub's worker for snapshot orders, for several files of tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cameras import asking
from tests.fakes import GroupRedis
from tests.recordings.orders import Desk, make_hub


@pytest.fixture
def desk(
    monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path, django_capture_on_commit_callbacks: Any
) -> Desk:
    cloud = GroupRedis()
    monkeypatch.setattr(asking, "cloud_redis", lambda url: cloud.client())
    make_hub(settings, tmp_path)
    return Desk(cloud, django_capture_on_commit_callbacks)
