"""What rules know, over a restart of the program: counts, dwells, absences, one row a camera in the edge store."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from detection.pipeline import CameraPipeline
from edgesite.edge_store.database import EdgeDatabase, EdgeStoreError

log = structlog.get_logger(__name__)

KEY = "rules:"


class RuleMemory:
    """pipelines: those that run now, by camera. A thread of its own calls `step`; the pipelines belong to the analyser's."""

    def __init__(self, database: EdgeDatabase, pipelines: Callable[[], Mapping[str, CameraPipeline]]) -> None:
        self._database = database
        self._pipelines = pipelines
        self._stored: dict[str, Any] = {}

    def recall(self, camera_id: str) -> object:
        """What `CameraPipeline.restore` takes; None when there is nothing, or nothing that can be read."""
        try:
            rows = self._database.rows("SELECT value FROM meta WHERE key = ?", KEY + camera_id)
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
        return self._store({camera_id: pipeline.latest for camera_id, pipeline in pipelines.items()})

    def close(self) -> None:
        """Stores the very last state. The analyser must have ended."""
        try:
            self._store({i: p.snapshot() for i, p in self._pipelines().items() if p.latest is not None})
        except EdgeStoreError as error:
            log.error("state of the rules was not stored", reason=str(error))

    def _store(self, states: Mapping[str, Any]) -> bool:
        # When only the time is another, nothing is written: a disk outlives that, and nothing depends on it then.
        new = {i: s for i, s in states.items() if s is not None and s["rules"] != self._stored.get(i, {}).get("rules")}
        if not new:
            return False
        with self._database.transaction() as db:
            for camera_id, state in new.items():
                db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (KEY + camera_id, json.dumps(state)))
        self._stored.update(new)
        return True
