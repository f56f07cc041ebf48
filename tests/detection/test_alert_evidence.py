"""Who saw, exported or deleted evidence is kept; what leaves as CSV is no formula; verdicts tell which bindings to trust."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from cameras.models import Camera, Site
from detection.alert_life import evidence, export, services, telling
from detection.alert_life.evidence import note_viewed
from detection.alert_life.models import AlertExport, AlertStep, EvidenceView
from detection.alert_life.precision_page import binding_precision
from detection.hub.store import store_event
from detection.models import Alert
from edgesite import storage
from tests.cameras.pages import browser, text
from tests.detection.alerts import alert_body, entry, make_alert
from tests.detection.calls import caller, exported, two_sites
from tests.rows import make_person

pytestmark = pytest.mark.django_db

LIST = "/admin/detection/alert/"
KEY = "captures/20261122/vid1_e1.jpg"
NOON = datetime(2026, 11, 22, 12, 34, 56, tzinfo=UTC)


@pytest.fixture
def sites(monkeypatch: pytest.MonkeyPatch) -> list[Site]:
    monkeypatch.setattr(evidence, "_noted", evidence._Noted())
    made = two_sites()
    Alert.objects.filter(event_id="e1").update(capture=KEY, capture_ready=True)
    return made


@pytest.fixture
def picture(sites: list[Site]) -> Iterator[None]:
    storage.put(KEY, b"a picture")
    yield
    storage.remove(KEY)


def views() -> list[tuple[str, str, datetime]]:
    return list(EvidenceView.objects.order_by("id").values_list("author", "event_id", "hour"))


def url(event_id: str, what: str) -> str:
    return f"{LIST}{Alert.objects.get(event_id=event_id).pk}/{what}/"


# Seen


def test_who_is_given_the_picture_is_noted(picture: None) -> None:
    client = caller()
    answer = client.get(f"/api/media/{KEY}")
    answer.close()
    assert answer.status_code == 200
    [(author, event_id, hour)] = views()
    assert (author.startswith("the operator"), event_id) == (True, "e1")
    assert (hour.minute, hour.second) == (0, 0)
    assert author in text(browser("viewer").get(url("e1", "change")))


def test_who_is_refused_it_is_not(picture: None, sites: list[Site]) -> None:
    assert caller(sites=[sites[1]]).get(f"/api/media/{KEY}").status_code == 404
    assert views() == []


def test_one_row_for_a_person_an_alert_and_an_hour(sites: list[Site], django_assert_num_queries: Any) -> None:
    kim, lee = make_person("kim", "viewer"), make_person("lee", "viewer")
    for minutes in (0, 1, 24):
        note_viewed(kim, KEY, now=NOON + timedelta(minutes=minutes))
    note_viewed(lee, KEY, now=NOON)
    note_viewed(kim, KEY, now=NOON + timedelta(minutes=30))
    at = NOON.replace(minute=0, second=0)
    assert views() == [("kim", "e1", at), ("lee", "e1", at), ("kim", "e1", at + timedelta(hours=1))]
    with django_assert_num_queries(0):  # this process knows already
        note_viewed(kim, KEY, now=NOON)


def test_two_processes_that_note_the_same_leave_one_row(sites: list[Site], monkeypatch: pytest.MonkeyPatch) -> None:
    kim = make_person("kim", "viewer")
    note_viewed(kim, KEY, now=NOON)
    monkeypatch.setattr(evidence, "_noted", evidence._Noted())
    note_viewed(kim, KEY, now=NOON)
    assert len(views()) == 1


def test_what_this_process_remembers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "REMEMBERED", 3)
    noted = evidence._Noted()
    for n in range(10):
        noted.add((n, KEY, NOON))
    assert [noted.holds((n, KEY, NOON)) for n in (6, 7, 9)] == [False, True, True]


# Exported


def test_the_export_is_the_list_and_is_noted(sites: list[Site]) -> None:
    rows = exported(browser("operator"), state="open", page="7")
    assert [row["event_id"] for row in rows] == ["e2", "e1"]
    assert (rows[1]["site"], rows[1]["camera"], rows[1]["algorithm"]) == ("Kitchen", "Line 1", "intrusion")
    assert rows[1]["link"] == "http://testserver/alerts/e1"
    [row] = AlertExport.objects.all()
    assert (row.author, row.query, row.rows) == ("the operator", "state=open", 2)
    shown = text(browser("admin").get(f"{LIST}audit/"))
    assert "state=open" in shown
    assert "state=open" not in text(browser("viewer").get(f"{LIST}audit/"))


def test_the_export_holds_what_the_person_may_see(sites: list[Site]) -> None:
    assert [row["event_id"] for row in exported(browser("viewer", sites=[sites[0]]))] == ["e1"]
    assert browser("operator").get(f"{LIST}export/").status_code == 405
    assert Client().post(f"{LIST}export/").status_code == 302


def test_a_long_export_goes_in_pieces(sites: list[Site], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PIECE", 7)
    wanted = ["e1", "e2", *(make_alert(f"a{n}").event_id for n in range(30))][::-1]
    assert [row["event_id"] for row in exported(browser("operator"))] == wanted
    assert AlertExport.objects.get().rows == 32


@pytest.mark.parametrize("text_of", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1", '=HYPERLINK("http://x","y")'])
def test_no_cell_is_a_formula(sites: list[Site], text_of: str) -> None:
    Camera.objects.filter(pk="vid1").update(name=text_of)
    Alert.objects.filter(event_id="e1").update(verdict_reason=text_of, roi_name='quo"te, and\nline')
    row = next(row for row in exported(browser("operator")) if row["event_id"] == "e1")
    assert (row["camera"], row["reason"]) == (f"'{text_of}", f"'{text_of}")
    assert row["roi"] == 'quo"te, and\nline'


# Deleted


def test_a_deleted_alert_leaves_a_tombstone(
    picture: None, sites: list[Site], monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    told: list[list[str]] = []
    monkeypatch.setattr(telling, "tell", told.append)
    kim = make_person("kim", "operator")
    services.resolve(event_id="e1", user=kim, now=NOON, verdict="false", from_open=True)
    client = browser("superuser")
    where = url("e1", "delete")
    assert "This cannot be undone" in text(client.get(where))
    client.post(where, {"reason": " "})
    assert Alert.objects.filter(event_id="e1").exists()
    with django_capture_on_commit_callbacks(execute=True):
        client.post(where, {"reason": "a person asked for it"})
    assert not Alert.objects.filter(event_id="e1").exists()
    assert not storage.exists(KEY)
    assert told == [["e1"]]
    steps = AlertStep.objects.filter(event_id="e1")
    assert [s.kind for s in steps] == ["acknowledged", "resolved", "deleted"]
    last = steps[2]
    assert (last.author, last.note, last.device_id, last.camera_id) == (
        "the superuser", "a person asked for it", "box-1", "vid1",
    )  # fmt: skip
    assert (last.details["verdict"], last.details["state"], last.details["capture"]) == ("false", "resolved", KEY)
    assert "a person asked for it" in text(browser("viewer", sites=[sites[0]]).get(f"{LIST}audit/"))
    assert "a person asked for it" not in text(browser("operator", sites=[sites[1]]).get(f"{LIST}audit/"))
    assert client.get("/alerts/e1").status_code == 404


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_no_role_deletes_alerts(sites: list[Site], role: str) -> None:
    assert browser(role).post(url("e1", "delete"), {"reason": "x"}).status_code == 403
    assert Alert.objects.filter(event_id="e1").exists()


def test_a_device_that_sends_a_deleted_alert_again_does_not_bring_it_back(sites: list[Site]) -> None:
    body = alert_body("e5")
    assert store_event(entry(body), device_id="box-1") == "e5"
    browser("superuser").post(url("e5", "delete"), {"reason": "x"})
    end = alert_body("e6", phase="ended", data={"started_event_id": "e5"}, capture="")
    for again in (body, end):
        assert store_event(entry(again), device_id="box-1") is None
    assert not Alert.objects.filter(event_id__in=["e5", "e6"]).exists()


# Verdicts


def judge(kim: Any, count: int, verdict: str, **values: Any) -> None:
    for n in range(count):
        event_id = make_alert(f"{verdict}{values.get('bind_id', '')}{n}", timestamp=timezone.now(), **values).event_id
        services.resolve(event_id=event_id, user=kim, now=timezone.now(), verdict=verdict, from_open=True)


def test_verdicts_make_a_figure_for_each_binding(sites: list[Site]) -> None:
    kim = make_person("kim", "operator")
    judge(kim, 1, "true")
    judge(kim, 5, "false")
    judge(kim, 6, "true", bind_id="bind-2", device_id="box-2", camera_id="vid2")
    judge(kim, 1, "", bind_id="bind-9")
    found = binding_precision(kim, since=timezone.now() - timedelta(days=1))
    assert {b: (p.right, p.wrong, p.suspicious) for b, p in found.items()} == {
        "bind-1": (1, 5, True), "bind-2": (6, 0, False),
    }  # fmt: skip
    assert binding_precision(kim, since=timezone.now() + timedelta(days=1)) == {}
    shown = re.sub(r"<[^>]+>|\s+", " ", text(browser("viewer").get(f"{LIST}precision/")))
    assert "1 suspicious binding" in shown
    assert shown.index("Door 1") < shown.index("Door 2")
    assert "17%" in shown
    limited = text(browser("operator", sites=[sites[1]]).get(f"{LIST}precision/"))
    assert "Door 1" not in limited
    assert "Door 2" in limited


def test_without_verdicts_the_page_says_what_it_will_show(sites: list[Site]) -> None:
    assert "No verdicts yet" in text(browser("viewer").get(f"{LIST}precision/"))
