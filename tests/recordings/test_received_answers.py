"""Snapshot answers that another installation posts here."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from cameras.models import Site
from edgesite.tokens import create_token
from recordings.orders import received, services
from recordings.orders.models import ReceivedAnswer
from tests.cameras.pages import browser, two_sites

pytestmark = pytest.mark.django_db

URL = "/api/ai/roi/snap/callback"
GOOD = {"request_id": "r 1/ä", "camera_code": "vid9", "status": "ok", "url": "https://there/x.jpg?sig=1"}
BAD = {"request_id": "r2", "camera_code": "", "status": "error", "message": "No camera has this code."}


def robot(role: str = "operator") -> Client:
    return Client(headers={"Authorization": f"Bearer {create_token(name=f'robot {role}', role=role)}"})


def post(client: Client, body: Any) -> Any:
    return client.post(URL, body, content_type="application/json")


def test_an_answer_is_kept_and_can_be_looked_up() -> None:
    client = robot()
    for body in (GOOD, BAD):
        assert post(client, body).status_code == 204
    found = client.get("/api/ai/roi/snap/answers/r2").json()
    assert found | {"received_at": 0} == {**BAD, "url": None, "received_at": 0}
    assert abs(found["received_at"] - timezone.now().timestamp()) < 60
    row = ReceivedAnswer.objects.get(request_id=GOOD["request_id"])
    assert (row.url, row.received_from) == (GOOD["url"], "token:robot operator")
    assert client.get("/api/ai/roi/snap/answers/nope").status_code == 404


def test_the_first_answer_stands() -> None:
    client = robot()
    assert [post(client, GOOD).status_code for _ in range(3)] == [204] * 3
    for other in ({"url": "https://there/y.jpg"}, {"camera_code": "vid8"}):
        assert post(client, GOOD | other).status_code == 409
    assert ReceivedAnswer.objects.get().url == GOOD["url"]


@pytest.mark.parametrize(
    "change",
    [
        {"request_id": ""}, {"request_id": "x" * 129}, {"request_id": "a\x00"}, {"camera_code": "x" * 201},
        {"status": "fine"}, {"url": ""}, {"url": "javascript:alert(1)"}, {"url": "https://x/" + "y" * 2000},
        {"message": "both"}, {"status": "error"}, {"url": 7},
    ],
)  # fmt: skip
def test_what_is_no_answer_is_refused(change: dict[str, Any]) -> None:
    client = robot()
    assert post(client, GOOD | change).status_code == 422
    assert ReceivedAnswer.objects.count() == 0


def test_only_who_may_change_cameras() -> None:
    assert post(Client(), GOOD).status_code == 401
    assert post(robot("viewer"), GOOD).status_code == 403
    assert post(robot(), GOOD).status_code == 204
    assert robot("admin").get("/api/ai/roi/snap/answers/r2").status_code == 404
    two_sites()
    received.take_answer(BAD, author="kim")
    found = "/api/ai/roi/snap/answers/r2"
    assert browser("admin").get(found).status_code == 200
    assert browser("operator", sites=[Site.objects.get(name="Kitchen")]).get(found).status_code == 404


def test_they_are_bounded_in_number_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(received, "MOST_RECEIVED", 3)
    client = robot()
    for number in range(5):
        assert post(client, BAD | {"request_id": f"n{number}"}).status_code == 204
    kept = list(ReceivedAnswer.objects.values_list("request_id", flat=True))
    assert kept == ["n4", "n3", "n2"]
    ReceivedAnswer.objects.filter(request_id="n2").update(received_at=timezone.now() - timedelta(hours=25))
    assert services.prune(now=timezone.now())
    assert ReceivedAnswer.objects.count() == 2
