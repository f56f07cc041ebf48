"""Which of the hub's commands this box has taken on, and how far it has read: one store for all of its processes."""

from __future__ import annotations

from collections.abc import Iterable

from edgesite.edge_store.database import EdgeDatabase

KEPT = 5000  # more than the stream holds, so that one read again is known
POSITION = "commands_position"


class CommandStore:
    """Every write is durable before it is answered. Raises EdgeStoreError."""

    def __init__(self, database: EdgeDatabase) -> None:
        self.database = database

    def position(self) -> str:
        """The stream's entry up to which commands were taken on; "" before the first."""
        rows = self.database.rows("SELECT value FROM meta WHERE key = ?", POSITION)
        return str(rows[0]["value"]) if rows else ""

    def claim(self, request_ids: Iterable[str], *, position: str, now: float) -> set[str]:
        """Takes these on; answers those that nobody, and no earlier process, has taken on before.

        So a command is obeyed at most once, whatever is killed: one that was begun is not begun again.
        position: of the newest of them. now: Unix seconds.
        """
        taken = set()
        with self.database.transaction() as db:
            for request_id in request_ids:
                statement = "INSERT OR IGNORE INTO commands (request_id, at) VALUES (?, ?)"
                if db.execute(statement, (request_id, now)).rowcount:
                    taken.add(request_id)
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (POSITION, position))
            db.execute(
                "DELETE FROM commands WHERE seq <= (SELECT max(seq) FROM commands) - ?",
                (KEPT,),
            )
        return taken
