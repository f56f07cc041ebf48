"""Keeps one camera's segments coming: ffmpeg is started, watched, started again, and ended.

Everything happens in `step()`, in the one thread of the recorder: the kernel kills ffmpeg when that thread ends, so no orphan
writes on after a crash. What was written until then is taken in by the next start (`indexing`).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog

from edgesite.child_process import Process
from edgesite.core.backoff import Backoff, RestartPolicy
from edgesite.process_guard import Guard
from edgesite.supervise import describe_status
from recordings.core.ffmpeg import Tool, log_line
from recordings.core.segments import Closed, WallClock, parse_list_line, part_pattern, stamp
from recordings.recorder.files import make_folder
from recordings.recorder.gathering import Gathering
from recordings.recorder.opening import Opening
from recordings.recorder.reading import pictures_a_second

log = structlog.get_logger(__name__)

STALL_SECONDS = 10.0  # nothing new on disk for so long: ffmpeg's own time-out (5 s) did not help
FIRST_SECONDS = 20.0  # the same for the first fragment
LATE_SECONDS = 1.0  # a camera of which nothing came for so long sends less than it did
SOON_SECONDS = 1.0
KILL_SECONDS = 3.0  # from SIGTERM to SIGKILL
LINES_A_MINUTE = 20


@dataclass(slots=True)
class Run:
    """One ffmpeg and what it wrote.

    pattern: the path of its files, with a `%06d` for their number; text, because each look at each camera makes two of it.
    grown_at, kill_at: monotonic seconds. has_data: a first fragment is on disk. size: bytes of the file `number`.
    """

    name: str
    pattern: str
    process: Process
    opening: Opening
    secrets: tuple[tuple[str, str], ...]
    grown_at: float
    gathering: Gathering
    closed: list[Closed] = field(default_factory=list)
    clock: WallClock = field(default_factory=WallClock)
    has_data: bool = False
    size: int = 0
    kill_at: float | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """A segment on its way into the index. start, end: Unix seconds."""

    camera_id: str
    run: str
    part: Path
    name: str
    start: float
    end: float


@dataclass(slots=True)
class Segmenter:
    """folder: where all cameras' segments lie. stop: the worker's; it ends questions to cameras.

    taken: called with every finished segment. left: called with the run's name when its ffmpeg is gone.
    """

    camera_id: str
    folder: Path
    tool: Tool
    transport: str
    stop: threading.Event
    guard: Guard
    taken: Callable[[Finished], None]
    left: Callable[[str, str], None]
    wall: Callable[[], float] = time.time
    clock: Callable[[], float] = time.monotonic
    reason: str = ""
    run: Run | None = None
    _url: str = ""
    _sound: bool = False
    _opening: Opening | None = None
    _due: float = 0.0
    _policy: RestartPolicy = field(default_factory=lambda: RestartPolicy(Backoff(0.5, 10.0), settled_s=30.0))
    _lines: deque[float] = field(default_factory=lambda: deque(maxlen=LINES_A_MINUTE))
    _muted: int = 0
    _hold: bool = True  # the question's connection while ffmpeg opens its own; changed with each that brought nothing

    @property
    def recording(self) -> bool:
        """Whether pictures reach the disk."""
        return self.run is not None and self.run.has_data and self.run.kill_at is None

    @property
    def settled(self) -> bool:
        """Whether it goes on as it is: it records, or nothing of it runs and nothing is to, or not soon."""
        return self.recording or (self.quiet and (not self._url or self._due - self.clock() > SOON_SECONDS))

    @property
    def quiet(self) -> bool:
        """Whether nothing of it runs."""
        return self.run is None and self._opening is None

    @property
    def state(self) -> str:
        if self.recording:
            return "recording"
        return ("lost" if self.reason else "connecting") if self._url else "off"

    def want(self, url: str, *, sound: bool = False) -> None:
        """Record what this URL shows from now on, and its sound if that is wanted; "" nothing."""
        if (url, sound and bool(url)) == (self._url, self._sound):
            return
        self._sound = sound and bool(url)
        self._url, self._due, self.reason = url, 0.0, ""
        if self._opening is not None:
            self._opening.release()
            self._opening = None
        self.end()

    def end(self) -> None:
        """Asks ffmpeg to close its file and end."""
        if self.run is not None and self.run.kill_at is None:
            self.run.kill_at = self.clock() + KILL_SECONDS
            self.run.process.signal(signal.SIGTERM)

    def step(self) -> None:
        """One look: what was closed, what ended, what stands still, what is to be started."""
        if self.run is not None:
            self._watch(self.run)
        elif self._opening is not None and self._opening.done:
            opening, self._opening = self._opening, None
            if opening.error is not None:
                self._fail(opening.error.reason, lived_s=0.0)
            else:
                self._start(opening)
        elif self._opening is None and self._url and self.clock() >= self._due:
            self._opening = Opening(
                self._url, transport=self.transport, stop=self.stop, hold=self._hold, sound=self._sound
            )

    def close(self) -> None:
        """After its last step: kills what still runs, takes what it closed."""
        if self._opening is not None:
            self._opening.release()
        if self.run is not None:
            self._collect(self.run)

    # -- one ffmpeg ---------------------------------------------------------------------------------------------------

    def _start(self, opening: Opening) -> None:
        name = f"{stamp(self.wall())}-{secrets.token_hex(2)}"
        parts = part_pattern(camera_id=self.camera_id, run=name)
        pattern = str(self.folder).replace("%", "%%") + f"/{parts}"
        call = opening.call(self.tool, pattern) if opening.call else None
        if call is None:
            return
        closed: list[Closed] = []

        def listed(line: bytes) -> None:
            if (found := parse_list_line(line.decode(errors="replace"))) is not None:
                closed.append(found)

        try:
            make_folder(self.folder / Path(parts).parent)
            process = Process.start(
                call.argv,
                {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
                stdout=listed,
                stderr=lambda line: self._said(line, call.secrets),
                now=self.clock(),
                stdin=call.stdin,
            )
        except OSError as error:
            opening.release()
            self._fail(f"ffmpeg cannot be started: {error.strerror}", lived_s=0.0)
            return
        self.guard.watch(process.pid)
        self.run = Run(name, pattern, process, opening, call.secrets, self.clock(), Gathering(process.pid), closed)

    def _watch(self, run: Run) -> None:
        now = self.clock()
        self._look_for_growth(run, now)
        self._take_closed(run)
        if run.process.ended():
            self._over(run, now)
        elif run.kill_at is not None:
            if now >= run.kill_at:
                run.process.signal(signal.SIGKILL)
        elif now - run.grown_at > (STALL_SECONDS if run.has_data else FIRST_SECONDS):
            log.warning("camera sends nothing, ffmpeg is ended", camera=self.camera_id)
            self.reason = "the camera sends nothing"
            self.end()

    def _look_for_growth(self, run: Run, now: float) -> None:
        size = _size(run.pattern % run.number)
        if (after := _size(run.pattern % (run.number + 1))) > 0:
            run.number, size = run.number + 1, after
        elif size == run.size:
            if now - run.grown_at > LATE_SECONDS:
                run.gathering.hurry()
            return
        run.size, run.grown_at = size, now
        if not run.has_data and self._holds_pictures(run):
            run.has_data = True
            run.clock.begins(self.wall())
            run.opening.release()
            self.reason = ""
            log.info("recording", camera=self.camera_id, run=run.name)

    @staticmethod
    def _holds_pictures(run: Run) -> bool:
        with contextlib.suppress(OSError):
            return run.size > 0 and b"moof" in Path(run.pattern % run.number).read_bytes()[:65_536]
        return False

    def _take_closed(self, run: Run) -> None:
        closed, run.closed[:] = list(run.closed), []
        for one in closed:
            part = Path(run.pattern % 0).with_name(one.name)
            with contextlib.suppress(FileNotFoundError):
                written = part.stat()
                start, end = run.clock.place(one, at=written.st_mtime)
                if self.transport == "tcp":
                    rate = written.st_size / (one.end - one.start)
                    run.gathering.follow(rate, partial(pictures_a_second, part))
                self.taken(Finished(self.camera_id, run.name, part, one.name, start, end))

    def _over(self, run: Run, now: float) -> None:
        asked = run.kill_at is not None and not self.reason
        status = self._collect(run)
        if not run.has_data:
            self._hold = not self._hold
        if asked:
            log.info("recording ended", camera=self.camera_id, run=run.name)
            return
        self._fail(self.reason or f"ffmpeg {describe_status(status)}", lived_s=now - run.process.started)

    def _collect(self, run: Run) -> int:
        run.opening.release()
        status = run.process.collect()
        self.guard.release(run.process.pid)
        self._take_closed(run)
        self.run = None
        self.left(self.camera_id, run.name)
        return status

    def _fail(self, reason: str, *, lived_s: float) -> None:
        """One line when the reason changes."""
        self._due = self.clock() + self._policy.delay(lived_s=lived_s)
        if reason != self.reason or lived_s >= STALL_SECONDS:
            log.warning("camera cannot be recorded, trying again", camera=self.camera_id, reason=reason)
        self.reason = reason

    def _said(self, line: bytes, hidden: tuple[tuple[str, str], ...]) -> None:
        level, text = log_line(line.decode(errors="replace"), hidden)
        now = self.clock()
        if len(self._lines) == LINES_A_MINUTE and now - self._lines[0] < 60.0:
            self._muted += 1
            return
        self._lines.append(now)
        muted, self._muted = self._muted, 0
        getattr(log, level)(
            "ffmpeg says", camera=self.camera_id, text=text, **({"muted_before": muted} if muted else {})
        )


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
