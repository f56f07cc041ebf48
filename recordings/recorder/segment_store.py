"""The index of segments in the edge store."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.losses import note_losses
from recordings.core.segments import Segment
from recordings.core.spans import hours_of
from recordings.recorder.files import drop_if_empty

COLUMNS = "camera_id, path, run, start, stop, size, ring"
ADD = f"INSERT OR IGNORE INTO segments ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608  names of ours
# One parameter for any number of spans, read once.
LEFT_OUT = f"""
WITH needed (camera, since, till) AS MATERIALIZED
    (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]') FROM json_each(?))
SELECT {COLUMNS} FROM segments WHERE NOT doomed{{of}}
    AND NOT EXISTS (SELECT 1 FROM needed WHERE camera = camera_id AND stop > since AND start < till)
ORDER BY start, path LIMIT ?"""  # noqa: S608  names of ours

SPANS = "SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]') FROM json_each(?)"
# From the few spans to their segments, by the index; a segment that began earlier than this reaches into none.
LONGEST = 600
TOUCHED = f"""
WITH spans (camera, since, till) AS MATERIALIZED ({SPANS})
SELECT path FROM spans CROSS JOIN segments ON camera_id = camera AND start > since - {LONGEST} AND start < till
WHERE stop > since"""  # noqa: S608  names of ours
WITHIN = f"""
WITH spans (camera, since, till) AS MATERIALIZED ({SPANS}), needed (camera, since, till) AS MATERIALIZED ({SPANS})
SELECT DISTINCT {COLUMNS} FROM spans
CROSS JOIN segments ON camera_id = spans.camera AND start >= spans.since AND start < spans.till
WHERE stop <= spans.till AND NOT doomed AND NOT EXISTS
    (SELECT 1 FROM needed WHERE needed.camera = camera_id AND stop > needed.since AND start < needed.till)
ORDER BY start, path LIMIT ?"""  # noqa: S608  names of ours

# From one camera to the next by the index: DISTINCT would read all of it.
CAMERAS = """
WITH RECURSIVE found (camera) AS
    (SELECT min(camera_id) FROM segments
     UNION ALL SELECT (SELECT min(camera_id) FROM segments WHERE camera_id > camera) FROM found WHERE camera IS NOT NULL)
