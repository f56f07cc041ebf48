"""What this box had to give up, told to the hub (invariant 10): counted durably, one report on its way at a time.

Counting and the loss itself are one transaction. While a report waits for the hub, later losses add up here and go with the
next one, so that an outage of weeks makes one row and not one every ten seconds.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.outbox import count_up, insert_event
from edgesite.ids import uuid7

KEY, KIND = "losses", "loss"
LINKS = 300  # places of the chain that one report names


def note_losses(db: sqlite3.Connection, *, now: float, links: Sequence[tuple[int, str]] = (), **counts: int) -> None:
    """Adds to what is to be told, inside the caller's transaction.

    counts: by name, as in `recordings.core.losses.LossEvent`. links: number and value of the places in the chain that went
    unreported with it.
    """
    row = db.execute("SELECT value FROM meta WHERE key = ?", (KEY,)).fetchone()
    known: dict[str, Any] = json.loads(row["value"]) if row else {"since": now, "counts": {}, "links": []}
    for name, number in counts.items():
        known["counts"][name] = known["counts"].get(name, 0) + number
    known["links"] += [list(link) for link in links]
    known["until"] = now
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (KEY, json.dumps(known)))
    count_up(db, {f"lost_{name}": number for name, number in counts.items()})


def report_losses(database: EdgeDatabase, *, now: float) -> bool:
    """Puts a report into the outbox when there is something to tell and none is on its way. Raises EdgeStoreError."""
    if not database.rows("SELECT 1 FROM meta WHERE key = ?", KEY):
        return False
    with database.transaction() as db:
        row = db.execute("SELECT value FROM meta WHERE key = ?", (KEY,)).fetchone()
        if row is None or db.execute("SELECT 1 FROM outbox WHERE kind = ? AND refused IS NULL", (KIND,)).fetchone():
            return False
        known = json.loads(row["value"])
        now_told, later = known["links"][:LINKS], known["links"][LINKS:]
        chain = db.execute("SELECT value FROM meta WHERE key = 'chain'").fetchone()
        event_id = uuid7()
        body = {
            "type": KIND,
            "event_id": event_id,
            "since": known["since"],
            "until": known["until"],
            "counts": known["counts"],
            "chain": json.loads(chain["value"])["chain"] if chain and now_told else "",
            "links": now_told,
        }
        insert_event(db, event_id, "", KIND, body, now)
        if later:
            rest = {"since": known["since"], "until": known["until"], "counts": {}, "links": later}
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (KEY, json.dumps(rest)))
        else:
            db.execute("DELETE FROM meta WHERE key = ?", (KEY,))
    return True
