"""Repeats of a binding are one alert for people; every event stays exactly one row, with its picture and its link."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from cameras.models import Camera
from detection import live
from detection.alert_life import many, services
from detection.alert_life.deleting import delete_alert
from detection.alert_life.escalation import due
from detection.alert_life.escalation_models import EscalationRule
from detection.alert_life.models import AlertStep
from detection.alert_life.precision_page import binding_precision
from detection.consumers import LiveConsumer
from detection.hub import store as store_module
from detection.hub.store import store_event
from detection.models import Alert
from detection.selectors import alert_message
from tests.cameras.pages import browser, text
from tests.detection.alerts import AT, alert_body, entry, evidence_body
from tests.detection.calls import caller, exported, get
from tests.detection.live_page import NOWHERE, SEES, Page, make_user, run
from tests.rows import make_all, make_person

pytestmark = pytest.mark.django_db

LIST = "/admin/detection/alert/"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _box() -> None:
    make_all("box-1", site="Kitchen", number=1)


def store(event_id: str, after_s: float = 0, *, device_id: str = "box-1", **changes: Any) -> str | None:
    return store_event(
        entry(alert_body(event_id, timestamp=AT + after_s, device_id=device_id, **changes)), device_id=device_id
    )


def ended(event_id: str, of: str, after_s: float, **changes: Any) -> str | None:
    return store(event_id, after_s, phase="ended", capture="", data={"started_event_id": of}, **changes)


def first() -> Alert:
    return Alert.objects.get(part_of=None)


def groups() -> dict[str, list[str]]:
    """The alerts that stand for themselves, and what is part of each."""
    found: dict[str, list[str]] = {}
    for event_id, part_of in Alert.objects.order_by("id").values_list("event_id", "part_of"):
        found.setdefault(part_of or event_id, []).append(event_id)
    return found


def seconds(at: datetime | None) -> float | None:
    return None if at is None else round(at.timestamp() - AT, 3)


# What belongs together


def test_a_repeat_is_part_of_the_alert_and_stays_a_row_of_its_own() -> None:
    assert [store("e1"), store("e2", 40), store("e3", 90)] == ["e1", "e2", "e3"]
    assert groups() == {"e1": ["e1", "e2", "e3"]}
    alert = first()
    assert (alert.occurrences, seconds(alert.began_at), seconds(alert.last_at), alert.over_at) == (3, 0, 90, None)
    assert alert.whole_duration_s == 90
    assert store("e4", 151) == "e4"
    assert groups() == {"e1": ["e1", "e2", "e3"], "e4": ["e4"]}


def test_sent_again_changes_nothing() -> None:
    for _ in range(3):
        for number, after_s in enumerate((0, 40, 90)):
            store(f"e{number}", after_s)
    assert (groups(), first().occurrences) == ({"e0": ["e0", "e1", "e2"]}, 3)
    assert [store("e0"), store("e1", 40), store("e2", 90)] == [None, None, None]


@pytest.mark.parametrize("order", list(itertools.permutations(range(5))))
def test_whatever_the_order_the_alert_comes_to_the_same(order: tuple[int, ...]) -> None:
    acts = [
        lambda: store("e1", 0, algo_code="leave_post"),
        lambda: store("e2", 40, algo_code="leave_post"),
        lambda: store("e3", 55, algo_code="leave_post"),
        lambda: ended("x1", "e1", 30, algo_code="leave_post"),
        lambda: ended("x2", "e2", 50, algo_code="leave_post"),
    ]
    for index in (*order, *order):
        acts[index]()
    assert sorted(Alert.objects.values_list("event_id", flat=True)) == ["e1", "e2", "e3"]
    alert = first()
    assert (alert.occurrences, seconds(alert.began_at), seconds(alert.last_at), alert.over_at) == (3, 0, 55, None)
    ended("x3", "e3", 95, algo_code="leave_post")
    alert = first()
    assert (seconds(alert.over_at), alert.whole_duration_s) == (95, 95)


def test_an_end_counts_though_another_hub_stored_a_repeat_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    store("e1", algo_code="leave_post")
    read_before = first()
    store("e2", 40, algo_code="leave_post")
    ended("x2", "e2", 50, algo_code="leave_post")
    monkeypatch.setattr(store_module, "_started", lambda event, started_id: read_before)
    ended("x1", "e1", 30, algo_code="leave_post")
    assert seconds(first().over_at) == 50


def test_while_a_rule_that_ends_goes_on_a_repeat_joins_however_late() -> None:
    store("e1", algo_code="occupancy")
    store("e2", 1800, algo_code="occupancy")
    store("i1", bind_id="bind-2")
    store("i2", 1800, bind_id="bind-2")
    assert groups() == {"e1": ["e1", "e2"], "i1": ["i1"], "i2": ["i2"]}


@pytest.mark.parametrize(
    "changes",
    [
        {"bind_id": "bind-2"}, {"camera_id": "vid2"}, {"device_id": "box-2"}, {"severity": "critical"},
        {"data": {"kind": "few"}}, {"timestamp": AT + 3601},
    ],
)  # fmt: skip
def test_what_is_no_repeat(changes: dict[str, Any]) -> None:
    make_all("box-2", site="Yard", number=2)
    store("e1")
    body = alert_body("e2", **{"timestamp": AT + 1, **changes})
    store_event(entry(body), device_id=body["device_id"])
    assert groups() == {"e1": ["e1"], "e2": ["e2"]}


def test_kinds_that_take_turns_are_two_alerts() -> None:
    for number in range(6):
        store(f"e{number}", number, data={"kind": ("few", "many")[number % 2]})
    assert groups() == {"e0": ["e0", "e2", "e4"], "e1": ["e1", "e3", "e5"]}


def test_evidence_of_each_occurrence_is_kept_and_found() -> None:
    store("e1")
    store("e2", 5)
    store_event(entry(evidence_body("n2", "e2")), device_id="box-1")
    assert Alert.objects.get(event_id="e2").capture_ready
    assert not first().capture_ready
    page = text(browser("operator").get(f"{LIST}{first().pk}/change/"))
    assert 'src="/api/media/captures/20261122/vid1_e2.jpg"' in page
    assert re.findall(r'href="(/alerts/[^"]+)"><', page) == ["/alerts/e2", "/alerts/e1"]


# What people do


def test_people_act_on_the_whole_and_from_any_of_its_pages() -> None:
    kim = make_person("kim", "operator")
    store("e1")
    store("e2", 5)
    answer = services.acknowledge(event_id="e2", user=kim, now=NOON)
    assert (answer.event_id, answer.state) == ("e2", "acknowledged")
    store("e3", 9)
    services.assign(event_id="e1", user=kim, now=NOON, assignee="kim")
    rows = list(Alert.objects.values_list("state", "acknowledged_by", "assignee"))
    assert rows == [("acknowledged", "kim", "kim")] * 3
    services.resolve(event_id="e3", user=kim, now=NOON, verdict="false")
    assert set(Alert.objects.values_list("state", "verdict")) == {("resolved", "false")}
    steps = list(AlertStep.objects.order_by("id").values_list("event_id", "kind"))
    assert steps == [("e1", "acknowledged"), ("e1", "assigned"), ("e1", "resolved")]
    assert binding_precision(kim, since=NOON - timedelta(days=9))["bind-1"].wrong == 1


def test_after_a_persons_last_word_a_repeat_is_a_new_alert() -> None:
    kim = make_person("kim", "operator")
    store("e1")
    services.resolve(event_id="e1", user=kim, now=NOON, from_open=True)
    store("e2", 5)
    store("e3", 9)
    assert groups() == {"e1": ["e1"], "e2": ["e2", "e3"]}
    assert Alert.objects.get(event_id="e2").state == "open"


def test_many_at_once_with_their_repeats() -> None:
    kim = make_person("kim", "operator")
    store("e1")
    store("e2", 5)
    outcome = many.resolve_many(event_ids=["e1", "e2", "gone"], user=kim, now=NOON)
    assert (outcome.done, [event_id for event_id, _ in outcome.failed]) == (["e1", "e2"], ["gone"])
    assert set(Alert.objects.values_list("state", flat=True)) == {"resolved"}


def test_an_alert_is_escalated_once_with_its_repeats() -> None:
    rule = EscalationRule.objects.create(site=Camera.objects.get(pk="vid1").device.site, after_minutes=1)
    EscalationRule.objects.filter(pk=rule.pk).update(changed_at=timezone.now() - timedelta(days=1))
    store("e1")
    store("e2", 5)
    assert due(timezone.now() + timedelta(minutes=2)) == ["e1"]


def test_who_deletes_is_told_of_the_repeats() -> None:
    client = browser("superuser")
    store("e1")
    alone = text(client.get(f"{LIST}{first().pk}/delete/"))
    store("e2", 5)
    page = text(client.get(f"{LIST}{first().pk}/delete/"))
    assert ("alert-times" in alone, "All of its repeats go with it" in alone) == (False, False)
    assert re.search(r'id="alert-times">2 times, last [^<]+</strong> All of its repeats go with it', page)


def test_deleting_takes_the_repeats_too_and_none_comes_back() -> None:
    boss = make_person("boss", superuser=True)
    for number in range(1, 4):
        store(f"e{number}", number)
    delete_alert(event_id="e2", user=boss, reason="a test", now=NOON)
    assert (groups(), first().occurrences) == ({"e1": ["e1", "e3"]}, 2)
    delete_alert(event_id="e1", user=boss, reason="a test", now=NOON)
    gone = AlertStep.objects.filter(kind="deleted").order_by("id").values_list("event_id", flat=True)
    assert list(gone) == ["e2", "e1", "e3"]
    assert [store(f"e{number}", number) for number in range(1, 4)] == [None] * 3
    assert not Alert.objects.exists()


# Where they are shown


def listed(client: Client, query: str = "") -> list[str]:
    return re.findall(r'<tr class="alert-row" data-event="([^"]+)"', text(client.get(f"{LIST}{query}")))


def test_list_search_and_export_show_the_alert_once_and_each_when_asked() -> None:
    client = browser("operator")
    store("e1")
    store("e2", 40)
    store("o1", bind_id="bind-2")
    assert listed(client) == ["o1", "e1"]
    assert listed(client, "?repeats=each") == ["o1", "e2", "e1"]
    assert listed(client, "?q=e2") == ["e1"]
    assert listed(client, "?repeats=nonsense") == ["o1", "e1"]
    assert times(text(client.get(LIST))) == [f"2 times, last {clock(40)}"]
    for query, wanted in (({"q": ""}, ["o1", "e1"]), ({"repeats": "each"}, ["o1", "e2", "e1"])):
        rows = exported(client, **query)
        assert [row["event_id"] for row in rows] == wanted
    assert [(row["times"], row["part_of"], row["duration_s"]) for row in rows] == [
        ("1", "", ""), ("1", "e1", ""), ("2", "", "40.0"),
    ]  # fmt: skip


def times(page: str) -> list[str]:
    """What the page says of repeats; without the date that stands before the time on any other day."""
    return re.sub(r"\d{4}-\d\d-\d\d ", "", " ".join(re.findall(r'"alert-times">([^<]+)<', page))).splitlines()


def clock(after_s: float) -> str:
    return f"{datetime.fromtimestamp(AT + after_s, UTC):%H:%M}"


def test_the_api_gives_every_event_and_how_they_belong_together() -> None:
    store("e1")
    store("e2", 40)
    told = get(caller(), "alerts").json()["items"]
    keys = ("event_id", "part_of", "occurrences", "last_at", "whole_ended_at", "whole_duration_s")
    assert [tuple(a[key] for key in keys) for a in told] == [
        ("e2", "e1", 1, None, None, None), ("e1", None, 2, AT + 40, None, 40.0),
    ]  # fmt: skip
    assert [a["event_id"] for a in get(caller(), "alerts", repeats="false").json()["items"]] == ["e1"]


def test_the_page_of_a_repeat_leads_to_its_alert() -> None:
    store("e1")
    store("e2", 40)
    repeat = text(browser("operator").get(f"{LIST}{Alert.objects.get(event_id='e2').pk}/change/"))
    assert '<a id="alert-part-of" href="/alerts/e1">' in repeat
    assert '"event_id": "e1"' in repeat  # follows what people do with it
    alert = text(browser("viewer").get(f"{LIST}{first().pk}/change/"))
    assert times(alert) == [f"2 times, last {clock(40)}"]
    assert "alert-part-of" not in alert


def test_a_repeat_reaches_the_live_page_as_a_change_of_its_alert(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    settings.CLOUD_REDIS_URL = settings.CHANNEL_REDIS_URL = NOWHERE
    monkeypatch.setattr(LiveConsumer, "recheck_seconds", 0.15)
    store("e1")

    async def scenario(page: Page) -> None:
        hello = await page.open()
        assert [(a["event_id"], a["occurrences"]) for a in hello["alerts"]] == [("e1", 1)]
        for event_id, after_s in (("e2", 5), ("e3", 9)):
            await database_sync_to_async(store)(event_id, after_s)
        await page.hint("alerts", newest=3, changed=["e2", "e3"])
        told = await page.gather("event", seconds=0.4)
        assert [(a["event_id"], a["occurrences"]) for a in told] == [("e1", 3)]
        await database_sync_to_async(store_event)(entry(evidence_body("n3", "e3")), device_id="box-1")
        await page.hint("alerts", newest=3, changed=["e3"])
        assert [a["event_id"] for a in await page.gather("event", seconds=0.4)] == ["e1"]

    run(make_user(*SEES), scenario)
    live.redis_client.cache_clear()
    assert [a["event_id"] for a in live.newest_alerts(make_person("kim", "operator")).messages] == ["e1"]
    assert alert_message(first())["occurrences"] == 3
