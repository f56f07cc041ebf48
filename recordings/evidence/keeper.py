"""What of alerts and pictures stands on a box: bounded, told to the hub when something had to go, and shown in its report."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings

from edgesite.destination import destination
from edgesite.edge_store.chain import newest_link
from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.evidence import EvidenceStore
from edgesite.edge_store.losses import report_losses
from edgesite.edge_store.outbox import Outbox
from edgesite.edge_store.quota import AtRest, Quota, nothing_is_sent
from edgesite.edge_store.room import Room
from edgesite.spool import Spool
from recordings.evidence.uploading import Uploads

log = structlog.get_logger(__name__)

DAY_S = 24 * 3600.0
STEP_SECONDS = 5.0
MOST_CAMERAS = 20  # in the report, those with most rows first
AT_ONCE = 500
MB = 1024 * 1024


def spool_of(store: Path) -> Spool:
    """The folder beside the edge store in which pictures wait for their upload."""
    return Spool(store.parent / "spool")


def box_spool(store: Path) -> Spool | None:
    """None where the pictures stand in the hub's storage as soon as they are written."""
    return spool_of(store) if destination() is not None else None


@dataclass(slots=True)
class EvidenceKeeper:
    """Of the worker that leads. at_rest: as for `Quota`.

    days: how long copies of delivered pictures stay. Methods raise EdgeStoreError and StorageError.
    """

    database: EdgeDatabase
    stop: threading.Event
    wake: Callable[[], None]
    at_rest: AtRest = nothing_is_sent
    clock: Callable[[], float] = time.time
    days: int = field(default_factory=lambda: settings.CAPTURE_DAYS)
    rows: int = field(default_factory=lambda: settings.OUTBOX_ROWS)
    megabytes: int = field(default_factory=lambda: settings.OUTBOX_MB)
    spool: Spool = field(init=False)
    uploads: Uploads | None = field(init=False)
    _room: Room = field(init=False)
    _cleared: bool = False

    def __post_init__(self) -> None:
        self.spool = spool_of(self.database.path)
        self._room = Room(self.database, self.database.path.parent, self.spool.remove)
        target = destination(self.stop)
        self.uploads = None
        if target is not None:
            self.uploads = Uploads(Outbox(self.database), self.spool, target, self.wake, self.clock)

    def upload_step(self) -> bool:
        """Brings one picture to the hub's storage."""
        return self.uploads is not None and self.uploads.step()

    def step(self) -> bool:
        """Keeps to the quota, the disk and the days, and tells the hub what had to go."""
        if not self._cleared:
            self._clear_up()
        now = self.clock()
        changed = self._room.step(now=now)  # first: on a full disk the rest may fail
        quota = Quota(self.database, self.rows, self.megabytes * MB, self.spool.remove, self.at_rest)
        changed |= quota.step(now=now)
        changed |= self._let_old_go(now)
        if report_losses(self.database, now=now):
            self.wake()
        return changed

    def _let_old_go(self, now: float) -> bool:
        store = EvidenceStore(self.database)
        old = store.delivered(before=now - self.days * DAY_S, limit=AT_ONCE)
        for picture in old:
            self.spool.remove(picture.key)
        if old:
            store.forget([picture.event_id for picture in old])
            log.info("copies of delivered pictures removed", pictures=len(old), days=self.days)
        return bool(old)

    def _clear_up(self) -> None:
        if (
            damaged := self.database.set_aside()
        ):  # what it knew the present store does not: nothing is an orphan for sure
            log.warning("files without an alert are kept: the edge store was damaged", damaged=str(damaged[0]))
            self._cleared = True
            return
        known = {row["key"] for row in self.database.rows("SELECT key FROM evidence")}
        if gone := self.spool.clear_up(known):
            log.info("files without an alert removed", files=gone)
        self._cleared = True

    def health(self) -> dict[str, Any]:
        """For the report: `captures` (how many were `saved`, `failed`, `full_missed`, are `queued`, wait for `upload`),
        `waiting` (what the hub has not confirmed) and `chain`, the newest place in the chain of evidence."""
        link = newest_link(self.database)  # first: what comes after it may still be missing below
        kept, totals = EvidenceStore(self.database).kept(), Outbox(self.database).totals()
        return {
            "captures": {
                "saved": totals.pop("saved", 0),
                "failed": totals.pop("failed", 0),
                "full_missed": totals.pop("full_missed", 0),
                "queued": kept.promised,
                "upload": kept.waiting,
                "upload_bytes": kept.waiting_bytes,
                "copies": kept.delivered,
                "copies_bytes": kept.delivered_bytes,
            },
            "waiting": self._waiting() | {"lost": totals},
            "chain": {"chain": link.chain, "n": link.number, "link": link.value} if link else None,
        }

    def _waiting(self) -> dict[str, Any]:
        rows = self.database.rows(
            "SELECT camera_id, count(*) AS n, min(seq) AS first FROM outbox WHERE refused IS NULL"
            " GROUP BY camera_id ORDER BY n DESC"
        )
        first = min((row["first"] for row in rows), default=0)
        oldest = self.database.rows("SELECT created_at FROM outbox WHERE seq = ?", first)
        dead = self.database.rows("SELECT count(*) AS n FROM outbox WHERE refused IS NOT NULL")[0]["n"]
        return {
            "rows": sum(row["n"] for row in rows),
            "oldest_at": oldest[0]["created_at"] if oldest else None,
            "cameras": {row["camera_id"]: row["n"] for row in rows[:MOST_CAMERAS] if row["camera_id"]},
            "dead_letters": dead,
        }
