"""Tells the hub which seconds of which hours are recorded, so that its pages know it while the box is away.

`SegmentStore` marks an hour in the transaction that adds or takes something of it. Here a marked hour is told whole, at most
once a minute. Of one hour only the newest report waits in the outbox, and of one camera at most `MOST_WAITING` hours: what has
no room stays marked. So days without the hub cost the outbox next to nothing.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.outbox import HOURS, insert_event
from edgesite.ids import uuid7
from recordings.core.spans import HOUR, MOST_SPANS, hour_body, hour_name, spans_of

log = structlog.get_logger(__name__)

AGAIN_SECONDS = 60.0  # until the same hour is told again
MOST_WAITING = 24  # reports of one camera in the outbox
AT_ONCE = 50  # hours of one camera in a transaction, which holds up every other write
LONGEST_SEGMENT = 3600.0  # so much before an hour may begin what reaches into it
FORGOTTEN_HOURS = 400 * 24  # a mark is no longer kept
DUE = "dirty AND (told_at <= ? OR told_at > ?)"  # or the clock was set back


@dataclass(slots=True)
class Hours:
    """One thread calls `step`. clock: Unix seconds."""

    database: EdgeDatabase
    clock: Callable[[], float] = time.time

    def step(self) -> bool:
        """Tells what changed and is due; whether there was anything. Raises EdgeStoreError."""
        now = self.clock()
        due = self.database.rows(
            f"SELECT DISTINCT camera_id FROM recorded_hours WHERE {DUE}",  # noqa: S608  text of ours
            now - AGAIN_SECONDS,
            now,
        )
        return sum(self._tell(row["camera_id"], now) for row in due) > 0

    def _tell(self, camera_id: str, now: float) -> int:
        """The newest hours first: they are what somebody looks at."""
        told = 0
        with self.database.transaction() as db:
            waiting = db.execute(
                "SELECT count(*) FROM outbox WHERE camera_id = ? AND kind = ? AND refused IS NULL", (camera_id, HOURS)
            ).fetchone()[0]
            hours = db.execute(
                f"SELECT * FROM recorded_hours WHERE camera_id = ? AND {DUE} ORDER BY hour DESC LIMIT ?",  # noqa: S608
                (camera_id, now - AGAIN_SECONDS, now, AT_ONCE),
            ).fetchall()
            for hour in hours:
                waiting -= db.execute("DELETE FROM outbox WHERE event_id = ?", (hour["event_id"],)).rowcount
                if waiting >= MOST_WAITING:
                    continue
                _tell_hour(db, hour, now)
                waiting, told = waiting + 1, told + 1
            if told:
                db.execute(
                    "DELETE FROM recorded_hours WHERE camera_id = ? AND hour < ? AND NOT dirty",
                    (camera_id, now // HOUR - FORGOTTEN_HOURS),
                )
        return told


def _tell_hour(db: sqlite3.Connection, row: Any, now: float) -> None:
    camera_id, hour = row["camera_id"], int(row["hour"])
    pieces = db.execute(
        "SELECT start, stop FROM segments WHERE camera_id = ? AND start > ? AND start < ? AND stop > ?"
        " AND NOT doomed AND NOT ring",
        (camera_id, hour * HOUR - LONGEST_SEGMENT, (hour + 1) * HOUR, hour * HOUR),
    )
    spans = spans_of(((p["start"], p["stop"]) for p in pieces), hour=hour)
    if len(spans) > MOST_SPANS:
        log.warning("an hour has more gaps than can be told", camera=camera_id, hour=hour_name(hour), spans=len(spans))
    # Not only one more: the revisions of a store that was damaged and begun anew rise all the same.
    revision, event_id = max(int(row["revision"]) + 1, int(now)), uuid7()
    body = hour_body(camera_id=camera_id, hour=hour, revision=revision, spans=spans)
    insert_event(db, event_id, camera_id, HOURS, body, now)
    db.execute(
        "UPDATE recorded_hours SET dirty = 0, revision = ?, told_at = ?, event_id = ? WHERE camera_id = ? AND hour = ?",
        (revision, now, event_id, camera_id, hour),
    )
