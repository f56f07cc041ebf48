"""Writes: a delivery's life, channels that end. Claims are one conditional update."""

from __future__ import annotations

import random
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import structlog
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext_noop

from detection.core.notifications import retry_delay
from detection.notifying.models import ENDED, Channel, Delivery, DeliveryState
from edgesite.ids import uuid7

log = structlog.get_logger(__name__)

MOST_TRIES = 12  # about an hour and a half with the pauses between them
LEASE = timedelta(seconds=120)  # renewed while a try goes on: a slow mail server takes a minute and more
KEPT = timedelta(days=30)
MOST_KEPT = 100_000
PRUNE_BATCH = 1000
CANDIDATES = 20

DISABLED = gettext_noop("The channel is disabled")
LOST = gettext_noop("The hub ended before the answer came")

Result = Literal["delivered", "retry", "dead", "disable"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one try. problem: English (`edgesite.told`). status: the receiver's number. after_s: its wish."""

    result: Result
    problem: str = ""
    status: int | None = None
    after_s: float | None = None


def claim_next(*, now: datetime, busy: Collection[int] = ()) -> Delivery | None:
    """Takes up the oldest message that is due, of a channel that is not busy; it is this caller's until its lease ends.

    Its channel is not loaded: that fails where its secret cannot be decrypted.
    """
    waiting = Delivery.objects.filter(state=DeliveryState.WAITING, due_at__lte=now, channel__enabled=True)
    candidates = waiting.exclude(channel__in=busy).order_by("due_at", "id").values_list("pk", flat=True)
    for pk in candidates[:CANDIDATES]:
        lease = uuid7()
        taken = Delivery.objects.filter(pk=pk, state=DeliveryState.WAITING).update(
            state=DeliveryState.SENDING, lease=lease, leased_until=now + LEASE, tries=F("tries") + 1
        )
        if taken:
            return Delivery.objects.select_related("rule", "trial__device__site").get(pk=pk)
    return None


def _mine(delivery: Delivery) -> QuerySet[Delivery]:
    return Delivery.objects.filter(pk=delivery.pk, lease=delivery.lease, state=DeliveryState.SENDING)


def finish(
    delivery: Delivery, outcome: Outcome, *, now: datetime, took_ms: int, rng: random.Random | None = None
) -> bool:
    """Notes what came of a try. False: its lease had ended, and somebody else has taken it up."""
    told = {"status": outcome.status, "problem": outcome.problem[:500], "took_ms": took_ms}
    again = outcome.result == "retry" and delivery.tries < MOST_TRIES
    with transaction.atomic():
        if again:
            delay = retry_delay(delivery.tries, asked=outcome.after_s, rng=rng)
            due = now + timedelta(seconds=delay)
            mine = _mine(delivery).update(state=DeliveryState.WAITING, lease="", due_at=due, **told)
        else:
            state = DeliveryState.DELIVERED if outcome.result == "delivered" else DeliveryState.DEAD
            mine = _mine(delivery).update(state=state, lease="", ended_at=now, **told)
            if mine:
                Delivery.objects.filter(leader=delivery.pk).update(state=state, ended_at=now)
        if not mine:
            return False
        _note_channel(delivery.channel_id, outcome, now)
    _log(delivery, outcome, again)
    return True


def _note_channel(channel_id: int, outcome: Outcome, now: datetime) -> None:
    rows = Channel.objects.filter(pk=channel_id)
    if outcome.result == "delivered":
        rows.update(delivered_at=now, problem="")
        return
    rows.update(failed_at=now, problem=outcome.problem[:500])
    if outcome.result == "disable" and rows.filter(enabled=True).update(
        enabled=False, disabled_reason=outcome.problem[:500]
    ):
        log.error("notification channel disabled itself", channel=channel_id, reason=outcome.problem)


def _log(delivery: Delivery, outcome: Outcome, again: bool) -> None:
    about = {"delivery": delivery.pk, "channel": delivery.channel_id, "tries": delivery.tries}
    if outcome.result == "delivered":
        log.info("notification delivered", status=outcome.status, **about)
    elif again:
        log.warning("notification will be tried again", reason=outcome.problem, **about)
    else:
        log.error("notification given up", reason=outcome.problem, **about)


def put_back(delivery: Delivery, *, now: datetime) -> bool:
    """The hub ends while it is on its way: the next one sends it again, under the same key."""
    return bool(_mine(delivery).update(state=DeliveryState.WAITING, lease="", due_at=now, problem=LOST))


def renew(delivery: Delivery, *, now: datetime) -> bool:
    """Its try goes on: nobody else takes it up. False: its lease had ended, and somebody has. Raises django.db.Error."""
    return bool(_mine(delivery).update(leased_until=now + LEASE))


def recover(*, now: datetime) -> int:
    """Messages whose try never ended, because the hub was killed: once more, under the same key; how many.

    The last try counts as any other: a message that ends the hub each time must not do so for ever.
    """
    lost = Delivery.objects.filter(state=DeliveryState.SENDING, leased_until__lt=now)
    if not lost.exists():  # without a write, which would take SQLite's lock at every step
        return 0
    with transaction.atomic():
        ids = list(lost.filter(tries__gte=MOST_TRIES).values_list("pk", flat=True))
        dead = lost.filter(pk__in=ids).update(state=DeliveryState.DEAD, lease="", ended_at=now, problem=LOST)
        led = Delivery.objects.filter(leader__in=ids, leader__state=DeliveryState.DEAD)
        led.exclude(state__in=ENDED).update(state=DeliveryState.DEAD, ended_at=now)
        again = lost.update(state=DeliveryState.WAITING, lease="", due_at=now, problem=LOST)
    if dead:
        log.error("notifications given up: their last try never ended", deliveries=dead)
    if again:
        log.warning("notifications whose try never ended are tried again", deliveries=again)
    return dead + again


def give_up_disabled(*, now: datetime) -> int:
    """What waits for a disabled channel becomes a dead letter: it would come in a flood, and late, when it is enabled."""
    stuck = Delivery.objects.filter(state__in=(DeliveryState.HELD, DeliveryState.WAITING), channel__enabled=False)
    ids = list(stuck.values_list("pk", flat=True)[:PRUNE_BATCH])
    if not ids:
        return 0
    count = Delivery.objects.filter(pk__in=ids, state__in=(DeliveryState.HELD, DeliveryState.WAITING)).update(
        state=DeliveryState.DEAD, problem=DISABLED, ended_at=now
    )
    log.warning("notifications given up: their channel is disabled", deliveries=count)
    return count


def replay(deliveries: QuerySet[Delivery], *, author: str, now: datetime) -> int:
    """Dead letters are sent again, under the same key; how many. Those of a group go with its first one."""
    dead = deliveries.filter(state=DeliveryState.DEAD)
    ids = {leader or pk for pk, leader in dead.values_list("pk", "leader")}
    with transaction.atomic():
        count = Delivery.objects.filter(pk__in=ids, state=DeliveryState.DEAD).update(
            state=DeliveryState.WAITING, tries=0, due_at=now, ended_at=None, lease=""
        )
        Delivery.objects.filter(leader__in=ids, state=DeliveryState.DEAD).update(
            state=DeliveryState.HELD, ended_at=None
        )
    log.info("notifications sent again", deliveries=count, author=author)
    return count


def note_test(channel: Channel, outcome: Outcome, *, key: str, now: datetime, took_ms: int) -> Delivery:
    """A person's test, in the delivery log."""
    _note_channel(channel.pk, outcome, now)
    return Delivery.objects.create(
        channel=channel, step="test", key=key, due_at=now, tries=1, status=outcome.status, took_ms=took_ms,
        problem=outcome.problem[:500], created_at=now, ended_at=now,
        state=DeliveryState.DELIVERED if outcome.result == "delivered" else DeliveryState.DEAD,
    )  # fmt: skip


def new_secret() -> str:
    """For a webhook: 256 bits of chance."""
    return secrets.token_urlsafe(32)


def prune(*, now: datetime) -> int:
    """Keeps the log within bounds: what ended long ago, and the oldest beyond so many, in batches; how many went."""
    ended = Delivery.objects.filter(state__in=ENDED)
    floor = Delivery.objects.order_by("-id").values_list("pk", flat=True)[MOST_KEPT : MOST_KEPT + 1].first()
    too_old = Q(ended_at__lt=now - KEPT) | (Q(pk__lte=floor) if floor is not None else Q(pk=None))
    ids = list(ended.filter(too_old).order_by("id").values_list("pk", flat=True)[:PRUNE_BATCH])
    if ids:
        ended.filter(pk__in=ids).delete()
        log.info("old deliveries removed", deliveries=len(ids))
    return len(ids)
