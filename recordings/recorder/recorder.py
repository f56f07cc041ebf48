"""The recorder's own loop: ffmpeg of every camera that is to be recorded, the index, the tasks. One thread does all of it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from edgesite.child_process import Process
from edgesite.edge_store.database import EdgeStoreError
from edgesite.process_guard import Guard
from recordings.core.ffmpeg import Tool
from recordings.recorder.forecasting import Forecasting
from recordings.recorder.indexing import Indexer
from recordings.recorder.keeping import Keeping
from recordings.recorder.segmenter import Segmenter

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.1  # between two looks
SETTLED_SECONDS = 0.5  # the same, while every camera goes on as it is and nobody asks for anything
RECONCILE_SECONDS = 60.0
SWEEP_SECONDS = 10.0  # until a sweep that failed is tried again


@dataclass(slots=True)
class Recorder:
    """folder: where segments lie. wanted: the URLs to record, by camera. think: moves the tasks, after each look.

    sound: the cameras of which sound is kept, too.

    Raises OSError when the folder cannot be made.
    """

    folder: Path
    indexer: Indexer
    keeping: Keeping
    tool: Tool | None
    transport: str
    stop: threading.Event
    wanted: Callable[[], Mapping[str, str]]
    think: Callable[[], None]
    monotonic: Callable[[], float] = time.monotonic
    sound: Callable[[], Collection[str]] = frozenset
    segmenters: dict[str, Segmenter] = field(default_factory=dict)
    forecasting: Forecasting | None = None
    _guard: Guard = field(default_factory=Guard)
    _wake: tuple[int, int] = field(default_factory=os.pipe)
    _reconcile_at: float = 0.0
    _turn: int = 0
    _to_sweep: tuple[str, ...] | None = None  # cameras; None: swept
    _sweep_at: float = 0.0
    _trouble: dict[str, str] = field(default_factory=dict)  # by what cannot be done, told once
    _lock: threading.Lock = field(default_factory=threading.Lock)  # around the pipe's end
    _closed: bool = False

    def step(self) -> bool:
        """One look at everything, waiting a moment for something to happen. Raises EdgeStoreError; the cameras go on."""
        self._wait()
        for segmenter in list(self.segmenters.values()):
            segmenter.step()
        self._attempt("segments cannot be deleted", self.keeping.step)  # first: on a full disk the rest may fail
        self.indexer.step()
        self._sweep()
        if self.forecasting is not None:
            self._attempt("the room for recordings cannot be forecast", self.forecasting.step)
        self.think()
        self._follow(self.wanted())
        self._reconcile()
        return True

    def _wait(self) -> None:
        """Until the next look. Lines alone bring none forward: sixteen cameras close four segments a second."""
        wait_s = SETTLED_SECONDS if all(s.settled for s in self.segmenters.values()) else POLL_SECONDS
        end = self.monotonic() + wait_s
        running = [s.run.process for s in self.segmenters.values() if s.run is not None]
        if not Process.pump(running, self._wake[0], wait_s) and (left := end - self.monotonic()) > 0:
            Process.pump((), self._wake[0], min(left, wait_s))

    def wake(self) -> None:
        """For other threads: there is something to do now."""
        with self._lock:
            if not self._closed:
                os.write(self._wake[1], b"!")

    def sweep(self, cameras: Iterable[str]) -> None:
        """At the start: what a recorder that was killed left. What a full disk prevents, `step` tries again."""
        self._to_sweep = tuple(cameras)
        self._sweep()

    def _sweep(self) -> None:
        if self._to_sweep is None or self.monotonic() < self._sweep_at:
            return
        self._sweep_at = self.monotonic() + SWEEP_SECONDS
        cameras = [*self._to_sweep, *self.segmenters]
        written = [s.run.name for s in self.segmenters.values() if s.run is not None]

        def attempt() -> None:
            if saved := self.indexer.sweep(cameras, spare=written):
                log.info("segments of a recorder that was killed saved", segments=saved)

        if self._attempt("what a recorder that was killed left cannot be taken in", attempt):
            self._to_sweep = None

    def _attempt(self, what: str, act: Callable[[], object]) -> bool:
        """Whether it could be done; `what` is logged when that begins to fail, and when it is over."""
        try:
            act()
        except (OSError, EdgeStoreError) as error:
            if what not in self._trouble:
                log.error(what, reason=str(error))
            self._trouble[what] = str(error)
            return False
        if self._trouble.pop(what, None):
            log.info("this is over", trouble=what)
        return True

    def _follow(self, wanted: Mapping[str, str]) -> None:
        sound = self.sound()
        for camera_id in wanted:
            if camera_id not in self.segmenters and self.tool is not None:
                self.segmenters[camera_id] = self._segmenter(camera_id, self.tool)
        for camera_id, segmenter in list(self.segmenters.items()):
            segmenter.want(wanted.get(camera_id, ""), sound=camera_id in sound)
            if camera_id not in wanted and segmenter.quiet:
                del self.segmenters[camera_id]

    def _segmenter(self, camera_id: str, tool: Tool) -> Segmenter:
        return Segmenter(
            camera_id=camera_id,
            folder=self.folder,
            tool=tool,
            transport=self.transport,
            stop=self.stop,
            guard=self._guard,
            taken=self.indexer.take,
            left=self._left,
        )

    def _left(self, camera_id: str, run: str) -> None:
        try:
            self.indexer.take_left(camera_id, run)
        except (OSError, EdgeStoreError) as error:  # the next start finds it
            log.error("the end of a recording is not taken in yet", camera=camera_id, reason=str(error))

    def _reconcile(self) -> None:
        """One camera at a time, each about once a minute."""
        now = self.monotonic()
        if now < self._reconcile_at:
            return
        cameras = self.indexer.store.cameras()
        self._reconcile_at = now + RECONCILE_SECONDS / max(1, len(cameras))
        if cameras:
            self._turn = (self._turn + 1) % len(cameras)
            self.indexer.reconcile(cameras[self._turn])

    def health(self) -> dict[str, Any]:
        """What the report says of recording. For other threads, every two seconds: it asks the index nothing."""
        count, size = self.keeping.stock
        ahead = self.forecasting
        return {
            "ffmpeg": self.tool is not None,
            "cameras": {camera: {"state": s.state, "reason": s.reason} for camera, s in list(self.segmenters.items())},
            "segments": count,
            "bytes": size,
            "trouble": self.indexer.trouble,
            "missing": dict(self.indexer.missing),
            "alarm": self.keeping.alarm or (ahead.alarm if ahead else ""),
            "forecast": ahead.told if ahead else None,
        }

    def close(self, *, timeout: float = 3.5) -> bool:
        """Ends every ffmpeg and takes in what they wrote; True when all ended by themselves in time."""
        deadline = self.monotonic() + timeout
        for segmenter in self.segmenters.values():
            segmenter.want("")
        while self.monotonic() < deadline and not all(s.run is None for s in self.segmenters.values()):
            Process.pump([s.run.process for s in self.segmenters.values() if s.run], self._wake[0], 0.02)
            for segmenter in self.segmenters.values():
                segmenter.step()
        quiet = all(s.run is None for s in self.segmenters.values())
        for segmenter in self.segmenters.values():
            segmenter.close()
        self.indexer.step()
        self._guard.close()
        with self._lock:
            self._closed = True
            for handle in self._wake:
                os.close(handle)
        return quiet
