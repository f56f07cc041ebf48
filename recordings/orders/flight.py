"""One entry of `edge_snap_request` that is under way in this process."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from cameras.choices import RequestState
from recordings.core.orders import WITHIN_S, NoAnswerError, Order, parse_order
from recordings.models import SnapshotRequest
from recordings.orders.delivery import Call
from recordings.orders.early import Awaited
from recordings.orders.models import SnapshotOrder
from recordings.orders.told import Outcome

log = structlog.get_logger(__name__)

LEAST_S = 0.3  # less time than this is none for a call
LATE = "no time was left for the callback"
DEFECT = "the callback failed; the hub's log says more"


@dataclass(slots=True)
class Flight:
    """fields: None for an entry that is gone. at: when it was read, by the Redis' clock. age: seconds that it was old then.
    read_at: the same moment, due: when it must be answered; both monotonic.

    again: it was read before, by somebody who may have ended. tries: how often our own code failed. follows: another one of
    its name is held. order: None where nobody can be answered. asked: of the box, before anything was stored. url: of its
    picture. awaited: where that, and nobody to call, makes the answer. problem: why the receiver was not told.
    """

    entry_id: str
    fields: Mapping[str, str] | None
    at: float
    age: float
    read_at: float
    due: float
    again: bool = False
    tries: int = 0
    follows: bool = False
    order: Order | None = field(init=False)
    asked: SnapshotRequest | None = None
    url: str = ""
    awaited: Awaited | None = None
    row: SnapshotOrder | None = None
    answer: dict[str, Any] | None = None
    host: str = ""
    problem: str = ""
    delivered: bool = False
    _thread: threading.Thread | None = None
    _over: bool = field(default=False)

    def __post_init__(self) -> None:
        try:
            self.order = parse_order(self.fields or {})
        except NoAnswerError:
            self.order = None

    def age_at(self, now: float) -> float:
        """Seconds since it was written. now: monotonic."""
        return self.age + now - self.read_at

    def has_told(self) -> bool:
        """Whether who asked has the answer."""
        return self.delivered or (self.awaited is not None and self.awaited.is_told)

    def is_begun(self) -> bool:
        return self.asked is not None or self.row is not None or self.answer is not None

    def is_fresh(self) -> bool:
        """Whether nobody has read it before, and nothing was tried with it yet."""
        return self.order is not None and not (self.again or self.tries or self.is_begun())

    def is_held(self) -> bool:
        """Whether its box was asked, and nothing is stored yet."""
        return self.asked is not None and self.row is None

    def leave(self) -> None:
        """It failed together with others, and is tried alone."""
        self.asked, self.awaited, self.tries = None, None, self.tries + 1

    def hear(self, outcomes: Mapping[str, Outcome]) -> None:
        """What this process has stored of what boxes said meanwhile."""
        row = self.row
        outcome = outcomes.get(row.snapshot.request_id) if row is not None and row.snapshot is not None else None
        if row is not None and outcome is not None and row.state == RequestState.WAITING:
            row.state, row.message = outcome.state, outcome.message

    def waiting(self) -> SnapshotOrder | None:
        """The row, when a box may still say something to it."""
        row = self.row
        return row if row is not None and self.answer is None and row.state == RequestState.WAITING else None

    def is_calling(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def told(self) -> bool:
        """Whether the receiver was asked for the last time."""
        return self._over or (self._thread is not None and not self._thread.is_alive())

    def may_call(self, *, now: float) -> bool:
        """Whether there is time for it; when there is none it is over."""
        if self.due - now >= LEAST_S:
            return True
        self.problem, self._over = LATE, True
        return False

    def begin_call(self, call: Call, url: str, *, now: float) -> None:
        """In a thread of its own: the stream's reader waits for nobody. The call ends by itself when the time is over."""
        seconds, body = min(WITHIN_S, self.due - now), dict(self.answer or {})

        def run() -> None:
            try:
                self.problem = call(url, body, seconds)
            except Exception:  # the boundary of the thread
                log.exception("callback failed", entry=self.entry_id)
                self.problem = DEFECT
            self.delivered = not self.problem

        self._thread = threading.Thread(target=run, name="snapshot callback", daemon=True)
        self._thread.start()
