"""`run_hub`'s part in `edge_snap_request`: every entry is answered once it was read, whoever is killed in between.

Read by the group, asked of the box (`services.open_order`, idempotent), answered by callback or result key, and with that,
or only then, acknowledged and deleted in one transaction. A kill between two of them repeats the later ones: the same answer
is given again. Many that come at once share the commits and the calls to Redis.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from django.db import DataError, IntegrityError, transaction
from django.db import Error as DatabaseProblem
from django.utils import timezone
from redis.exceptions import RedisError

from cameras.choices import RequestState
from edgesite.commands import redis_time
from edgesite.durability import soon_durable
from edgesite.redis_clients import Client
from recordings.core.orders import NoAnswerError, Order, age_of, parse_order, time_to_tell
from recordings.orders import services
from recordings.orders.delivery import Call, call_back, host_of
from recordings.orders.flight import Flight
from recordings.orders.models import SnapshotOrder
from recordings.orders.stream import OrderStream, Read
from recordings.orders.told import told

log = structlog.get_logger(__name__)

CAPACITY = 200  # entries under way; the others wait in the stream
IDLE_MS = 500  # how long a step waits for entries when none is under way
TICK_S = 0.005  # so often it asks for new ones when some are
LOOK_S = 0.02  # so often what is under way is looked at; at once when a box's answer was taken in by this process
TOGETHER = 16  # asked of the boxes in one transaction: the first need not wait for the last
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
    _told: list[Flight] = field(default_factory=list)
    _claim_due: float = 0.0
    _prune_due: float = 0.0

    def __post_init__(self) -> None:
        self.stream = OrderStream(self.client)

    def step(self) -> bool:
        """Reads what is new, and takes every entry that is under way one step further. Raises RedisError, django.db.Error."""
        if self.monotonic() >= self._prune_due and not services.prune(now=self.now()):
            self._prune_due = self.monotonic() + PRUNE_S
        heard = self._gather()
        busy = bool(self._flights)
        waiting = self._look()
        waiting |= self._open_together()
        calls = Counter(flight.host for flight in self._flights.values() if flight.is_calling())
        problem: Exception | None = None
        for flight in list(self._flights.values()):
            if flight.row and flight.row.pk in waiting:
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
        if any(flight.unasked() for flight in self._flights.values()):
            return False  # the step before read them
        for _ in range(max(1, round(LOOK_S / TICK_S))):
            if told.wait(TICK_S):
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
        clock = redis_time(self.client)
        for one in fresh:
            self._take(one, age_of(one.entry_id, now=clock))
        return True

    def _take(self, read: Read, age: float) -> None:
        """Every entry that was read has a flight, or is done with at once."""
        due = self.monotonic() + time_to_tell(age)
        self._flights[read.entry_id] = Flight(read.entry_id, read.fields, age, due, again=read.again)

    def _open_together(self) -> set[int]:
        """Asks the boxes for what came at once, some in one transaction each; the keys of the rows of which a box may say
        something now. What cannot be asked this way, and what was read before (by somebody who may have ended with it), is
        asked alone, where a defect is its own.
        """
        fresh = [(flight, order) for flight in self._flights.values() if (order := flight.unasked()) is not None]
        waiting: set[int] = set()
        for first in range(0, len(fresh), TOGETHER):
            many = [(flight, order, services.sign_early(order)) for flight, order in fresh[first : first + TOGETHER]]
            opened: list[tuple[Flight, SnapshotOrder]] = []
            with soon_durable():  # until it is answered its entry in the stream stands for it
                for flight, order, url in many:
                    row = self._opened(order, flight.age, url)
                    if row is not None:
                        opened.append((flight, row))
            services.make_stand(row for _, row in opened)
            for flight, row in opened:  # not before it is stored
                flight.row = row
            waiting |= {row.pk for _, row in opened if row.state == RequestState.WAITING}
        return waiting

    @staticmethod
    def _opened(order: Order, age: float, url: str) -> SnapshotOrder | None:
        try:
            with transaction.atomic():
                return services.open_order(order, age=age, url=url)
        except (DataError, IntegrityError):
            return None
        except (RedisError, DatabaseProblem):
            raise
        except Exception:  # a defect of ours: it is logged where it is asked alone
            return None

    def _look(self) -> set[int]:
        """Takes up answers that stand by now; the keys of the rows of which a box may still say something."""
        outcomes = told.take()
        for flight in self._flights.values():
            flight.hear(outcomes)
        asked = [(flight, row) for flight in self._flights.values() if (row := flight.asked()) is not None]
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
            self.stream.keep_answer(flight.answer)
            return self._bury(flight, POISON)
        if flight.answer is None:
            if flight.row is None:
                url = "" if flight.again else services.sign_early(order)
                flight.row = services.open_order(order, age=flight.age, again=flight.again, url=url)
            flight.again = False
            flight.answer = services.answer_of(flight.row)
            if flight.answer is None:
                return False
        self._tell(flight, order.callback_url, calls)
        return False

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
        answers = [flight.answer for flight in told if flight.answer and not flight.delivered]
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
