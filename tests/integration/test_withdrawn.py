"""What a device has in Redis goes with its right to be there: revoked, deleted, and nothing of anybody else's."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.test import override_settings

from cameras.acl_users import AclKeeper
from cameras.issued import ConfigVersion
from cameras.models import Camera, Device
from cameras.provisioning import ProvisioningError, delete_device, provision_device, revoke_device
from cameras.reconcile import Reconciler
from cameras.services import cloud_redis, publish_edit
from cameras.withdraw import withdraw_revoked
from detection.models import Alert
from edgesite import redis_keys
from edgesite.confinement import acl_user
from edgesite.redis_clients import Client, connect
from tests.cameras.pages import browser, path, text
from tests.detection.alerts import make_alert
from tests.rows import make_all
from tests.servers.redis import RedisServer

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

BARE = json.dumps({"cameras": [], "rois": [], "binds": []})


@pytest.fixture
def hub(redis_server: RedisServer) -> Iterator[Client]:
    """Two devices, box-1 and box-2, published and confined."""
    with override_settings(CLOUD_REDIS_URL=redis_server.url()):
        client = connect(redis_server.url())
        for number in (1, 2):
            make_all(f"box-{number}", site=("Kitchen", "Yard")[number - 1], number=number)
            provision_device(client=client, device_id=f"box-{number}", author="kim")
        yield client
        client.close()
        cloud_redis(redis_server.url()).close()


def keys(client: Client, device_id: str = "box-1") -> set[str]:
    return {str(key).rpartition(":")[2] for key in client.keys(f"device:{device_id}:*")}


def users(client: Client) -> set[str]:
    return set(client.execute_command("ACL USERS")) - {"default"}  # type: ignore[no-untyped-call]


def document(epoch: str, version: int) -> str:
    return json.dumps({"schema": 1, "epoch": epoch, "version": version, "cameras": []})


def test_a_revoked_devices_document_goes_and_nobody_puts_it_back(hub: Client) -> None:
    reconciler, keeper = Reconciler(hub), AclKeeper(hub)
    reconciler.step()
    keeper.step()
    assert keys(hub) == {"config", "version"}
    revoke_device(client=hub, device_id="box-1")
    assert keys(hub) == set()
    Camera.objects.filter(pk="vid1").update(name="Line 9")
    publish_edit(device_ids=["box-1"], author="kim")
    assert reconciler.step() is False
    assert keeper.step() is False
    assert keys(hub) == set()
    assert keys(hub, "box-2") == {"config", "version"}
    assert ConfigVersion.objects.filter(device="box-1").count() == 2


def test_provisioning_again_publishes_again(hub: Client) -> None:
    revoke_device(client=hub, device_id="box-1")
    provision_device(client=hub, device_id="box-1", author="kim")
    AclKeeper(hub).step()
    assert keys(hub) == {"config", "version"}


def test_what_stays_because_redis_was_away_is_withdrawn_by_the_hub(hub: Client) -> None:
    left = hub.get(redis_keys.config("box-1"))
    revoke_device(client=hub, device_id="box-1")
    assert isinstance(left, str)
    hub.mset({redis_keys.config("box-1"): left, redis_keys.version("box-1"): "1"})
    assert AclKeeper(hub).step()
    assert keys(hub) == set()


@pytest.mark.parametrize("foreign", ["bare", "a newer epoch", "a newer version", "nonsense"])
def test_a_document_that_this_hub_did_not_write_stays(hub: Client, foreign: str) -> None:
    revoke_device(client=hub, device_id="box-1")
    epoch = Device.objects.get(pk="box-1").epoch
    given = {
        "bare": BARE, "a newer epoch": document("f" + epoch[1:], 1), "a newer version": document(epoch, 9),
        "nonsense": "{",
    }[foreign]  # fmt: skip
    hub.mset({redis_keys.config("box-1"): given, redis_keys.version("box-1"): "9"})
    AclKeeper(hub).step()
    assert withdraw_revoked(hub) is False
    assert hub.get(redis_keys.config("box-1")) == given
    assert hub.get(redis_keys.version("box-1")) == "9"


def test_documents_of_devices_that_the_database_does_not_know_stay(hub: Client) -> None:
    hub.set(redis_keys.config("box-9"), document("0", 1))
    keeper = AclKeeper(hub)
    keeper.step()
    Reconciler(hub).step()
    assert keys(hub, "box-9") == {"config"}


def spread(client: Client) -> None:
    """Everything that a device may have in Redis."""
    client.xadd(redis_keys.events("box-1"), {"a": "b"})
    client.xadd(redis_keys.confirmations("box-1"), {"a": "b"})
    client.xadd(redis_keys.commands("box-1"), {"a": "b"})
    client.set(redis_keys.report("box-1"), "{}")
    client.hset(redis_keys.still("box-1", "vid1"), "jpeg", "x")
    make_alert("e1", device_id="box-1", camera_id="vid1")


def test_deleting_takes_rows_history_user_and_keys_but_no_alert(hub: Client) -> None:
    spread(hub)
    delete_device(client=hub, device_id="box-1")
    assert keys(hub) == set()
    assert users(hub) == {acl_user("box-2")}
    assert not Device.objects.filter(pk="box-1").exists()
    assert not Camera.objects.filter(pk="vid1").exists()
    assert not ConfigVersion.objects.filter(device="box-1").exists()
    assert ConfigVersion.objects.filter(device="box-2").exists()
    assert Alert.objects.get().device_id == "box-1"
    Reconciler(hub).step()
    assert keys(hub) == set()
    with pytest.raises(ProvisioningError, match="There is no device box-1"):
        delete_device(client=hub, device_id="box-1")


def test_a_deletion_that_is_taken_back_leaves_nothing_undone(hub: Client) -> None:
    with transaction.atomic():
        delete_device(client=hub, device_id="box-1")
        transaction.set_rollback(True)
    assert Device.objects.filter(pk="box-1").exists()
    Reconciler(hub).step()
    AclKeeper(hub).step()
    assert keys(hub) == {"config", "version"}
    assert acl_user("box-1") in users(hub)


def test_what_was_written_before_the_commit_goes_too(hub: Client) -> None:
    with transaction.atomic():
        delete_device(client=hub, device_id="box-1")
        hub.set(redis_keys.report("box-1"), "{}")
        hub.set(redis_keys.config("box-1"), document("0", 1))
    assert keys(hub) == set()


# In the admin


def test_a_device_is_deleted_on_its_page(hub: Client) -> None:
    spread(hub)
    client = browser("superuser")
    url = path(Device, "delete", Device.objects.get(pk="box-1"))
    answer = client.post(url, {"post": "yes"}, follow=True)
    assert "was deleted successfully" in text(answer)
    assert not Device.objects.filter(pk="box-1").exists()
    assert keys(hub) == set()
    assert LogEntry.objects.filter(object_id="box-1", action_flag=3).count() == 1


def test_without_redis_nothing_is_deleted_and_it_is_said(hub: Client, redis_server: RedisServer) -> None:
    client = browser("superuser")
    url = path(Device, "delete", Device.objects.get(pk="box-1"))
    redis_server.kill()
    answer = client.post(url, {"post": "yes"}, follow=True)
    assert "Not deleted: Redis cannot be reached" in text(answer)
    assert Device.objects.filter(pk="box-1").exists()
    assert ConfigVersion.objects.filter(device="box-1").exists()
    assert not LogEntry.objects.exists()
