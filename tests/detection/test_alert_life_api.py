"""Acting on alerts over HTTP: each wrong input with the exact answer (DESIGN 5.6)."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from cameras.models import Site
from detection.core.events import EventError, parse_event
from detection.models import Alert
from edgesite.tokens import create_token
from tests.detection.alerts import alert_body, entry
from tests.detection.calls import caller, problem, two_sites

pytestmark = pytest.mark.django_db


@pytest.fixture
def sites() -> list[Site]:
    return two_sites()


def post(client: Client, event_id: str, what: str, body: Any = None, **headers: str) -> Any:
    data = "" if body is None else body
    return client.post(f"/api/alerts/{event_id}/{what}", data, content_type="application/json", headers=headers)


def test_from_open_to_resolved_without_a_body(sites: list[Site]) -> None:
    client = caller()
    first = post(client, "e1", "ack")
    assert (first.status_code, first.json()["state"], first.json()["event_id"]) == (200, "acknowledged", "e1")
    assert first.json()["camera_name"] == "Line 1"
    assert first.json()["capture_url"] is None
    last = post(client, "e1", "resolve").json()
    assert (last["state"], last["verdict"], last["resolved_by"]) == ("resolved", "", last["acknowledged_by"])
    assert last["resolved_at"] >= last["acknowledged_at"]


def test_with_note_verdict_and_assignment(sites: list[Site]) -> None:
    client = caller()
    me = post(client, "e1", "ack", {"note": "on my way"}).json()["acknowledged_by"]
    assert post(client, "e1", "assign", {"assignee": me}).json()["assignee"] == me
    assert post(client, "e1", "note", {"note": "a cat"}).status_code == 200
    answer = post(client, "e1", "resolve", {"verdict": "false", "reason": "a cat"}).json()
    assert (answer["verdict"], answer["verdict_reason"]) == ("false", "a cat")


def test_a_machine_acts_with_its_token(sites: list[Site]) -> None:
    token = create_token(name="scada", role="operator")
    answer = post(Client(), "e1", "ack", authorization=f"Bearer {token}")
    assert (answer.status_code, answer.json()["acknowledged_by"]) == (200, "token:scada")


@pytest.mark.parametrize(
    ("event_id", "what", "body", "expected"),
    [
        ("e1", "resolve", None, (409, "The alert is open: acknowledge it before you resolve it.")),
        ("nowhere", "ack", None, (404, "There is no such alert.")),
        ("nowhere", "resolve", None, (404, "There is no such alert.")),
        ("e2", "ack", None, (404, "There is no such alert.")),
        ("e2", "note", {"note": "x"}, (404, "There is no such alert.")),
        ("e1", "ack", {"note": "x" * 2001}, (422, "`note` has more than 2000 characters.")),
        ("e1", "ack", {"note": "a\x07bell"}, (422, "`note` holds a control character.")),
        ("e1", "note", {"note": " "}, (422, "`note` is empty.")),
        ("e1", "assign", {"assignee": "a stranger"}, (422, "`assignee` is nobody who may act on this alert.")),
        ("e1", "assign", {"assignee": "a\ud800"}, (422, "`assignee` holds a control character.")),
        ("e1", "assign", {"assignee": "a\x00"}, (422, "`assignee` holds a control character.")),
        ("e1", "resolve", {"reason": "x" * 501}, (422, "`reason` has more than 500 characters.")),
        ("..", "ack", None, (404, "There is no such alert.")),
    ],
)
def test_what_is_wrong_is_answered_exactly(
    sites: list[Site], event_id: str, what: str, body: Any, expected: tuple[int, str]
) -> None:
    client = caller(sites=[sites[0]])
    assert problem(post(client, event_id, what, body)) == expected
    assert set(Alert.objects.values_list("state", flat=True)) == {"open"}


@pytest.mark.parametrize(
    ("body", "loc"), [({"verdict": "maybe"}, "verdict"), ({"note": 5}, "note"), ({"note": ["x"]}, "note")]
)
def test_a_body_of_another_form_is_422_and_says_where(sites: list[Site], body: Any, loc: str) -> None:
    status, detail = problem(post(caller(), "e1", "resolve", body))
    assert (status, detail[0]["loc"][-1]) == (422, loc)


def test_wrong_transitions_name_who_was_faster(sites: list[Site]) -> None:
    Alert.objects.filter(event_id="e1").update(
        state="acknowledged", acknowledged_by="kim", acknowledged_at=timezone.now().replace(2026, 11, 22, 8, 30, 5, 0)
    )
    client = caller()
    assert problem(post(client, "e1", "ack")) == (409, "The alert was acknowledged by kim at 2026-11-22T08:30:05Z.")
    Alert.objects.filter(event_id="e2").update(state="resolved")  # an end that came alone: nobody resolved it
    for what in ("ack", "resolve"):
        assert problem(post(client, "e2", what)) == (409, "The alert is resolved already.")


@pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer ", "Basic YTpi", "es_", ""])
def test_a_broken_token_is_401(sites: list[Site], header: str) -> None:
    answer = post(Client(), "e1", "ack", authorization=header)
    assert problem(answer) == (401, "Unauthorized")
    assert Alert.objects.get(event_id="e1").state == "open"


def test_a_viewer_may_not_act(sites: list[Site]) -> None:
    client = caller("viewer")
    for what, body in (("ack", None), ("resolve", None), ("note", {"note": "x"}), ("assign", {"assignee": ""})):
        assert problem(post(client, "e1", what, body)) == (403, "Your role does not allow this.")
    assert problem(post(client, "nowhere", "ack")) == (403, "Your role does not allow this.")


def test_a_session_without_the_csrf_token_is_refused(sites: list[Site]) -> None:
    signed_in = caller()
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = signed_in.cookies
    assert post(strict, "e1", "ack").status_code == 403
    assert Alert.objects.get(event_id="e1").state == "open"


def test_only_post_acts(sites: list[Site]) -> None:
    assert caller().get("/api/alerts/e1/ack").status_code == 405


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"camera_id": "vid\x001"}, "camera_id: Value error, holds a control character"),
        ({"roi_id": "a\nb"}, "roi_id: Value error, holds a control character"),
        ({"bind_id": "\x1b[2J"}, "bind_id: Value error, holds a control character"),
        ({"event_id": "e\x7f1"}, "event_id: Value error, holds a control character"),
        ({"capture": "captures/../../etc/passwd"}, "capture: Value error, is not a key below captures/"),
        ({"capture": "captures/a\rb.jpg"}, "capture: Value error, holds a control character"),
    ],
)
def test_control_characters_in_device_messages_are_refused_for_good(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(EventError) as refused:
        parse_event(entry(alert_body(**changes)), device_id="box-1")
    assert str(refused.value) == reason
