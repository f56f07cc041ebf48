"""Room on the disk that the edge store and its pictures share, whatever filled it.

The quota counts what stands here; it knows nothing of a disk that is smaller, or that others fill. A disk without a free
byte takes no confirmation and no alert any more: so pictures make room before. Alerts stay, and say that their picture went.
Copies of what was delivered go at once; what the hub has not got only when the disk stays short.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from edgesite.edge_store.database import EdgeDatabase, EdgeStoreError
from edgesite.edge_store.losses import note_losses
from edgesite.edge_store.quota import RANK, let_copies_go, tell_given_up
from edgesite.files import free_and_reserve

log = structlog.get_logger(__name__)

LOOKS = 3  # so many looks in a row find it short before anything goes that the hub has not got
AT_ONCE = 500
NO_ROOM = "the box gave the picture up: its disk was full"


@dataclass(slots=True)
class Room:
    """One thread calls `step`. folder: of the edge store and its pictures. remove: takes a picture's file away, by its key."""

    database: EdgeDatabase
    folder: Path
    remove: Callable[[str], None]
    look: Callable[[Path], tuple[int, int]] = free_and_reserve
    _short: int = 0

    def step(self, *, now: float) -> bool:
        """Makes room up to twice the reserve; whether anything went. now: Unix seconds. Raises EdgeStoreError, OSError."""
        missing = self._missing()
        self._short = self._short + 1 if missing else 0
        if not missing:
            return False
        copies = let_copies_go(self.database, self.remove, missing, now=now)
        missing = self._missing() if copies else missing
        pictures = self._give_up(missing, now) if missing and self._short >= LOOKS else 0
        if copies or pictures:
            log.warning("the disk of this box is nearly full", delivered_pictures=copies, pictures=pictures)
        return bool(copies or pictures)

    def _missing(self) -> int:
        free, reserve = self.look(self.folder)
        return max(0, 2 * reserve - free)

    def _give_up(self, missing: int, now: float) -> int:
        """Full pictures, which are an addition, then the lowest severity, of one severity the oldest."""
        rows = self.database.rows(
            "SELECT * FROM evidence WHERE settled_at IS NULL AND sha256 != ''"  # noqa: S608  text of ours
            f" ORDER BY event_id NOT LIKE '%.full', {RANK}, created_at LIMIT ?",
            AT_ONCE,
        )
        chosen = list[Any]()
        for row in rows:
            if missing <= 0:
                break
            chosen.append(row)
            missing -= row["bytes"]
        if not chosen:
            return 0
        try:
            self._note(chosen, now)
        except EdgeStoreError:  # not a byte is left: the files first, then the same again
            self._remove(chosen)
            self._note(chosen, now)
        self._remove(chosen)
        return len(chosen)

    def _note(self, chosen: list[Any], now: float) -> None:
        with self.database.transaction() as db:
            lost = 0
            for row in chosen:
                done = db.execute("DELETE FROM evidence WHERE event_id = ? AND settled_at IS NULL", (row["event_id"],))
                if done.rowcount:  # else it was delivered just now
                    lost += 1
                    tell_given_up(db, row, now, reason=NO_ROOM)
            if lost:
                note_losses(db, now=now, pictures=lost)

    def _remove(self, chosen: list[Any]) -> None:
        for row in chosen:
            self.remove(row["key"])
