"""Alerts of cameras that nobody analyses any more: a process may have ended before it could end them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection
from typing import Any

import av
import structlog

from detection.core.rules.base import Binding
from detection.core.rules.keeping import read_kept
from detection.core.rules.orphans import kept_bindings
from detection.ingest.frame import Frame
from detection.pipeline import CameraPipeline
from detection.plan import Plan
from detection.sink import RULES, AlertSink
from edgesite.edge_store.database import EdgeDatabase

log = structlog.get_logger(__name__)


class LeftBehind:
    """Ends alerts that last although their camera was deleted, disabled or switched off while its process was down, or
    was the last one of a process. What else its rules know (counts) stays for when it comes back.

    unwatched: of these cameras, those that nobody analyses or is to analyse. Belongs to the worker that leads.
    """

    def __init__(
        self,
        database: EdgeDatabase,
        sink: AlertSink,
        unwatched: Callable[[Collection[str]], Collection[str]],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._sink = sink
        self._unwatched = unwatched
        self._clock = clock
        self._done: dict[str, str] = {}

    def step(self) -> bool:
        """One look at what the edge store has of such cameras; whether an alert ended. Raises EdgeStoreError."""
        rows = self._database.rows("SELECT key, value FROM meta WHERE substr(key, 1, ?) = ?", len(RULES), RULES)
        states = {str(row["key"])[len(RULES) :]: str(row["value"]) for row in rows}
        unwatched = self._unwatched(states.keys())
        self._done = {camera_id: state for camera_id, state in self._done.items() if camera_id in unwatched}
        ended = False
        for camera_id in unwatched:
            if self._done.get(camera_id) != states[camera_id]:
                self._done[camera_id] = states[camera_id]
                ended |= self._end(camera_id, states[camera_id])
        return ended

    def _end(self, camera_id: str, state: str) -> bool:
        try:
            pipeline = _remade(camera_id, json.loads(state))
            events = pipeline.end()
        except ValueError as error:
            log.warning("alerts of a camera that went stay open", camera=camera_id, reason=str(error))
            return False
        if events:
            self._sink.camera_comes(camera_id)
            frame = Frame(camera_id, av.VideoFrame(16, 16, "yuv420p"), 0.0, self._clock(), 0)
            self._sink.raise_alerts(events, frame, Plan(camera_id), state=pipeline.latest)
        return bool(events)


def _remade(camera_id: str, state: Any) -> CameraPipeline:
    """The camera's rules as they were. Raises ValueError when the state is none."""
    classes = state.get("classes") if isinstance(state, dict) else None
    kept = read_kept(state, classes if isinstance(classes, list) else ())
    bindings = [binding for _, binding in kept_bindings(kept) if isinstance(binding, Binding)]
    pipeline = CameraPipeline(kept.classes)
    pipeline.use(Plan(camera_id, tuple(bindings)))
    pipeline.restore(state)
    return pipeline
