"""Why each camera is recorded although nobody asked: the policies of the document that runs, looked at all the time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from cameras.core.document import Camera, Document
from cameras.core.recording import Reason, RecordingPolicy, reason_of
from recordings.core.retention import GIB, UNSAID, Terms

log = structlog.get_logger(__name__)

DAY_SECONDS = 86_400.0


@dataclass(slots=True)
class Reasons:
    """One thread calls `step`, and then the rest. document: what the box runs, None while it has none.

    asked: until when tasks and alerts want cameras recorded, Unix seconds, not later than now.
    of: by camera, why it is recorded now; only those that are.
    """

    document: Callable[[], Document | None]
    asked: Callable[[], Mapping[str, float]] = dict
    clock: Callable[[], float] = time.time
    of: dict[str, Reason] = field(default_factory=dict)
    _kept_at: dict[str, float] = field(default_factory=dict)  # until when it was to stay, Unix seconds

    def step(self) -> None:
        """One look at the document and the time."""
        found = self._look()
        for camera_id in sorted({*found, *self.of}):
            if found.get(camera_id) != self.of.get(camera_id):
                log.info("reason to record", camera=camera_id, reason=found.get(camera_id, ""))
        self.of = found
        now = self.clock()
        kept = {**self.asked(), **{camera_id: now for camera_id, reason in found.items() if reason != "ring"}}
        held = {camera_id: min(at, now) for camera_id, at in self._kept_at.items()}  # less where the clock was set back
        # The later counts: a task that ended before takes nothing of what a schedule kept.
        self._kept_at = held | {camera_id: max(at, held.get(camera_id, at)) for camera_id, at in kept.items()}

    def is_ring(self, camera_id: str, start: float) -> bool:
        """Whether what was recorded from then (Unix seconds) until now was only to be there before an alert."""
        return self.of.get(camera_id) == "ring" and self._kept_at.get(camera_id, start) <= start

    def _look(self) -> dict[str, Reason]:
        document = self.document()
        if document is None:
            return {}
        content, now = document.content, self.clock()
        schedules = {schedule.schedule_id: schedule for schedule in content.schedules}
        reasons = {
            camera.camera_id: reason_of(camera.recording, schedules, tz=content.site.time_zone, now=now)
            for camera in content.cameras
            if camera.enabled
        }
        return {camera_id: reason for camera_id, reason in reasons.items() if reason}

    def wanted(self) -> dict[str, str]:
        """The URLs of these cameras, as of the last look."""
        return {c.camera_id: c.rtsp_url for c in self._cameras() if c.camera_id in self.of and c.enabled}

    def sound(self) -> frozenset[str]:
        """Cameras of which sound is kept."""
        return frozenset(c.camera_id for c in self._cameras() if c.recording.sound)

    def terms(self) -> dict[str, Terms]:
        """How long recordings stay, of the cameras that have a say of their own."""
        told = {c.camera_id: _terms(c.recording) for c in self._cameras()}
        return {camera_id: terms for camera_id, terms in told.items() if terms != UNSAID}

    def _cameras(self) -> tuple[Camera, ...]:
        document = self.document()
        return document.content.cameras if document else ()


def _terms(policy: RecordingPolicy) -> Terms:
    days, gib = policy.keep_days, policy.keep_gib
    return Terms(
        keep_s=None if days is None else days * DAY_SECONDS,
        most=None if gib is None else gib * GIB,
        least_s=(policy.least_days or 0) * DAY_SECONDS,
    )
