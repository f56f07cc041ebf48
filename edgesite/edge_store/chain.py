"""The newest place of this box's chain of evidence, in the edge store."""

from __future__ import annotations

import json
import sqlite3

from edgesite.core.chain import Content, Link, next_link
from edgesite.edge_store.database import EdgeDatabase
from edgesite.ids import uuid7

KEY = "chain"


def newest_link(database: EdgeDatabase) -> Link | None:
    """The last link that was made; None before the first. Raises EdgeStoreError."""
    rows = database.rows("SELECT value FROM meta WHERE key = ?", KEY)
    return Link.of(json.loads(rows[0]["value"])) if rows else None


def extend_chain(db: sqlite3.Connection, content: Content) -> Link:
    """A place for the content, inside the caller's transaction. A store that was begun anew begins a new chain."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (KEY,)).fetchone()
    last = Link.of(json.loads(row["value"])) if row else Link(uuid7(), 0, "", "")
    link = next_link(last, content)
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (KEY, json.dumps(link.message())))
    return link
