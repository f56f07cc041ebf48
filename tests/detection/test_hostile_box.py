"""A box that was taken over names cameras, regions and bindings of others. Its own people learn nothing by it, and nothing
of it stands at the cameras of others."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.utils import timezone

from cameras.models import ROI, Binding, Camera, Device, Site
from detection import live
from detection.alert_life import services
from detection.alert_life.asking import Question, wanted_alerts
from detection.alert_life.escalation import due
from detection.alert_life.escalation_models import EscalationRule
from detection.alert_life.marks import alert_marks
from detection.alert_life.precision_page import binding_precision
from detection.core.events import EventError
from detection.hub.store import store_event
from detection.models import Alert
from detection.notifying import states
from detection.notifying.messages import message_of
from detection.notifying.models import Delivery
from detection.places import boxes_of, own_cameras, places_at
from tests.cameras.pages import text
from tests.detection.alerts import AT, alert_body, entry, evidence_body, make_alert
from tests.detection.calls import exported, get, two_sites
from tests.detection.notifications import Hub, make_channel, make_rule
from tests.rows import SQUARE, make_device, make_person

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db

LIST = "/admin/detection/alert/"
# All of it is the Kitchen's: camera, region, site, its time zone, and the corner that its region was given.
SECRETS = ("Vault", "Safe door", "Kitchen", "Auckland", "13.37")
WEEK = "?since=2026-11-16&until=2026-11-23"


@pytest.fixture
def sites(monkeypatch: pytest.MonkeyPatch) -> list[Site]:
    monkeypatch.setattr(timezone, "now", lambda: datetime.fromtimestamp(AT + 60, UTC))
    found = two_sites()
    Site.objects.filter(name="Kitchen").update(time_zone="Pacific/Auckland")
    Camera.objects.filter(pk="vid1").update(name="Vault", location="Vault")
    roi = ROI.objects.get(roi_id="roi-1")
    roi.name, roi.coordinates = "Safe door", [[0.1337, 0.1337], *SQUARE[1:]]
    roi.save()
    lie("h1")
    store_event(entry(evidence_body("n1", "h1")), device_id="box-2")
    return found


def lie(event_id: str, after_s: float = 0.0, **changes: Any) -> str | None:
    """Box-2, the Warehouse's, says that it saw something at the Kitchen's camera."""
    body = alert_body(event_id, device_id="box-2", severity="critical", timestamp=AT + after_s, **changes)
    return store_event(entry(body), device_id="box-2")


def page(client: Client, user: User) -> str:
    return text(client.get(f"{LIST}{Alert.objects.get(event_id='h1').pk}/change/"))


def act(client: Client, user: User, **given: Any) -> str:
    return text(client.post("/api/alerts/h1/ack", "{}", "application/json", **given))


def verdicts(client: Client, user: User) -> str:
    services.resolve(event_id="h1", user=user, now=timezone.now(), verdict="false", from_open=True)
    return text(client.get(f"{LIST}precision/"))


def bulk(client: Client, user: User) -> str:
    return text(client.post(f"{LIST}bulk/", {"do": "ack", "ids": ["h1"]}))


def notified(client: Client, user: User) -> str:
    delivery = Delivery.objects.create(
        alert=Alert.objects.get(event_id="h1"), channel=make_channel(), key="k", due_at=timezone.now()
    )
    message = message_of(delivery)
    assert message is not None
    return f"{json.dumps(message.body)} {message.subject} {message.lines}"


CHANNELS: dict[str, Callable[[Client, User], str]] = {
    "the list": lambda client, user: text(client.get(LIST)),
    "the list by the camera": lambda client, user: text(client.get(f"{LIST}?camera=vid1")),
    "rows that are renewed": lambda client, user: client.get(f"{LIST}rows/?ids=h1").json()["rows"]["h1"],
    "the alert's page": page,
    "the page of many": bulk,
    "the file": lambda client, user: json.dumps(exported(client)),
    "the API's list": lambda client, user: json.dumps(get(client, "alerts", camera="vid1").json()),
    "the API's answer to a step": act,
    "the live page at first": lambda client, user: json.dumps(live.newest_alerts(user).messages),
    "the live page then": lambda client, user: json.dumps(
        live.alerts_since(user, last_id=0, sent=set(), changed=set()).messages
    ),
    "verdicts by binding": verdicts,
    "the report": lambda client, user: text(client.get(f"/admin/detection/coveragehour/{WEEK}")),
    "the report's file": lambda client, user: text(client.get(f"/admin/detection/coveragehour/export/{WEEK}")),
    "a notification": notified,
}


@pytest.mark.parametrize("channel", CHANNELS)
def test_its_people_learn_nothing_of_the_camera_that_it_names(sites: list[Site], channel: str) -> None:
    kim = make_person("kim", "admin", sites=[sites[1]])
    client = Client()
    client.force_login(kim)
    shown = CHANNELS[channel](client, kim)
    assert "h1" in shown or "vid1" in shown or channel == "verdicts by binding"
    assert [secret for secret in SECRETS if secret in shown] == []


def test_what_it_promised_as_its_picture_is_not_another_boxs(sites: list[Site]) -> None:
    key = "captures/20261122/vid1_e0.jpg"
    store_event(entry(alert_body("e0", bind_id="b0", capture=key)), device_id="box-1")
    with pytest.raises(EventError, match="the picture is that of another device's alert"):
        lie("h2", capture=key)
    assert lie("h3", capture="captures/20261122/of-a-foreign-make.jpg") == "h3"
    assert not Alert.objects.filter(event_id="h2").exists()


# At the camera of the other


def ids(answer: Any) -> list[str]:
    return [alert["event_id"] for alert in answer.json()["items"]]


def test_nothing_of_it_stands_at_the_camera(sites: list[Site]) -> None:
    boss = make_person("boss", "admin")
    client = Client()
    client.force_login(boss)
    around = (datetime.fromtimestamp(AT - 9, UTC), datetime.fromtimestamp(AT + 9, UTC))
    assert [m.url for m in alert_marks(boss, "vid1", *around).marks] == ["/alerts/e1"]
    assert ids(get(client, "alerts", camera="vid1")) == ["e1"]
    assert 'data-event="h1"' not in text(client.get(f"{LIST}?camera=vid1"))
    assert 'data-event="e1"' in text(client.get(f"{LIST}?camera=vid1"))
    assert sorted(ids(get(client, "alerts"))) == ["e1", "e2", "h1"]  # whoever sees all boxes sees it, at no camera
    told = {m["event_id"]: m["camera_name"] for m in live.newest_alerts(boss).messages}
    assert told == {"e1": "Vault", "e2": "Line 2", "h1": "vid1"}


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("Vault", ["e1"]), ("Safe", ["e1"]), ("Kitchen", ["e1"]), ("Warehouse", ["e2", "h1"]),
        ("vid1", ["e1", "h1"]), ("Line", ["e2"]),
    ],
)  # fmt: skip
def test_the_cameras_names_do_not_find_it_for_people_of_both_sites(
    sites: list[Site], word: str, wanted: list[str]
) -> None:
    both = make_person("both", "viewer", sites=sites)
    assert sorted(wanted_alerts(both, Question(q=word)).values_list("event_id", flat=True)) == wanted


def test_a_camera_that_moved_within_its_site_is_found_by_its_name_also_for_earlier_alerts(sites: list[Site]) -> None:
    vault = Camera.objects.get(pk="vid1")
    vault.device = make_device("box-3", site=sites[0])
    vault.save()
    both = make_person("both", "viewer", sites=sites)
    assert list(wanted_alerts(both, Question(q="Vault")).values_list("event_id", flat=True)) == ["e1"]
    assert places_at(["vid1"]) == {("box-1", "vid1"), ("box-3", "vid1")}


def test_brokers_are_told_nothing_of_it_for_the_camera(sites: list[Site]) -> None:
    cameras = list(Camera.objects.select_related("device__site", "device__status").order_by("pk"))
    Alert.objects.filter(event_id="e1").update(state="resolved")
    facts = states._facts(cameras, now=timezone.now())
    assert [(f.camera_id, f.alert) for f in facts] == [("vid1", False), ("vid2", True)]
    assert states._pictures(cameras) == []
    Alert.objects.filter(event_id="e1").update(capture="captures/20261122/vid1_e1.jpg", capture_ready=True)
    assert states._pictures(cameras) == [("vid1", "captures/20261122/vid1_e1.jpg")]


def test_a_rule_of_the_camera_or_its_site_does_not_tell_of_it(sites: list[Site]) -> None:
    hub = Hub()
    make_rule(make_channel(), name="Camera", camera=Camera.objects.get(pk="vid1"))
    make_rule(make_channel(name="2"), name="Site", site=sites[0])
    lie("h2", bind_id="other")
    assert hub.turn() == []
    make_alert("e3")
    assert sorted(m.body["rule"] for m in hub.turn()) == ["Camera", "Site"]


def test_a_binding_of_the_other_site_is_not_escalated_judged_or_repeated_by_it(sites: list[Site]) -> None:
    rule = EscalationRule.objects.create(site=sites[0], binding=Binding.objects.get(bind_id="bind-1"), after_minutes=1)
    EscalationRule.objects.filter(pk=rule.pk).update(changed_at=timezone.now() - timedelta(days=1))
    Alert.objects.update(received_at=timezone.now() - timedelta(hours=1))
    assert due(timezone.now()) == ["e1"]
    boss = make_person("boss", "admin")
    for event_id, verdict in (("h1", "false"), ("e1", "true"), ("e2", "true")):
        services.resolve(event_id=event_id, user=boss, now=timezone.now(), verdict=verdict, from_open=True)
    found = binding_precision(boss, since=timezone.now() - timedelta(days=1))
    assert {bind_id: (p.right, p.wrong) for bind_id, p in found.items()} == {"bind-1": (1, 0)}


def test_however_much_it_says_of_a_binding_repeats_still_find_their_alert(sites: list[Site]) -> None:
    for n in range(25):
        lie(f"h{n + 2}", n + 1.0, data={"kind": n})
    store_event(entry(alert_body("e3", timestamp=AT + 40)), device_id="box-1")
    assert Alert.objects.get(event_id="e3").part_of_id == "e1"
    assert not Alert.objects.filter(device_id="box-2", part_of__event_id="e1").exists()


# Cameras that move


def test_a_camera_keeps_the_alerts_of_an_earlier_box_of_its_site(sites: list[Site]) -> None:
    vault = Camera.objects.get(pk="vid1")
    vault.device = make_device("box-3", site=sites[0])
    vault.save()
    alerts = list(Alert.objects.order_by("event_id"))
    assert {event_id: str(c) for event_id, c in own_cameras(alerts).items()} == {"e1": "Vault", "e2": "Line 2"}
    assert sorted(boxes_of(vault)) == ["box-1", "box-3"]
    boss = make_person("boss", "admin")
    around = (datetime.fromtimestamp(AT - 9, UTC), datetime.fromtimestamp(AT + 9, UTC))
    assert [m.url for m in alert_marks(boss, "vid1", *around).marks] == ["/alerts/e1"]
    line = Client()
    line.force_login(boss)
    report = text(line.get(f"/admin/detection/coveragehour/export/{WEEK}"))
    assert "Kitchen,box-1,Vault" in report
    assert "Warehouse,box-2,vid1" in report


def test_a_camera_that_went_to_another_site_leaves_no_name_behind(sites: list[Site]) -> None:
    vault = Camera.objects.get(pk="vid1")
    vault.device = Device.objects.get(pk="box-2")
    vault.save()
    e1, h1 = (Alert.objects.get(event_id=event_id) for event_id in ("e1", "h1"))
    assert list(own_cameras([e1, h1])) == ["h1"]  # it is box-2's now
    assert boxes_of(vault) == ["box-2"]


def test_asking_for_own_cameras_costs_one_query(sites: list[Site], django_assert_num_queries: Any) -> None:
    for n in range(20):
        make_alert(f"a{n}", device_id=f"box-{n % 2 + 1}", camera_id=f"vid{n % 2 + 1}")
    alerts = list(Alert.objects.exclude(event_id="h1"))
    with django_assert_num_queries(1):
        own_cameras(alerts)
    alerts += Alert.objects.filter(event_id="h1")
    with django_assert_num_queries(3):
        own_cameras(alerts)
