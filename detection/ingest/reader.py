"""One camera's thread: keeps it open, decodes it, and offers the newest picture to whoever has time for it."""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from typing import Literal

import structlog

from cameras.streams.errors import IngestError
from cameras.streams.stop import EitherStop
from detection.ingest.attention import ROOM, Attention, Watch, WatchBudget
from detection.ingest.frame import Frame
from detection.ingest.pictures import Decoded
from detection.ingest.probe import size_of
from detection.ingest.reader_state import CameraState, ReaderCounters
from detection.ingest.single import first_picture
from detection.ingest.source import open_source
from detection.ingest.streams import Streams
from detection.ingest.timing import MediaClock, RateGate
from edgesite.core.backoff import Backoff
from edgesite.core.urls import mask_url

log = structlog.get_logger(__name__)

RETRY_S, FAST_RETRY_S, SLOW_RETRY_S = 0.5, 3.0, 10.0  # pauses: the first, the longest, and of what only a person mends
SETTLED_S = 5.0  # a connection that lasted so long was a good one: after it the pauses start small again


class CameraReader:
    """Reads one camera in a thread of its own, for ever, and never gives up.

    url: as `parse_target` takes it, or a camera's streams. max_fps: pictures offered a second, of media time. on_frame: called
    in the reader's thread after each offered picture; it must only wake somebody. on_state: called in that thread with the
    camera's id at each change of word or reason. stop: the worker's stop event; `stop()` ends this reader alone.
    clock, monotonic: Unix and monotonic seconds. rng: the jitter of the pauses between tries. idle: sleeps while nothing
    happens (RTSP only); then somebody must call `keep_awake` as long as the pictures are of interest. budget: shared by
    all readers of a process.

    After a loss it tries again after 0.5 s, 1 s, 2 s and then every 3 s, each up to a half shorter, so that a camera
    that returns is read again within 5 s; what only a person can mend (a wrong password) is tried every 10 s.
    """

    def __init__(
        self,
        camera_id: str,
        url: str | Streams,
        *,
        max_fps: float = 10.0,
        transport: str = "tcp",
        on_frame: Callable[[], None],
        on_state: Callable[[str, CameraState], None],
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
        idle: bool = False,
        budget: WatchBudget | None = None,
    ) -> None:
        self.camera_id = camera_id
        self.streams = Streams(url) if isinstance(url, str) else url
        self._transport = transport
        self._on_frame, self._on_state = on_frame, on_state
        self._clock, self._monotonic = clock, monotonic
        self._stop = EitherStop(stop)
        self.max_fps = max_fps
        self._gate = RateGate(max_fps)
        self._media = MediaClock()
        self._backoff = Backoff(RETRY_S, SLOW_RETRY_S, rng)
        self._lock = threading.Lock()
        self._attention, self._budget, self._idle = Attention(), budget, idle
        self._offered: deque[tuple[Frame, bool]] = deque()
        self._looked_at: float | None = None
        self._counters = ReaderCounters()
        self._state = CameraState("connecting", since=clock())
        self._last_frame_at: float | None = None
        # A thread inside FFmpeg cannot be ended from outside; as a daemon it never keeps the process.
        self._thread = threading.Thread(target=self._run, name=f"camera {camera_id}", daemon=True)

    def start(self) -> None:
        """Starts the thread; once."""
        self._thread.start()

    def stop(self, timeout: float = 3.0) -> None:
        """Ends the thread, usually within a moment.

        Returns after `timeout` seconds at the latest. A thread that is still inside FFmpeg then (a name server or a
        camera that does not answer) ends when its own limit of some seconds strikes; it delivers nothing any more.
        """
        self._stop.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def take(self) -> Frame | None:
        """The newest picture that nobody has taken yet; of a camera that has just woken, the oldest of those kept."""
        with self._lock:
            if not self._offered:
                return None
            frame, _ = self._offered.popleft()
            self._counters = replace(self._counters, taken=self._counters.taken + 1)
            self._attention.set_waiting(len(self._offered))
            return frame

    @property
    def waiting(self) -> bool:
        """Whether `take` has a picture."""
        return bool(self._offered)

    @property
    def watch(self) -> Watch:
        """How closely the camera is looked at, see `Attention`."""
        return self._attention.watch

    def keep_awake(self) -> None:
        """What the camera shows matters (somebody is in the picture): it wakes, or stays awake for some seconds."""
        self._attention.wanted_at = self._monotonic()

    def pace(self, share: float) -> None:
        """Awake, decode only so much (0..1) of each group of pictures, from its key frame on."""
        self._attention.share = share

    def fresh(self, *, max_age_s: float, timeout: float) -> Frame | None:
        """The newest picture that is at most so old, or the first to come within `timeout` seconds. Opens and wakes nothing."""
        in_vain = lambda: self._stop.is_set() or self._state.word == "lost"  # noqa: E731
        is_young = lambda wall: self._clock() - wall <= max_age_s  # noqa: E731
        seen = self._attention.glance.young(is_young, timeout, in_vain=in_vain)
        return None if seen is None else Frame(self.camera_id, seen.picture, seen.wall, seen.wall, 0)

    def sharp(self, *, timeout: float) -> Frame | None:
        """Where the sub-stream is read, a picture of the main one, which is opened for it; None when none comes in time."""
        if self.streams.word == "main":
            return None
        seen = first_picture(self.streams.main, timeout=timeout, transport=self._transport, clock=self._clock)
        return None if seen is None else Frame(self.camera_id, seen.picture, seen.wall, seen.wall, 0)

    def counters(self) -> ReaderCounters:
        """A consistent picture of the counters."""
        with self._lock:
            was, seen = self._counters, self._attention
            return replace(
                was,
                decoded=was.decoded + seen.unshown,
                skipped=was.skipped + seen.unshown,
                wakes=seen.wakes,
                missed=seen.missed,
                shed=seen.shed,
            )

    @property
    def state(self) -> CameraState:
        """How the camera is now."""
        with self._lock:
            decoded, received = self._last_frame_at, self._attention.received_at
            newest = max(decoded, received) if decoded is not None and received is not None else decoded
            return replace(self._state, last_frame_at=newest)

    def _run(self) -> None:
        log.info("camera reader started", camera=self.camera_id, url=mask_url(self.streams.url))
        while not self._stop.is_set():
            self._stop.wait(self._connection())
        log.info("camera reader ended", camera=self.camera_id)

    def _connection(self) -> float:
        """One connection from opening to its loss; seconds to wait before the next."""
        began = self._monotonic()
        try:
            self._read()
        except IngestError as error:
            # Not the error itself: its traceback holds this connection's pictures.
            trouble = IngestError(error.reason, retryable=error.retryable)
        except Exception:
            # Not `log.exception`: a message inside the traceback could hold the URL with its password.
            trace = traceback.format_exc()
            for url in (self.streams.main, self.streams.sub):
                trace = trace.replace(url, mask_url(url)) if url else trace
            log.error("camera reader failed", camera=self.camera_id, traceback=trace)
            trouble = IngestError("an error inside this program; its log says more", retryable=True)
        else:
            return 0.0
        if self._stop.is_set():
            return 0.0
        if self._monotonic() - began > SETTLED_S and self._state.word == "live":
            self._backoff.reset()
        self._count(errors=1)
        self._become("lost", trouble.reason)
        other = self.streams.ended(trouble, self._monotonic())
        if other:
            now = self.streams.word
            log.info("camera's other stream is read", camera=self.camera_id, stream=now, reason=self.streams.note)
        # Not back to the sub-stream in a hurry: a camera shuts out whoever comes with a wrong password too often.
        soon = trouble.retryable or (other and self.streams.word == "main")
        return self._backoff.next(at_most=FAST_RETRY_S if soon else SLOW_RETRY_S)

    def _read(self) -> None:
        if self.streams.shape_wanted:
            self._see_main()
        source = open_source(
            self.streams.url,
            stop=self._stop,
            on_damage=lambda: self._count(errors=1),
            transport=self._transport,
            clock=self._clock,
            monotonic=self._monotonic,
            attention=self._attention,
            budget=self._budget,
            idle=self._idle,
        )
        with closing(source):
            self._media.reconnect()
            for number, decoded in enumerate(source.pictures()):
                if self._stop.is_set() or self.streams.is_time(self._monotonic()):
                    return
                if not number:
                    self.streams.begun(decoded.picture.width, decoded.picture.height, self._monotonic())
                elif decoded.seam:
                    self._media.seam()
                self._accept(decoded)

    def _see_main(self) -> None:
        """Once: regions were drawn on the main stream's picture, and mean the same on one of its shape only."""
        width = height = 0
        with suppress(IngestError):  # then nothing is known; the sub-stream is read all the same
            width, height = size_of(self.streams.main, stop=self._stop, transport=self._transport)
        self.streams.compare(width, height)

    def _accept(self, decoded: Decoded) -> None:
        now = self._clock()
        wall = now if decoded.wall is None else decoded.wall
        arrived = self._monotonic() if decoded.arrived is None else decoded.arrived
        media_time = self._media.place(decoded.stamp, arrived=arrived, wall=wall)
        self._attention.glance.see(decoded.picture, wall - decoded.behind)  # as old as it is, also when it was held up
        with self._lock:
            self._last_frame_at = now if decoded.arrived is None else wall
        self._count(decoded=1)
        if self._state.word != "live":
            self._count(reconnects=int(self._state.word == "lost" and self._counters.decoded > 1))
            self._become("live", "")
        if decoded.late or not self._gate.admits(media_time):
            self._count(skipped=1)
            return
        same_as = self._looked_at if decoded.look == "same" else None
        if decoded.look != "same":
            self._looked_at = media_time if decoded.look else None
        media, shown, late = self._media, decoded.picture, decoded.behind
        frame = Frame(self.camera_id, shown, media_time, wall, media.generation, same_as, media.reconnects, late)
        self._offer(frame, keep=decoded.keep)

    def _offer(self, frame: Frame, *, keep: bool) -> None:
        """Newest wins, except over pictures that are to be kept."""
        dropped = 0
        with self._lock:
            while self._offered and not self._offered[-1][1]:
                self._offered.pop()
                dropped += 1
            self._offered.append((frame, keep))
            while len(self._offered) > ROOM + 1:
                self._offered.popleft()
                dropped += 1
            self._attention.set_waiting(len(self._offered))
        self._count(dropped=dropped)
        self._on_frame()

    def _count(
        self, *, decoded: int = 0, dropped: int = 0, skipped: int = 0, reconnects: int = 0, errors: int = 0
    ) -> None:
        with self._lock:
            was = self._counters
            self._counters = replace(
                was,
                decoded=was.decoded + decoded,
                dropped=was.dropped + dropped,
                skipped=was.skipped + skipped,
                reconnects=was.reconnects + reconnects,
                errors=was.errors + errors,
            )

    def _become(self, word: Literal["live", "lost"], reason: str) -> None:
        was = self._state
        if (was.word, was.reason) == (word, reason):
            return
        since = was.since if was.word == word else self._clock()
        with self._lock:
            self._state = CameraState(word, since=since, reason=reason)
        log.info("camera state changed", camera=self.camera_id, state=word, reason=reason)
        try:
            self._on_state(self.camera_id, self.state)
        except Exception:
            log.exception("a listener of camera states failed", camera=self.camera_id)
