from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cameras.box import Box
from tests.fakes import Clock, FakeRedis


@pytest.fixture
def cloud() -> FakeRedis:
    return FakeRedis()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def box(tmp_path: Path, cloud: FakeRedis, clock: Clock) -> Iterator[Box]:
    box = Box(tmp_path / "edge.sqlite3", cloud, clock)
    box.cloud.on_block = lambda: clock.advance(0.5)
    yield box
    box.database.close()


@pytest.fixture
def restart(tmp_path: Path, box: Box, cloud: FakeRedis, clock: Clock) -> Iterator[Box]:
    """Another process on the same edge store."""
    other = Box(tmp_path / "edge.sqlite3", cloud, clock)
    yield other
    other.database.close()
