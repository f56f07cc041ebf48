"""/metrics: who may read it, what it says, and nobody else's series. Read with Prometheus' own parser."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client, override_settings
from django.utils import timezone
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from cameras.models import Camera, Device, DeviceStatus, Site
from detection.metrics import CAMERA_STATES
from detection.models import Alert
from edgesite import metrics as module
from edgesite import redis_keys
from edgesite.metrics import number
from edgesite.models import ApiToken
from edgesite.redis_clients import connect
from edgesite.tokens import create_token
from tests.cameras import pages
from tests.detection.alerts import make_alert
from tests.rows import PASSWORD, make_camera, make_device, make_person
from tests.servers.process import free_port
from tests.servers.redis import RedisServer

pytestmark = pytest.mark.django_db

BOX = {"device_id": "box-1", "site": "Kitchen"}
CAMERA = {"camera_id": "vid1", **BOX}


@pytest.fixture
def site() -> Iterator[Site]:
    """Two sites with a device each that runs its version 1; the first is answered. No Redis can be reached."""
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    with override_settings(CLOUD_REDIS_URL=nowhere, CHANNEL_REDIS_URL=nowhere):
        yield pages.two_sites()


def machine(role: str = "viewer") -> Client:
    return Client(headers={"Authorization": f"Bearer {create_token(name=f'prometheus {role}', role=role)}"})


def read(client: Client) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample by name and labels."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=")
    families = list(text_string_to_metric_families(answer.content.decode()))
    assert all(f.documentation for f in families)
    samples = [s for f in families for s in f.samples]
    found = {(s.name, frozenset(s.labels.items())): s.value for s in samples}
    assert len(found) == len(samples)
    return found


def value(found: dict[Any, float], name: str, **labels: str) -> float | None:
    return found.get((f"edgesite_{name}", frozenset(labels.items())))


# Who may


def test_nobody_reads_it_without_a_token_or_a_session_of_the_staff(site: Site) -> None:
    for headers in ({}, *({"Authorization": a} for a in ("Bearer wrong", "Bearer ", "Bearer", "Basic YTpi", "x"))):
        answer = Client(headers=headers).get("/metrics")
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
        assert b"edgesite_" not in answer.content
    person = make_person("ann", "viewer")
    client = Client()
    client.force_login(person)
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    person.is_staff = False
    person.save()
    assert client.get("/metrics").status_code == 401
    client.force_login(make_person("no role"))
    assert client.get("/metrics").status_code == 403


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_every_role_reads_it_until_its_token_is_revoked(site: Site, role: str) -> None:
    client = machine(role)
    assert value(read(client), "device_in_sync", **BOX) == 1
    ApiToken.objects.update(revoked_at=timezone.now())
    assert client.get("/metrics").status_code == 401


def test_it_is_only_read(site: Site) -> None:
    assert machine().post("/metrics").status_code == 405


def test_a_person_of_one_site_sees_its_series_only(site: Site) -> None:
    client = Client()
    client.force_login(make_person("ann", "viewer", sites=[site]))
    found = read(client)
    labels = {dict(labels).get("site") for _, labels in found}
    assert labels == {None, "Kitchen"}
    assert value(found, "devices", state="in_sync") == 1
    assert value(found, "cameras", state="live") == 1
    assert value(found, "alerts_by_state", state="open") == 1
    client.force_login(make_person("bob", "viewer", sites=[]))
    assert {v for (name, _), v in read(client).items() if name != "edgesite_run_hub_up"} == {0}


# What it says


def test_devices(site: Site) -> None:
    status = DeviceStatus.objects.filter(pk="box-1")
    health = {"outbox": 7, "disk_free": 12_000_000_000, "cameras": {"vid1": "live"}}
    status.update(confirmed=1, health=health, reported_at=timezone.now() - timedelta(seconds=4))
    make_device("box-new", site=site)
    found = read(machine())
    assert value(found, "devices", state="in_sync") == 2
    assert value(found, "devices", state="never") == 1
    assert value(found, "devices", state="refused") == 0
    for name, wanted in [
        ("in_sync", 1), ("desired_version", 1), ("applied_version", 1), ("confirmed_version", 1), ("outbox_rows", 7),
        ("disk_free_bytes", 12e9),
    ]:  # fmt: skip
        assert value(found, f"device_{name}", **BOX) == wanted
    age = value(found, "device_last_seen_age_seconds", **BOX)
    assert age is not None
    assert 4 <= age < 60
    never = {"device_id": "box-new", "site": "Kitchen"}
    assert value(found, "device_in_sync", **never) == 0
    assert value(found, "device_last_seen_age_seconds", **never) is None
    assert value(found, "device_events_waiting", **BOX) is None


def test_a_device_that_lags_is_not_in_sync(site: Site) -> None:
    Device.objects.filter(pk="box-1").update(last_version=2)
    found = read(machine())
    assert value(found, "device_in_sync", **BOX) == 0
    assert value(found, "device_desired_version", **BOX) == 2
    assert value(found, "devices", state="pending") == 1


@pytest.mark.parametrize("sent", ["7", None, True, float("nan"), float("inf"), [1], 10**400])
def test_what_a_box_sends_that_is_no_number_is_no_sample(sent: Any) -> None:
    assert number(sent) is None


def test_a_word_that_a_box_made_up_is_no_label(site: Site) -> None:
    DeviceStatus.objects.filter(pk="box-1").update(health={"cameras": {"vid1": 'x"} 1\n'}, "outbox": "many"})
    found = read(machine())
    assert value(found, "cameras", state="unknown") == 1
    assert value(found, "device_outbox_rows", **BOX) is None
    words = {dict(labels)["state"] for name, labels in found if name == "edgesite_cameras"}
    assert words == set(CAMERA_STATES)


def test_names_are_escaped(site: Site) -> None:
    Site.objects.filter(pk=site.pk).update(name='Küche "A"\\1')
    assert value(read(machine()), "device_in_sync", device_id="box-1", site='Küche "A"\\1') == 1


def test_cameras_and_alerts(site: Site) -> None:
    health = {"cameras": {"vid1": "lost"}, "camera_details": {"vid1": {"last_frame_at": time.time() - 30}}}
    DeviceStatus.objects.filter(pk="box-1").update(health=health)
    Alert.objects.filter(event_id="e1").update(state="resolved")
    make_alert("e3", device_id="box-1", camera_id="vid1")
    make_alert("e4", device_id="box-1", camera_id="vid1")
    Alert.objects.filter(event_id="e4").update(part_of="e3")  # a repeat is nothing more to do
    answer = machine().get("/metrics").content.decode()
    assert PASSWORD not in answer
    found = read(machine("operator"))
    assert value(found, "cameras", state="lost") == value(found, "cameras", state="live") == 1
    age = value(found, "camera_last_frame_age_seconds", **CAMERA)
    assert age is not None
    assert 30 <= age < 90
    states = {state: value(found, "alerts_by_state", state=state) for state in ("open", "acknowledged", "resolved")}
    assert states == {"open": 2, "acknowledged": 0, "resolved": 1}
    assert value(found, "alerts_total") == 4
    assert value(found, "run_hub_up") == 0
    assert value(found, "camera_fps", **CAMERA) is None


def test_prometheus_may_ask_for_openmetrics(site: Site) -> None:
    answer = machine().get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    families = read_openmetrics(answer.content.decode())  # type: ignore[no-untyped-call]
    assert "edgesite_alerts" in {f.name for f in families}


def test_the_number_of_queries_does_not_grow(site: Site, django_assert_max_num_queries: Callable[[int], Any]) -> None:
    for n in range(3, 30):
        make_camera(f"vid{n}", device=make_device(f"box-{n}", site=site))
    assert Camera.objects.count() == 29
    client = machine()
    with django_assert_max_num_queries(12):
        read(client)


def test_a_database_that_is_away_is_503(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(user: object) -> Any:
        raise OperationalError("password=hunter2")

    monkeypatch.setitem(module._collectors, "devices", away)
    answer = machine().get("/metrics")
    assert (answer.status_code, b"hunter2" in answer.content) == (503, False)


@pytest.mark.integration
def test_numbers_that_lie_in_redis(site: Site, redis_server: RedisServer) -> None:
    cloud, own = connect(redis_server.url(0)), connect(redis_server.url(2))
    message = {
        "type": "stats", "camera_id": "vid1", "timestamp": time.time() - 3,
        "data": {"fps": 9.5, "decode_fps": 25.0, "latency_ms": 40.0, "dropped": 12, "persons": 2},
    }  # fmt: skip
    own.set(redis_keys.hub_stats("vid1"), json.dumps(message))
    own.set(redis_keys.HUB_HEARTBEAT, "1")
    for _ in range(3):
        cloud.xadd(redis_keys.events("box-1"), {"event_id": "x"})
    cloud.set(redis_keys.events("box-2"), "no stream")
    with override_settings(CLOUD_REDIS_URL=redis_server.url(0), CHANNEL_REDIS_URL=redis_server.url(2)):
        found = read(machine())
    cloud.close()
    own.close()
    for name, wanted in [
        ("fps", 9.5), ("decode_fps", 25.0), ("latency_seconds", 0.04), ("dropped_frames_total", 12), ("persons", 2),
    ]:  # fmt: skip
        assert value(found, f"camera_{name}", **CAMERA) == wanted
    age = value(found, "camera_stats_age_seconds", **CAMERA)
    assert age is not None
    assert 3 <= age < 60
    assert value(found, "run_hub_up") == 1
    assert value(found, "device_events_waiting", **BOX) == 3
    assert value(found, "device_events_waiting", device_id="box-2", site="Warehouse") is None
