"""Acting on alerts over HTTP (DESIGN 5.6). What is refused, and how: `test_alert_invalid_input`."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from cameras.models import Site
from detection.models import Alert
from edgesite.tokens import create_token
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


def test_a_session_without_the_csrf_token_is_refused(sites: list[Site]) -> None:
    signed_in = caller()
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = signed_in.cookies
    assert post(strict, "e1", "ack").status_code == 403
    assert Alert.objects.get(event_id="e1").state == "open"


def test_only_post_acts(sites: list[Site]) -> None:
    assert caller().get("/api/alerts/e1/ack").status_code == 405
