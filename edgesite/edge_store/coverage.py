"""What bindings could see, by hour, until the hub knows it: for reports, and never in the way of alerts.

A row stays here for two days and is told whenever it has grown, as a whole and with a revision: the hub keeps the newest, so
that repetitions change nothing. At most one event waits in the outbox however long the hub is away; the rest waits here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.losses import note_losses
from edgesite.edge_store.outbox import insert_event
from edgesite.ids import uuid7

KIND = "coverage"
MARK = "covered:"  # and a camera's id: the row of `meta` that says up to when its time is accounted for
BATCH = 100  # rows of one event
KEPT_S = 2 * 24 * 3600.0
MOST_ROWS = 50_000  # a hundred bindings for three weeks without a hub
REFUSED_S = 3600.0  # an older hub does not know the kind: asked again from time to time, and one dead letter at most

Told = Literal["nothing", "waiting", "more", "all"]


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """More of one binding and hour. hour: Unix seconds at which it began. Seconds are added up, also person_s."""

    bind_id: str
    hour: int
    wanted_s: float
    seen_s: float
    coarse_s: float
    person_s: float
    alerts: int


# A clock that is set back makes no hour longer than one, and nothing is seen that was not wanted.
_ADD = """
INSERT INTO coverage (bind_id, hour, wanted_s, seen_s, coarse_s, person_s, alerts, revision)
VALUES (:bind_id, :hour, min(:wanted_s, 3600.0), min(:seen_s, :wanted_s, 3600.0),
        min(:coarse_s, :seen_s, :wanted_s, 3600.0), :person_s, :alerts, 1)
ON CONFLICT (bind_id, hour) DO UPDATE SET
    wanted_s = min(wanted_s + excluded.wanted_s, 3600.0),
    seen_s = min(seen_s + excluded.seen_s, wanted_s + excluded.wanted_s, 3600.0),
    coarse_s = min(coarse_s + excluded.coarse_s, seen_s + excluded.seen_s, wanted_s + excluded.wanted_s, 3600.0),
    person_s = person_s + excluded.person_s, alerts = alerts + excluded.alerts, revision = revision + 1
"""
_FIELDS = "bind_id, hour AS start, wanted_s, seen_s, coarse_s, person_s, alerts, revision"


@dataclass(slots=True)
class CoverageStore:
    """Every method raises EdgeStoreError."""

    database: EdgeDatabase
    most: int = MOST_ROWS

    def add(self, rows: Sequence[CoverageRow], *, marks: Mapping[str, Any]) -> None:
        """Adds to what is stored. marks: what `mark` gives back later, by camera, durable with the rows."""
        if not rows and not marks:
            return
        with self.database.transaction() as db:
            db.executemany(_ADD, [asdict(row) for row in rows])
            notes = [(MARK + camera_id, json.dumps(mark)) for camera_id, mark in marks.items()]
            db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", notes)

    def mark(self, camera_id: str) -> Any:
        """None without one that can be read."""
        rows = self.database.rows("SELECT value FROM meta WHERE key = ?", MARK + camera_id)
        try:
            return json.loads(rows[0]["value"]) if rows else None
        except ValueError:
            return None

    def marked(self) -> list[str]:
        """The cameras that have a mark."""
        rows = self.database.rows("SELECT key FROM meta WHERE substr(key, 1, ?) = ?", len(MARK), MARK)
        return [str(row["key"])[len(MARK) :] for row in rows]

    def forget(self, camera_ids: Sequence[str]) -> None:
        """Nobody is to watch these cameras: the time from here on is not theirs."""
        if camera_ids:
            with self.database.transaction() as db:
                db.executemany("DELETE FROM meta WHERE key = ?", [(MARK + camera_id,) for camera_id in camera_ids])

    def tell(self, *, now: float) -> Told:
        """Puts the next rows into the outbox, when none of them wait there: `all` of those that have grown, or `more` are
        left. now: Unix seconds."""
        if not self.database.rows("SELECT 1 FROM coverage WHERE revision > told LIMIT 1"):
            return "nothing"
        with self.database.transaction() as db:
            db.execute(
                "DELETE FROM outbox WHERE kind = ? AND refused IS NOT NULL AND created_at < ?", (KIND, now - REFUSED_S)
            )
            if db.execute("SELECT 1 FROM outbox WHERE kind = ?", (KIND,)).fetchone():
                return "waiting"
            found = db.execute(
                f"SELECT {_FIELDS} FROM coverage WHERE revision > told ORDER BY hour LIMIT ?",  # noqa: S608
                (BATCH + 1,),
            ).fetchall()
            self._put(db, found[:BATCH], now)
        return "more" if len(found) > BATCH else "all"

    def _put(self, db: sqlite3.Connection, found: Sequence[sqlite3.Row], now: float) -> None:
        event_id = uuid7()
        rows = [{name: _short(row[name]) for name in row.keys()} for row in found]  # noqa: SIM118  a Row's iteration gives values
        insert_event(db, event_id, "", KIND, {"type": KIND, "event_id": event_id, "rows": rows}, now)
        db.executemany(
            "UPDATE coverage SET told = ? WHERE bind_id = ? AND hour = ?",
            [(row["revision"], row["bind_id"], row["start"]) for row in found],
        )

    def clear_up(self, *, now: float) -> int:
        """Lets go of what the hub was told long ago, and of the oldest beyond the bound; how many of these."""
        with self.database.transaction() as db:
            db.execute("DELETE FROM coverage WHERE revision = told AND hour < ?", (int(now - KEPT_S),))
            over = int(db.execute("SELECT count(*) AS n FROM coverage").fetchone()["n"]) - self.most
            if over <= 0:
                return 0
            db.execute(
                "DELETE FROM coverage WHERE (bind_id, hour) IN (SELECT bind_id, hour FROM coverage ORDER BY hour LIMIT ?)",
                (over,),
            )
            note_losses(db, now=now, coverage=over)
            return over


def _short(value: Any) -> Any:
    return round(value, 1) if isinstance(value, float) else value
