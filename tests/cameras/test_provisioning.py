"""Letting a box in and shutting it out, with a Redis that does not answer; the rest is in tests/integration."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from redis.exceptions import RedisError

from cameras.models import Device
from cameras.provisioning import (
    Provisioned,
    ProvisioningError,
    box_redis_url,
    device_of_token,
    is_local,
    provision_device,
    reach,
    revoke_device,
)
from edgesite.redis_clients import Client, connect
from tests.rows import make_all, make_site
from tests.servers.process import free_port

pytestmark = pytest.mark.django_db


@pytest.fixture
def nowhere() -> Iterator[Client]:
    """A Redis that cannot be reached."""
    url = f"redis://127.0.0.1:{free_port()}/0"
    with override_settings(CLOUD_REDIS_URL=url):
        client = connect(url)
        yield client
        client.close()


def provision(client: Client, device_id: str = "box-1", **given: str) -> Provisioned:
    return provision_device(client=client, device_id=device_id, author="kim", **given)


def test_a_new_device_stands_at_the_only_site_and_its_secrets_are_stored_hashed(nowhere: Client) -> None:
    make_site("Kitchen")
    made = provision(nowhere, "box-7", name="Line 7")
    device = Device.objects.get(pk="box-7")
    assert (made.created, device.name, device.site.name, device.last_version) == (True, "Line 7", "Kitchen", 1)
    assert made.token not in (device.token_hash, "")
    assert len(device.token_hash) == len(device.redis_password_hash) == 64
    assert device_of_token(made.token) == device
    assert device_of_token("esd_wrong") is None
    assert device_of_token("") is None
    assert "run_hub makes the box's Redis user when Redis is back" in made.warning


def test_provisioning_again_begins_a_new_epoch_and_ends_the_old_token(nowhere: Client) -> None:
    before = make_all()
    first, second = provision(nowhere), provision(nowhere)
    device = Device.objects.get(pk="box-1")
    assert device.epoch > before.epoch
    assert device.last_version == 1
    assert not second.created
    assert device_of_token(first.token) is None
    assert device_of_token(second.token) == device
    assert first.redis_password != second.redis_password


def test_what_cannot_be_provisioned_is_said_and_changes_nothing(nowhere: Client) -> None:
    with pytest.raises(ProvisioningError, match="none yet, make one in the admin"):
        provision(nowhere)
    make_site("Kitchen"), make_site("Yard")
    for given, words in [
        ({}, "Say which site"),
        ({"site": "Attic"}, "There is no site “Attic”. Known: Kitchen, Yard"),
        ({"site": "Yard", "device_id": "box*"}, "cannot be a device's ID"),
        ({"site": "Yard", "device_id": "a:config"}, "cannot be a device's ID"),
    ]:
        with pytest.raises(ProvisioningError, match=words.replace("*", r"\*")):
            provision(nowhere, **given)
    assert not Device.objects.exists()
    provision(nowhere, site="Yard")
    with pytest.raises(ProvisioningError, match="change those in the admin"):
        provision(nowhere, site="Kitchen")


def test_revoking_without_redis_ends_the_token_and_says_what_is_left(nowhere: Client) -> None:
    make_all()
    made = provision(nowhere)
    with pytest.raises(RedisError):
        revoke_device(client=nowhere, device_id="box-1")
    device = Device.objects.get(pk="box-1")
    assert device_of_token(made.token) is None
    assert device.redis_password_hash == ""
    assert device.revoked_at is not None
    with pytest.raises(CommandError, match=r"the token is revoked, the Redis user not yet\. Redis cannot be reached"):
        call_command("revoke_device", "box-1")
    with pytest.raises(CommandError, match=r"There is no device box-9. Known: box-1"):
        call_command("revoke_device", "box-9")
    provision(nowhere)
    device.refresh_from_db()
    assert device.revoked_at is None


@pytest.mark.parametrize(
    ("base", "password", "url"),
    [
        ("redis://hub:secret@r.example.org:6380/3", "pw", "redis://device-b:pw@r.example.org:6380/3"),
        ("rediss://[2001:db8::1]:6379/0", "pw", "rediss://device-b:pw@[2001:db8::1]:6379/0"),
        ("redis://r/0?password=secret&ssl_cert_reqs=none", "pw", "redis://device-b:pw@r/0?ssl_cert_reqs=none"),
        ("unix:///run/redis.sock?db=2", "pw", "unix://device-b:pw@/run/redis.sock?db=2"),
        ("redis://hub:secret@r.example.org/0", "", "redis://hub:***@r.example.org/0"),
        ("redis://r.example.org/0", "", "redis://r.example.org/0"),
    ],
)
def test_the_boxs_url_never_holds_the_hubs_credentials(base: str, password: str, url: str) -> None:
    assert box_redis_url(base, device_id="b", password=password) == url


def test_a_url_that_leads_to_the_hub_itself_only() -> None:
    local = ["redis://127.0.0.1/0", "redis://localhost:6379", "redis://[::1]:1/0", "unix:///run/redis.sock"]
    assert all(map(is_local, local))
    assert not is_local("redis://10.0.0.4/0")
    assert not is_local("redis://redis.example.org/0")


def test_a_box_elsewhere_uses_the_hubs_database(nowhere: Client, capsys: pytest.CaptureFixture[str]) -> None:
    hub = "redis://hub:secret@127.0.0.1:6379/3"
    assert reach(given="", hub_url=hub) == hub
    assert reach(given="rediss://r.example.org:6380", hub_url=hub) == "rediss://r.example.org:6380/3"
    assert reach(given="rediss://r.example.org/5", hub_url=hub) == "rediss://r.example.org/5"
    make_all()
    call_command("provision_device", "box-1", "--redis-url", "rediss://r.example.org:6380")
    printed = capsys.readouterr()
    comment, device, token, url = printed.out.splitlines()
    assert comment.startswith("# ")
    assert device == "DEVICE_ID=box-1"
    assert device_of_token(token.removeprefix("DEVICE_TOKEN=")) is not None
    assert url.startswith("CLOUD_REDIS_URL=rediss://device-box-1:")
    assert url.endswith("@r.example.org:6380/0")
    assert "this machine only" not in printed.err
    call_command("provision_device", "box-1")
    assert "this machine only" in capsys.readouterr().err
    with pytest.raises(CommandError, match="must be redis://"):
        call_command("provision_device", "box-1", "--redis-url", "https://r.example.org")
