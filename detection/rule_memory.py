"""What rules know, over a restart of the program: counts, dwells, absences, one row a camera in the edge store."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from detection.pipeline import CameraPipeline
from detection.sink import RULES, AlertSink
from edgesite.edge_store.database import EdgeDatabase, EdgeStoreError

log = structlog.get_logger(__name__)


class RuleMemory:
    """pipelines: those that run now, by camera. A thread of its own calls `step`; the pipelines belong to the analyser's.

    sink: what writes alerts. It stores a state with each of them by itself; nothing older may follow that, and nothing that
    knows of an alert may be stored before it.
    """

    def __init__(
        self,
        database: EdgeDatabase,
        pipelines: Callable[[], Mapping[str, CameraPipeline]],
        sink: AlertSink | None = None,
    ) -> None:
        self._database = database
        self._pipelines = pipelines
        self._stored: dict[str, Any] = {}
        self._sink = sink
        self._at_rest = sink.at_rest if sink else lambda: contextlib.nullcontext(frozenset[str]())
        if sink is not None:
            sink.on_state = self._stored.__setitem__

    def recall(self, camera_id: str) -> object:
        """What `CameraPipeline.restore` takes; None when there is nothing, or nothing that can be read."""
        if self._sink is not None:
            self._sink.camera_comes(camera_id)
        try:
            rows = self._database.rows("SELECT value FROM meta WHERE key = ?", RULES + camera_id)
            self._stored.pop(camera_id, None)  # another process may have stored it since
            return json.loads(rows[0]["value"]) if rows else None
        except (EdgeStoreError, ValueError) as error:
            log.warning("state of the rules cannot be read", camera=camera_id, reason=str(error))
            return None

    def step(self) -> bool:
        """Stores what is new. Raises EdgeStoreError when the store cannot be written; the next step tries again."""
        pipelines = self._pipelines()
        for camera_id, pipeline in pipelines.items():
            while pipeline.ignored:
                log.warning("state of a rule begins anew", camera=camera_id, reason=pipeline.ignored.pop(0))
        with self._at_rest() as held:
            # First the state, then whether its alerts are written: the analyser may come between the two.
            states = [(i, p.latest, p.settled) for i, p in pipelines.items()]
            return self._store({i: state for i, state, settled in states if settled and i not in held})

    def close(self) -> None:
        """Stores the very last state. The analyser must have ended."""
        try:
            with self._at_rest() as held:
                last = {i: p.snapshot() for i, p in self._pipelines().items() if p.latest is not None and i not in held}
                self._store(last)
        except EdgeStoreError as error:
            log.error("state of the rules was not stored", reason=str(error))

    def _store(self, states: Mapping[str, Any]) -> bool:
        # When only the time is another, nothing is written: a disk outlives that, and nothing depends on it then.
        new = {i: s for i, s in states.items() if s is not None and s["rules"] != self._stored.get(i, {}).get("rules")}
        if not new:
            return False
        with self._database.transaction() as db:
            for camera_id, state in new.items():
                db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (RULES + camera_id, json.dumps(state)))
        self._stored.update(new)
        return True
