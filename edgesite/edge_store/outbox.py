"""The outbox: what the hub has not confirmed yet, in order. Rows leave when the hub confirmed them, never before."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgesite.core.chain import Content
from edgesite.edge_store.chain import extend_chain
from edgesite.edge_store.database import EdgeDatabase

HOURS = "recorded_hour"  # the kind of event that no quota counts: the recorder bounds it (recordings/recorder/hours.py)
MOST_MARKS = 10_000
TOTAL = "total:"  # rows of `meta`: what this box has done since its store was made


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One event on its way to the hub. body is the JSON text of DESIGN 5.3's `body`."""

    seq: int
    event_id: str
    camera_id: str
    kind: str
    body: str


@dataclass(frozen=True, slots=True)
class NewAlert:
    """An alert on its way into the outbox. capture: the storage key of its picture, empty when it has none.

    kind: of the event that the hub gets. lasts: whether its end will be told.
    """

    event_id: str
    camera_id: str
    body: dict[str, Any]
    capture: str = ""
    kind: str = "alert"
    lasts: bool = False


@dataclass(frozen=True, slots=True)
class PendingEvidence:
    """A picture that an alert promised and that is not stored yet. owner: the process that promised it."""

    event_id: str
    camera_id: str
    key: str
    owner: str = ""


class Outbox:
    """Events and evidence references in the edge store. owner: this process's name for what it promises (`Owner`)."""

    def __init__(self, database: EdgeDatabase, *, owner: str = "") -> None:
        self.database = database
        self.owner = owner

    def add_alerts(self, alerts: Sequence[NewAlert], *, now: float, notes: Sequence[tuple[str, str]] = ()) -> None:
        """The alerts and the references to their evidence, in one transaction. Raises EdgeStoreError.

        notes: keys and values of `meta` that become durable with them.
        """
        with self.database.transaction() as db:
            for alert in alerts:
                started = alert.body.get("data", {}).get("started_event_id") or alert.event_id
                insert_event(
                    db, alert.event_id, alert.camera_id, alert.kind, alert.body, now,
                    alert_id=str(started) if alert.kind == "alert" else "",  # the quota takes nothing but alerts
                    severity=str(alert.body.get("severity", "")),
                )  # fmt: skip
                if alert.kind == "alert" and "timestamp" in alert.body:
                    _mark(db, alert, str(started))
                if alert.capture:
                    severity = alert.body.get("severity", "")
                    _promise(db, alert.event_id, alert.camera_id, alert.capture, now, self.owner, severity)
            db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", notes)

    def promise(
        self, *, event_id: str, camera_id: str, key: str, severity: str, now: float, taken_at: float | None = None
    ) -> None:
        """A picture more than the alert promised. taken_at: its own moment, Unix seconds. Raises EdgeStoreError."""
        with self.database.transaction() as db:
            _promise(db, event_id, camera_id, key, now, self.owner, severity, taken_at)

    def settle_evidence(
        self,
        *,
        event_id: str,
        new_id: str,
        body: dict[str, Any],
        now: float,
        content: Content | None = None,
        keep: bool = False,
    ) -> bool:
        """Reports the picture of an alert as stored or lost, once: False when that was done before.

        content: the picture, where there is one; it gets its place in the chain of evidence, unless it has one, and the body
        says which, and of which moment the picture is, where that is not its alert's.
        keep: the reference stays, because a copy of the picture does; else it goes in the same transaction.
        """
        with self.database.transaction() as db:
            row = db.execute(
                "SELECT camera_id, severity, link, taken_at FROM evidence WHERE event_id = ? AND settled_at IS NULL",
                (event_id,),
            ).fetchone()
            if row is None:
                return False
            link = json.loads(row["link"]) if row["link"] else None
            if content is not None and link is None:
                link = extend_chain(db, content).message()
            told = body if link is None else {**body, "link": link}
            if row["taken_at"] is not None:
                told = {**told, "taken_at": row["taken_at"]}
            if keep:
                db.execute("UPDATE evidence SET settled_at = ? WHERE event_id = ?", (now, event_id))
            else:
                db.execute("DELETE FROM evidence WHERE event_id = ?", (event_id,))
            insert_event(
                db, new_id, row["camera_id"], "evidence", told, now, alert_id=event_id, severity=row["severity"]
            )
            count_up(db, {"failed" if body.get("status") == "lost" else "saved": 1})
            return True

    def pending_evidence(self) -> list[PendingEvidence]:
        """Pictures that were promised and are not there yet, oldest first."""
        rows = self.database.rows(
            "SELECT event_id, camera_id, key, owner FROM evidence WHERE settled_at IS NULL AND sha256 = ''"
            " ORDER BY created_at"
        )
        return [PendingEvidence(r["event_id"], r["camera_id"], r["key"], r["owner"]) for r in rows]

    def head(self, camera_id: str, limit: int) -> list[OutboxRow]:
        """The camera's oldest unconfirmed rows, in order."""
        rows = self.database.rows(
            "SELECT seq, event_id, camera_id, kind, body FROM outbox"
            " WHERE camera_id = ? AND refused IS NULL ORDER BY seq LIMIT ?",
            camera_id,
            limit,
        )
        return [OutboxRow(r["seq"], r["event_id"], r["camera_id"], r["kind"], r["body"]) for r in rows]

    def cameras_waiting(self) -> list[str]:
        """Cameras with rows to be sent; the one whose row has waited longest comes first."""
        rows = self.database.rows(
            "SELECT camera_id FROM outbox WHERE refused IS NULL GROUP BY camera_id ORDER BY min(seq)"
        )
        return [r["camera_id"] for r in rows]

    def count(self) -> int:
        """Rows that the hub has not confirmed."""
        return int(self.database.rows("SELECT count(*) AS n FROM outbox WHERE refused IS NULL")[0]["n"])

    def confirm(self, event_ids: Iterable[str]) -> None:
        """The hub has stored these: the rows go."""
        with self.database.transaction() as db:
            db.executemany("DELETE FROM outbox WHERE event_id = ?", [(e,) for e in event_ids])

    def holds(self, event_id: str) -> bool:
        """Whether the event is here yet, dead letters too."""
        return bool(self.database.rows("SELECT 1 FROM outbox WHERE event_id = ?", event_id))

    def add_up(self, **more: int) -> None:
        """Adds to the box's totals. Raises EdgeStoreError."""
        with self.database.transaction() as db:
            count_up(db, more)

    def totals(self) -> dict[str, int]:
        """Since the store was made: pictures `saved` and `failed`, and what the quota dropped."""
        rows = self.database.rows("SELECT key, value FROM meta WHERE key LIKE ?", TOTAL + "%")
        return {r["key"].removeprefix(TOTAL): int(r["value"]) for r in rows}

    def refuse(self, event_id: str, reason: str) -> None:
        """The hub's final word: a dead letter, kept for a person, out of everybody's way."""
        with self.database.transaction() as db:
            db.execute("UPDATE outbox SET refused = ? WHERE event_id = ?", (reason, event_id))


