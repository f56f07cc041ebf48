"""How much may wait on a box, and what goes when it is too much (invariant 10).

In this order: copies of what was delivered, then dead letters, then what the hub has not got: full pictures, which are an
addition, then alerts, of both the lowest severity first and of one severity the oldest. An alert goes as a whole: its rows,
and its pictures. What went is told to the hub (`losses`).
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import structlog

from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.evidence import EvidenceStore
from edgesite.edge_store.losses import note_losses
from edgesite.edge_store.outbox import HOURS, insert_event
from edgesite.ids import uuid7

log = structlog.get_logger(__name__)

AT_ONCE = 1000  # alerts in one transaction: it holds up every other write
SPARE = 100  # the hundredth part of the quota becomes free when it is reached: not every event makes room for itself
GIVEN_UP = "the box gave the picture up: too much was waiting"
SEVERITIES = ("info", "warning", "critical")
RANK = " CASE severity WHEN 'critical' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END"


_Choose = Callable[[sqlite3.Connection, int], list[tuple[str, str]]]
AtRest = Callable[[], AbstractContextManager[Collection[str]]]


def nothing_is_sent() -> AbstractContextManager[Collection[str]]:
    """Where nobody delivers."""
    return nullcontext(frozenset())


@dataclass(frozen=True, slots=True)
class Usage:
    """rows: of the outbox, dead letters too; what is told of recorded hours does not count, it never costs an alert.

    size: bytes of their bodies and of the pictures that stand here."""

    rows: int
    size: int


@dataclass(slots=True)
class Quota:
    """rows, size: the most of each. remove: takes a picture's file away, by its key; it may not be there.

    at_rest: a block in which nothing is sent, its value the event ids that were sent and may be stored already; they stay.
    Every method raises EdgeStoreError.
    """

    database: EdgeDatabase
    rows: int
    size: int
    remove: Callable[[str], None]
    at_rest: AtRest = nothing_is_sent

    def usage(self) -> Usage:
        row = self.database.rows(
            "SELECT count(*) AS n, coalesce(sum(length(CAST(body AS BLOB))), 0) AS size FROM outbox WHERE kind != ?",
            HOURS,
        )[0]
        kept = EvidenceStore(self.database).kept()
        return Usage(int(row["n"]), int(row["size"]) + kept.waiting_bytes + kept.delivered_bytes)

    def step(self, *, now: float) -> bool:
        """Makes room where too much waits; True when something went. now: Unix seconds."""
        over = self._over()
        if not over:
            return False
        for make_room in (self._delivered, self._dead_letters, self._full_pictures, self._waiting):
            while over and (gone := make_room(over, now)):
                log.warning("the quota of this box is reached", gave_up=gone)
                over = self._over()
            if not over:
                return True
        return True

    def _over(self) -> Usage | None:
        """What has to become free; None while all fits."""
        used = self.usage()
        rows, size = max(0, used.rows - self.rows), max(0, used.size - self.size)
        if not rows and not size:
            return None
        return Usage(rows and rows + self.rows // SPARE, size and size + self.size // SPARE)

    def _delivered(self, over: Usage, now: float) -> dict[str, int]:
        if not over.size:
            return {}  # copies are no rows of the outbox
        gone = let_copies_go(self.database, self.remove, over.size, now=now)
        return {"delivered_pictures": gone} if gone else {}

    def _dead_letters(self, over: Usage, now: float) -> dict[str, int]:
        with self.database.transaction() as db:
            done = db.execute(
                "DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox WHERE refused IS NOT NULL ORDER BY seq LIMIT ?)",
                (min(AT_ONCE, max(over.rows, 10)),),
            )
            if not done.rowcount:
                return {}
            note_losses(db, now=now, dead_letters=done.rowcount)
            return {"dead_letters": done.rowcount}

    def _full_pictures(self, over: Usage, now: float) -> dict[str, int]:
        """Additions go before any alert does."""
        if not over.size:
            return {}
        return self._give_up(Usage(0, over.size), now, _full)

    def _waiting(self, over: Usage, now: float) -> dict[str, int]:
        """The oldest alerts of the lowest severity that there is, as many as it takes."""
        return self._give_up(over, now, lambda db, limit: _cheapest(db, limit, pictures=over.size > 0))

    def _give_up(self, over: Usage, now: float, choose: _Choose) -> dict[str, int]:
        gone, keys, links = Counter[str](), list[str](), list[tuple[int, str]]()
        with self.at_rest() as sent, self.database.transaction() as db:
            rows = size = 0
            for alert_id, severity in choose(db, AT_ONCE + len(sent)):
                if (rows >= over.rows and size >= over.size) or len(keys) >= AT_ONCE or rows >= AT_ONCE:
                    break
                found = db.execute("SELECT event_id FROM outbox WHERE alert_id IN (?, ?)", _both(alert_id))
                ids = [row["event_id"] for row in found]
                if any(event_id in sent for event_id in ids):
                    continue
                lost = drop_alert(db, alert_id, now=now)
                rows, size = rows + lost.rows, size + lost.size
                links += lost.links
                keys += lost.keys
                gone[severity if severity in SEVERITIES else "info"] += lost.alerts
                gone["reports"] += lost.rows - lost.alerts
                gone["pictures"] += len(lost.keys)
            counts = {name: number for name, number in gone.items() if number}
            if counts:
                note_losses(db, now=now, links=links, **counts)
        for key in keys:  # after the commit: what a kill in between leaves, the next start removes
            self.remove(key)
        return counts


def let_copies_go(database: EdgeDatabase, remove: Callable[[str], None], size: int, *, now: float) -> int:
    """Copies of delivered pictures, the oldest first, until so many bytes are free; how many went. Raises EdgeStoreError.

    Their files go first: on a full disk this makes the room to write the rest.
    """
    store, gone, freed = EvidenceStore(database), list[str](), 0
    for picture in store.delivered(before=now + 1, limit=AT_ONCE):
        if freed >= size:
            break
        remove(picture.key)
        gone.append(picture.event_id)
        freed += picture.size
    if gone:
        store.forget(gone)
        with database.transaction() as db:
            note_losses(db, now=now, delivered_pictures=len(gone))
    return len(gone)


@dataclass(slots=True)
class Dropped:
    """What left with one alert. links: places of the chain of which the hub now hears nothing."""

    alerts: int
    rows: int
    size: int
    keys: list[str]
    links: list[tuple[int, str]]


def _cheapest(db: sqlite3.Connection, limit: int, *, pictures: bool) -> list[tuple[str, str]]:
    """Alerts of which rows wait, or only their picture, with their severity: the lowest first, then the oldest."""
    waiting = (
        " UNION ALL SELECT event_id, severity, created_at FROM evidence WHERE settled_at IS NULL AND sha256 != ''"
        if pictures
        else ""
    )
    found = db.execute(
        f"SELECT alert_id, min(severity) AS severity, min({RANK}) AS rank, min(at) AS at FROM ("  # noqa: S608
        f"SELECT alert_id, severity, created_at AS at FROM outbox WHERE alert_id != '' AND refused IS NULL{waiting})"
        " GROUP BY alert_id ORDER BY rank, at LIMIT ?",
        (limit,),
    )
    return [(row["alert_id"], row["severity"]) for row in found]


def _full(db: sqlite3.Connection, limit: int) -> list[tuple[str, str]]:
    """Full pictures that the hub's storage does not have, with their severity, in the order of `_cheapest`."""
    found = db.execute(
        "SELECT event_id, severity FROM evidence WHERE settled_at IS NULL AND sha256 != '' AND event_id LIKE '%.full'"  # noqa: S608
        f" ORDER BY {RANK}, created_at LIMIT ?",
        (limit,),
    )
    return [(row["event_id"], row["severity"]) for row in found]


