"""Which alert an `ended` or `updated` event belongs to: kept in the edge store, so that a restart does not cost it."""

from __future__ import annotations

import json
from typing import Any

import structlog

from detection.core.rules.base import RuleEvent
from detection.core.started import Started
from edgesite.edge_store.database import EdgeDatabase, EdgeStoreError

log = structlog.get_logger(__name__)

KEY = "started:"


class StartedAlerts:
    """The newest `started` event of each binding, kind and object, by camera. Not thread-safe: the sink has a lock.

    An alert that has ended stays known: rules that were restored from before its end tell of it once more, and the hub
    must be able to see that it is the same one.
    """

    def __init__(self, database: EdgeDatabase) -> None:
        self._database = database
        self._cameras: dict[str, Started] = {}

    def of(self, camera_id: str, event: RuleEvent) -> str | None:
        """The `event_id` of the `started` event that the event continues; None when none is known."""
        return self._camera(camera_id).of(event)

    def note(self, camera_id: str, event: RuleEvent, event_id: str) -> tuple[str, str]:
        """Remembers a `started` event; answers the row of `meta` that is to be stored together with it."""
        known = self._camera(camera_id)
        known.note(event, event_id)
        return KEY + camera_id, json.dumps(known.ids)

    def forget(self, camera_id: str) -> None:
        """Another process may have written meanwhile what is newest: the edge store is read again at the next event."""
        self._cameras.pop(camera_id, None)

    def _camera(self, camera_id: str) -> Started:
        if camera_id not in self._cameras:
            try:
                self._cameras[camera_id] = Started(self._stored(camera_id))
            except EdgeStoreError as error:
                log.warning("alerts of an earlier run are not known", camera=camera_id, reason=str(error))
                self._cameras[camera_id] = Started()
        return self._cameras[camera_id]

    def _stored(self, camera_id: str) -> dict[str, str]:
        rows = self._database.rows("SELECT value FROM meta WHERE key = ?", KEY + camera_id)
        try:
            found: Any = json.loads(rows[0]["value"]) if rows else {}
        except ValueError:
            found = None
        if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
            log.warning("alerts of an earlier run are not known", camera=camera_id, reason="unreadable row")
            return {}
        return found
