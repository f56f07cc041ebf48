"""Test alerts on the hub: asks each box in turn, follows what comes, raises the alarm when one does not come out.

The way is that of an alert: command to the box, its outbox, its event stream, the hub's ingest and database, and, by rules that
tell of test alerts, the channels. A device whose test alert went missing is told of by the channels that are left.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop
from redis.exceptions import RedisError

from cameras.models import Device
from detection.core.events import TrialEvent
from detection.notifying.models import Channel, Delivery, DeliveryState, NotificationRule
from detection.notifying.trial_models import TRIAL_UNDER_WAY, TrialAlert, TrialState
from detection.trials import KIND
from edgesite.commands import send_command
from edgesite.redis_clients import Client, describe

log = structlog.get_logger(__name__)

PATIENCE = timedelta(seconds=120)  # for all of the way
AT_ONCE = 20  # devices asked in one step: a fleet is not asked at the same moment
KEPT = timedelta(days=7)
PRUNE_BATCH = 1000
TRIAL, FAILED, PASSED = "trial", "trial_failed", "trial_passed"  # steps of a delivery
SUPPORT = "test_alerts"  # in a box's health: it knows the command

NOTHING_CAME = gettext_noop("Nothing came from the box in time; its alerts do not come either")
NOT_DELIVERED = gettext_noop("It reached the hub, but this channel did not deliver it")


def ask(device: Device, *, client: Client, now: datetime) -> TrialAlert | None:
    """Asks the box for one; None while one is under way. A Redis that is away is found out by the deadline."""
    try:
        with transaction.atomic():
            trial = TrialAlert.objects.create(device=device, under_way=device.pk, asked_at=now, deadline=now + PATIENCE)
    except IntegrityError:
        return None
    try:
        send_command(
            client,
            device_id=device.pk,
            request_id=trial.request_id,
            kind=KIND,
            seconds=PATIENCE.total_seconds(),
            body={},
        )
    except RedisError as error:
        log.warning("a box cannot be asked for a test alert", device=device.pk, reason=describe(error))
    return trial


def due_devices(*, now: datetime, every: timedelta) -> QuerySet[Device]:
    """Boxes that know the command and were not asked for so long."""
    recent = TrialAlert.objects.filter(device=OuterRef("pk")).filter(
        Q(asked_at__gt=now - every) | Q(state__in=TRIAL_UNDER_WAY)
    )
    able = Device.objects.filter(revoked_at=None, **{f"status__health__{SUPPORT}": True})
    return able.exclude(Exists(recent)).order_by("pk")


def take_trial(event: TrialEvent, *, device_id: str, now: datetime | None = None) -> None:
    """The test alert has come through ingest: told on, in the same transaction. One that nobody waits for changes nothing."""
    now = now or timezone.now()
    waiting = TrialAlert.objects.filter(request_id=event.request_id, device=device_id, state=TrialState.ASKED)
    if not waiting.update(state=TrialState.ARRIVED, arrived_at=now, event_id=event.event_id):
        log.warning("test alert that nobody waits for", device=device_id, request_id=event.request_id)
        return
    trial = TrialAlert.objects.select_related("device").get(request_id=event.request_id)
    rules = NotificationRule.objects.filter(enabled=True, test_alerts=True).filter(_of_site(trial.device))
    rows = [
        Delivery(trial=trial, rule=rule, channel=channel, step=TRIAL, key=f"{event.event_id}.{rule.pk}", due_at=now)
        for rule in rules.order_by("id")
        for channel in _channels(trial.device).filter(rules=rule)
    ]
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)
    TrialAlert.objects.filter(pk=trial.pk).update(told=len(rows))


def _of_site(device: Device) -> Q:
    return Q(site=None) | Q(site=device.site_id)


def _channels(device: Device) -> QuerySet[Channel]:
    return Channel.objects.filter(_of_site(device), enabled=True).defer("url", "secret").order_by("pk").distinct()


def settle(*, now: datetime) -> int:
    """Ends what has come out, and what has not in time; how many ended."""
    ended = 0
    for trial in TrialAlert.objects.filter(state__in=TRIAL_UNDER_WAY).select_related("device"):
        over = now > trial.deadline
        missing: list[int] = []
        problem = NOTHING_CAME if trial.state == TrialState.ASKED else ""
        if trial.state == TrialState.ARRIVED:
            rows = trial.deliveries.filter(step=TRIAL).exclude(state=DeliveryState.DELIVERED).select_related("channel")
            open_yet = list(rows.defer("channel__url", "channel__secret").order_by("id"))
            over = over or all(row.state == DeliveryState.DEAD for row in open_yet)
            missing = [row.channel_id for row in open_yet]
            problem = f"{NOT_DELIVERED}: {open_yet[0].channel.name}" if open_yet else ""
        if over:
            ended += _end(trial, problem, missing, now)
    return ended


def _end(trial: TrialAlert, problem: str, missing: list[int], now: datetime) -> int:
    """The one change of a trial that is under way; the first failure in a row and the first success after it are told."""
    state = TrialState.FAILED if problem else TrialState.PASSED
    with transaction.atomic():
        mine = TrialAlert.objects.filter(pk=trial.pk, state=trial.state).update(
            state=state, under_way=None, ended_at=now, problem=problem[:500]
        )
        if not mine:
            return 0
        before = TrialAlert.objects.filter(device=trial.device_id, id__lt=trial.pk, ended_at__isnull=False)
        newest = before.order_by("-id").values_list("state", flat=True).first()
        if (newest == TrialState.FAILED) != bool(problem):
            _tell(trial, FAILED if problem else PASSED, missing, now)
    if problem:
        log.error("test alert did not come out", device=trial.device_id, reason=problem)
    return 1


def _tell(trial: TrialAlert, step: str, missing: list[int], now: datetime) -> None:
    """By each channel that serves the device's site, but those that did not deliver it; once each."""
    used = NotificationRule.objects.filter(enabled=True).filter(_of_site(trial.device))
    rules: dict[int, int] = dict(used.order_by("-id").values_list("channels", "id"))  # one rule of each channel
    key = f"{trial.request_id}.{step}"
    rows = [
        Delivery(trial=trial, rule_id=rules[channel.pk], channel=channel, step=step, key=key, due_at=now)
        for channel in _channels(trial.device).exclude(pk__in=missing).filter(pk__in=[pk for pk in rules if pk])
    ]
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)


def step(*, client: Client, now: datetime) -> bool:
    """One turn of `run_hub`. Raises django.db.Error."""
    ended = settle(now=now)
    if settings.TEST_ALERT_MINUTES:
        every = timedelta(minutes=settings.TEST_ALERT_MINUTES)
        for device in due_devices(now=now, every=every)[:AT_ONCE]:
            ask(device, client=client, now=now)
    old = TrialAlert.objects.filter(ended_at__lt=now - KEPT).order_by("id").values_list("pk", flat=True)[:PRUNE_BATCH]
    if ids := list(old):
        TrialAlert.objects.filter(pk__in=ids).delete()
    return bool(ended)


def failing() -> QuerySet[TrialAlert]:
    """The newest ended test alert of each device, where it did not come out."""
    later = TrialAlert.objects.filter(device=OuterRef("device"), id__gt=OuterRef("id"), ended_at__isnull=False)
    return TrialAlert.objects.filter(state=TrialState.FAILED, device__revoked_at=None).exclude(Exists(later))
