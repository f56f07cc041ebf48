"""Retention: a look at the disk every ten seconds, and what has to go goes."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog

from cameras.core.recording import MOST_BEFORE_S
from edgesite.edge_store.database import EdgeStoreError
from recordings.core.retention import UNSAID, Limits, Plan, Stock, Terms, jumped, lacking, most_are_old, plan
from recordings.core.segments import Segment
from recordings.recorder.segment_store import SegmentStore, Span
from recordings.recorder.task_store import TaskStore

log = structlog.get_logger(__name__)

LOOK_SECONDS = 10.0
RING_SECONDS = MOST_BEFORE_S + 120.0  # what is there before an alert, and how late one may be heard of
AT_ONCE = 500  # segments in one turn
WEIGH_SECONDS = 60.0  # so often each camera's bytes are summed up, where one has a budget
TRUST_SECONDS = 7 * 86_400.0  # for so long it is asked whether the clock is right
SEEN_SECONDS = 600.0  # so often what the clock shows is noted
DOUBTED, SEEN = "clock doubted", "clock seen"
TOLD_SECONDS = 3600.0  # so long an alarm of what is done with stands
FULL = "the disk is full and everything on it is still needed"
CLOCK = "most segments look too old: nothing is deleted by age; is the clock right?"
BROKEN = "the disk is full and guaranteed recordings were deleted"
STORED = ("uploaded", "completed")


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


@dataclass(slots=True)
class Keeping:
    """One thread uses it. alarm: why something that is needed is at risk, "" nothing. free: bytes on the folder's disk.
    stock: how many segments there were at the last look, and their bytes. short: bytes that the disk then lacked, when all
    that may go was gone.

    own: of the cameras that have terms of their own. also: what else is needed.
    """

    folder: Path
    segments: SegmentStore
    tasks: TaskStore
    limits: Limits
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    free: Callable[[Path], int] = _free
    alarm: str = ""
    stock: tuple[int, int] = (0, 0)
    short: int = 0
    own: Callable[[], Mapping[str, Terms]] = dict
    also: Callable[[], list[Span]] = list
    _due: float = field(default=float("-inf"))
    _cleaning: bool = False
    _doubted: float | None = None  # since when, Unix seconds
    _seen: float = float("-inf")
    _looked: tuple[float, float] | None = None  # what the two clocks showed at the last look
    _weigh_at: float = float("-inf")
    _broken_at: float = float("-inf")  # when something guaranteed went, of the monotonic clock

    def step(self) -> bool:
        """Deletes what has to go; whether there was anything. Raises OSError, EdgeStoreError."""
        if self.monotonic() < self._due:
            return False
        self._due = self.monotonic() + LOOK_SECONDS
        needed, own = self.needed(), self.own()
        stock = self._stock(own)
        oldest = self._oldest(own, needed)
        stored = self._stored(needed) if lacking(stock, self.limits, own) else []
        decision = plan(
            list(dict.fromkeys([*oldest, *stored])),
            stock=stock,
            limits=self.limits,
            now=self.clock(),
            needed=needed,
            own=own,
            stored={s.path for s in stored},
            at_once=AT_ONCE,
        )
        passed = self.segments.passed(before=self.clock() - RING_SECONDS, limit=AT_ONCE, needed=needed)
        decision = replace(decision, doomed=tuple(dict.fromkeys((*decision.doomed, *passed))))
        if decision.cleaning and not self._cleaning:
            log.warning("the disk is filling, the oldest segments go", free=self.free(self.folder))
        self._cleaning = decision.cleaning
        more = len(oldest) >= AT_ONCE  # the next look gives them
        short = 0 if more else decision.short
        self.short = short if decision.cleaning else 0
        self._tell(decision, short=short)
        if decision.doomed:
            self._delete(decision)
            if stock.cameras:
                self._weigh_at = self.monotonic()  # there may be more beyond a budget
            told = [s for s in decision.doomed if not s.ring]  # the ring goes round all the time
            if told:
                log.info("segments deleted", segments=len(told), bytes=sum(s.size for s in told))
            self._due = self.monotonic()  # there may be more
        return bool(decision.doomed)

    @property
    def doubtful(self) -> bool:
        """Whether the clock is rather wrong, as of the last look."""
        return self._doubted is not None

    def _stock(self, own: Mapping[str, Terms]) -> Stock:
        self.stock = count, size = self.segments.total()
        free, doubt = self.free(self.folder), self._doubt(count, own)
        cameras: dict[str, int] = {}
        if self.monotonic() >= self._weigh_at and any(terms.most is not None for terms in own.values()):
            self._weigh_at = self.monotonic() + WEIGH_SECONDS
            cameras = {c: share.size for c, share in self.segments.shares().items()}
        return Stock(count, size, free, self._cleaning, doubt, cameras)

    def _stored(self, needed: list[Span]) -> list[Segment]:
        """Segments of which a stored clip holds all."""
        tasks = self.tasks.in_states(*STORED)
        spans = [(t.camera_id, t.started_at, t.stopped_at) for t in tasks if t.started_at and t.stopped_at]
        return self.segments.within(spans, AT_ONCE, needed=needed)

    def _doubt(self, count: int, own: Mapping[str, Terms]) -> bool:
        """Whether the clock jumped ahead, and by it most of all segments are too old: until they are not, or for a week.

        Counted over all of them, since a look has only `AT_ONCE` in hand. Days that somebody made fewer are no jump.
        """
        now, tick = self.clock(), self.monotonic()
        before, passed = self._before(now, tick)
        self._looked = now, tick
        since = now if jumped(before=before, now=now, passed=passed) else self._doubted
        if since is not None and (now - since > TRUST_SECONDS or not most_are_old(self._old(now, own), count)):
            since = None
        if since != self._doubted:
            self._note(DOUBTED, since)
        self._doubted = since
        if not 0 <= now - self._seen < SEEN_SECONDS:
            self._note(SEEN, now)
            self._seen = now
        return since is not None

    def _before(self, now: float, tick: float) -> tuple[float, float]:
        """What the clock showed at the last look, which may be one of before a restart, and seconds since then, if known."""
        if self._looked is not None:
            return self._looked[0], tick - self._looked[1]
        self._doubted, seen = self.segments.noted(DOUBTED), self.segments.noted(SEEN)
        newest = self.segments.newest() if seen is None else None
        return (newest.end if newest else now) if seen is None else seen, 0.0

    def _note(self, what: str, at: float | None) -> None:
        with contextlib.suppress(EdgeStoreError):  # a disk that is quite full must not keep this from making room
            self.segments.note(what, at)

    def _old(self, now: float, own: Mapping[str, Terms]) -> int:
        if not own:
            return self.segments.count_older(now - self.limits.keep_s)
        kept = {c: own.get(c, UNSAID).keeps(self.limits) for c in self.segments.cameras()}
        return sum(self.segments.count_older(now - keep, camera_id=c) for c, keep in kept.items())

    def take_short(self) -> int:
        """`short`, once for each look: whoever else can make room makes so much."""
        short, self.short = self.short, 0
        return short

    def _oldest(self, own: Mapping[str, Terms], needed: list[Span]) -> list[Segment]:
        """Where cameras differ, those of each: what one keeps for long must not hide what is due of another."""
        if not own:
            return self.segments.oldest(AT_ONCE, needed=needed)
        each = [self.segments.oldest(AT_ONCE, needed=needed, camera_id=c) for c in self.segments.cameras()]
        return sorted((s for some in each for s in some), key=lambda s: (s.start, s.path))

    def _delete(self, decision: Plan) -> None:
        broken = round(sum(s.end - s.start for s in decision.broken))
        broken = max(1, broken) if decision.broken else 0
        try:
            self.segments.delete(decision.doomed, folder=self.folder, broken_s=broken, now=self.clock())
        except EdgeStoreError:
            if not decision.cleaning:
                raise
            # A disk that is quite full takes no mark either: room first. A kill here leaves rows that a look forgets.
            for segment in decision.doomed:
                (self.folder / segment.path).unlink(missing_ok=True)
            self.segments.delete(decision.doomed, folder=self.folder, broken_s=broken, now=self.clock())

    def needed(self) -> list[Span]:
        """What the clips of unfinished tasks are made of."""
        now = self.clock()
        tasks = self.tasks.in_states("starting", "recording", "stopping", "uploading")
        own = [(t.camera_id, t.started_at or t.asked_at, t.stopped_at or now) for t in tasks]
        return own + self.also()

    def _tell(self, decision: Plan, *, short: int) -> None:
        if decision.broken:
            self._broken_at = self.monotonic()
        alarm = ""
        if decision.suspicious:
            alarm = CLOCK
        elif short:
            alarm = FULL
        elif self.monotonic() - self._broken_at < TOLD_SECONDS:
            alarm = BROKEN
        if alarm and alarm != self.alarm:
            log.error("retention cannot do its work", reason=alarm, missing_bytes=short)
        self.alarm = alarm
