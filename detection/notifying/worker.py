"""What `run_hub` does for notifications, in threads of its own: a slow receiver holds up neither ingest nor other channels."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from django.db import Error as DatabaseError
from django.utils import timezone
from django.utils.translation import gettext_noop

from detection.notifying import planning, services
from detection.notifying.messages import Message, message_of, trial_message
from detection.notifying.models import Channel, Delivery
from detection.notifying.services import Outcome
from detection.notifying.transports import Send, send
from edgesite.fields import DecryptionError
from edgesite.worker import Step

log = structlog.get_logger(__name__)

SENDERS = 3
IDLE_S = 0.5
PRUNE_S = 600.0
RENEW_S = 30.0  # four times in a lease: one that the database cannot take now ends no lease

GONE = gettext_noop("The alert is no longer stored")
LOST_KEY = gettext_noop("The channel's secret cannot be decrypted")
DEFECT = gettext_noop("The message could not be sent; the hub's log says more")


@dataclass(slots=True)
class Notifier:
    """`loops` are its threads' steps. send: for tests. A channel has one message under way at a time."""

    stop: threading.Event
    send: Send = send
    clock: Callable[[], datetime] = timezone.now
    monotonic: Callable[[], float] = time.monotonic
    _busy: set[int] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _prune_due: float = 0.0

    def loops(self) -> list[tuple[str, Step, float]]:
        """Name, step and idle seconds of each thread."""
        steps = [(f"notifications {n}", self.send_step, IDLE_S) for n in range(1, SENDERS + 1)]
        return [("notification plan", self.plan_step, IDLE_S), *steps]

    def plan_step(self) -> bool:
        """Alerts into deliveries, groups into messages, lost tries back. Raises django.db.Error."""
        now = self.clock()
        planned = planning.plan(now=now)
        formed = planning.form_groups(now=now)
        services.recover(now=now)
        services.give_up_disabled(now=now)
        if self.monotonic() >= self._prune_due and not services.prune(now=now):
            self._prune_due = self.monotonic() + PRUNE_S
        return planned or bool(formed)

    def send_step(self) -> bool:
        """Sends one message that is due; True when there was one. Raises django.db.Error."""
        with self._lock:
            delivery = services.claim_next(now=self.clock(), busy=frozenset(self._busy))
            if delivery is None:
                return False
            self._busy.add(delivery.channel_id)
        try:
            self._deliver(delivery)
        finally:
            with self._lock:
                self._busy.discard(delivery.channel_id)
        return True

    def _deliver(self, delivery: Delivery) -> None:
        began = self.monotonic()
        outcome = self._outcome(delivery)
        took_ms = int((self.monotonic() - began) * 1000)
        if outcome is None:
            services.put_back(delivery, now=self.clock())
        else:
            services.finish(delivery, outcome, now=self.clock(), took_ms=took_ms)

    def _outcome(self, delivery: Delivery) -> Outcome | None:
        """What came of the try; None when the hub ends meanwhile."""
        try:
            delivery.channel = Channel.objects.get(pk=delivery.channel_id)
        except DecryptionError:
            return Outcome("retry", LOST_KEY)
        message = message_of(delivery)
        return Outcome("dead", GONE) if message is None else self._sent(delivery, message)

    def _sent(self, delivery: Delivery, message: Message) -> Outcome | None:
        """In a thread that is left behind when the hub ends: its end must not wait for a receiver."""
        outcomes: list[Outcome] = []
        channel = delivery.channel
        thread = threading.Thread(
            target=lambda: outcomes.append(attempt(channel, message, self.send)), name="notification", daemon=True
        )
        thread.start()
        renew_due = self.monotonic() + RENEW_S
        while thread.is_alive() and not self.stop.is_set():
            thread.join(0.1)
            if self.monotonic() >= renew_due:
                renew_due = self.monotonic() + RENEW_S
                _renew(delivery, self.clock())
        return outcomes[0] if outcomes else None


def _renew(delivery: Delivery, now: datetime) -> None:
    try:
        services.renew(delivery, now=now)
    except DatabaseError as error:  # the message is under way: left here, it would be sent twice
        log.warning("a notification's lease is not renewed", delivery=delivery.pk, reason=type(error).__name__)


def attempt(channel: Channel, message: Message, way: Send = send) -> Outcome:
    """One try that always has an outcome."""
    try:
        return way(channel, message)
    except Exception:  # a defect of a transport must not stop the others
        log.exception("notification failed", channel=channel.pk)
        return Outcome("retry", DEFECT)


def send_test(channel: Channel, *, now: datetime, way: Send = send) -> Outcome:
    """What the test button does: sends at once, and notes it in the delivery log."""
    message = trial_message(channel, at=now)
    began = time.monotonic()
    outcome = attempt(channel, message, way)
    services.note_test(channel, outcome, key=message.key, now=now, took_ms=int((time.monotonic() - began) * 1000))
    return outcome
