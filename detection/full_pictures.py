"""The second picture of an alert: where a box analyses a camera's sub-stream, one of the main stream, in its full size.

It is taken within two seconds, by a connection of its own that lasts for one picture, and never keeps the analysis waiting. The
first picture stands whatever becomes of it: one that does not come in time is counted, and that is all.
"""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from detection.ingest.frame import Frame
from detection.ingest.reader import CameraReader
from edgesite.core.backoff import Backoff
from edgesite.edge_store.database import EdgeStoreError
from edgesite.edge_store.outbox import NewAlert
from recordings.core.names import full_id, full_key
from recordings.evidence.captures import Captures

log = structlog.get_logger(__name__)

QUEUED = 16
LATEST_S = 2.0  # after the alert; later it would show another moment
LEAST_S = 0.2  # in less no camera is opened
REST_S, LONGEST_REST_S = 2.0, 60.0  # before a main stream that gave none is opened again: others' alerts wait behind it


@dataclass(frozen=True, slots=True)
class _Wanted:
    """at: Unix seconds of the analysed picture. width, height: its pixels."""

    alert: NewAlert
    at: float
    width: int
    height: int


@dataclass(slots=True)
class _Rest:
    """Of a camera whose main stream gave no picture. until: monotonic seconds."""

    backoff: Backoff = field(default_factory=lambda: Backoff(REST_S, LONGEST_REST_S))
    until: float = 0.0


@dataclass(slots=True)
class FullPictures:
    """Any thread may call `want`, one calls `step`. reader: of a camera that this process analyses, None when it does not."""

    captures: Captures
    reader: Callable[[str], CameraReader | None]
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    _wanted: queue.Queue[_Wanted] = field(default_factory=lambda: queue.Queue(QUEUED))
    _turned_away: deque[NewAlert] = field(default_factory=lambda: deque(maxlen=1000))
    _last: Frame | None = None  # several alerts of one moment share it
    _rests: dict[str, _Rest] = field(default_factory=dict)
    _failing: bool = False

    def want(self, alert: NewAlert, frame: Frame) -> None:
        """Queues the alert, if its picture is of a sub-stream. Never waits, and writes nothing."""
        reader = self.reader(alert.camera_id)
        if reader is None or reader.streams.word == "main":
            return
        try:
            # The picture's own moment: while the disk was full the alert may have waited in memory for hours.
            self._wanted.put_nowait(_Wanted(alert, frame.timestamp, frame.width, frame.height))
        except queue.Full:
            self._turned_away.append(alert)  # counted by `step`: the caller holds up the analysis of all cameras

    def step(self, *, wait_s: float = 0.3) -> bool:
        """Takes one picture."""
        while self._turned_away:
            self._missed(self._turned_away.popleft(), "too many at once")
        try:
            wanted = self._wanted.get(timeout=wait_s)
        except queue.Empty:
            return False
        picture = self._picture(wanted)
        if picture is None:
            self._missed(wanted.alert, "the main stream gave no picture in time")
        elif picture.width > wanted.width or picture.height > wanted.height:
            self._keep(wanted.alert, picture)
        return True

    def _picture(self, wanted: _Wanted) -> Frame | None:
        camera_id, last = wanted.alert.camera_id, self._last
        if last is not None and last.camera_id == camera_id and 0 <= last.timestamp - wanted.at <= LATEST_S:
            return last
        self._last = None
        reader, left = self.reader(camera_id), wanted.at + LATEST_S - self.clock()
        if reader is None or not LEAST_S <= left <= LATEST_S or self._rests_yet(camera_id):
            return None
        self._last = reader.sharp(timeout=left)
        if self._last is None:
            rest = self._rests.setdefault(camera_id, _Rest())
            rest.until = self.monotonic() + rest.backoff.next()
        else:
            self._rests.pop(camera_id, None)
        return self._last

    def _rests_yet(self, camera_id: str) -> bool:
        rest = self._rests.get(camera_id)
        return rest is not None and self.monotonic() < rest.until

    def _keep(self, alert: NewAlert, picture: Frame) -> None:
        if not self.captures.has_room:
            self._missed(alert, "too many pictures wait")
            return
        event_id, key = full_id(alert.event_id), full_key(alert.capture)
        try:
            self.captures.outbox.promise(
                event_id=event_id, camera_id=alert.camera_id, key=key,
                severity=str(alert.body.get("severity", "")), now=self.clock(), taken_at=round(picture.timestamp, 3),
            )  # fmt: skip
        except EdgeStoreError as error:
            self._missed(alert, str(error))
            return
        self.captures.save(event_id=event_id, key=key, picture=picture)
        self._failing = False

    def _missed(self, alert: NewAlert, reason: str) -> None:
        if not self._failing:
            log.warning("alerts have no full picture", camera=alert.camera_id, reason=reason)
        self._failing = True
        try:
            self.captures.outbox.add_up(full_missed=1)
        except EdgeStoreError:
            return  # a full disk: the count is not worth more
