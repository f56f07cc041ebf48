"""What a person sees and does of the outbox, while the box's worker runs or not (`manage.py outbox`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.losses import note_losses
from edgesite.edge_store.quota import drop_alert


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row of the outbox. since: Unix seconds. size: bytes of its body. refused: the hub's reason, "" while it is sent."""

    seq: int
    event_id: str
    camera_id: str
    kind: str
    severity: str
    since: float
    size: int
    refused: str


def waiting(database: EdgeDatabase, *, camera_id: str = "", dead: bool = False, limit: int = 50) -> list[Waiting]:
    """The oldest rows first; dead: only dead letters. Raises EdgeStoreError."""
    rows = database.rows(
        "SELECT seq, event_id, camera_id, kind, severity, created_at, length(CAST(body AS BLOB)) AS size, refused FROM outbox"
        " WHERE (? = '' OR camera_id = ?) AND (NOT ? OR refused IS NOT NULL) ORDER BY seq LIMIT ?",
        camera_id,
        camera_id,
        dead,
        limit,
    )
    return [
        Waiting(
            r["seq"], r["event_id"], r["camera_id"], r["kind"], r["severity"], r["created_at"], r["size"],
            "" if r["refused"] is None else r["refused"] or "refused",
        )
        for r in rows
    ]  # fmt: skip


def retry(database: EdgeDatabase, *, event_ids: Sequence[str] | None) -> int:
    """Sends dead letters again, all with None; how many. They go before what their camera wrote later."""
    with database.transaction() as db:
        if event_ids is None:
            return db.execute("UPDATE outbox SET refused = NULL WHERE refused IS NOT NULL").rowcount
        statement = "UPDATE outbox SET refused = NULL WHERE event_id = ? AND refused IS NOT NULL"
        return sum(db.execute(statement, (event_id,)).rowcount for event_id in event_ids)


def drop(database: EdgeDatabase, *, event_ids: Sequence[str] | None, now: float) -> tuple[int, list[str]]:
    """Gives these rows up, None for all dead letters; how many, and the keys of pictures whose files are to go.

    With an alert goes what belongs to it. The hub is told that a person did it.
    """
    gone, keys = 0, list[str]()
    with database.transaction() as db:
        if event_ids is None:
            found = db.execute("SELECT event_id, alert_id FROM outbox WHERE refused IS NOT NULL").fetchall()
        else:
            found = [
                row
                for event_id in event_ids
                for row in db.execute("SELECT event_id, alert_id FROM outbox WHERE event_id = ?", (event_id,))
            ]
        links = list[tuple[int, str]]()
        for row in found:
            if row["alert_id"] == row["event_id"]:
                lost = drop_alert(db, row["alert_id"], now=now)
                gone += lost.rows
                keys += lost.keys
                links += lost.links
            else:
                gone += db.execute("DELETE FROM outbox WHERE event_id = ?", (row["event_id"],)).rowcount
        if gone:
            note_losses(db, now=now, links=links, by_hand=gone)
    return gone, keys
