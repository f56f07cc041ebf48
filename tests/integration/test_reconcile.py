"""Invariant 7: what no edit announced reaches Redis all the same, and a hub that is behind says so."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from cryptography.fernet import Fernet
from django.db import connection
from django.test import override_settings

from cameras.issued import ConfigVersion
from cameras.models import ROI, Camera, Device, Site
from cameras.publish import Outcome
from cameras.reconcile import Reconciler
from cameras.services import issue_version, publish_version
from cameras.versions import begin_epoch
from edgesite.redis_clients import Client, connect
from tests.servers.redis import RedisServer

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def client(redis_server: RedisServer) -> Any:
    with override_settings(CLOUD_REDIS_URL=redis_server.url()):
        client = connect(redis_server.url())
        yield client
        client.close()


@pytest.fixture
def device(client: Client) -> Device:
    site = Site.objects.create(name="Plant")
    device = Device.objects.create(device_id="d1", site=site)
    Camera.objects.create(camera_id="c1", device=device, name="Line 1", rtsp_url="rtsp://h/1")
    assert issue_version(device_id="d1", author="kim")
    return device


def published(client: Client) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(cast(str, client.get("device:d1:config"))))


def test_bulk_updates_bulk_deletes_and_imports_are_published(client: Client, device: Device) -> None:
    reconciler = Reconciler(client)
    assert not reconciler.step()
    Camera.objects.update(name="Line 2")
    assert reconciler.step()
    assert published(client)["cameras"][0]["camera_name"] == "Line 2"
    Camera.objects.bulk_create([Camera(camera_id="c2", device=device, rtsp_url="rtsp://h/2")])
    assert reconciler.step()
    assert len(published(client)["cameras"]) == 2
    Camera.objects.all().delete()
    assert reconciler.step()
    assert published(client)["cameras"] == []
    assert client.get("device:d1:version") == "4"
    assert not reconciler.step()
    Site.objects.update(time_zone="Asia/Shanghai")
    assert reconciler.step()
    assert published(client)["site"]["time_zone"] == "Asia/Shanghai"


def test_every_value_counts(client: Client, device: Device) -> None:
    ROI.objects.create(roi_id="r1", camera_id="c1", coordinates=[[0, 0], [1, 0], [1, 1]], priority=-1)
    reconciler = Reconciler(client)
    reconciler.step()
    ROI.objects.update(priority=-2)
    assert reconciler.step()
    assert published(client)["rois"][0]["priority"] == -2


@pytest.mark.parametrize(
    "lost", [["device:d1:config"], ["device:d1:version"], ["device:d1:config", "device:d1:version"]]
)
def test_what_redis_lost_is_published_again_and_hinted(client: Client, device: Device, lost: list[str]) -> None:
    reconciler = Reconciler(client)
    reconciler.step()
    client.delete("device_config_stream", *lost)
    assert reconciler.step()
    assert published(client)["version"] == 1
    assert client.get("device:d1:version") == "1"
    assert client.xlen("device_config_stream") == 1
    assert ConfigVersion.objects.count() == 1


def test_tampered_content_under_the_right_number_is_replaced(client: Client, device: Device) -> None:
    document = published(client)
    client.set("device:d1:config", json.dumps(document | {"version": 0}))
    assert Reconciler(client).step()
    assert published(client) == document


def test_a_hub_restored_from_a_backup_notices_and_a_new_epoch_helps(client: Client, device: Device) -> None:
    ahead = published(client) | {"version": 7}
    client.set("device:d1:config", json.dumps(ahead, separators=(",", ":")))
    client.set("device:d1:version", "7")
    reconciler = Reconciler(client)
    assert not reconciler.step()
    device.refresh_from_db()
    assert device.redis_ahead
    assert published(client) == ahead
    assert begin_epoch(device_id="d1", author="kim")
    renewed = Device.objects.get()
    assert not renewed.redis_ahead
    assert published(client)["version"] == 1
    assert published(client)["epoch"] == renewed.epoch


def test_a_late_publisher_does_not_make_redis_look_ahead(client: Client, device: Device) -> None:
    first = ConfigVersion.objects.get()
    Camera.objects.update(name="newer")
    assert issue_version(device_id="d1", author="kim")
    assert publish_version(first) is Outcome.OVERTAKEN
    assert not Device.objects.get().redis_ahead
    assert published(client)["version"] == 2


def test_the_sign_that_redis_is_ahead_goes_when_it_holds_our_document(client: Client, device: Device) -> None:
    Device.objects.update(redis_ahead=True)
    assert not Reconciler(client).step()
    assert not Device.objects.get().redis_ahead


def test_a_database_put_back_under_a_running_hub_is_looked_at_again(client: Client, device: Device) -> None:
    """The same rows, edited by a program, but from before they were issued; and Redis lost everything as well."""
    reconciler = Reconciler(client)
    Camera.objects.update(name="Edited")
    assert reconciler.step()
    assert not reconciler.step()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM cameras_configversion WHERE version = 2")
    Device.objects.update(last_version=1)
    client.flushdb()
    assert reconciler.step()
    assert published(client)["cameras"][0]["camera_name"] == "Edited"


def test_a_stored_document_that_cannot_be_read_holds_up_no_other_device(
    client: Client, device: Device, settings: Any
) -> None:
    key = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    Device.objects.create(device_id="d0", site=device.site)
    assert issue_version(device_id="d0", author="kim")
    settings.FIELD_ENCRYPTION_KEYS = key
    client.flushdb()
    reconciler = Reconciler(client)
    assert reconciler.step()
    assert published(client)["version"] == 1
    assert client.get("device:d0:config") is None
    assert not reconciler.step()


@pytest.mark.parametrize("key", ["config", "version"])
def test_a_key_of_another_kind_holds_up_no_other_device(client: Client, device: Device, key: str) -> None:
    Device.objects.create(device_id="d0", site=device.site)
    assert issue_version(device_id="d0", author="kim")
    client.flushdb()
    client.rpush(f"device:d0:{key}", "what is this?")
    reconciler = Reconciler(client)
    assert reconciler.step()
    assert published(client)["version"] == 1
    client.delete(f"device:d0:{key}")
    assert reconciler.step()
    assert (client.get("device:d0:version"), published(client)["version"]) == ("1", 1)


@pytest.mark.parametrize("flagged", [False, True])
def test_a_new_epoch_comes_after_all_others_though_the_clock_was_put_back(
    client: Client, device: Device, monkeypatch: pytest.MonkeyPatch, flagged: bool
) -> None:
    if flagged:  # and what Redis holds is of an epoch that this hub forgot
        ahead = published(client) | {"epoch": "01ffffff-0000-7000-8000-000000000000"}
        client.set("device:d1:config", json.dumps(ahead, separators=(",", ":")))
        Reconciler(client).step()
    monkeypatch.setattr("edgesite.ids.uuid7", lambda: "01000000-0000-7000-8000-000000000000")
    before = published(client)["epoch"]
    assert begin_epoch(device_id="d1", author="kim")
    assert published(client)["epoch"] > before
    assert published(client)["version"] == 1
    assert not Device.objects.get().redis_ahead


def test_rows_that_make_no_document_are_named_and_the_old_one_stays(client: Client, device: Device) -> None:
    before = published(client)
    Camera.objects.update(max_fps=-1)
    reconciler = Reconciler(client)
    reconciler.step()
    device.refresh_from_db()
    assert "cameras[0].max_fps" in device.publish_error
    assert published(client) == before
    Camera.objects.update(max_fps=5)
    reconciler.step()
    device.refresh_from_db()
    assert device.publish_error == ""
    assert published(client)["cameras"][0]["max_fps"] == 5


def test_a_device_that_does_not_publish_on_save_waits(client: Client, device: Device) -> None:
    Device.objects.update(publish_on_save=False)
    Camera.objects.update(name="Draft")
    Reconciler(client).step()
    assert published(client)["cameras"][0]["camera_name"] == "Line 1"


def test_nothing_changed_costs_a_constant_number_of_queries(
    client: Client, device: Device, django_assert_num_queries: Any
) -> None:
    site = Site.objects.get()
    for n in range(2, 30):
        other = Device.objects.create(device_id=f"d{n}", site=site)
        issue_version(device_id=other.pk, author="kim")
    reconciler = Reconciler(client)
    reconciler.step()
    with django_assert_num_queries(5):
        assert not reconciler.step()
