"""Cameras, numbers and alerts over HTTP: who may ask, what is answered, and that pages have no doubles and no gaps."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.utils import timezone
from redis.exceptions import ConnectionError as RedisConnectionError

from cameras.models import Camera, DeviceStatus, Site
from detection import api as module
from detection.models import Alert
from detection.selectors import encode_cursor
from edgesite import redis_keys
from edgesite.models import ApiToken
from edgesite.tokens import create_token
from tests.detection.alerts import AT
from tests.detection.calls import caller, get, problem, two_sites
from tests.fakes import FakeRedis
from tests.rows import make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def redis(monkeypatch: pytest.MonkeyPatch) -> FakeRedis:
    fake = FakeRedis()
    monkeypatch.setattr(module, "channel_redis", lambda url: fake.client())
    return fake


@pytest.fixture
def sites(redis: FakeRedis) -> list[Site]:
    return two_sites()


# Who may ask

CALLS = ["cameras", "cameras/vid1", "cameras/vid1/stats", "alerts"]


@pytest.mark.parametrize("call", CALLS)
def test_a_stranger_is_401(sites: list[Site], call: str) -> None:
    assert problem(get(Client(), call))[0] == 401
    for header in ("Bearer wrong", "Bearer ", "Basic YTpi", "nonsense"):
        assert problem(Client().get(f"/api/{call}", headers={"Authorization": header}))[0] == 401


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_every_role_reads_with_a_session_and_with_a_token(sites: list[Site], role: str) -> None:
    headers = {"Authorization": f"Bearer {create_token(name=role, role=role)}"}
    for call in ("cameras", "cameras/vid1", "alerts"):
        assert get(caller(role), call).status_code == 200
        assert Client().get(f"/api/{call}", headers=headers).status_code == 200


def test_a_revoked_token_is_401_at_once(sites: list[Site]) -> None:
    headers = {"Authorization": f"Bearer {create_token(name='x', role='viewer')}"}
    assert Client().get("/api/alerts", headers=headers).status_code == 200
    ApiToken.objects.update(revoked_at=timezone.now())
    assert problem(Client().get("/api/alerts", headers=headers))[0] == 401


def test_a_person_that_was_deactivated_is_401(sites: list[Site]) -> None:
    person = make_person("gone", "viewer")
    client = Client()
    client.force_login(person)
    person.is_active = False
    person.save()
    assert problem(get(client, "alerts"))[0] == 401


@pytest.mark.parametrize("call", CALLS)
def test_who_has_no_role_is_403(sites: list[Site], call: str) -> None:
    assert problem(get(caller(""), call)) == (403, "Your role does not allow this.")


def test_another_sites_camera_and_alerts_are_not_there(sites: list[Site]) -> None:
    client = caller("admin", sites=[sites[0]])
    assert [c["camera_id"] for c in get(client, "cameras").json()["items"]] == ["vid1"]
    assert [a["event_id"] for a in get(client, "alerts").json()["items"]] == ["e1"]
    for call in ("cameras/vid2", "cameras/vid2/stats", "cameras/unknown"):
        assert problem(get(client, call)) == (404, "There is no such camera.")
    assert get(client, "alerts", camera="vid2").json() == {"items": [], "next": None}
    after = encode_cursor(Alert.objects.get(event_id="e2"))
    assert get(client, "alerts", order="oldest", after=after).json()["items"] == []
    nobody = caller("admin", sites=[])
    assert get(nobody, "cameras").json()["items"] == []
    assert get(nobody, "alerts").json()["items"] == []


def test_a_token_is_confined_to_its_sites(sites: list[Site]) -> None:
    from cameras.models import SiteAccess

    headers = {"Authorization": f"Bearer {create_token(name='x', role='admin')}"}
    SiteAccess.objects.create(user=ApiToken.objects.get().user).sites.set([sites[1]])
    answer = Client().get("/api/alerts", headers=headers).json()
    assert [a["event_id"] for a in answer["items"]] == ["e2"]


# Cameras


def test_a_camera_says_what_it_is_and_does(sites: list[Site]) -> None:
    answer = get(caller(), "cameras/vid1").json()
    age = answer.pop("last_frame_age_s")
    assert age >= 0
    assert answer == {
        "camera_id": "vid1", "name": "Line 1", "location": "", "device_id": "box-1", "device_name": "box-1",
        "site": "Kitchen", "time_zone": "UTC", "enabled": True, "analyse": True, "state": "live", "reason": "",
        "since": AT, "last_frame_at": AT,
    }  # fmt: skip
    assert "rtsp" not in json.dumps(get(caller(), "cameras").json())


@pytest.mark.parametrize(
    ("changes", "state"),
    [({"enabled": False}, "disabled"), ({"analyse": False}, "off"), ({}, "live")],
)
def test_states_of_a_camera(sites: list[Site], changes: dict[str, bool], state: str) -> None:
    if changes:
        Camera.objects.update(**changes)
    assert get(caller(), "cameras/vid1").json()["state"] == state


def test_a_camera_whose_box_never_reported_is_offline(sites: list[Site]) -> None:
    DeviceStatus.objects.all().delete()
    answer = get(caller(), "cameras/vid1").json()
    assert (answer["state"], answer["reason"], answer["last_frame_age_s"]) == (
        "offline",
        "the box has never reported",
        None,
    )


def test_a_camera_that_the_box_does_not_run_yet_is_unknown(sites: list[Site]) -> None:
    DeviceStatus.objects.update(health={})
    assert get(caller(), "cameras/vid1").json()["state"] == "unknown"


# Statistics


def test_the_newest_statistics(sites: list[Site], redis: FakeRedis) -> None:
    message = {"type": "stats", "camera_id": "vid1", "timestamp": AT, "data": {"fps": 15.2, "persons": 2}}
    redis.strings[redis_keys.hub_stats("vid1")] = json.dumps(message)
    assert get(caller("viewer"), "cameras/vid1/stats").json() == message


def test_without_statistics_it_is_404_with_this_text(sites: list[Site]) -> None:
    assert problem(get(caller("viewer"), "cameras/vid1/stats")) == (404, "No real-time stats available.")


def test_without_a_redis_it_is_503(sites: list[Site], redis: FakeRedis) -> None:
    redis.down = True
    status, detail = problem(get(caller("viewer"), "cameras/vid1/stats"))
    assert (status, detail) == (503, "Redis cannot be reached; see /readyz.")
    assert issubclass(RedisConnectionError, Exception)
