"""Alerts into the outbox, their pictures into storage. The alert is durable before its picture is encoded."""

from __future__ import annotations

import contextlib
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from cameras.core.algorithms import registry
from detection.core.events import alert_body
from detection.core.overlay import overlay
from detection.core.rules.base import JSON, RuleEvent
from detection.ingest.frame import Frame
from detection.open_alerts import StartedAlerts
from detection.plan import Plan
from edgesite.edge_store.database import EdgeStoreError
from edgesite.edge_store.losses import note_losses
from edgesite.edge_store.outbox import NewAlert, Outbox
from edgesite.ids import uuid7
from edgesite.spool import Spool
from recordings.core.names import capture_key
from recordings.evidence.captures import QUEUE, Captures

log = structlog.get_logger(__name__)

HELD = 1000
RULES = "rules:"  # and a camera's id: the row of `meta` that holds the state of its rules


@dataclass(frozen=True, slots=True)
class _Alert:
    """An alert on its way to the disk. frame: for its picture; None when too many wait. note: goes to `meta` with it."""

    row: NewAlert
    frame: Frame | None
    note: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class _Batch:
    """What one frame gave rise to: all of it goes to the disk at once, with what the rules know after it, or nothing."""

    camera_id: str
    alerts: list[_Alert]
    state: dict[str, Any] | None

    def notes(self) -> list[tuple[str, str]]:
        """Rows of `meta`."""
        notes = [alert.note for alert in self.alerts if alert.note is not None]
        if self.state is not None:
            notes.append((RULES + self.camera_id, json.dumps(self.state)))
        return notes

    def singly(self) -> list[_Batch]:
        """A batch for each alert; the last one brings the state."""
        last = len(self.alerts) - 1
        return [
            replace(self, alerts=[alert], state=self.state if n == last else None)
            for n, alert in enumerate(self.alerts)
        ]


