"""Steps for many alerts at once: as many queries for sixty as for three, and each alert by itself when somebody is quicker."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cameras.models import Site
from detection.alert_life import many, services
from detection.alert_life.models import AlertStep
from detection.models import Alert
from tests.detection.alerts import make_alert
from tests.detection.calls import two_sites
from tests.rows import make_person

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ACTS: dict[str, Any] = {
    "acknowledge": many.acknowledge_many,
    "resolve": many.resolve_many,
    "assign": lambda **given: many.assign_many(assignee="guard", **given),
    "take away": lambda **given: many.assign_many(assignee="", **given),
}


@pytest.fixture
def sites() -> list[Site]:
    return two_sites()


@pytest.fixture
def kim(sites: list[Site]) -> Any:
    return make_person("kim", "operator")


def alerts(prefix: str, count: int) -> list[str]:
    """Half of the second site; every third is a repeat of the one before, every fifth acknowledged already."""
    for n in range(count):
        place = {"device_id": f"box-{n % 2 + 1}", "camera_id": f"vid{n % 2 + 1}"}
        make_alert(f"{prefix}{n}", **place, state="acknowledged" if n % 5 == 4 else "open")
        if n % 3 == 2:
            make_alert(f"{prefix}{n}r", **place, part_of_id=f"{prefix}{n}", state="open")
    return list(Alert.objects.filter(event_id__startswith=prefix).values_list("event_id", flat=True))


@pytest.mark.parametrize("act", ACTS)
def test_sixty_cost_as_many_queries_as_six(kim: Any, sites: list[Site], act: str) -> None:
    make_person("guard", "operator", sites=[sites[1]])
    kim.has_perm("detection.change_alert")  # read once
    made: list[int] = []
    for prefix, count in (("few", 6), ("lot", 60)):
        ids = alerts(prefix, count)
        with CaptureQueriesContext(connection) as queries:
            outcome = ACTS[act](event_ids=ids, user=kim, now=NOON)
        assert len(outcome.done) + len(outcome.failed) == len(ids)
        assert outcome.done
        made.append(len(queries))
    assert made[0] == made[1] <= 16


def test_a_name_counts_where_the_person_may_act(kim: Any, sites: list[Site]) -> None:
    make_person("guard", "operator", sites=[sites[1]])
    for name, done in (("guard", ["e2"]), ("kim", ["e1", "e2"]), ("", ["e1", "e2"]), ("nobody", [])):
        outcome = many.assign_many(event_ids=["e1", "e2"], user=kim, now=NOON, assignee=name)
        assert outcome.done == done
        assert {str(error) for _, error in outcome.failed} <= {services.NOBODY}
        assert set(Alert.objects.filter(event_id__in=done).values_list("assignee", flat=True)) <= {name}


def test_repeats_stand_as_their_alert_stands_and_are_told_once(kim: Any) -> None:
    ids = alerts("a", 6)
    outcome = many.resolve_many(event_ids=ids, user=kim, now=NOON, verdict="false", reason="cats")
    assert sorted(outcome.done) == sorted(ids)
    rows = Alert.objects.filter(event_id__in=ids)
    assert set(rows.values_list("state", "resolved_by", "verdict", "verdict_reason")) == {
        ("resolved", "kim", "false", "cats")
    }
    steps = list(AlertStep.objects.filter(kind="resolved").values_list("event_id", flat=True))
    assert sorted(steps) == [f"a{n}" for n in range(6)]
    acknowledged = set(AlertStep.objects.filter(kind="acknowledged").values_list("event_id", flat=True))
    assert acknowledged == {f"a{n}" for n in range(6) if n != 4}


def test_who_is_quicker_with_one_of_them_stops_no_other(kim: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lee = make_person("lee", "operator")
    ids = [make_alert(f"a{n}").event_id for n in range(4)]
    real = many._firsts

    def stale(*given: Any) -> dict[str, Alert]:
        found = real(*given)
        services.acknowledge(event_id="a1", user=lee, now=NOON)
        Alert.objects.filter(event_id="a3").delete()
        return found

    monkeypatch.setattr(many, "_firsts", stale)
    outcome = many.acknowledge_many(event_ids=ids, user=kim, now=NOON)
    assert outcome.done == ["a0", "a2"]
    assert [(event_id, str(error)) for event_id, error in outcome.failed] == [
        ("a1", "The alert was acknowledged by lee at 2026-11-22T12:00:00Z."),
        ("a3", "There is no such alert."),
    ]
    authors = dict(Alert.objects.filter(event_id__in=ids).values_list("event_id", "acknowledged_by"))
    assert authors == {"a0": "kim", "a1": "lee", "a2": "kim"}
