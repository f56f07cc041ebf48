"""A camera's rows are sent by one process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgesite.edge_store.claims import LEASE_S, Claims
from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.owners import Owner

NOW = 1_795_305_600.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EdgeDatabase]:
    database = EdgeDatabase(tmp_path / "edge.sqlite3")
    yield database
    database.close()


@pytest.fixture
def two(store: EdgeDatabase) -> Iterator[tuple[Owner, Owner]]:
    """Two processes that live."""
    owners = Owner(store.path), Owner(store.path)
    yield owners
    for owner in owners:
        owner.close()


def test_one_has_it_until_its_lease_is_over(store: EdgeDatabase, two: tuple[Owner, Owner]) -> None:
    first, second = (Claims(store, owner=owner.name) for owner in two)
    assert first.claim("vid1", now=NOW)
    assert not second.claim("vid1", now=NOW + LEASE_S - 1)
    assert second.claim("vid2", now=NOW)
    assert second.claim("vid1", now=NOW + LEASE_S)
    assert not first.claim("vid1", now=NOW + LEASE_S)


def test_who_renews_keeps_it(store: EdgeDatabase, two: tuple[Owner, Owner]) -> None:
    first, second = (Claims(store, owner=owner.name) for owner in two)
    for turn in range(8):
        assert first.claim("vid1", now=NOW + turn * LEASE_S / 4)
    assert not second.claim("vid1", now=NOW + 2 * LEASE_S)


def test_it_is_not_written_at_every_batch(store: EdgeDatabase, two: tuple[Owner, Owner]) -> None:
    claims = Claims(store, owner=two[0].name)
    claims.claim("vid1", now=NOW)
    before = store.rows("SELECT until FROM claims")[0]["until"]
    claims.claim("vid1", now=NOW + LEASE_S / 3)
    assert store.rows("SELECT until FROM claims")[0]["until"] == before


def test_a_process_that_is_no_more_holds_nothing(store: EdgeDatabase, two: tuple[Owner, Owner]) -> None:
    Claims(store, owner=two[0].name).claim("vid1", now=NOW)
    two[0].close()
    assert Claims(store, owner=two[1].name).claim("vid1", now=NOW + 1)


def test_a_clock_that_was_set_back_holds_nobody_up(store: EdgeDatabase, two: tuple[Owner, Owner]) -> None:
    Claims(store, owner=two[0].name).claim("vid1", now=NOW + 1_000_000)
    assert Claims(store, owner=two[1].name).claim("vid1", now=NOW)
