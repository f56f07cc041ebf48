"""One entry of `edge_snap_request` that is under way in this process."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from cameras.choices import RequestState
from recordings.core.orders import WITHIN_S, NoAnswerError, Order, parse_order
from recordings.orders.delivery import Call
from recordings.orders.models import SnapshotOrder
from recordings.orders.told import Outcome

log = structlog.get_logger(__name__)

LEAST_S = 0.3  # less time than this is none for a call
LATE = "no time was left for the callback"
DEFECT = "the callback failed; the hub's log says more"


@dataclass(slots=True)
class Flight:
    """fields: None for an entry that is gone. age: seconds when it was read. due: monotonic, when it must be answered.

    again: it was read before, by somebody who may have ended. tries: how often our own code failed. problem: why the
    receiver was not told.
    """

    entry_id: str
    fields: Mapping[str, str] | None
    age: float
    due: float
    again: bool = False
    tries: int = 0
    row: SnapshotOrder | None = None
    answer: dict[str, Any] | None = None
    host: str = ""
    problem: str = ""
    delivered: bool = False
    _thread: threading.Thread | None = None
    _over: bool = field(default=False)

    def unasked(self) -> Order | None:
        """What it asks for, when nobody has read it before and nothing was done about it yet."""
        if self.again or self.tries or not self.fields or self.row is not None or self.answer is not None:
            return None
        try:
            return parse_order(self.fields)
        except NoAnswerError:
            return None

    def hear(self, outcomes: Mapping[str, Outcome]) -> None:
        """What this process has stored of what boxes said meanwhile."""
        row = self.row
        outcome = outcomes.get(row.snapshot.request_id) if row is not None and row.snapshot is not None else None
        if row is not None and outcome is not None and row.state == RequestState.WAITING:
            row.state, row.message = outcome.state, outcome.message

    def asked(self) -> SnapshotOrder | None:
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