def _both(alert_id: str) -> tuple[str, str]:
    """By which it and its full picture are told of."""
    return alert_id, f"{alert_id}.full"


def drop_alert(db: sqlite3.Connection, alert_id: str, *, now: float) -> Dropped:
    """Takes everything of one alert out of the store, inside the caller's transaction; files are the caller's.

    When the hub has the alert already it is told that no picture will come.
    """
    lost = Dropped(0, 0, 0, [], [])
    both = _both(alert_id)
    known = True
    for row in db.execute(
        "DELETE FROM outbox WHERE alert_id IN (?, ?) RETURNING event_id, kind, body", both
    ).fetchall():
        lost.rows += 1
        lost.size += len(row["body"].encode())
        lost.alerts += row["kind"] == "alert"
        known &= row["event_id"] != alert_id
        if row["kind"] == "evidence" and (link := json.loads(row["body"]).get("link")):
            lost.links.append((link["n"], link["link"]))
    waiting = "DELETE FROM evidence WHERE event_id IN (?, ?) AND settled_at IS NULL RETURNING *"  # a copy stays
    for picture in db.execute(waiting, both).fetchall():
        lost.size += picture["bytes"]
        lost.keys.append(picture["key"])
        if known:
            tell_given_up(db, picture, now)
        elif picture["link"]:
            link = json.loads(picture["link"])
            lost.links.append((link["n"], link["link"]))
    return lost


def tell_given_up(db: sqlite3.Connection, picture: sqlite3.Row, now: float, *, reason: str = GIVEN_UP) -> None:
    """The hub, which has the alert or gets it before, is told that this row's picture will not come."""
    event_id = uuid7()
    body = {
        "type": "evidence", "event_id": event_id, "alert_id": picture["event_id"], "key": picture["key"],
        "status": "lost", "sha256": picture["sha256"], "bytes": picture["bytes"], "reason": reason,
        "link": json.loads(picture["link"]) if picture["link"] else None,
    }  # fmt: skip
    # Of no alert, for the quota: else its next step would take the report too, and the hub would wait for ever.
    insert_event(db, event_id, picture["camera_id"], "evidence", body, now)
