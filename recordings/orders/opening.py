"""Orders that came at once are opened together: first every box is asked, and what it says within a moment is stored with the
order at one go. What takes longer, and what stands against an order, is stored without.

Until it is answered, the entry in the stream stands for an order (`recordings.orders.worker`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

import structlog
from django.conf import settings
from django.db import DataError, IntegrityError, transaction
from django.db import Error as DatabaseProblem
from redis.exceptions import RedisError, ResponseError

from cameras.choices import RequestState
from cameras.models import Camera
from edgesite.durability import soon_durable
from recordings.core.orders import LATE_S, Order
from recordings.models import SnapshotRequest
from recordings.orders import asking_first, services
from recordings.orders.early import early
from recordings.orders.flight import Flight
from recordings.orders.models import SnapshotOrder
from recordings.snapshots import MOST_WAITING

log = structlog.get_logger(__name__)

TOGETHER = 16  # asked of the boxes in one go: the first need not wait for the last
KNOWN_S = 1.0  # so long a camera's state stands for those who ask for it one after another
HOLD_S = 0.15  # so long after it was read nothing of an order is stored, when its box was asked

Opened = list[tuple[Flight, SnapshotOrder]]


@dataclass(slots=True)
class Opening:
    """Raises RedisError, django.db.Error: what was not opened then is opened by the next `step`, under the same names."""

    monotonic: Callable[[], float] = time.monotonic
    _cameras: dict[str, Camera] = field(default_factory=dict)
    _known_until: float = float("-inf")

    def step(self, flights: Collection[Flight]) -> set[int]:
        """The keys of those rows stored now of which a box may still say something. What cannot be opened this way, and
        what was read before (by somebody who may have ended with it), is left: it is opened alone, where a defect is its
        own.
        """
        held = {flight.order.request_id for flight in flights if flight.order is not None and flight.is_held()}
        for flight in flights:
            flight.follows = not flight.is_begun() and flight.order is not None and flight.order.request_id in held
        fresh = [flight for flight in flights if flight.is_fresh() and not flight.follows]
        is_crowded = (
            len(flights) > MOST_WAITING
        )  # then those that wait for a camera are counted, so they are stored first
        opened = self._store([flight for flight in flights if flight.is_held()]) if is_crowded else []
        for first in range(0, len(fresh), TOGETHER):
            some = fresh[first : first + TOGETHER]
            if not is_crowded:
                self._ask(some, held)
            opened += self._open([flight for flight in some if flight.asked is None and not flight.follows])
        opened += self._store([flight for flight in flights if self._is_due(flight)])
        return {row.pk for _, row in opened if row.state == RequestState.WAITING}

    def _ask(self, fresh: Iterable[Flight], held: set[str]) -> None:
        """With a bucket only: the hub lets a box upload to it what stands in its database."""
        if not settings.S3_BUCKET:
            return
        orders = [(flight, flight.order) for flight in fresh if flight.order is not None]
        known = asking_first.known_among(order for _, order in orders)
        asked: list[tuple[Flight, Order]] = []
        for flight, order in orders:
            if order.request_id in held:
                flight.follows = True
            elif order.request_id not in known:
                flight.asked = self._asked(flight, order)
                if flight.asked is not None:
                    held.add(order.request_id)
                    asked.append((flight, order))
        for flight, order in asked:  # what takes time comes while the pictures are made
            flight.url = services.sign_early(order)
            if flight.url and not order.callback_url and flight.asked is not None:
                flight.awaited = early.expect(order, flight.asked, flight.url)

    def _asked(self, flight: Flight, order: Order) -> SnapshotRequest | None:
        since = self.monotonic() - flight.read_at
        age, now = flight.age + since, flight.at + since
        if order.lacking() or age >= LATE_S:
            return None
        try:
            camera = self._camera(order.camera_code)
            if camera is None:
                return None
            return asking_first.ask_first(order, camera, entry_id=flight.entry_id, age=age, now=now)
        except (DataError, IntegrityError, ResponseError):  # what it says of this one, and no trouble of the others'
            return None
        except (RedisError, DatabaseProblem):
            raise
        except Exception:  # a defect of ours: it is opened as if nobody could be asked
            log.exception("snapshot order could not be asked for first", entry=flight.entry_id)
            return None

    def _camera(self, code: str) -> Camera | None:
        now = self.monotonic()
        if now >= self._known_until:
            self._cameras, self._known_until = {}, now + KNOWN_S
        if code not in self._cameras and (camera := asking_first.stated(code)) is not None:
            self._cameras[code] = camera
        return self._cameras.get(code)

    def _open(self, flights: Iterable[Flight]) -> Opened:
        many = [
            (flight, order, services.sign_early(order)) for flight in flights if (order := flight.order) is not None
        ]
        opened: Opened = []
        if many:
            with soon_durable():
                for flight, order, url in many:
                    row = self._opened(flight, order, url)
                    if row is not None:
                        opened.append((flight, row))
            services.make_stand(row for _, row in opened)
        for flight, row in opened:  # not before it is stored
            flight.row = row
        return opened

    def _opened(self, flight: Flight, order: Order, url: str) -> SnapshotOrder | None:
        age = flight.age_at(self.monotonic())
        try:
            with transaction.atomic():
                return services.open_order(order, entry_id=flight.entry_id, age=age, url=url)
        except (DataError, IntegrityError):
            return None
        except (RedisError, DatabaseProblem):
            raise
        except Exception:  # a defect of ours: it is logged where it is opened alone
            return None

    def _is_due(self, flight: Flight) -> bool:
        if not flight.is_held():
            return False
        awaited = flight.awaited
        return awaited is None or awaited.said is not None or self.monotonic() - flight.read_at >= HOLD_S

    def _store(self, flights: Iterable[Flight]) -> Opened:
        """With it stands what was said."""
        said, others = list[Flight](), list[Flight]()
        for flight in flights:
            (others if flight.awaited is None or early.give_up(flight.awaited) else said).append(flight)
        opened: Opened = []
        if others:
            with soon_durable():
                opened = self._stored(others)
            services.make_stand(row for _, row in opened)
        if said:
            with transaction.atomic():  # after it the entries go
                opened += self._stored(said)
        for flight, row in opened:  # not before it is stored
            flight.row = row
            flight.answer = flight.awaited.body if flight.awaited is not None else None
        return opened

    def _stored(self, flights: list[Flight]) -> Opened:
        codes = {flight.asked.camera_id for flight in flights if flight.asked is not None}
        cameras = set(Camera.objects.filter(pk__in=codes).values_list("pk", flat=True))
        opened: Opened = []
        for flight in flights:
            try:
                with transaction.atomic():
                    opened.append((flight, self._row(flight, cameras)))
            except (DataError, IntegrityError):  # it is opened alone, which finds what was told
                flight.leave()
            except DatabaseProblem:
                raise
            except Exception:  # a defect of ours: so is it
                log.exception("snapshot order could not be stored with others", entry=flight.entry_id)
                flight.leave()
        return opened

    @staticmethod
    def _row(flight: Flight, cameras: set[str]) -> SnapshotOrder:
        if flight.order is None or flight.asked is None:
            raise ValueError("nobody was asked for this order")
        said = flight.awaited.said if flight.awaited is not None else None
        return services.store_asked(flight.order, flight.asked, url=flight.url, said=said, cameras=cameras)
