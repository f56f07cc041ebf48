"""Config documents in the edge store: what was tried, what runs, what was confirmed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgesite.edge_store.database import EdgeDatabase
from edgesite.fields import decrypt, encrypt

JOURNAL_KEPT = 1000
KEPT = 50  # documents beyond the newest 50 go, what runs and the confirmed one never


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as it was received (`text`), with its number and how it ended (`state`, `reason`)."""

    epoch: str
    version: int
    sha256: str
    text: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One thing that happened to a document on this box. at: Unix seconds. changes: sentences, one a line.

    author: who issued the document; empty when it does not say (a bare one, or one from an older hub).
    """

    at: float
    epoch: str
    version: int
    state: str
    reason: str
    changes: str
    author: str = ""


class DocumentStore:
    """Every write is one transaction, so that a kill leaves the old document or the new one in force."""

    def __init__(self, database: EdgeDatabase) -> None:
        self.database = database

    def running(self) -> StoredDocument | None:
        """The document that a boot runs: the newest one that was applied or confirmed."""
        return self._newest("('applied', 'confirmed')")

    def confirmed(self) -> StoredDocument | None:
        return self._newest("('confirmed')")

    def _newest(self, states: str) -> StoredDocument | None:
        rows = self.database.rows(
            "SELECT epoch, version, sha256, body, state, reason FROM documents"  # noqa: S608  a constant of this class
            f" WHERE state IN {states} ORDER BY epoch DESC, version DESC, id DESC LIMIT 1"
        )
        if not rows:
            return None
        r = rows[0]
        return StoredDocument(r["epoch"], r["version"], r["sha256"], decrypt(r["body"]), r["state"], r["reason"])

    def record(
        self,
        *,
        epoch: str,
        version: int,
        sha256: str,
        text: str,
        state: str,
        reason: str,
        now: float,
        changes: str = "",
        author: str = "",
    ) -> None:
        """Stores a document in a state, or moves it there when it is known, and notes it. Raises EdgeStoreError.

        changes: what it changed against the one before, in sentences; author: who issued it. Both for the journal.
        """
        with self.database.transaction() as db:
            self._note(db, now, epoch, version, state, reason, changes, author)
            if state == "confirmed":
                db.execute("DELETE FROM meta WHERE key = 'boots'")
            db.execute(
                "INSERT INTO documents (epoch, version, sha256, body, state, reason, at) VALUES (?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (epoch, version, sha256) DO UPDATE SET state = excluded.state, reason = excluded.reason,"
                " at = excluded.at",
                (epoch, version, sha256, encrypt(text), state, reason, now),
            )
            if state == "applied":
                # One that was replaced before it was confirmed is none that a boot or a revert may return to.
                db.execute(
                    "UPDATE documents SET state = 'trying' WHERE state = 'applied' AND NOT"
                    " (epoch = ? AND version = ? AND sha256 = ?)",
                    (epoch, version, sha256),
                )
            db.execute(
                "DELETE FROM documents WHERE state NOT IN ('applied', 'confirmed') AND id NOT IN"
                " (SELECT id FROM documents ORDER BY id DESC LIMIT ?)",
                (KEPT,),
            )
            db.execute(
                "DELETE FROM documents WHERE state = 'confirmed' AND id NOT IN"
                " (SELECT id FROM documents WHERE state = 'confirmed' ORDER BY epoch DESC, version DESC LIMIT ?)",
                (KEPT,),
            )

    @staticmethod
    def _note(
        db: Any, now: float, epoch: str, version: int, state: str, reason: str, changes: str = "", author: str = ""
    ) -> None:
        if not author and epoch:  # whoever has only the stored text: the journal knows from the entry before
            known = "SELECT author FROM journal WHERE epoch = ? AND version = ? ORDER BY id DESC LIMIT 1"
            row = db.execute(known, (epoch, version)).fetchone()
            author = row["author"] if row else ""
        db.execute(
            "INSERT INTO journal (at, epoch, version, state, reason, changes, author) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (now, epoch, version, state, reason, changes, author),
        )
        db.execute(
            "DELETE FROM journal WHERE id NOT IN (SELECT id FROM journal ORDER BY id DESC LIMIT ?)", (JOURNAL_KEPT,)
        )

    def journal(self, limit: int) -> list[JournalEntry]:
        """What happened to documents on this box, newest first."""
        rows = self.database.rows(
            "SELECT at, epoch, version, state, reason, changes, author FROM journal ORDER BY id DESC LIMIT ?", limit
        )
        return [JournalEntry(**dict(r)) for r in rows]

    def count_boot(self, document: StoredDocument) -> int:
        """How often in a row this unconfirmed document was booted, this time included."""
        name = f"{document.epoch} {document.version} {document.sha256} "
        with self.database.transaction() as db:
            row = db.execute("SELECT value FROM meta WHERE key = 'boots'").fetchone()
            count = int(row["value"].removeprefix(name)) + 1 if row and row["value"].startswith(name) else 1
            db.execute("INSERT OR REPLACE INTO meta VALUES ('boots', ?)", (f"{name}{count}",))
        return count

    def forgive_boot(self, document: StoredDocument) -> None:
        """Takes back what `count_boot` counted last for this document, if it is not confirmed meanwhile."""
        name = f"{document.epoch} {document.version} {document.sha256} "
        with self.database.transaction() as db:
            row = db.execute("SELECT value FROM meta WHERE key = 'boots'").fetchone()
            if row and row["value"].startswith(name):
                count = max(0, int(row["value"].removeprefix(name)) - 1)
                db.execute("INSERT OR REPLACE INTO meta VALUES ('boots', ?)", (f"{name}{count}",))

    def note_detector(self) -> None:
        """A detector runs on this box: from now on documents with cameras to analyse are for detectors to judge."""
        if not self.knows_detector():
            with self.database.transaction() as db:
                db.execute("INSERT OR REPLACE INTO meta VALUES ('detector', '1')")

    def knows_detector(self) -> bool:
        """Whether one ever ran here."""
        return bool(self.database.rows("SELECT 1 FROM meta WHERE key = 'detector'"))

    def ending_of(self, *, epoch: str, version: int, sha256: str) -> tuple[str, str]:
        """`(state, reason)` of this very document; both empty when it was never seen."""
        rows = self.database.rows(
            "SELECT state, reason FROM documents WHERE epoch = ? AND version = ? AND sha256 = ?", epoch, version, sha256
        )
        return (str(rows[0]["state"]), str(rows[0]["reason"])) if rows else ("", "")

    def bare_floor(self) -> tuple[int, str]:
        """Of bare documents: the number that the last rollback left (0: none), and the stream entry that asked for it."""
        rows = {r["key"]: r["value"] for r in self.database.rows("SELECT key, value FROM meta")}
        return int(rows.get("bare_floor", "0")), rows.get("rollback_entry", "")

    def leave(self, document: StoredDocument, *, entry: str, reason: str, now: float) -> StoredDocument | None:
        """A foreign rollback: in one transaction the document is reverted, its number becomes the floor and the entry obeyed.

        Answers the newest confirmed document below it, None (and nothing changes) when there is none.
        """
        rows = self.database.rows(
            "SELECT epoch, version, sha256, body, state, reason FROM documents WHERE state = 'confirmed' AND epoch = ''"
            " AND version < ? AND sha256 != ? ORDER BY version DESC, id DESC LIMIT 1",
            document.version,
            document.sha256,
        )
        if not rows:
            return None
        with self.database.transaction() as db:
            db.execute(
                "UPDATE documents SET state = 'reverted', reason = ?, at = ? WHERE epoch = '' AND version >= ?",
                (reason, now, document.version),
            )
            self._note(db, now, "", document.version, "reverted", reason)
            for key, value in (("bare_floor", str(document.version)), ("rollback_entry", entry)):
                db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
        r = rows[0]
        return StoredDocument(r["epoch"], r["version"], r["sha256"], decrypt(r["body"]), r["state"], r["reason"])
