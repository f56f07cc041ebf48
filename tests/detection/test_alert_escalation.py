"""Alerts that wait too long are escalated once, by the closest rule, and somebody who was faster keeps them from it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from cameras.models import Binding, Site
from detection.alert_life import escalation, services
from detection.alert_life.escalation import Escalator, due
from detection.alert_life.escalation_models import EscalationRule
from detection.alert_life.models import AlertStep
from detection.models import Alert
from tests.cameras.pages import browser, field_error, path, save, text
from tests.detection.calls import two_sites
from tests.rows import make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def sites() -> list[Site]:
    return two_sites()


@pytest.fixture
def now() -> datetime:
    return timezone.now()


def rule(site: Site, minutes: int = 10, **values: Any) -> EscalationRule:
    made = EscalationRule.objects.create(site=site, after_minutes=minutes, **values)
    EscalationRule.objects.filter(pk=made.pk).update(changed_at=timezone.now() - timedelta(days=1))
    return made


def waiting(event_id: str, now: datetime, *, minutes: float, **values: Any) -> None:
    Alert.objects.filter(event_id=event_id).update(received_at=now - timedelta(minutes=minutes), **values)


def test_an_alert_that_waited_too_long_is_escalated_once(sites: list[Site], now: datetime) -> None:
    rule(sites[0], 10, raise_to="critical")
    waiting("e1", now, minutes=9.9)
    waiting("e2", now, minutes=60)  # of a site without a rule
    assert due(now) == []
    assert due(now + timedelta(seconds=7)) == ["e1"]
    assert due(now + timedelta(minutes=30)) == []
    alert = Alert.objects.get(event_id="e1")
    assert (alert.severity, alert.escalated_at, alert.state) == ("critical", now + timedelta(seconds=7), "open")
    [step] = AlertStep.objects.all()
    assert (step.event_id, step.kind, step.author) == ("e1", "escalated", "")
    assert step.details == {"minutes": 10, "severity": ["warning", "critical"]}


@pytest.mark.parametrize("state", ["acknowledged", "resolved"])
def test_what_somebody_took_up_is_not_escalated(sites: list[Site], now: datetime, state: str) -> None:
    rule(sites[0])
    waiting("e1", now, minutes=60, state=state)
    assert due(now) == []


def test_who_acknowledges_between_reading_and_writing_wins(sites: list[Site], now: datetime) -> None:
    found = rule(sites[0])
    waiting("e1", now, minutes=60)
    stale = Alert.objects.get(event_id="e1")
    services.acknowledge(event_id="e1", user=make_person("kim", "operator"), now=now)
    assert escalation._escalate(stale, found, now) is False
    assert Alert.objects.get(event_id="e1").escalated_at is None
    assert [step.kind for step in AlertStep.objects.all()] == ["acknowledged"]


def test_a_severity_is_raised_and_never_lowered(sites: list[Site], now: datetime) -> None:
    rule(sites[0], raise_to="info")
    waiting("e1", now, minutes=60, severity="critical")
    assert due(now) == ["e1"]
    assert Alert.objects.get(event_id="e1").severity == "critical"


def test_the_closest_rule_counts(sites: list[Site], now: datetime) -> None:
    rule(sites[0], 5)
    critical = rule(sites[0], 30, severity="critical")
    own = rule(sites[0], 60, binding=Binding.objects.get(bind_id="bind-1"))
    waiting("e1", now, minutes=45)  # of bind-1
    assert due(now) == []
    EscalationRule.objects.filter(pk=own.pk).update(enabled=False)
    waiting("e1", now, minutes=20, severity="critical")
    assert due(now) == []
    EscalationRule.objects.filter(pk=critical.pk).update(enabled=False)
    assert due(now) == ["e1"]


def test_a_new_rule_leaves_what_was_overdue_before_alone(sites: list[Site], now: datetime) -> None:
    waiting("e1", now, minutes=60)
    made = EscalationRule.objects.create(site=sites[0], after_minutes=10)
    assert due(now + timedelta(minutes=1)) == []
    waiting("e1", made.changed_at, minutes=9)
    assert due(made.changed_at + timedelta(minutes=2)) == ["e1"]


def test_pages_are_told_what_was_escalated(sites: list[Site], now: datetime) -> None:
    told: list[list[str]] = []
    step = Escalator(clock=lambda: now, changed=told.append).step
    rule(sites[0])
    assert step() is False
    waiting("e1", now, minutes=60)
    assert step() is True
    assert (told, step()) == ([["e1"]], False)


def test_a_rule_is_made_by_an_operator_for_his_sites(sites: list[Site]) -> None:
    client = browser("operator", sites=[sites[0]])
    add = path(EscalationRule, "add")
    shown = text(client.get(add))
    assert "Kitchen" in shown
    assert not any(word in shown for word in ("Warehouse", "Door 2"))
    binding = Binding.objects.get(bind_id="bind-1")
    save(client, add, site=str(sites[0].pk), binding=binding.bind_id, after_minutes="3")
    made = EscalationRule.objects.get()
    assert (made.site, made.binding, made.after_minutes) == (sites[0], binding, 3)
    assert "valid choice" in field_error(save(client, add, site=str(sites[1].pk)), "site")
    everywhere = browser("admin")
    answer = save(everywhere, add, site=str(sites[1].pk), binding=binding.bind_id)
    assert "another site" in field_error(answer, "binding")
    assert browser("viewer").get(add).status_code == 403
