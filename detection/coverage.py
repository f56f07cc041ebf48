"""The box's side of reports: looks at every camera once a second, stores what its rules could see once a minute.

It belongs to the process that analyses the camera; `CoverageTeller` belongs to the worker that leads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from detection.analyser import CameraSlot
from detection.core.coverage import LONGEST_GAP_S, Hours, Ledger, Look, Sums, hour_of, note_time
from detection.core.rules.base import Binding
from detection.core.statistics import STALE_S
from detection.pipeline import CameraPipeline
from edgesite.edge_store.coverage import CoverageRow, CoverageStore
from edgesite.edge_store.database import EdgeStoreError

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
FLUSH_SECONDS = 60.0
FIRST_TOLD_SECONDS = 120.0
TELL_SECONDS = 900.0
CLEAR_SECONDS = 600.0
JUMP_S = 5.0  # the clock was set: what passed is what the steady one says
LOST = Look(able=False)


@dataclass(slots=True)
class _Watched:
    """One camera since its latest look. read: of the pipeline's totals, so far."""

    pipeline: CameraPipeline
    hours: dict[str, Hours] = field(default_factory=dict)
    read: dict[str, float] = field(default_factory=dict)
    tz: str = "UTC"

    def use(self, bindings: Collection[Binding], tz: str) -> None:
        self.tz = tz
        for b in bindings:
            known = self.hours.get(b.bind_id)
            if known is None or (known.schedule, known.tz) != (b.schedule, tz):
                self.hours[b.bind_id] = Hours(b.schedule, tz)
        for gone in self.hours.keys() - {b.bind_id for b in bindings}:
            del self.hours[gone]


