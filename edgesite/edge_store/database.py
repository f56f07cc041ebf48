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

log = structlog.get_logger(__name__)

SCHEMA_VERSION = 8
RECORDINGS = """
CREATE TABLE segments (
    path TEXT PRIMARY KEY,           -- below OUTPUT_DIR/segments
    camera_id TEXT NOT NULL,
    run TEXT NOT NULL,
    start REAL NOT NULL,
    stop REAL NOT NULL,
    size INTEGER NOT NULL,
    doomed INTEGER NOT NULL DEFAULT 0 -- its file is being deleted
) WITHOUT ROWID;
CREATE INDEX segments_time ON segments (camera_id, start);
CREATE INDEX segments_age ON segments (start);
CREATE TABLE tasks (
    task_id TEXT PRIMARY KEY,
    camera_id TEXT NOT NULL,
    task_name TEXT NOT NULL,
    state TEXT NOT NULL,
    revision INTEGER NOT NULL,
    asked_at REAL NOT NULL,
    seconds REAL NOT NULL,           -- the longest that it may record
    started_at REAL,
    stopped_at REAL,
    key TEXT NOT NULL DEFAULT '',    -- of the stored clip
    told TEXT NOT NULL
);
CREATE INDEX tasks_state ON tasks (state);
"""
REASONS = """
ALTER TABLE segments ADD COLUMN ring INTEGER NOT NULL DEFAULT 0; -- recorded for an alert that may come
ALTER TABLE tasks ADD COLUMN alert_id TEXT NOT NULL DEFAULT '';
CREATE INDEX segments_ring ON segments (start) WHERE ring;
CREATE TABLE alert_marks (            -- of alerts, for the recorder
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    alert_id TEXT NOT NULL,           -- of the alert that began
    camera_id TEXT NOT NULL,
    phase TEXT NOT NULL,
    at REAL NOT NULL,
    lasts INTEGER NOT NULL            -- its end will be told
);
CREATE TABLE recorded_hours (
    camera_id TEXT NOT NULL,
    hour INTEGER NOT NULL,            -- since 1970
    dirty INTEGER NOT NULL DEFAULT 1, -- changed since it was told
    revision INTEGER NOT NULL DEFAULT 0,
    told_at REAL NOT NULL DEFAULT 0,
    event_id TEXT NOT NULL DEFAULT '', -- of the last report
    PRIMARY KEY (camera_id, hour)
) WITHOUT ROWID;
CREATE INDEX recorded_hours_dirty ON recorded_hours (camera_id, hour) WHERE dirty;
INSERT INTO recorded_hours (camera_id, hour) -- what was recorded before is told, too
    SELECT camera_id, CAST(start / 3600 AS INTEGER) FROM segments
    UNION SELECT camera_id, CAST(stop / 3600 AS INTEGER) FROM segments;
"""
COVERAGE = """
CREATE TABLE coverage (              -- for reports: what a binding could see in an hour
    bind_id TEXT NOT NULL,
    hour INTEGER NOT NULL,           -- when it began, Unix seconds
    wanted_s REAL NOT NULL,
    seen_s REAL NOT NULL,
    coarse_s REAL NOT NULL,
    person_s REAL NOT NULL,
    alerts INTEGER NOT NULL,
    revision INTEGER NOT NULL,       -- rises with every change
    told INTEGER NOT NULL DEFAULT 0, -- the one that went to the hub
    PRIMARY KEY (bind_id, hour)
) WITHOUT ROWID;
CREATE INDEX coverage_untold ON coverage (hour) WHERE revision > told;
CREATE INDEX coverage_age ON coverage (hour);
"""
SCHEMA = f"""
CREATE TABLE documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    epoch TEXT NOT NULL,
    version INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    body TEXT NOT NULL,              -- encrypted: it holds camera credentials
    state TEXT NOT NULL CHECK (state IN ('trying', 'applied', 'confirmed', 'refused', 'reverted')),
    reason TEXT NOT NULL DEFAULT '',
    at REAL NOT NULL
);
CREATE UNIQUE INDEX documents_number ON documents (epoch, version, sha256);
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL UNIQUE,
    camera_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at REAL NOT NULL,
    refused TEXT,
    alert_id TEXT NOT NULL DEFAULT '',  -- the alert that it is, continues or shows, else empty
    severity TEXT NOT NULL DEFAULT ''
);
CREATE INDEX outbox_waiting ON outbox (camera_id, seq) WHERE refused IS NULL;
CREATE INDEX outbox_dead ON outbox (seq) WHERE refused IS NOT NULL;
CREATE INDEX outbox_alert ON outbox (alert_id) WHERE alert_id != '';
CREATE TABLE journal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    epoch TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    changes TEXT NOT NULL,           -- sentences, one a line, never a secret
    author TEXT NOT NULL DEFAULT ''  -- who issued the document, empty for a bare one
);
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE evidence (
    event_id TEXT PRIMARY KEY,
    camera_id TEXT NOT NULL,
    key TEXT NOT NULL,
    created_at REAL NOT NULL,
    owner TEXT NOT NULL DEFAULT '',  -- the process that keeps it while it lives (owners.py)
    severity TEXT NOT NULL DEFAULT '',
    sha256 TEXT NOT NULL DEFAULT '', -- empty: promised, the picture is not there yet
    bytes INTEGER NOT NULL DEFAULT 0,
    link TEXT NOT NULL DEFAULT '',   -- its place in the chain of evidence, JSON
    settled_at REAL                  -- when it was reported, what stays here then is a copy
);
CREATE INDEX evidence_open ON evidence (created_at) WHERE settled_at IS NULL;
CREATE TABLE claims (camera_id TEXT PRIMARY KEY, owner TEXT NOT NULL, until REAL NOT NULL);
CREATE TABLE commands (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    request_id TEXT NOT NULL UNIQUE,
    at REAL NOT NULL
);
{RECORDINGS}{REASONS}{COVERAGE}PRAGMA user_version = 8;
"""
# What brings a file of that schema to the next one; SCHEMA says the same for a new file.
UPGRADES = {
    1: "ALTER TABLE journal ADD COLUMN author TEXT NOT NULL DEFAULT ''; PRAGMA user_version = 2",
    2: "ALTER TABLE evidence ADD COLUMN owner TEXT NOT NULL DEFAULT ''; PRAGMA user_version = 3",
    3: "CREATE TABLE commands (seq INTEGER PRIMARY KEY AUTOINCREMENT, request_id TEXT NOT NULL UNIQUE, at REAL NOT NULL);"
    " PRAGMA user_version = 4",
    4: "ALTER TABLE outbox ADD COLUMN alert_id TEXT NOT NULL DEFAULT '';"
    " ALTER TABLE outbox ADD COLUMN severity TEXT NOT NULL DEFAULT '';"
    " UPDATE outbox SET alert_id = event_id WHERE kind = 'alert';"
    # The bodies say the rest: without it the quota took a critical alert that waits for an unimportant one.
    " UPDATE outbox SET severity = coalesce(json_extract(body, '$.severity'), ''),"
    " alert_id = coalesce(nullif(json_extract(body, '$.data.started_event_id'), ''), event_id)"
    " WHERE kind = 'alert' AND json_valid(body);"
    " UPDATE outbox SET alert_id = coalesce(json_extract(body, '$.alert_id'), '')"
    " WHERE kind = 'evidence' AND json_valid(body);"
    " UPDATE outbox SET severity = coalesce((SELECT a.severity FROM outbox a WHERE a.event_id = outbox.alert_id), '')"
    " WHERE kind = 'evidence';"
    " ALTER TABLE evidence ADD COLUMN severity TEXT NOT NULL DEFAULT '';"
    " UPDATE evidence SET severity = coalesce((SELECT a.severity FROM outbox a WHERE a.event_id = evidence.event_id), '');"
    " ALTER TABLE evidence ADD COLUMN sha256 TEXT NOT NULL DEFAULT '';"
    " ALTER TABLE evidence ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;"
    " ALTER TABLE evidence ADD COLUMN link TEXT NOT NULL DEFAULT '';"
    " ALTER TABLE evidence ADD COLUMN settled_at REAL;"
    " CREATE INDEX evidence_open ON evidence (created_at) WHERE settled_at IS NULL;"
    " CREATE INDEX outbox_dead ON outbox (seq) WHERE refused IS NOT NULL;"
    " CREATE INDEX outbox_alert ON outbox (alert_id) WHERE alert_id != '';"
    " CREATE TABLE claims (camera_id TEXT PRIMARY KEY, owner TEXT NOT NULL, until REAL NOT NULL);"
    " PRAGMA user_version = 5",
    5: RECORDINGS + "PRAGMA user_version = 6",
    6: REASONS + "PRAGMA user_version = 7",
    7: COVERAGE + "PRAGMA user_version = 8",
}


class EdgeStoreError(Exception):
    """The edge store cannot be used. `retryable` says whether waiting can help (a full disk) or not."""

    def __init__(self, text: str, *, retryable: bool) -> None:
        super().__init__(text)
        self.retryable = retryable


class EdgeDatabase:
    """The open file. Raises EdgeStoreError when it can neither be opened nor made anew.

    A file that SQLite cannot read is set aside under another name, never deleted, and a new one is begun.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._connection = self._open_or_replace()

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
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise EdgeStoreError(
                    f"The edge store {self.path} was written by a newer edgesite (schema {version}). Update this box.",
                    retryable=False,
                )
            if version < SCHEMA_VERSION:
                self._bring_up(connection)
            if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise sqlite3.DatabaseError("quick_check found damage")
            os.chmod(self.path, 0o600)
        except BaseException:
            connection.close()
            raise
        return connection

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
