"""`run_hub`'s part in `edge_snap_request`: every entry is answered once it was read, whoever is killed in between.

Read by the group, asked of the box and stored (`Opening`, idempotent), answered by callback or result key, and acknowledged
and deleted once the answer is both told and stored. A kill between two of them repeats the later ones: the same answer is
given again. Many that come at once share the commits and the calls to Redis.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from django.db import DataError, IntegrityError
from django.db import Error as DatabaseProblem
from django.utils import timezone
from redis.exceptions import RedisError

from edgesite.redis_clients import Client
from recordings.core.orders import NoAnswerError, Order, age_of, parse_order, time_to_tell
from recordings.orders import services
from recordings.orders.delivery import Call, call_back, host_of
from recordings.orders.flight import Flight
from recordings.orders.hearing import take_strays
from recordings.orders.listening import Hear, Listening
from recordings.orders.opening import Opening
from recordings.orders.stream import OrderStream, Read, keep_answer
from recordings.orders.told import told

log = structlog.get_logger(__name__)

CAPACITY = 200  # entries under way; the others wait in the stream
IDLE_MS = 500  # how long a step waits for entries when none is under way
TICK_S = 0.005  # so often it asks for new ones when some are
LOOK_S = 0.02  # so often what is under way is looked at; at once when a box's answer was taken in by this process
TRIES = 3  # of an entry that our own code cannot handle
DELIVERIES = 5  # of an entry whose readers end with it
CALLS, CALLS_TO_ONE = 16, 4  # callbacks at once, and of one receiver: a slow one holds up no other
POISON = "it fails again and again"
CLAIM_S, PRUNE_S = 2.0, 60.0


@dataclass(slots=True)
class Orders:
    """One thread calls `step`. hear: takes what a box says, see `Listening`. call: tells a receiver, for tests."""

    client: Client
    hear: Hear
    call: Call = call_back
    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = timezone.now
    stream: OrderStream = field(init=False)
    opening: Opening = field(init=False)
    listening: Listening = field(init=False)
    _flights: dict[str, Flight] = field(default_factory=dict)
    _told: list[Flight] = field(default_factory=list)
    _claim_due: float = 0.0
    _prune_due: float = 0.0

    def __post_init__(self) -> None:
        self.stream = OrderStream(self.client)
        self.opening = Opening(self.monotonic)
        self.listening = Listening(self.client, self.hear)

    def step(self) -> bool:
        """Reads what is new, and takes every entry that is under way one step further. Raises RedisError, django.db.Error."""
        if self.monotonic() >= self._prune_due and not services.prune(now=self.now()):
            self._prune_due = self.monotonic() + PRUNE_S
        take_strays()
        heard = self._gather()
        busy = bool(self._flights)
        waiting = self._look()
        waiting |= self.opening.step(self._flights.values())
        calls = Counter(flight.host for flight in self._flights.values() if flight.is_calling())
        problem: Exception | None = None
        for flight in list(self._flights.values()):
            if flight.is_held() or flight.follows or (flight.row and flight.row.pk in waiting):
                continue
            try:
                if flight.again:  # it may end this worker, too: first the others have what is theirs
                    self._finish()
                if self._advance(flight, calls):
                    del self._flights[flight.entry_id]
            except (RedisError, DatabaseProblem) as error:  # the others may have more luck
                problem = problem or error
        self._finish()
        if problem is not None:
            raise problem
        if heard:
            self._take_in(self._entries(0))
        return busy

    def _gather(self) -> bool:
        """Reads what is new. With some under way it waits until then, or until a box answered, or it is time for a look;
        whether a box answered: then nothing is read yet, since whoever waits for that one is told first.
        """
        if not self._flights:
            self._take_in(self._entries(IDLE_MS))
            return False
        if any(flight.is_fresh() and not flight.follows for flight in self._flights.values()):
            return False  # the step before read them
        for _ in range(max(1, round(LOOK_S / TICK_S))):
            if self.listening.wait(self._flights.values(), seconds=TICK_S):
                return True
            if self._take_in(self._entries(0)):
                break
        return False

    def _entries(self, wait_ms: int) -> list[Read]:
        free = CAPACITY - len(self._flights)
        if free <= 0:
            return []
        claim = self.monotonic() >= self._claim_due
        read = self.stream.read(count=free, wait_ms=wait_ms, claim=claim)
        if claim:
            self._claim_due = self.monotonic() + CLAIM_S
        return read

    def _take_in(self, read: list[Read]) -> bool:
        fresh = [one for one in read if one.entry_id not in self._flights]
        if not fresh:
            return False
        for one in fresh:
            self._take(one)
        return True

    def _take(self, read: Read) -> None:
        """Every entry that was read has a flight."""
        age, now = age_of(read.entry_id, now=read.at), self.monotonic()
        flight = Flight(read.entry_id, read.fields, read.at, age, now, now + time_to_tell(age), again=read.again)
        self._flights[read.entry_id] = flight

    def _look(self) -> set[int]:
        """Takes up answers that stand by now; the keys of the rows of which a box may still say something."""
        outcomes = told.take()
        for flight in self._flights.values():
            flight.hear(outcomes)
        asked = [(flight, row) for flight in self._flights.values() if (row := flight.waiting()) is not None]
        if not asked:
            return set()
        try:
            answers = services.answered_among([row for _, row in asked])
            for flight, row in asked:
                flight.row = answers.get(row.pk, row)
            left = [row for _, row in asked if row.pk not in answers]
            waiting = services.still_waiting(left, now=self.now()) if left else set()
            services.settle_together([row for row in left if row.pk not in waiting])
        except (DataError, IntegrityError):
            return set()
        except (RedisError, DatabaseProblem):
            raise
        except Exception:  # a defect of ours: each is looked at alone, where it is its own
            log.exception("snapshot orders could not be looked at together")
            return set()
        return waiting

    def _advance(self, flight: Flight, calls: Counter[str]) -> bool:
        """Whether the entry is done with."""
        try:
            if flight.fields is None:  # somebody deleted it
                self.stream.done([flight.entry_id])
                return True
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
        try:
            order = parse_order(flight.fields or {})
        except NoAnswerError as error:
            return self._bury(flight, str(error))
        flight.host = flight.host or host_of(order.callback_url)
        if flight.tries > TRIES:  # not even an answer can be made
            return self._bury(flight, POISON)
        if self._is_poison(flight):
            flight.answer = services.give_up(order)
            keep_answer(self.client, flight.answer)
            return self._bury(flight, POISON)
        if flight.answer is None:
            flight.answer = self._answer(flight, order)
            if flight.answer is None:
                return False
        self._tell(flight, order.callback_url, calls)
        return False

    def _answer(self, flight: Flight, order: Order) -> dict[str, Any] | None:
        if flight.row is None:
            told_before = self.stream.kept_answer(order.request_id) if flight.again or flight.tries else None
            if told_before is not None:  # and not stored, by somebody who ended then
                services.stand(order, told_before)
                return told_before
            url = "" if flight.again else services.sign_early(order)
            age = flight.age_at(self.monotonic())
            flight.row = services.open_order(order, entry_id=flight.entry_id, age=age, again=flight.again, url=url)
        flight.again = False
        return services.answer_of(flight.row)

    def _is_poison(self, flight: Flight) -> bool:
        if flight.tries >= TRIES:
            return True
        return flight.again and flight.answer is None and self.stream.deliveries(flight.entry_id) > DELIVERIES

    def _bury(self, flight: Flight, reason: str) -> bool:
        self.stream.bury(flight.entry_id, flight.fields or {}, reason=reason)
        log.error("snapshot order set aside", entry=flight.entry_id, reason=reason)
        return True

    def _tell(self, flight: Flight, url: str, calls: Counter[str]) -> None:
        if url and not flight.told():
            if flight.is_calling():
                return
            if flight.may_call(now=self.monotonic()):
                if calls.total() < CALLS and calls[flight.host] < CALLS_TO_ONE:
                    flight.begin_call(self.call, url, now=self.monotonic())
                    calls[flight.host] += 1
                return
        self._told.append(flight)

    def _finish(self) -> None:
        """With one call to Redis for all of them; when it fails they are still under way."""
        told, self._told = self._told, []
        if not told:
            return
        answers = [flight.answer for flight in told if flight.answer and not flight.has_told()]
        self.stream.done([flight.entry_id for flight in told], answers)
        for flight in told:
            del self._flights[flight.entry_id]
            answer = flight.answer or {}
            log.info(
                "snapshot order answered",
                request_id=answer.get("request_id"),
                camera=answer.get("camera_code"),
                status=answer.get("status"),
                by="callback" if flight.delivered else "result key",
                **({"problem": flight.problem} if flight.problem else {}),
            )