@dataclass(slots=True)
class CoverageKeeper:
    """slots: the running cameras. One thread calls `step`."""

    store: CoverageStore
    slots: Callable[[], Mapping[str, CameraSlot]]
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    _ledger: Ledger = field(default_factory=Ledger)
    _watched: dict[str, _Watched] = field(default_factory=dict)
    _looked: tuple[float, float] | None = None
    _flush_at: float = 0.0
    _lost: int = 0

    def step(self) -> bool:
        """One look. Raises EdgeStoreError when the edge store cannot be written; nothing is lost then, as far as there is
        room."""
        now, steady = self.clock(), self.monotonic()
        slots = self.slots()
        start = self._started(now, steady)
        self._looked = now, steady  # first: whatever fails below, no second is counted twice
        for camera_id, slot in slots.items():
            self._look(camera_id, slot, start, now)
        gone = [camera_id for camera_id in self._watched if camera_id not in slots]
        for camera_id in gone:
            self._drain(self._watched.pop(camera_id), now)
        if steady >= self._flush_at or gone:
            self._flush(now, slots, gone)
            self._flush_at = steady + FLUSH_SECONDS
        return False

    def close(self) -> None:
        """At the end, when nobody analyses any more: stores what there is."""
        now = self.clock()
        for watched in self._watched.values():
            self._drain(watched, now)
        try:
            self._flush(now, self.slots(), [])
        except EdgeStoreError as error:
            log.error("the last minute of coverage was not stored", reason=str(error))

    def _started(self, now: float, steady: float) -> float:
        """When the time since the latest look began, by today's clock."""
        if self._looked is None:
            self._flush_at = steady + FLUSH_SECONDS
            return now
        wall, passed = now - self._looked[0], steady - self._looked[1]
        return self._looked[0] if abs(wall - passed) <= JUMP_S and wall >= 0 else now - passed

    def _look(self, camera_id: str, slot: CameraSlot, start: float, now: float) -> None:
        plan, watched = slot.plan, self._watched.get(camera_id)
        new = watched is None
        if watched is None:
            watched = self._watched[camera_id] = _Watched(slot.pipeline)
        elif watched.pipeline is not slot.pipeline:
            self._drain(watched, now)
            watched.pipeline, watched.read = slot.pipeline, {}
        if not new:  # the time since then belongs to the bindings that there were
            looks = _looks(slot, now)
            for bind_id, hours in watched.hours.items():
                note_time(self._ledger, bind_id, hours, looks(bind_id), start=start, end=now)
        watched.use(plan.bindings, plan.time_zone)
        if new:
            self._take_up(camera_id, watched, now)
        self._drain(watched, now)

    def _take_up(self, camera_id: str, watched: _Watched, now: float) -> None:
        """The time without this process was wanted all the same, by the bindings that there were before and are now."""
        mark = self.store.mark(camera_id)
        if not isinstance(mark, dict) or not isinstance(mark.get("at"), int | float):
            return
        start = max(float(mark["at"]), now - LONGEST_GAP_S)
        for bind_id in mark.get("binds", ()):
            if bind_id in watched.hours:
                note_time(self._ledger, bind_id, watched.hours[bind_id], LOST, start=start, end=now)

    def _drain(self, watched: _Watched, now: float) -> None:
        """Takes what the pipeline counted."""
        pipeline, hour = watched.pipeline, hour_of(watched.tz, now)
        while pipeline.raised:
            bind_id, at = pipeline.raised.popleft()
            if bind_id in watched.hours:
                self._ledger.add(bind_id, hour_of(watched.tz, at), Sums(alerts=1))
        totals = pipeline.presence.totals
        for bind_id in watched.hours:
            more = totals.get(bind_id, 0.0) - watched.read.get(bind_id, 0.0)
            if more > 0:
                self._ledger.add(bind_id, hour, Sums(person_s=more))
            watched.read[bind_id] = totals.get(bind_id, 0.0)

    def _flush(self, now: float, slots: Mapping[str, CameraSlot], gone: list[str]) -> None:
        taken = self._ledger.take()
        rows = [
            CoverageRow(bind_id, hour, sums.wanted_s, sums.seen_s, sums.coarse_s, sums.person_s, sums.alerts)
            for (bind_id, hour), sums in taken.items()
        ]
        marks: dict[str, Any] = {
            camera_id: {"at": round(now, 3), "binds": list(watched.hours)}
            for camera_id, watched in self._watched.items()
            if camera_id in slots
        }
        try:
            self.store.add(rows, marks=marks)
            self.store.forget(gone)
        except BaseException:
            self._ledger.put_back(taken)
            raise
        finally:
            if self._ledger.lost > self._lost:
                self._lost = self._ledger.lost
                log.error("coverage lost: the edge store could not be written for long", rows=self._lost)


def _looks(slot: CameraSlot, now: float) -> Callable[[str], Look]:
    """What the camera shows now, for each of its bindings."""
    frame, blind = slot.newest, slot.pipeline.blind
    fresh = frame is not None and now - frame.timestamp <= STALE_S
    able = fresh and slot.reader.state.word == "live" and not slot.view.trouble and not slot.failing
    coarse = slot.reader.watch == "coarse"
    return lambda bind_id: Look(able and bind_id not in blind, coarse)


@dataclass(slots=True)
class CoverageTeller:
    """Tells the hub what was stored, now and then. wake: called when there is something to deliver. unwatched: of these
    cameras, those that nobody is to analyse. Raises EdgeStoreError."""

    store: CoverageStore
    wake: Callable[[], None]
    unwatched: Callable[[Collection[str]], Collection[str]]
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    _tell_at: float | None = None
    _clear_at: float = 0.0

    def step(self) -> bool:
        steady = self.monotonic()
        if self._tell_at is None:
            self._tell_at = steady + FIRST_TOLD_SECONDS
        if steady >= self._clear_at:
            self._clear_at = steady + CLEAR_SECONDS
            if gone := self.store.clear_up(now=self.clock()):
                log.warning("hours of coverage given up: too many wait for the hub", rows=gone)
            self.store.forget(list(self.unwatched(self.store.marked())))
        if steady < self._tell_at:
            return False
        told = self.store.tell(now=self.clock())
        if told in ("more", "all"):
            self.wake()
        if told in ("nothing", "all"):
            self._tell_at = steady + TELL_SECONDS
        return False
