"""Who sends a camera's rows: a claim with a lease, so that two processes can never send the same camera side by side.

The worker that leads delivers, and a lock of the operating system says which that is. The claim also holds where that lock
does not: a leader that was stopped in the middle of a send and goes on after another one took over.
"""

from __future__ import annotations

from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.owners import lives

LEASE_S = 30.0


class Claims:
    """owner: this process's own name (`Owner`), unlike any other's. now: Unix seconds."""

    def __init__(self, database: EdgeDatabase, *, owner: str, lease_s: float = LEASE_S) -> None:
        self.database = database
        self.owner = owner
        self.lease_s = lease_s

    def claim(self, camera_id: str, *, now: float) -> bool:
        """Takes or renews the claim by one conditional write; False while another's lease runs. Raises EdgeStoreError.

        The lease of a process that is no more is over, and so is one that reaches further than any could: the clock was set.
        """
        held = self.database.rows("SELECT owner, until FROM claims WHERE camera_id = ?", camera_id)
        if held and held[0]["owner"] == self.owner and now + self.lease_s / 2 < held[0]["until"] <= now + self.lease_s:
            return True  # enough of it is left: not every batch costs a write
        dead = held[0]["owner"] if held and not lives(self.database.path, held[0]["owner"]) else None
        with self.database.transaction() as db:
            done = db.execute(
                "INSERT INTO claims VALUES (?, ?, ?) ON CONFLICT (camera_id) DO UPDATE"
                " SET owner = excluded.owner, until = excluded.until"
                " WHERE owner IN (excluded.owner, ?) OR until <= ? OR until > ?",
                (camera_id, self.owner, now + self.lease_s, dead, now, now + self.lease_s),
            )
            return done.rowcount == 1

    def release(self) -> None:
        """At the end: the next process need not wait for the lease. Raises EdgeStoreError."""
        with self.database.transaction() as db:
            db.execute("DELETE FROM claims WHERE owner = ?", (self.owner,))
