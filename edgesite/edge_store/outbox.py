"""The outbox: what the hub has not confirmed yet, in order. Rows leave when the hub confirmed them, never before."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from edgesite.edge_store.database import EdgeDatabase


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
    """An alert on its way into the outbox. capture: the storage key of its picture, empty when it has none."""

    event_id: str
    camera_id: str
    body: dict[str, Any]
    capture: str = ""


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
                self._insert(db, alert.event_id, alert.camera_id, "alert", alert.body, now)
                if alert.capture:
                    db.execute(
                        "INSERT INTO evidence (event_id, camera_id, key, created_at, owner) VALUES (?, ?, ?, ?, ?)",
                        (alert.event_id, alert.camera_id, alert.capture, now, self.owner),
                    )
            db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", notes)

    def settle_evidence(self, *, event_id: str, new_id: str, body: dict[str, Any], now: float) -> None:
        """Reports the picture of an alert as stored or lost, once: the reference goes in the same transaction."""
        with self.database.transaction() as db:
            row = db.execute("DELETE FROM evidence WHERE event_id = ? RETURNING camera_id", (event_id,)).fetchone()
            if row is not None:
                self._insert(db, new_id, row["camera_id"], "evidence", body, now)

    @staticmethod
    def _insert(db: Any, event_id: str, camera_id: str, kind: str, body: dict[str, Any], now: float) -> None:
        db.execute(
            "INSERT INTO outbox (event_id, camera_id, kind, body, created_at) VALUES (?, ?, ?, ?, ?)",
            (event_id, camera_id, kind, json.dumps(body, ensure_ascii=False, allow_nan=False), now),
        )

    def pending_evidence(self) -> list[PendingEvidence]:
        rows = self.database.rows("SELECT event_id, camera_id, key, owner FROM evidence ORDER BY created_at")
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
        rows = self.database.rows("SELECT DISTINCT camera_id FROM outbox WHERE refused IS NULL")
        return [r["camera_id"] for r in rows]

    def count(self) -> int:
        """Rows that the hub has not confirmed."""
        return int(self.database.rows("SELECT count(*) AS n FROM outbox WHERE refused IS NULL")[0]["n"])

    def confirm(self, event_ids: Iterable[str]) -> None:
        """The hub has stored these: the rows go."""
        with self.database.transaction() as db:
            db.executemany("DELETE FROM outbox WHERE event_id = ?", [(e,) for e in event_ids])

    def refuse(self, event_id: str, reason: str) -> None:
        """The hub's final word: a dead letter, kept for a person, out of everybody's way."""
        with self.database.transaction() as db:
            db.execute("UPDATE outbox SET refused = ? WHERE event_id = ?", (reason, event_id))
