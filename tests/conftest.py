"""Fixtures that several folders share. The environment of the tests is in `tests/environment.py`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import tests.environment  # noqa: F401  # also where DJANGO_SETTINGS_MODULE names other settings
from edgesite.samples import street_clip as make_street_clip
from tests.servers.redis import RedisServer
from tests.servers.rtsp import RtspServer


@pytest.fixture(scope="session")
def test_cache() -> Path:
    """What is downloaded once and kept between runs (EDGESITE_TEST_CACHE moves it)."""
    default = Path(__file__).resolve().parent.parent / "var" / "test-cache"
    return Path(os.environ.get("EDGESITE_TEST_CACHE") or default)


@pytest.fixture(scope="session")
def street_clip(test_cache: Path) -> Path:
    """The street clip."""
    return make_street_clip(test_cache)


@pytest.fixture
def rtsp_server(street_clip: Path) -> Iterator[RtspServer]:
    """One camera, `rtsp_server.url()`, that loops the street clip."""
    with RtspServer(street_clip) as server:
        yield server


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """A Redis of this test's own, empty at the start."""
    with RedisServer() as server:
        yield server
