"""Answers that integrators have before the hub has stored them: once a box says that the picture is in the bucket, the URL
that was signed for it is good, and a commit adds nothing to that.

What was told stands: the entry in the stream is not done with before the database says the same, and whoever reads it again
finds the answer where the integrator found it.
"""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError

from edgesite.redis_clients import Client
from recordings.core.orders import Order, answer_body
from recordings.core.snapshots import SnapshotAnswer
from recordings.models import SnapshotRequest
from recordings.orders.stream import keep_answer
from recordings.orders.told import told
from recordings.snapshots import answers


@dataclass(slots=True, weakref_slot=True)
class Awaited:
    """What a box was asked for an order, and nobody has stored yet. url: of the picture.

    said: by the box; whoever awaits it stores it. body: the answer that this is. is_told: whether the integrator has it.
    is_given_up: it is stored without, and what the box says then goes the ordinary way.
    """

    order: Order
    snapshot: SnapshotRequest
    url: str
    said: SnapshotAnswer | None = None
    body: dict[str, Any] | None = None
    is_told: bool = False
    is_given_up: bool = False


class Early:
    """One thread awaits, another tells. Whoever awaits keeps what `expect` gave; without it nothing is told."""

    def __init__(self) -> None:
        self._awaited: weakref.WeakValueDictionary[str, Awaited] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()

    def expect(self, order: Order, snapshot: SnapshotRequest, url: str) -> Awaited:
        awaited = Awaited(order, snapshot, url)
        with self._lock:
            self._awaited[snapshot.request_id] = awaited
        return awaited

    def give_up(self, awaited: Awaited) -> bool:
        """False: the box has said it by now."""
        with self._lock:
            awaited.is_given_up = awaited.said is None
            return awaited.is_given_up

    def tell(self, client: Client, answer: SnapshotAnswer, *, device_id: str) -> bool:
        """Whether somebody awaited this, and so stores it. Any thread may be first with it."""
        awaited, is_news = self._taken(answer, device_id)
        if awaited is None or awaited.body is None:
            return False
        if not is_news:
            return True
        try:
            keep_answer(client, awaited.body)
            awaited.is_told = True
        except RedisError:  # then it is told when it is stored
            pass
        told.put(None)
        return True

    def _taken(self, answer: SnapshotAnswer, device_id: str) -> tuple[Awaited | None, bool]:
        """Who awaited it, and whether it was news."""
        with self._lock:
            awaited = self._awaited.get(answer.request_id)
            if awaited is None or awaited.is_given_up:
                return None, False
            if not answers(answer, awaited.snapshot, device_id=device_id):
                return None, False
            if awaited.said is not None:
                return (awaited if awaited.said == answer else None), False
            names = {"request_id": awaited.order.request_id, "camera_code": awaited.order.camera_code}
            url = awaited.url if answer.status == "ok" else ""
            awaited.said, awaited.body = answer, answer_body(**names, url=url, message=answer.message)
            return awaited, True


early = Early()
