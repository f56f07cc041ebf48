"""`run_hub`'s part in `edge_snap_request`: every entry is answered once it was read, whoever is killed in between.

Read by the group, asked of the box (`services.open_order`, idempotent), answered by callback or result key, and only then
acknowledged and deleted in one transaction. A kill between two of them repeats the later ones: the same answer is given again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from django.db import DataError, IntegrityError
from django.db import Error as DatabaseProblem
from django.utils import timezone
from redis.exceptions import RedisError

from edgesite.commands import redis_time
from edgesite.redis_clients import Client
from recordings.core.orders import NoAnswerError, age_of, parse_order, time_to_tell
from recordings.orders import services
from recordings.orders.delivery import Call, call_back, host_of
from recordings.orders.flight import Flight
from recordings.orders.stream import OrderStream, Read
from recordings.snapshots import answered

log = structlog.get_logger(__name__)

CAPACITY = 200  # entries under way; the others wait in the stream
IDLE_MS, LOOK_MS = 500, 1  # how long a step waits for entries: with none under way, and with some
LOOK_S = 0.02  # so often what is under way is looked at; at once when a box's answer was taken in by this process
TRIES = 3  # of an entry that our own code cannot handle
DELIVERIES = 5  # of an entry whose readers end with it
CALLS, CALLS_TO_ONE = 16, 4  # callbacks at once, and of one receiver: a slow one holds up no other
POISON = "it fails again and again"
CLAIM_S, PRUNE_S = 2.0, 60.0


@dataclass(slots=True)
class Orders:
    """One thread calls `step`. call: tells a receiver, for tests."""

    client: Client
    call: Call = call_back
    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = timezone.now
    stream: OrderStream = field(init=False)
    _flights: dict[str, Flight] = field(default_factory=dict)
    _claim_due: float = 0.0
    _prune_due: float = 0.0

    def __post_init__(self) -> None:
        self.stream = OrderStream(self.client)

    def step(self) -> bool:
        """Reads what is new, and takes every entry that is under way one step further. Raises RedisError, django.db.Error."""
        if self.monotonic() >= self._prune_due and not services.prune(now=self.now()):
            self._prune_due = self.monotonic() + PRUNE_S
        busy = self._read()
        calls = Counter(flight.host for flight in self._flights.values() if flight.is_calling())
        rows = [flight.row for flight in self._flights.values() if flight.row and flight.answer is None]
        waiting = services.still_waiting(rows, now=self.now()) if rows else set()
        problem: Exception | None = None
        for flight in list(self._flights.values()):
            if flight.row and flight.row.pk in waiting:
                continue
            try:
                if self._advance(flight, calls):
                    del self._flights[flight.entry_id]
                    busy = True
            except (RedisError, DatabaseProblem) as error:  # the others may have more luck
                problem = problem or error
        if problem is not None:
            raise problem
        return busy

    def _read(self) -> bool:
        if self._flights:
            answered.wait(LOOK_S)
            answered.clear()
        free = CAPACITY - len(self._flights)
        if free <= 0:
            return False
        claim = self.monotonic() >= self._claim_due
        read = self.stream.read(count=free, wait_ms=LOOK_MS if self._flights else IDLE_MS, claim=claim)
        if claim:
            self._claim_due = self.monotonic() + CLAIM_S
        fresh = [one for one in read if one.entry_id not in self._flights]
        if not fresh:
            return False
        clock = redis_time(self.client)
        for one in fresh:
            self._take(one, age_of(one.entry_id, now=clock))
        return True

    def _take(self, read: Read, age: float) -> None:
        """Every entry that was read has a flight, or is done with at once."""
        due = self.monotonic() + time_to_tell(age)
        self._flights[read.entry_id] = Flight(read.entry_id, read.fields, age, due, again=read.again)

    def _advance(self, flight: Flight, calls: Counter[str]) -> bool:
        """Whether the entry is done with."""
        try:
            return self._one_step(flight, calls)
        except (DataError, IntegrityError) as error:  # what it says, and no trouble of the database's
            self._failed(flight, error)
        except (RedisError, DatabaseProblem):
            raise
        except Exception as error:  # a defect of ours must not hold up the others
            self._failed(flight, error)
        return False

    def _failed(self, flight: Flight, error: Exception) -> None:
        flight.tries += 1
        log.error("snapshot order failed", entry=flight.entry_id, attempt=flight.tries, exc_info=error)

    def _one_step(self, flight: Flight, calls: Counter[str]) -> bool:
        if flight.fields is None:  # somebody deleted it
            self.stream.done(flight.entry_id)
            return True
        try:
            order = parse_order(flight.fields)
        except NoAnswerError as error:
            return self._bury(flight, str(error))
        flight.host = flight.host or host_of(order.callback_url)
        if flight.tries > TRIES:  # not even an answer can be made
            return self._bury(flight, POISON)
        if self._is_poison(flight):
            flight.answer = services.give_up(order)
            self.stream.keep_answer(flight.answer)
            return self._bury(flight, POISON)
        if flight.answer is None:
            flight.row = flight.row or services.open_order(order, age=flight.age, again=flight.again)
            flight.again = False
            flight.answer = services.answer_of(flight.row)
            if flight.answer is None:
                return False
        return self._tell(flight, order.callback_url, calls)

    def _is_poison(self, flight: Flight) -> bool:
        if flight.tries >= TRIES:
            return True
        return flight.again and flight.answer is None and self.stream.deliveries(flight.entry_id) > DELIVERIES

    def _bury(self, flight: Flight, reason: str) -> bool:
        self.stream.bury(flight.entry_id, flight.fields or {}, reason=reason)
        log.error("snapshot order set aside", entry=flight.entry_id, reason=reason)
        return True

    def _tell(self, flight: Flight, url: str, calls: Counter[str]) -> bool:
        answer = flight.answer or {}
        if url and not flight.told():
            if flight.is_calling():
                return False
            if flight.may_call(now=self.monotonic()):
                if calls.total() < CALLS and calls[flight.host] < CALLS_TO_ONE:
                    flight.begin_call(self.call, url, now=self.monotonic())
                    calls[flight.host] += 1
                return False
        if not (url and flight.delivered):
            self.stream.keep_answer(answer)
        self.stream.done(flight.entry_id)
        log.info(
            "snapshot order answered",
            request_id=answer.get("request_id"),
            camera=answer.get("camera_code"),
            status=answer.get("status"),
            by="callback" if url and flight.delivered else "result key",
            **({"problem": flight.problem} if url and flight.problem else {}),
        )
        return True