SELECT camera FROM found WHERE camera IS NOT NULL"""
NOTE = "recorder:"  # rows of `meta`
Span = tuple[str, float, float]  # of a camera, from and to, Unix seconds


class Share(NamedTuple):
    """Of one camera: how many segments, their bytes, when the oldest began (Unix seconds)."""

    segments: int
    size: int
    oldest: float


@dataclass(slots=True)
class Change:
    """What a transaction adds to the segments and their bytes."""

    db: sqlite3.Connection
    segments: int = 0
    size: int = 0

    def note(self, segments: int, size: int) -> None:
        self.segments, self.size = self.segments + segments, self.size + size


class SegmentStore:
    """Rows say what is on disk: written after the file is durable, removed after it is gone. Raises EdgeStoreError.

    One object of one process writes them: it keeps the `total`, for which all rows would have to be read.
    """

    def __init__(self, database: EdgeDatabase) -> None:
        self.database = database
        self._counting = threading.Lock()
        self._total: tuple[int, int] | None = None  # None: to be counted

    @contextlib.contextmanager
    def _change(self) -> Iterator[Change]:
        """A transaction after which there is more, or less."""
        with self._counting:
            was, self._total = self._total, None  # when it fails they are counted anew
            with self.database.transaction() as db:
                change = Change(db)
                yield change
            self._total = was and (was[0] + change.segments, was[1] + change.size)

    def add(self, segments: Sequence[Segment]) -> None:
        """One that is there already stays as it is."""
        with self._change() as change:
            for segment in segments:
                added = change.db.execute(ADD, astuple(segment)).rowcount
                change.note(added, added * segment.size)
            _changed(change.db, ((s.camera_id, s.start, s.end) for s in segments if not s.ring))

    def between(self, camera_id: str, *, start: float, end: float) -> list[Segment]:
        """What holds something of that time (Unix seconds), in its order."""
        return self._found(
            "camera_id = ? AND start < ? AND stop > ? AND NOT doomed ORDER BY start, path", camera_id, end, start
        )

    def newest(self, camera_id: str = "") -> Segment | None:
        """Of one camera, or of all."""
        of, which = ("camera_id = ? AND ", [camera_id]) if camera_id else ("", [])
        found = self._found(f"{of}NOT doomed ORDER BY start DESC LIMIT 1", *which)
        return found[0] if found else None

    def count_older(self, before: float, *, camera_id: str = "") -> int:
        """How many of all cameras, or of one, ended before (Unix seconds)."""
        of, which = ("camera_id = ? AND ", [camera_id]) if camera_id else ("", [])
        query = f"SELECT count(*) AS n FROM segments WHERE {of}start < ? AND stop < ? AND NOT doomed"  # noqa: S608  ours
        return int(self.database.rows(query, *which, before, before)[0]["n"])

    def noted(self, what: str) -> float | None:
        """The moment that `note` kept under this name, also before a restart; None without one."""
        rows = self.database.rows("SELECT value FROM meta WHERE key = ?", NOTE + what)
        return float(rows[0]["value"]) if rows else None

    def note(self, what: str, at: float | None) -> None:
        with self.database.transaction() as db:
            db.execute("DELETE FROM meta WHERE key = ?", (NOTE + what,))
            if at is not None:
                db.execute("INSERT INTO meta VALUES (?, ?)", (NOTE + what, repr(at)))

    def oldest(self, limit: int, *, needed: Sequence[Span] = (), camera_id: str = "") -> list[Segment]:
        """Of all cameras or of one, the oldest first, without those that hold something of what is needed."""
        of, which = (" AND camera_id = ?", [camera_id]) if camera_id else ("", [])
        return self._spare(of, which, limit, needed)

    def passed(self, *, before: float, limit: int, needed: Sequence[Span] = ()) -> list[Segment]:
        """Recorded for alerts that did not come: those that ended before (Unix seconds), without what is needed."""
        return self._spare(" AND ring AND start < ? AND stop < ?", [before, before], limit, needed)

    def keep(self, camera_id: str, *, start: float, end: float) -> None:
        """What holds something of that time stays as long as anything that is recorded."""
        with self.database.transaction() as db:
            gained = "UPDATE segments SET ring = 0 WHERE camera_id = ? AND start < ? AND stop > ? AND ring RETURNING *"
            rows = db.execute(gained, (camera_id, end, start)).fetchall()
            _changed(db, ((camera_id, r["start"], r["stop"]) for r in rows))

    def _spare(self, of: str, which: list[Any], limit: int, needed: Sequence[Span]) -> list[Segment]:
        if not needed:
            return self._found(f"NOT doomed{of} ORDER BY start, path LIMIT ?", *which, limit)
        rows = self.database.rows(LEFT_OUT.replace("{of}", of), json.dumps(needed), *which, limit)
        return [_segment(r) for r in rows]

    def of_camera(self, camera_id: str) -> list[Segment]:
        return self._found("camera_id = ? AND NOT doomed ORDER BY start, path", camera_id)

    def paths(self, camera_id: str) -> set[str]:
        """Of all segments of a camera."""
        found = self.database.rows("SELECT path FROM segments WHERE camera_id = ? AND NOT doomed", camera_id)
        return {str(r["path"]) for r in found}

    def cameras(self) -> list[str]:
        return [str(r["camera"]) for r in self.database.rows(CAMERAS)]

    def total(self) -> tuple[int, int]:
        """How many there are, and their bytes."""
        with self._counting:
            if self._total is None:
                row = self.database.rows("SELECT count(*) AS n, coalesce(sum(size), 0) AS size FROM segments")[0]
                self._total = int(row["n"]), int(row["size"])
            return self._total

    def shares(self) -> dict[str, Share]:
        """What there is of each camera that has any; half a second of work for a million segments."""
        # The plus keeps SQLite from going through an index, and from there to every row.
        query = (
            "SELECT camera_id, count(*) AS n, sum(size) AS size, min(start) AS oldest FROM segments GROUP BY +camera_id"
        )
        return {
            r["camera_id"]: Share(int(r["n"]), int(r["size"]), float(r["oldest"])) for r in self.database.rows(query)
        }

    def recorded(self, *, start: float, end: float) -> dict[str, int]:
        """Bytes of segments that began between, by camera, without those that are only there before an alert."""
        of = "start >= ? AND start < ? AND NOT ring GROUP BY +camera_id"  # the plus as above: by age
        query = f"SELECT camera_id, sum(size) AS size FROM segments WHERE {of}"  # noqa: S608  names of ours
        return {r["camera_id"]: int(r["size"]) for r in self.database.rows(query, start, end)}

    def size_of(self, needed: Sequence[Span]) -> int:
        """Bytes of what holds something of these times."""
        query = f"SELECT coalesce(sum(size), 0) AS size FROM segments WHERE path IN ({TOUCHED})"  # noqa: S608  ours
        return int(self.database.rows(query, json.dumps(needed))[0]["size"]) if needed else 0

    def within(self, spans: Sequence[Span], limit: int, *, needed: Sequence[Span] = ()) -> list[Segment]:
        """What lies wholly in one of these times, the oldest first, without those that hold something of what is needed."""
        if not spans:
            return []
        return [_segment(r) for r in self.database.rows(WITHIN, json.dumps(spans), json.dumps(needed), limit)]

    def forget(self, paths: Iterable[str]) -> None:
        """The rows of files that are not there."""
        with self._change() as change:
            for path in paths:
                gone = "DELETE FROM segments WHERE path = ? RETURNING *"
                rows = change.db.execute(gone, (path,)).fetchall()
                change.note(-len(rows), -sum(r["size"] for r in rows))
                _changed(change.db, ((r["camera_id"], r["start"], r["stop"]) for r in rows if not r["ring"]))

    def delete(self, segments: Sequence[Segment], *, folder: Path, broken_s: int = 0, now: float = 0.0) -> None:
        """Files and rows: marked first, so that what a kill leaves between is neither used nor forgotten. Raises OSError.

        broken_s: seconds of it that were guaranteed: a loss, which is told to the hub. now: Unix seconds.
        """
        with self.database.transaction() as db:
            if broken_s:
                note_losses(db, now=now, guaranteed=broken_s)
            db.executemany("UPDATE segments SET doomed = 1 WHERE path = ?", [(s.path,) for s in segments])
            _changed(db, ((s.camera_id, s.start, s.end) for s in segments if not s.ring))
        self.finish_deleting(folder=folder)

    def finish_deleting(self, *, folder: Path) -> int:
        """Removes the files of marked rows, then the rows; how many. A day of which nothing is left goes, too. Raises OSError.

        Called by the thread that puts segments into their days.
        """
        paths = [str(r["path"]) for r in self.database.rows("SELECT path FROM segments WHERE doomed")]
        for path in paths:
            (folder / path).unlink(missing_ok=True)
        for day in {(folder / path).parent for path in paths}:
            drop_if_empty(day)
        if paths:
            self.forget(paths)
        return len(paths)

    def _found(self, where: str, *values: object) -> list[Segment]:
        rows = self.database.rows(f"SELECT {COLUMNS} FROM segments WHERE {where}", *values)  # noqa: S608  as above
        return [_segment(r) for r in rows]


def _changed(db: sqlite3.Connection, spans: Iterable[Span]) -> None:
    """The hub is to hear of these hours again (`recorder/hours.py`), inside the caller's transaction."""
    hours = {(camera_id, hour) for camera_id, start, end in spans for hour in hours_of(start, end)}
    db.executemany(
        "INSERT INTO recorded_hours (camera_id, hour) VALUES (?, ?) ON CONFLICT DO UPDATE SET dirty = 1", sorted(hours)
    )


def _segment(row: Any) -> Segment:
    return Segment(row["camera_id"], row["path"], row["run"], row["start"], row["stop"], row["size"], bool(row["ring"]))
