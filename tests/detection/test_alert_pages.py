"""The list of alerts and an alert's page: what is shown to whom, and what can be done there."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from cameras.models import ROI, Camera, Site
from detection.alert_life import services
from detection.alert_life.models import AlertStep, SavedAlertFilter
from detection.models import Alert
from tests.cameras.pages import browser, text
from tests.detection.alerts import AT, make_alert
from tests.detection.calls import two_sites
from tests.rows import make_person
from tests.servers.stack import Form

pytestmark = pytest.mark.django_db

LIST = "/admin/detection/alert/"


@pytest.fixture
def sites() -> list[Site]:
    return two_sites()


def listed(client: Client, query: str = "") -> list[str]:
    """Event ids on the page, in its order."""
    answer = client.get(f"{LIST}{query}")
    assert answer.status_code == 200
    return re.findall(r'<tr class="alert-row" data-event="([^"]+)"', text(answer))


def page(client: Client, event_id: str = "e1") -> str:
    answer = client.get(f"{LIST}{Alert.objects.get(event_id=event_id).pk}/change/")
    assert answer.status_code == 200
    return text(answer)


def act(client: Client, event_id: str = "e1", **fields: str) -> Any:
    return client.post(f"{LIST}{Alert.objects.get(event_id=event_id).pk}/act/", fields, follow=True)


def said(answer: Any) -> list[str]:
    """The messages on the page."""
    found = re.findall(r'<ul class="messagelist">(.*?)</ul>', text(answer), re.DOTALL)
    return [html.unescape(m) for part in found for m in re.findall(r"<li[^>]*>(.*?)</li>", part, re.DOTALL)]


# The list


def test_the_list_says_what_where_when_and_how_it_stands(sites: list[Site]) -> None:
    kim = make_person("kim", "operator")
    services.acknowledge(event_id="e2", user=kim, now=timezone.now())
    services.assign(event_id="e2", user=kim, now=timezone.now(), assignee="kim")
    shown = text(browser("viewer").get(LIST))
    assert listed(browser("operator")) == ["e2", "e1"]
    for words in (
        "Line 2",
        "Warehouse",
        "Door 1",
        "Intrusion",
        "Warning",
        "Acknowledged",
        "kim · just now",
        "2 alerts",
    ):
        assert words in shown
    assert 'name="ids"' not in shown  # a viewer chooses nothing


def test_who_sees_one_site_sees_its_alerts_only(sites: list[Site]) -> None:
    limited = browser("operator", sites=[sites[0]])
    assert listed(limited) == ["e1"]
    shown = text(limited.get(LIST))
    assert not re.search("Warehouse|vid2|box-2", shown)
    for query in ("?camera=vid2", f"?site={sites[1].pk}", "?q=Warehouse", "?q=e2"):
        assert listed(limited, query) == []
    foreign = Alert.objects.get(event_id="e2").pk
    for url in (f"{LIST}{foreign}/change/", "/alerts/e2", f"{LIST}999/change/", "/alerts/nowhere"):
        assert limited.get(url).status_code == 404
    assert limited.post(f"{LIST}{foreign}/act/", {"do": "ack"}).status_code == 404
    assert limited.get(f"{LIST}rows/?ids=e1,e2").json()["rows"].keys() == {"e1"}


def test_filters_of_the_list(sites: list[Site]) -> None:
    at = datetime.fromtimestamp(AT, UTC)
    kim = make_person("kim", "operator")
    make_alert("old", camera_id="gone", severity="critical", algo_code="loitering", timestamp=at - timedelta(days=40))
    services.assign(event_id="e1", user=kim, now=timezone.now(), assignee="kim")
    services.resolve(event_id="e2", user=kim, now=timezone.now(), verdict="false", from_open=True)
    client = Client()
    client.force_login(kim)
    day = f"{at:%Y-%m-%d}"
    for query, wanted in (
        ("?state=open", ["old", "e1"]), ("?state=unresolved", ["old", "e1"]), ("?state=resolved", ["e2"]),
        ("?severity=critical", ["old"]), (f"?site={sites[1].pk}", ["e2"]), ("?camera=gone", ["old"]),
        ("?algorithm=loitering", ["old"]), ("?assignee=me", ["e1"]), ("?assignee=nobody", ["old", "e2"]),
        ("?verdict=false", ["e2"]), ("?verdict=none", ["old", "e1"]), ("?binding=bind-1&state=open", ["old", "e1"]),
        (f"?since={day}&until={day}", ["e2", "e1"]), (f"?until={at - timedelta(days=30):%Y-%m-%d}", ["old"]),
        ("?since=2027-01-01", []), ("?state=open&severity=critical&q=gone", ["old"]),
        ("?state=nonsense&severity=&site=x&since=never&after=%00", ["old", "e2", "e1"]),
        ("?site=99999999999999999999", ["old", "e2", "e1"]), ("?q=%00", ["old", "e2", "e1"]),
    ):  # fmt: skip
        assert listed(client, query) == wanted, query


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("e1", ["e1"]), ("kitchen", ["e1"]), ("Line 2", ["e2"]), ("line", ["e2", "e1"]), ("box-2", ["e2"]),
        ("Door", ["e2", "e1"]), ("door kitchen", ["e1"]), ("intrusion", ["e2", "e1"]), ("bind-1", ["e2", "e1"]),
        ("nothing like it", []),
    ],
)  # fmt: skip
def test_search_over_sites(sites: list[Site], words: str, wanted: list[str]) -> None:
    Alert.objects.filter(event_id="e2").update(roi_id="roi-2")
    assert listed(browser("operator"), f"?q={words}") == wanted


def test_pages_have_no_doubles_and_no_gaps_in_both_directions(sites: list[Site]) -> None:
    Alert.objects.all().delete()
    wanted = [make_alert(f"a{n:03}", severity="critical" if n % 3 else "info").event_id for n in range(120)][::-1]
    client = browser("operator")
    for query, rows in (("", wanted), ("severity=info", [e for e in wanted if int(e[1:]) % 3 == 0])):
        seen, url, pages = [], f"?{query}", []
        while url:
            answer = text(client.get(f"{LIST}{url}"))
            part = re.findall(r'data-event="([^"]+)"', answer)
            seen += part
            pages.append(part)
            older = re.search(r'id="page-older" href="([^"]+)"', answer)
            newer = re.search(r'id="page-newer" href="([^"]+)"', answer)
            url = html.unescape(older[1]) if older else ""
        assert seen == rows
        if newer:
            assert listed(client, html.unescape(newer[1])) == pages[-2]
    assert "120 alerts" in text(client.get(LIST))


def test_the_list_is_not_counted_to_its_end(sites: list[Site], monkeypatch: pytest.MonkeyPatch) -> None:
    from detection.alert_life import list_page, paging

    monkeypatch.setattr(paging, "FIRST_STRETCH", 3)
    monkeypatch.setattr(list_page, "COUNTED", 50)
    monkeypatch.setattr(list_page, "count_up_to", lambda rows, most=50: paging.count_up_to(rows, most))
    for n in range(60):
        make_alert(f"a{n}")
    assert "more than 50 alerts" in text(browser("operator").get(LIST))


@pytest.mark.parametrize("many", [5, 50])
def test_list_and_page_ask_the_database_few_questions(
    sites: list[Site], many: int, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    for n in range(many):
        make_alert(f"a{n}", device_id=f"box-{n % 2 + 1}", camera_id=f"vid{n % 2 + 1}")
    client = browser("operator")
    with django_assert_max_num_queries(18):
        client.get(LIST)
    with django_assert_max_num_queries(27):
        client.get(f"{LIST}?q=line&site={sites[0].pk}&since=2026-01-01&state=open")
    with django_assert_max_num_queries(24):
        page(client)


def test_an_empty_list_says_what_it_will_show(sites: list[Site]) -> None:
    client = browser("operator")
    assert "No alert matches" in text(client.get(f"{LIST}?severity=critical"))
    Alert.objects.all().delete()
    assert "No alerts yet" in text(client.get(LIST))
    assert "Watch live" in text(client.get(LIST))


def test_rows_as_they_are_now_and_how_many_are_newer(sites: list[Site]) -> None:
    client = browser("operator")
    newest = Alert.objects.get(event_id="e2").pk
    make_alert("e3")
    make_alert("e4", severity="critical")
    answer = client.get(f"{LIST}rows/?ids=e1,unknown&newest={newest}").json()
    assert answer["newer"] == 2
    assert list(answer["rows"]) == ["e1"]
    assert 'data-state="open"' in answer["rows"]["e1"]
    assert client.get(f"{LIST}rows/?ids=&newest={newest}&severity=critical").json() == {"rows": {}, "newer": 1}


def test_saved_filters_are_each_persons_own(sites: list[Site]) -> None:
    client, other = browser("operator"), browser("admin")
    url = f"{LIST}filters/"
    answer = client.post(url, {"name": "Night", "query": "state=open&severity=critical&page=7"})
    assert answer["Location"] == f"{LIST}?state=open&severity=critical"
    client.post(url, {"name": "Night", "query": "state=open"})
    assert 'href="?state=open">Night' in text(client.get(LIST))
    assert "Night" not in text(other.get(LIST))
    saved = SavedAlertFilter.objects.get()
    other.post(url, {"remove": str(saved.pk)})
    assert SavedAlertFilter.objects.count() == 1
    client.post(url, {"remove": str(saved.pk)})
    assert SavedAlertFilter.objects.count() == 0
    assert said(client.post(url, {"name": " ", "query": ""}, follow=True)) == [
        "A filter's name has 1 to 60 characters."
    ]
    for n in range(31):
        answer = client.post(url, {"name": f"f{n}", "query": "state=open"}, follow=True)
    assert said(answer) == ["30 filters are saved; remove one first."]


# Bulk


def test_many_are_acknowledged_after_a_confirmation(sites: list[Site]) -> None:
    client = browser("operator")
    lee = make_person("lee", "operator")
    services.acknowledge(event_id="e1", user=lee, now=timezone.now())
    asked = text(client.post(f"{LIST}bulk/", {"do": "ack", "ids": ["e1", "e2"], "query": "state=open"}))
    assert "Acknowledge 2 alerts?" in asked
    assert Alert.objects.get(event_id="e2").state == "open"
    form = Form(asked).fields | {"note": ["round"]}
    answer = client.post(f"{LIST}bulk/", form, follow=True)
    assert answer.redirect_chain == [(f"{LIST}?state=open", 302)]
    assert said(answer)[0] == "1 alert acknowledged."
    assert said(answer)[1].startswith("The alert was acknowledged by lee at ")
    assert AlertStep.objects.get(event_id="e2").note == "round"


def test_many_are_resolved_and_given_away(sites: list[Site]) -> None:
    client = browser("operator")
    make_person("kim", "operator")
    form = Form(text(client.post(f"{LIST}bulk/", {"do": "assign", "ids": ["e1", "e2"]}))).fields
    answer = client.post(f"{LIST}bulk/", form | {"assignee": ["kim"]}, follow=True)
    assert said(answer) == ["2 alerts assigned."]
    form = Form(text(client.post(f"{LIST}bulk/", {"do": "resolve", "ids": ["e1", "e2"]}))).fields
    client.post(f"{LIST}bulk/", form | {"verdict": ["false"], "reason": ["cats"]})
    rows = Alert.objects.values_list("state", "verdict", "verdict_reason", "assignee")
    assert set(rows) == {("resolved", "false", "cats", "kim")}


def test_bulk_acts_are_for_operators_and_for_visible_alerts(sites: list[Site]) -> None:
    given: dict[str, Any] = {"do": "ack", "ids": ["e1", "e2"], "confirmed": "1"}
    assert browser("viewer").post(f"{LIST}bulk/", given).status_code == 403
    limited = browser("operator", sites=[sites[0]])
    answer = limited.post(f"{LIST}bulk/", given, follow=True)
    assert said(answer) == ["1 alert acknowledged.", "There is no such alert."]
    assert Alert.objects.get(event_id="e2").state == "open"
    assert said(limited.post(f"{LIST}bulk/", {"do": "ack"}, follow=True)) == ["Choose alerts first."]
    assert said(limited.post(f"{LIST}bulk/", {"do": "burn", "ids": ["e1"]}, follow=True)) == ["Choose alerts first."]
    too_long = {"do": "resolve", "ids": ["e1"], "confirmed": "1", "note": "x" * 2001}
    answer = limited.post(f"{LIST}bulk/", too_long)
    assert said(answer) == ["`note` has more than 2000 characters."]
    assert "Resolve 1 alert?" in text(answer)


# An alert's page


def test_the_permanent_link_leads_to_the_page(sites: list[Site]) -> None:
    pk = Alert.objects.get(event_id="e1").pk
    assert browser("viewer").get("/alerts/e1")["Location"] == f"{LIST}{pk}/change/"
    assert Client().get("/alerts/e1")["Location"] == "/login/?next=/alerts/e1"
    assert "http://testserver/alerts/e1" in page(browser("operator"))


def test_from_acknowledged_to_resolved_on_the_page(sites: list[Site]) -> None:
    client = browser("operator")
    assert said(act(client, do="ack", note="on my way")) == ["Acknowledged."]
    assert said(act(client, do="assign", assignee="the operator")) == ["Assigned."]
    answer = act(client, do="resolve", verdict="false", reason="a cat")
    assert said(answer) == ["Resolved."]
    steps = re.search(r'id="alert-steps">(.*?)</ol>', text(answer), re.DOTALL)
    assert steps
    words = re.sub(r"<[^>]+>|\s+", " ", steps[1])
    order = ["Raised", "Acknowledged", "on my way", "Assigned to the operator", "Resolved: False alarm (a cat)"]
    places = [words.index(each) for each in order]
    assert places == sorted(places)
    assert 'id="act-resolve"' not in text(answer)


def test_somebody_was_faster(sites: list[Site]) -> None:
    client, lee = browser("operator"), make_person("lee", "operator")
    services.acknowledge(event_id="e1", user=lee, now=datetime(2026, 11, 22, 8, tzinfo=UTC))
    words = "The alert was acknowledged by lee at 2026-11-22T08:00:00Z."
    assert said(act(client, do="ack")) == [words]
    pk = Alert.objects.get(event_id="e1").pk
    answer = client.post(f"{LIST}{pk}/act/", {"do": "ack"}, headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()) == (409, {"detail": words})
    assert said(act(client, do="burn")) == ["There is no such step."]


def test_a_viewer_looks_and_cannot_act(sites: list[Site]) -> None:
    client = browser("viewer")
    assert 'name="do"' not in page(client)
    assert said(act(client, do="ack")) == ["Your role does not allow this."]
    assert Alert.objects.get(event_id="e1").state == "open"


def test_the_overlay_is_beside_the_picture_and_shows_the_region_of_then(sites: list[Site]) -> None:
    roi = ROI.objects.get(roi_id="roi-1")
    roi.coordinates = [[0.2, 0.2], [0.4, 0.2], [0.4, 0.4]]
    roi.save()  # after the alert, or before it
    Alert.objects.filter(event_id="e1").update(
        data={"box": [0.1, 0.2, 0.3, 0.6]}, capture="captures/20261122/a.jpg", capture_ready=True,
        timestamp=timezone.now() + timedelta(seconds=1),
    )  # fmt: skip
    client = browser("viewer")
    shown = page(client)
    assert 'points="20.00,20.00 40.00,20.00 40.00,40.00"' in shown
    assert '<rect class="alert-box alert-box-about" x="10.00" y="20.00" width="20.00" height="40.00"/>' in shown
    assert 'src="/api/media/captures/20261122/a.jpg"' in shown
    moved = ROI.objects.get(roi_id="roi-1")
    Alert.objects.filter(event_id="e1").update(timestamp=timezone.now())
    moved.coordinates = [[0.9, 0.9], [0.95, 0.9], [0.95, 0.95]]
    moved.save()
    assert 'points="20.00,20.00 40.00,20.00 40.00,40.00"' in page(client)


def test_what_the_device_sent_is_what_is_drawn(sites: list[Site]) -> None:
    sent = {
        "objects": [{"track_id": 7, "box": [0.5, 0.5, 0.6, 0.7]}, {"track_id": 8, "box": [0.1, 0.1, 0.2, 0.2]}, "x"],
        "roi": {"type": "rectangle", "points": [[0.3, 0.3], [0.7, 0.8]]}, "about": 7,
    }  # fmt: skip
    data = {"overlay": sent, "box": [0.0, 0.0, 1.0, 1.0]}
    Alert.objects.filter(event_id="e1").update(data=data, capture="captures/a.jpg", capture_ready=True)
    shown = page(browser("viewer"))
    assert 'points="30.00,30.00 70.00,30.00 70.00,80.00 30.00,80.00"' in shown
    assert '<rect class="alert-box alert-box-about" x="50.00" y="50.00" width="10.00" height="20.00"/>' in shown
    assert '<rect class="alert-box" x="10.00" y="10.00" width="10.00" height="10.00"/>' in shown
    assert 'width="100.00"' not in shown


@pytest.mark.parametrize(
    "box",
    [
        None,
        [],
        "x",
        [0.1, 0.2, 0.3],
        [0, 0, "a", 1],
        [0.5, 0.5, 0.4, 0.6],
        [0, 0, 1e9, 1],
        [True] * 4,
        [10**400, 0, 1, 1],
    ],
)
def test_a_shape_that_is_none_is_not_drawn(sites: list[Site], box: Any) -> None:
    told = {"objects": [{"box": box}, box], "roi": {"type": "polygon", "points": box}}
    client = browser("viewer")
    for data in ({"box": box}, {"overlay": told}, {"overlay": box}):
        Alert.objects.filter(event_id="e1").update(data=data, capture="captures/a.jpg", capture_ready=True)
        assert "alert-box" not in page(client)


def test_half_a_character_in_stored_data_does_not_keep_the_page_away(sites: list[Site]) -> None:
    Alert.objects.filter(event_id="e1").update(data={"x": "a\ud800b"})
    assert "&quot;a?b&quot;" in page(browser("viewer"))


def test_names_and_notes_are_text(sites: list[Site]) -> None:
    script = "<script>alert(1)</script>"
    Camera.objects.filter(pk="vid1").update(name=script)
    Alert.objects.filter(event_id="e1").update(roi_name=script, data={"x": script})
    client = browser("operator")
    act(client, do="note", note=script)
    for shown in (page(client), text(client.get(LIST))):
        assert script not in shown
        assert "&lt;script&gt;" in shown


def test_an_alert_of_a_camera_that_is_gone_has_its_page(sites: list[Site]) -> None:
    Camera.objects.filter(pk="vid1").delete()
    assert "vid1" in page(browser("viewer"))
    assert listed(browser("operator"), "?q=vid1") == ["e1"]
