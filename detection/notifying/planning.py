"""From stored alerts to deliveries: a cursor over alerts, rules, groups. One thread of `run_hub` calls `plan`.

The place of the cursor and the deliveries before it are one transaction, so a kill repeats a batch or keeps it. Whatever is
repeated meets the unique constraint: an alert is told once by each rule and channel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Max, Model, Prefetch

from cameras.core.schedule import ScheduleEntry
from cameras.models import Device
from cameras.schedules import entry_of
from detection.alert_life.models import AlertStep
from detection.core.notifications import Choice, Happening
from detection.models import Alert
from detection.notifying.models import (
    Channel,
    Delivery,
    DeliveryState,
    NotificationCursor,
    NotificationRule,
    OutOfHours,
)
from detection.places import own_cameras

log = structlog.get_logger(__name__)

CURSOR, STEPS = "alerts", "steps"
TOLD_STEPS = {"escalated": "tell_escalated", "resolved": "tell_resolved"}  # what a rule says to each
BATCH = 500
GAP_SECONDS = 60.0  # a transaction that takes longer is none of ours
MOST_GAPS = 1000
MOST_IN_GROUP = 1000


@dataclass(frozen=True, slots=True)
class _Rule:
    row: NotificationRule
    choice: Choice
    channels: tuple[Channel, ...]


def begin() -> None:
    """What was stored before anybody could be told is not told of."""
    for name, (model, _deliver) in _sources().items():
        newest = model._default_manager.aggregate(newest=Max("id"))["newest"] or 0
        NotificationCursor.objects.get_or_create(name=name, defaults={"position": newest})


def _sources() -> dict[str, tuple[type[Model], Callable[..., int]]]:
    """What is gone through by number, by the name of its cursor, and what makes deliveries of it."""
    return {CURSOR: (Alert, deliver), STEPS: (AlertStep, deliver_steps)}


def plan(*, now: datetime) -> bool:
    """Makes the deliveries of the next alerts and steps; True when there were any. Raises django.db.Error."""
    cursors = {cursor.name: cursor for cursor in NotificationCursor.objects.all()}
    if not {CURSOR, STEPS} <= cursors.keys():
        begin()
        return True
    moved = [_advance(cursors[name], model, make, now) for name, (model, make) in _sources().items()]
    return any(moved)


def _advance(cursor: NotificationCursor, model: type[Model], make: Callable[..., int], now: datetime) -> bool:
    rows = model._default_manager.order_by("id")
    gaps: dict[int, float] = dict(cursor.gaps)
    fresh = list(rows.filter(id__gt=cursor.position)[:BATCH])
    late = list(rows.filter(id__in=gaps)) if gaps else []
    kept = _gaps(cursor.position, [row.pk for row in fresh], gaps, {row.pk for row in late}, now.timestamp())
    if not fresh and not late and len(kept) == len(gaps):
        return False
    position = fresh[-1].pk if fresh else cursor.position
    with transaction.atomic():
        moved = NotificationCursor.objects.filter(name=cursor.name, position=cursor.position).update(
            position=position, gaps=[[number, since] for number, since in kept.items()]
        )
        if moved:  # else another hub was quicker
            make(late + fresh, now=now)
    return bool(fresh or late)


def _gaps(
    position: int, found: list[int], before: Mapping[int, float], filled: set[int], now: float
) -> dict[int, float]:
    """The numbers that are still missed, the newest of them."""
    kept = {number: since for number, since in before.items() if number not in filled and now - since < GAP_SECONDS}
    there = set(found)
    first = max(position + 1, found[-1] - 2 * MOST_GAPS) if found else position + 1
    kept |= {number: now for number in range(first, found[-1] if found else first) if number not in there}
    return dict(sorted(kept.items())[-MOST_GAPS:])


def _rules() -> list[_Rule]:
    channels = Prefetch("channels", Channel.objects.filter(enabled=True).defer("url", "secret"))
    rows = NotificationRule.objects.filter(enabled=True).select_related("schedule").prefetch_related(channels)
    return [
        _Rule(
            row,
            Choice(
                site=row.site_id,
                camera_id=row.camera_id or "",
                algo_code=row.algo_code,
                least=row.min_severity,
                schedule=ScheduleEntry.model_validate(entry_of(row.schedule)) if row.schedule else None,
            ),
            tuple(row.channels.all()),
        )
        for row in rows
    ]


def deliver(alerts: Iterable[Alert], *, now: datetime) -> int:
    """Makes the deliveries of these alerts; how many. Inside a transaction."""
    told = [alert for alert in alerts if alert.phase != "ended"]  # the end of one that has not come is none yet
    return _deliver([(alert, "", alert.timestamp) for alert in told], _rules() if told else [], now)


def deliver_steps(steps: Iterable[AlertStep], *, now: datetime) -> int:
    """Makes the deliveries of what happened to alerts, by rules that tell of such steps; how many. Inside a transaction."""
    told = [step for step in steps if step.kind in TOLD_STEPS]
    alerts = Alert.objects.in_bulk({step.alert_id for step in told})
    happenings = [(alerts[step.alert_id], step.kind, step.at) for step in told if step.alert_id in alerts]
    return _deliver(happenings, _rules() if happenings else [], now)


def _deliver(told: list[tuple[Alert, str, datetime]], rules: list[_Rule], now: datetime) -> int:
    """told: the alert, the step ("" for the alert itself), when that was."""
    if not rules:
        return 0
    devices = Device.objects.filter(pk__in={alert.device_id for alert, _step, _at in told})
    sites = {pk: (site, zone) for pk, site, zone in devices.values_list("pk", "site", "site__time_zone")}
    own = own_cameras([alert for alert, _step, _at in told]) if any(r.choice.camera_id for r in rules) else {}
    windows = _Windows(now)
    rows: list[Delivery] = []
    for alert, step, at in told:
        site, zone = sites.get(alert.device_id, (None, "UTC"))
        # A rule of a camera is not about what other boxes say of it.
        camera_id = alert.camera_id if alert.event_id in own else ""
        what = Happening(site, camera_id, alert.algo_code, alert.severity, at.timestamp(), zone)
        for rule in rules:
            if not step or getattr(rule.row, TOLD_STEPS[step]):
                rows += _of_rule(rule, alert, step, what, windows, now)
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)
    if rows:
        log.info("notifications planned", deliveries=len(rows), alerts=len(told))
    return len(rows)


def _of_rule(rule: _Rule, alert: Alert, step: str, what: Happening, windows: _Windows, now: datetime) -> list[Delivery]:
    if not rule.choice.picks(what):
        return []
    opens = rule.choice.opens_at(what)
    outside = opens != what.at
    if opens is None or (outside and rule.row.out_of_hours == OutOfHours.SILENT):
        return []
    rows = []
    key = ".".join(part for part in (alert.event_id, str(rule.row.pk), step) if part)
    for channel in rule.channels:
        if channel.site_id not in (None, what.site):
            continue  # whoever sees the channel sees this site only
        row = Delivery(alert=alert, rule=rule.row, channel=channel, step=step, key=key, due_at=now)
        if outside and opens > now.timestamp():
            row.state, row.due_at = DeliveryState.HELD, datetime.fromtimestamp(opens, UTC)
        elif rule.row.group_s:
            windows.place(row, timedelta(seconds=rule.row.group_s))
        rows.append(row)
    return rows


class _Windows:
    """Up to when alerts of a rule and channel, or steps of one kind, wait for the next message."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._until: dict[tuple[int, int, str], datetime | None] = {}

    def place(self, row: Delivery, length: timedelta) -> None:
        """The first one goes at once and opens a window; those inside wait for its end."""
        place = (row.rule_id or 0, row.channel_id, row.step)
        if place not in self._until:
            rows = Delivery.objects.filter(
                rule=row.rule_id, channel=row.channel_id, step=row.step, window_until__gt=self._now
            )
            self._until[place] = rows.aggregate(until=Max("window_until"))["until"]
        until = self._until[place]
        if until is None:
            row.window_until = self._until[place] = self._now + length
        else:
            row.state, row.due_at = DeliveryState.HELD, until


def form_groups(*, now: datetime) -> int:
    """Makes one message of what waited for the end of a window; how many messages. A message keeps its alerts for good."""
    due = Delivery.objects.filter(state=DeliveryState.HELD, leader=None, due_at__lte=now)
    places = list(due.order_by().values_list("rule", "channel", "step").distinct())
    for rule, channel, step in places:
        with transaction.atomic():
            members = due.filter(rule=rule, channel=channel, step=step).select_for_update().order_by("id")
            ids = list(members.values_list("id", flat=True)[:MOST_IN_GROUP])
            if not ids:
                continue  # another hub was quicker
            group_s = NotificationRule.objects.filter(pk=rule).values_list("group_s", flat=True).first() or 0
            window = now + timedelta(seconds=group_s) if group_s else None
            Delivery.objects.filter(pk__in=ids[1:]).update(leader=ids[0])
            Delivery.objects.filter(pk=ids[0]).update(state=DeliveryState.WAITING, due_at=now, window_until=window)
    return len(places)
