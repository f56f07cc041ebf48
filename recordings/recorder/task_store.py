"""Recording tasks in the edge store: every change and its report to the hub are one transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.outbox import insert_event
from edgesite.ids import uuid7
from recordings.core.tasks import FINAL, AlertClipReport, RecordingReport, State

KEPT = 1000  # finished tasks, so that a command that comes again is known


@dataclass(frozen=True, slots=True)
class Task:
    """A task on this box. asked_at, started_at, stopped_at: Unix seconds.

    seconds: the longest that it may record. told: what else was reported of it. alert_id: of the alert that it is the
    recording of, "" for a task of the hub; then `stopped_at` may lie ahead.
    """

    task_id: str
    camera_id: str
    task_name: str
    state: State
    revision: int
    asked_at: float
    seconds: float
    started_at: float | None = None
    stopped_at: float | None = None
    told: dict[str, Any] = field(default_factory=dict)
    alert_id: str = ""


class TaskStore:
    """Raises EdgeStoreError."""

    def __init__(self, database: EdgeDatabase) -> None:
        self.database = database

    def get(self, task_id: str) -> Task | None:
        return next(iter(self._found("task_id = ?", task_id)), None)

    def in_states(self, *states: str) -> list[Task]:
        """The oldest first."""
        marks = ", ".join("?" * len(states))
        return self._found(f"state IN ({marks}) ORDER BY asked_at, task_id", *states)

    def keys_like(self, key: str) -> set[str]:
        """Storage keys in use that begin so."""
        rows = self.database.rows("SELECT key FROM tasks WHERE key >= ? AND key < ?", key, key + "\U0010ffff")
        return {str(r["key"]) for r in rows}

    def add(self, task: Task, *, now: float) -> bool:
        """A new task, reported as it is; False when it was known."""
        with self.database.transaction() as db:
            cursor = db.execute(
                "INSERT OR IGNORE INTO tasks (task_id, camera_id, task_name, state, revision, asked_at, seconds, started_at,"
                " stopped_at, told, alert_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (task.task_id, task.camera_id, task.task_name, task.state, task.revision, task.asked_at, task.seconds,
                 task.started_at, task.stopped_at, json.dumps(task.told), task.alert_id),
            )  # fmt: skip
            if cursor.rowcount:
                self._report(db, task, now)
                marks = ", ".join(f"'{state}'" for state in FINAL)
                db.execute(
                    f"DELETE FROM tasks WHERE state IN ({marks}) AND (alert_id = '') = ? AND task_id NOT IN"  # noqa: S608
                    " (SELECT task_id FROM tasks WHERE (alert_id = '') = ? ORDER BY asked_at DESC LIMIT ?)",
                    (not task.alert_id, not task.alert_id, KEPT),
                )
            return bool(cursor.rowcount)

    def change(
        self, task: Task, state: State, *, now: float, only: Iterable[str] = (), asked_at: float | None = None,
        started_at: float | None = None, stopped_at: float | None = None, key: str = "", **told: Any,
    ) -> Task | None:  # fmt: skip
        """The task's next state, reported. None, and nothing happens, unless its state was one of `only` (empty: its own)."""
        allowed = tuple(only) or (task.state,)
        with self.database.transaction() as db:
            row = db.execute("SELECT * FROM tasks WHERE task_id = ?", (task.task_id,)).fetchone()
            if row is None or row["state"] not in allowed:
                return None
            held = _task(row)
            changed = Task(
                task.task_id, task.camera_id, task.task_name, state, held.revision + 1,
                held.asked_at if asked_at is None else asked_at, held.seconds,
                held.started_at if started_at is None else started_at,
                held.stopped_at if stopped_at is None else stopped_at,
                held.told | told, held.alert_id,
            )  # fmt: skip
            db.execute(
                "UPDATE tasks SET state = ?, revision = ?, asked_at = ?, started_at = ?, stopped_at = ?, told = ?,"
                " key = CASE WHEN ? = '' THEN key ELSE ? END WHERE task_id = ?",
                (state, changed.revision, changed.asked_at, changed.started_at, changed.stopped_at,
                 json.dumps(changed.told), key, key, task.task_id),
            )  # fmt: skip
            self._report(db, changed, now)
        return changed

    def tell_again(self, task: Task, *, now: float) -> None:
        """The hub asks for what it should know."""
        with self.database.transaction() as db:
            self._report(db, task, now)

    def alert_marks(self, limit: int) -> list[Any]:
        """Notes of alerts, the oldest first: `seq`, `alert_id`, `camera_id`, `phase`, `at`, `lasts`."""
        return self.database.rows("SELECT * FROM alert_marks ORDER BY seq LIMIT ?", limit)

    def forget_marks(self, seq: int) -> None:
        """Those up to this one."""
        with self.database.transaction() as db:
            db.execute("DELETE FROM alert_marks WHERE seq <= ?", (seq,))

    @staticmethod
    def _report(db: Any, task: Task, now: float) -> None:
        event_id = uuid7()
        extra = {"alert_id": task.alert_id} if task.alert_id else {}
        report = (AlertClipReport if task.alert_id else RecordingReport)(
            event_id=event_id, task_id=task.task_id, camera_id=task.camera_id, state=task.state, revision=task.revision,
            started_at=task.started_at, stopped_at=task.stopped_at, **task.told, **extra,
        )  # fmt: skip
        insert_event(db, event_id, task.camera_id, "alert_clip" if task.alert_id else "recording", report.body(), now)

    def _found(self, where: str, *values: object) -> list[Task]:
        return [_task(r) for r in self.database.rows(f"SELECT * FROM tasks WHERE {where}", *values)]  # noqa: S608  ours


def _task(r: Any) -> Task:
    return Task(
        r["task_id"], r["camera_id"], r["task_name"], r["state"], r["revision"], r["asked_at"], r["seconds"],
        r["started_at"], r["stopped_at"], json.loads(r["told"]), r["alert_id"],
    )  # fmt: skip
