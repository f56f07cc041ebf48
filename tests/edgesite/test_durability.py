"""Transactions whose wait for the disk is left to the next one."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from cameras.models import Site
from edgesite.durability import soon_durable


def level() -> int:
    """SQLite's `synchronous`: 1 NORMAL, 2 FULL."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous")
        found: int = cursor.fetchone()[0]
    return found


@pytest.fixture(autouse=True)
def full(transactional_db: None) -> None:
    assert connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous = FULL")


def test_it_is_a_transaction_and_the_next_one_is_as_usual() -> None:
    heard: list[int] = []
    with soon_durable():
        Site.objects.create(name="Yard")
        transaction.on_commit(lambda: heard.append(Site.objects.count()))
        assert (level(), heard) == (1, [])
    assert (level(), heard) == (2, [1])


def test_what_fails_leaves_nothing() -> None:
    Site.objects.create(name="Yard")
    with pytest.raises(IntegrityError), soon_durable():
        Site.objects.bulk_create([Site(name="Gate"), Site(name="Yard")])
    assert (level(), Site.objects.count()) == (2, 1)


def test_inside_another_one_it_changes_nothing() -> None:
    with transaction.atomic():
        with soon_durable():
            Site.objects.create(name="Yard")
            assert level() == 2
        assert level() == 2
    assert Site.objects.count() == 1
