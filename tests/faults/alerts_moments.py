"""Moments that last some milliseconds, made to last long enough that a test meets them for sure."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from tests.servers.stack import wait_until

STEPS = 10_000_000  # of a count that takes some seconds
LOOKS, LOOK_S = 6, 0.05  # so often in a row the lock was held: nothing else holds it for as long
SLOW = f"""
CREATE TABLE slowed (once);
CREATE TRIGGER slow BEFORE INSERT ON {{table}} WHEN NOT EXISTS (SELECT 1 FROM slowed) BEGIN
    INSERT INTO slowed VALUES (1);
    SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {STEPS}) SELECT i FROM n);
END;
"""


@contextlib.contextmanager
def inside_an_insert(database: Path, table: str) -> Iterator[None]:
    """The block runs while some process is in the middle of writing a row into the table: the row takes seconds, once."""
    with contextlib.closing(sqlite3.connect(database, timeout=20, isolation_level=None)) as db:
        db.executescript(f"BEGIN IMMEDIATE; {SLOW.format(table=table)} COMMIT")
        try:
            held = 0

            def lasts() -> bool:
                nonlocal held
                held = held + 1 if _is_held(database) else 0
                return held >= LOOKS

            wait_until(lasts, seconds=60, what=f"row written into {table}", every=LOOK_S)
            yield
        finally:
            db.executescript("BEGIN IMMEDIATE; DROP TRIGGER slow; DROP TABLE slowed; COMMIT")


def _is_held(database: Path) -> bool:
    """Whether some transaction is writing."""
    with contextlib.closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as db:
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        db.execute("ROLLBACK")
        return False