class AlertSink:
    """Takes rules' events from the analyser. `raise_alerts` returns when they are on disk; pictures follow in a thread.

    While the edge store cannot be written (a full disk) alerts are held in memory, in order, and written when it can be
    again. wake: called when there is something to deliver. spool: as for `Captures`. on_state: called with a camera and the
    state of its rules when that was stored with an alert, before anything else can be. on_picture: called with each stored
    alert that has a picture; must not wait.
    """

    def __init__(
        self,
        *,
        device_id: str,
        outbox: Outbox,
        wake: Callable[[], None],
        stop: threading.Event,
        clock: Callable[[], float],
        spool: Spool | None = None,
    ) -> None:
        self.device_id = device_id
        self.outbox = outbox
        self.wake = wake
        self.clock = clock
        self.on_picture: Callable[[NewAlert, Frame], None] = lambda alert, frame: None
        self.on_state: Callable[[str, dict[str, Any]], None] = lambda camera_id, state: None
        self.lost = 0
        self.captures = Captures(outbox, wake, stop, clock, spool)
        self._told = 0
        self._held: deque[_Batch] = deque()
        self._lock = threading.Lock()
        self._failing = False
        self._started = StartedAlerts(outbox.database)

    def raise_alerts(
        self,
        events: Sequence[RuleEvent],
        frame: Frame,
        plan: Plan,
        *,
        state: dict[str, Any] | None = None,
        objects: list[JSON] | None = None,
    ) -> None:
        """Writes the alerts of one frame, or holds them while the store cannot be written.

        state: what the camera's rules know after the frame (`CameraPipeline.snapshot`). It becomes durable in the same
        transaction: after a sudden end no rule raises again what is stored, or takes for raised what is not. An `updated`
        or `ended` event says in its data, as `started_event_id`, which alert it continues; it has no picture.
        objects: what the frame shows (`overlay.objects_of`), to be drawn over the picture.
        """
        with self._lock:
            batch = _Batch(frame.camera_id, [], state)
            waiting = sum(len(held.alerts) for held in self._held)
            for event in events:
                held = waiting + len(batch.alerts)
                if held >= HELD:
                    self.lost += 1
                    log.error(
                        "alert lost", camera=frame.camera_id, algorithm=event.algo_code, held=HELD, lost=self.lost
                    )
                else:
                    # Frames are large: of those that wait only so many keep theirs.
                    picture = frame if held < QUEUE else None
                    batch.alerts.append(self._alert(event, frame, plan, picture, objects))
            if batch.alerts:
                self._held.append(batch)
        self.write_held()

    def _alert(
        self, event: RuleEvent, frame: Frame, plan: Plan, picture: Frame | None, objects: list[JSON] | None
    ) -> _Alert:
        event_id, camera_id = uuid7(), frame.camera_id
        starts = event.phase == "started"
        key = ""
        if starts:
            key = capture_key(
                camera_id=camera_id, event_id=event_id, timestamp=frame.timestamp, time_zone=plan.time_zone
            )
        body = alert_body(
            event,
            event_id=event_id,
            device_id=self.device_id,
            camera_id=camera_id,
            timestamp=frame.timestamp,
            capture=key,
        )
        note = None
        if starts:
            note = self._started.note(camera_id, event, event_id)
            if objects is not None:
                binding = next((b for b in plan.bindings if b.bind_id == event.bind_id), None)
                body["data"] = {**event.data, "overlay": overlay(objects, binding, track_id=event.track_id)}
        elif (started := self._started.of(camera_id, event)) is not None:
            body["data"] = {**event.data, "started_event_id": started}
        algorithm = registry.get(event.algo_code)
        lasts = algorithm is not None and algorithm.ends
        return _Alert(NewAlert(event_id, camera_id, body, key, lasts=lasts), picture if starts else None, note)

    def keep_state(self, camera_id: str, state: dict[str, Any]) -> None:
        """What the rules of a camera know that goes without an alert (`CameraPipeline.end`): stored at once."""
        with self._lock:
            if any(held.camera_id == camera_id for held in self._held):
                return  # its alerts bring a state with them, and nothing that knows of them may be stored before
            try:
                with self.outbox.database.transaction() as db:
                    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (RULES + camera_id, json.dumps(state)))
            except EdgeStoreError as error:
                log.warning("the last state of rules was not stored", camera=camera_id, reason=str(error))
                return
            self.on_state(camera_id, state)

    def write_held(self) -> None:
        """Writes what is held, oldest first, as far as the store takes it."""
        with self._lock:
            while self._held:
                batch = self._held[0]
                try:
                    self.outbox.add_alerts([a.row for a in batch.alerts], now=self.clock(), notes=batch.notes())
                except EdgeStoreError as error:
                    if not self._failing:
                        log.error("alerts are held in memory", reason=str(error))
                    self._failing = True
                    return
                except Exception as error:  # a body that is no JSON: it must not hold up every alert behind it
                    self._held.popleft()
                    self._give_up(batch, error)
                    continue
                self._held.popleft()
                self._failing = False
                if batch.state is not None:
                    self.on_state(batch.camera_id, batch.state)
                for alert in batch.alerts:
                    self._written(alert)

    def _give_up(self, batch: _Batch, error: Exception) -> None:
        """One that can never be written is lost; those of the same frame are tried one by one."""
        if len(batch.alerts) > 1:
            self._held.extendleft(reversed(batch.singly()))
            return
        self.lost += 1
        event_id = batch.alerts[0].row.event_id
        log.error("alert lost", camera=batch.camera_id, event_id=event_id, lost=self.lost, exc_info=error)

    def camera_comes(self, camera_id: str) -> None:
        """From another process, perhaps: which alerts of it have started is read from the edge store again."""
        with self._lock:
            if all(batch.camera_id != camera_id for batch in self._held):  # what is held is known here only
                self._started.forget(camera_id)

    @contextlib.contextmanager
    def at_rest(self) -> Iterator[frozenset[str]]:
        """Inside the block no alert is written. Its value: the cameras of which alerts are still held in memory."""
        with self._lock:
            yield frozenset(batch.camera_id for batch in self._held)

    def _written(self, alert: _Alert) -> None:
        row = alert.row
        log.info(
            {"started": "alert raised", "updated": "alert goes on"}.get(row.body["phase"], "alert ended"),
            event_id=row.event_id,
            camera=row.camera_id,
            roi=row.body["roi_id"],
            algorithm=row.body["algo_code"],
        )
        self.wake()
        if row.capture:
            self.captures.save(event_id=row.event_id, key=row.capture, picture=alert.frame)
            if alert.frame is not None:
                self.on_picture(row, alert.frame)

    def step(self) -> bool:
        """Keeps one waiting picture. Called by the picture thread."""
        if self._held:
            self.write_held()
        self._tell_losses()
        return self.captures.step()

    def _tell_losses(self) -> None:
        """What was lost while the store could not be written is told when it can."""
        with self._lock:
            untold = self.lost - self._told
            if not untold or self._failing:
                return
            try:
                with self.outbox.database.transaction() as db:
                    note_losses(db, now=self.clock(), memory=untold)
            except EdgeStoreError:
                return
            self._told += untold

    def sweep(self) -> int:
        """Settles pictures that a process promised which lives no more. Answers how many there were."""
        return self.captures.sweep()

    def drain(self) -> None:
        """At the end: stores what still waits."""
        if self._held:
            self.write_held()
        self._tell_losses()
        self.captures.drain()
        if self._held:
            log.error(
                "alerts lost: the edge store could not be written up to the end",
                alerts=sum(len(batch.alerts) for batch in self._held),
            )
