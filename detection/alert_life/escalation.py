"""Alerts that nobody acknowledged in time are marked, and a step tells of it: whoever notifies people reads steps on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet

from cameras.choices import Severity
from cameras.models import Device
from detection.alert_life.escalation_models import EscalationRule
from detection.alert_life.models import StepKind
from detection.alert_life.services import add_step
from detection.models import Alert, AlertState

log = structlog.get_logger(__name__)

BATCH = 200
RANK = {severity: rank for rank, severity in enumerate((Severity.INFO, Severity.WARNING, Severity.CRITICAL))}


def due(now: datetime) -> list[str]:
    """Escalates what waited too long, at most 200 alerts of each rule, and answers their event ids.

    Each alert is escalated once: a conditional UPDATE says who does it, and its step is written in the same transaction.
    A rule says nothing about alerts that were overdue already when it was made or changed.
    """
    done: list[str] = []
    rules = list(EscalationRule.objects.filter(enabled=True).order_by("id"))
    for rule in rules:
        waiting = list(_waiting(rule, rules, now).order_by("received_at", "id")[:BATCH])
        done += [alert.event_id for alert in waiting if _escalate(alert, rule, now)]
    return done


def _waiting(rule: EscalationRule, rules: list[EscalationRule], now: datetime) -> QuerySet[Alert]:
    wait = timedelta(minutes=rule.after_minutes)
    rows = Alert.objects.filter(
        part_of=None, state=AlertState.OPEN, escalated_at=None,
        received_at__lte=now - wait, received_at__gt=rule.changed_at - wait,
    )  # fmt: skip
    if rule.severity:
        rows = rows.filter(severity=rule.severity)
    if rule.binding_id:
        rows = rows.filter(bind_id=rule.binding_id)
    # Also of a binding: a box of another site may name it.
    return rows.filter(device__in=Device.objects.filter(site=rule.site_id)).exclude(_closer(rule, rules))


def _closer(rule: EscalationRule, rules: list[EscalationRule]) -> Q:
    """What a closer rule decides about."""
    closer = Q(pk__in=[])
    for other in rules:
        narrower = bool(other.severity) and not rule.severity
        if other.site_id != rule.site_id or other.pk == rule.pk:
            continue
        if other.binding_id and not rule.binding_id:
            closer |= Q(bind_id=other.binding_id) & (Q(severity=other.severity) if other.severity else Q())
        elif other.binding_id == rule.binding_id and narrower:
            closer |= Q(severity=other.severity)
    return closer


def _escalate(alert: Alert, rule: EscalationRule, now: datetime) -> bool:
    before = after = alert.severity
    if rule.raise_to and RANK[Severity(rule.raise_to)] > RANK[Severity(before)]:
        after = rule.raise_to
    with transaction.atomic():
        open_yet = Alert.objects.filter(pk=alert.pk, state=AlertState.OPEN, escalated_at=None)
        if not open_yet.update(escalated_at=now, severity=after):
            return False
        details = {"minutes": rule.after_minutes, "severity": [before, after]}
        add_step(alert, StepKind.ESCALATED, author="", now=now, details=details)
    log.info("alert escalated", event_id=alert.event_id, minutes=rule.after_minutes, severity=after)
    return True


class Escalator:
    """For `run_hub`. clock: the hub's. changed: told the escalated alerts, after the commit."""

    def __init__(self, *, clock: Callable[[], datetime], changed: Callable[[list[str]], None]) -> None:
        self.clock = clock
        self.changed = changed

    def step(self) -> bool:
        """True when something was escalated. Raises DatabaseError."""
        event_ids = due(self.clock())
        for start in range(0, len(event_ids), BATCH):
            self.changed(event_ids[start : start + BATCH])
        return bool(event_ids)