def _promise(
    db: sqlite3.Connection, event_id: str, camera_id: str, key: str, now: float, owner: str, severity: str,
    taken_at: float | None = None,
) -> None:  # fmt: skip
    db.execute(
        "INSERT INTO evidence (event_id, camera_id, key, created_at, owner, severity, taken_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (event_id, camera_id, key, now, owner, severity, taken_at),
    )


def _mark(db: sqlite3.Connection, alert: NewAlert, alert_id: str) -> None:
    """For the recorder, which may not run: only so many stay."""
    noted = db.execute(
        "INSERT INTO alert_marks (alert_id, camera_id, phase, at, lasts) VALUES (?, ?, ?, ?, ?)",
        (alert_id, alert.camera_id, str(alert.body.get("phase", "")), float(alert.body["timestamp"]), alert.lasts),
    )
    db.execute("DELETE FROM alert_marks WHERE seq <= ?", ((noted.lastrowid or 0) - MOST_MARKS,))


def insert_event(
    db: sqlite3.Connection,
    event_id: str,
    camera_id: str,
    kind: str,
    body: dict[str, Any],
    now: float,
    *,
    alert_id: str = "",
    severity: str = "",
) -> None:
    """One event into the outbox, inside the caller's transaction. Raises ValueError for a body that is no JSON."""
    db.execute(
        "INSERT INTO outbox (event_id, camera_id, kind, body, created_at, alert_id, severity) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (event_id, camera_id, kind, json.dumps(body, ensure_ascii=False, allow_nan=False), now, alert_id, severity),
    )


def count_up(db: sqlite3.Connection, more: Mapping[str, int]) -> None:
    """Adds to the box's totals (`Outbox.totals`), inside the caller's transaction."""
    for name, number in more.items():
        db.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + ?",
            (TOTAL + name, str(number), number),
        )
