"""The box's own SQLite file: applied documents and the outbox. Plain `sqlite3`, so that edge workers need no other database.

WAL with `synchronous=FULL`: what was committed survives a power cut (PARTS). One connection per process, shared by its
threads under a lock; transactions are short.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import structlog

from edgesite.edge_store.schema import SCHEMA, SCHEMA_VERSION, UPGRADES

log = structlog.get_logger(__name__)


class EdgeStoreError(Exception):
    """The edge store cannot be used. `retryable` says whether waiting can help (a full disk) or not."""

    def __init__(self, text: str, *, retryable: bool) -> None:
        super().__init__(text)
        self.retryable = retryable


class EdgeDatabase:
    """The open file. Raises EdgeStoreError when it can neither be opened nor made anew.

    A file that SQLite cannot read is set aside under another name, never deleted, and a new one is begun. read_only: for who
    only looks: the file stays as it is, whatever is wrong with it, and is neither made nor brought to the present schema.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._connection = self._open_to_read() if read_only else self._open_or_replace()

    def _open_to_read(self) -> sqlite3.Connection:
        try:
            address = f"{self.path.absolute().as_uri()}?mode=ro"
            connection = sqlite3.connect(address, uri=True, timeout=10, isolation_level=None, check_same_thread=False)
            try:
                connection.row_factory = sqlite3.Row
                if self._schema_of(connection) < SCHEMA_VERSION:
                    text = f"The edge store {self.path} is an older edgesite's. Start a worker, or manage.py migrate, first."
                    raise EdgeStoreError(text, retryable=False)
            except BaseException:
                connection.close()
                raise
        except sqlite3.Error as error:
            raise EdgeStoreError(f"The edge store {self.path} cannot be read: {error}", retryable=True) from error
        return connection

    def _open_or_replace(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # One process at a time: of two that find damage, the second would set the first one's new file aside.
            with open(f"{self.path}.opening", "wb") as turn:
                fcntl.flock(turn, fcntl.LOCK_EX)
                try:
                    return self._open()
                except sqlite3.OperationalError:
                    raise
                except sqlite3.DatabaseError as error:
                    self._set_aside(str(error))
                    return self._open()
        except (OSError, sqlite3.Error) as error:
            raise EdgeStoreError(f"The edge store {self.path} cannot be opened: {error}", retryable=True) from error

    def set_aside(self) -> list[Path]:
        """Damaged files in whose place this one was begun, oldest first; they stay until somebody takes them away."""
        return sorted(self.path.parent.glob(f"{glob.escape(self.path.name)}.damaged-*"))

    def _set_aside(self, reason: str) -> None:
        stem, number = f"{self.path.name}.damaged-{int(time.time())}", 0
        aside = self.path.with_name(stem)
        while aside.exists():
            number += 1
            aside = self.path.with_name(f"{stem}-{number}")
        log.error("edge store is damaged and was set aside", file=str(aside), reason=reason)
        self.path.rename(aside)
        for ending in ("-wal", "-shm"):  # the log holds what was committed last
            with contextlib.suppress(FileNotFoundError):
                self.path.with_name(self.path.name + ending).rename(aside.with_name(aside.name + ending))

    def _open(self) -> sqlite3.Connection:
        # Made here, so that SQLite gives its log the same narrow permissions from the first byte on.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(self.path, timeout=10, isolation_level=None, check_same_thread=False)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            if self._schema_of(connection) < SCHEMA_VERSION:
                self._bring_up(connection)
            if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise sqlite3.DatabaseError("quick_check found damage")
            os.chmod(self.path, 0o600)
        except BaseException:
            connection.close()
            raise
        return connection

    def _schema_of(self, connection: sqlite3.Connection) -> int:
        """Its number. Raises EdgeStoreError for one that this edgesite does not know."""
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise EdgeStoreError(
                f"The edge store {self.path} was written by a newer edgesite (schema {version}). Update this box.",
                retryable=False,
            )
        return version

    @staticmethod
    def _bring_up(connection: sqlite3.Connection) -> None:
        """Makes the tables, or brings those of an older edgesite to the present schema: all of it or nothing."""
        connection.execute("BEGIN IMMEDIATE")
        # Read again: another process may have done it while this one waited for the lock.
        while (version := connection.execute("PRAGMA user_version").fetchone()[0]) < SCHEMA_VERSION:
            for statement in (UPGRADES[version] if version else SCHEMA).split(";"):
                if statement.strip():
                    connection.execute(statement)
        connection.execute("COMMIT")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, durable when the block ends. Raises EdgeStoreError when SQLite cannot write (a full disk)."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                except BaseException:
                    self._roll_back()
                    raise
                self._connection.execute("COMMIT")
            except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
                raise
            except sqlite3.DatabaseError as error:
                self._roll_back()
                raise EdgeStoreError(f"The edge store cannot be written: {error}", retryable=True) from error

    def _roll_back(self) -> None:
        if self._connection.in_transaction:  # a full disk makes SQLite roll back by itself
            with contextlib.suppress(sqlite3.OperationalError):
                self._connection.execute("ROLLBACK")

    def rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        """What the query finds. Raises EdgeStoreError when SQLite cannot read."""
        with self._lock:
            try:
                return self._connection.execute(query, values).fetchall()
            except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
                raise
            except sqlite3.DatabaseError as error:
                raise EdgeStoreError(f"The edge store cannot be read: {error}", retryable=True) from error

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def try_lock(path: Path) -> IO[bytes] | None:
    """The edge store's lock, held until the returned file is closed or the process ends; None when another holds it.

    Of several workers on a box the one that holds it syncs, reports and delivers.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = open(f"{path}.lock", "wb")  # noqa: SIM115  the open file is the lock
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
