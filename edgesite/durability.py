"""Transactions that need not survive a power cut at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def soon_durable() -> Iterator[None]:
    """A transaction that survives a kill of every process at once, and a power cut of the database's machine with the next
    transaction that is committed as usual.

    For what is begun anew after a power cut, because something else stands for it; it saves the wait for the disk. SQLite in
    WAL mode (`PRAGMA synchronous`) and PostgreSQL (`synchronous_commit`); elsewhere, and inside another transaction, it is
    one as usual. Raises django.db.Error.
    """
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous = NORMAL")
            try:
                with transaction.atomic():
                    yield
            finally:
                cursor.execute("PRAGMA synchronous = FULL")
        return
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL synchronous_commit TO OFF")
        yield
