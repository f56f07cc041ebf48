"""Fixtures that several folders share. The environment of the tests is in `tests/environment.py`."""

from __future__ import annotations

import contextlib
import gc
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

import tests.environment  # also where DJANGO_SETTINGS_MODULE names other settings
from edgesite.samples import street_clip as make_street_clip
from tests.servers.migrated import migrated
from tests.servers.redis import RedisServer
from tests.servers.rtsp import RtspServer


def fill_new_database(connection: BaseDatabaseWrapper, **_: object) -> None:
    """Gives the tests' own database, which is in memory, what the migrations leave; `migrate` has nothing to do then."""
    if connection.vendor == "sqlite" and connection.is_in_memory_db():  # type: ignore[attr-defined]
        raw: sqlite3.Connection = connection.connection
        if not raw.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            with contextlib.closing(sqlite3.connect(f"{migrated().as_uri()}?mode=ro", uri=True)) as source:
                source.backup(raw)


connection_created.connect(fill_new_database)


def pytest_collection_finish() -> None:
    """What was imported and collected stays until the end: looking through all of it at each full collection takes time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def test_cache() -> Path:
    """What is downloaded or made once and kept between runs (EDGESITE_TEST_CACHE moves it)."""
    return tests.environment.CACHE


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
