"""Pictures that stand on this box: on their way to the hub's storage, or delivered and kept for some days."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass

from edgesite.core.chain import Content
from edgesite.edge_store.chain import extend_chain
from edgesite.edge_store.database import EdgeDatabase


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """A picture in the spool. event_id: its alert's. size: bytes. settled_at: Unix seconds at which it was delivered."""

    event_id: str
    camera_id: str
    key: str
    sha256: str
    size: int
    settled_at: float | None = None

    @property
    def content(self) -> Content:
        return Content(self.event_id, self.key, self.sha256, self.size)


@dataclass(frozen=True, slots=True)
class Kept:
    """How much stands here. oldest: Unix seconds, None when nothing waits."""

    promised: int
    waiting: int
    waiting_bytes: int
    delivered: int
    delivered_bytes: int
    oldest: float | None


COLUMNS = "e.event_id, e.camera_id, e.key, e.sha256, e.bytes, e.settled_at"


class EvidenceStore:
    """Reads and writes of the table `evidence`. Every method raises EdgeStoreError."""

    def __init__(self, database: EdgeDatabase) -> None:
        self.database = database

    def spooled(self, content: Content) -> bool:
        """The picture stands in the spool: it gets its place in the chain. False when nobody promised it, or it had one."""
        with self.database.transaction() as db:
            open_yet = db.execute(
                "SELECT 1 FROM evidence WHERE event_id = ? AND sha256 = '' AND settled_at IS NULL", (content.event_id,)
            ).fetchone()
            if open_yet is None:
                return False
            link = json.dumps(extend_chain(db, content).message())
            db.execute(
                "UPDATE evidence SET sha256 = ?, bytes = ?, link = ? WHERE event_id = ?",
                (content.sha256, content.size, link, content.event_id),
            )
            return True

    def to_upload(self, limit: int) -> list[KeptPicture]:
        """Pictures that the hub's storage does not have yet, oldest first; not those of alerts that the hub refused."""
        return self._pictures(
            f"SELECT {COLUMNS} FROM evidence e WHERE e.settled_at IS NULL AND e.sha256 != '' AND NOT EXISTS"  # noqa: S608
            " (SELECT 1 FROM outbox o"
            " WHERE o.event_id IN (e.event_id, replace(e.event_id, '.full', '')) AND o.refused IS NOT NULL)"
            " ORDER BY e.created_at, e.event_id LIMIT ?",
            limit,
        )

    def delivered(self, *, before: float, limit: int) -> list[KeptPicture]:
        """Copies of what the hub's storage has, delivered before that moment, oldest first."""
        return self._pictures(
            f"SELECT {COLUMNS} FROM evidence e WHERE e.settled_at < ? ORDER BY e.settled_at LIMIT ?",  # noqa: S608
            before,
            limit,
        )

    def _pictures(self, query: str, *values: float) -> list[KeptPicture]:
        return [picture_of(row) for row in self.database.rows(query, *values)]

    def forget(self, event_ids: list[str]) -> None:
        """Copies that no longer stand here."""
        with self.database.transaction() as db:
            db.executemany(
                "DELETE FROM evidence WHERE event_id = ? AND settled_at IS NOT NULL", [(e,) for e in event_ids]
            )

    def kept(self) -> Kept:
        row = self.database.rows(
            "SELECT coalesce(sum(settled_at IS NULL AND sha256 = ''), 0) AS promised,"
            " coalesce(sum(settled_at IS NULL AND sha256 != ''), 0) AS waiting,"
            " coalesce(sum(CASE WHEN settled_at IS NULL THEN bytes END), 0) AS waiting_bytes,"
            " coalesce(sum(settled_at IS NOT NULL), 0) AS delivered,"
            " coalesce(sum(CASE WHEN settled_at IS NOT NULL THEN bytes END), 0) AS delivered_bytes,"
            " min(CASE WHEN settled_at IS NULL AND sha256 != '' THEN created_at END) AS oldest FROM evidence"
        )[0]
        return Kept(**dict(row))


def picture_of(row: sqlite3.Row) -> KeptPicture:
    return KeptPicture(row["event_id"], row["camera_id"], row["key"], row["sha256"], row["bytes"], row["settled_at"])
