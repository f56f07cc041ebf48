"""A provisioned box with a real Redis: what it may do, what it may not, and that it works all the same."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from django.test import override_settings
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from cameras.acl_users import ConfinementError, ensure_acl_users
from cameras.models import Device
from cameras.provisioning import Provisioned, box_redis_url, provision_device, revoke_device
from edgesite import redis_keys
from edgesite.redis_clients import Client, connect, read_streams
from tests.integration.confinement_table import TABLE
from tests.rows import make_all, make_device
from tests.servers.redis import RedisServer
from tests.servers.stack import Stack, installation, wait_until

pytestmark = pytest.mark.integration
in_process = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hub(redis_server: RedisServer) -> Iterator[Client]:
    with override_settings(CLOUD_REDIS_URL=redis_server.url()):
        client = connect(redis_server.url())
        yield client
        client.close()


def provision(client: Client, device_id: str = "box-1") -> Provisioned:
    return provision_device(client=client, device_id=device_id, author="kim")


def box_client(server: RedisServer, made: Provisioned) -> Client:
    return connect(box_redis_url(server.url(), device_id=made.device_id, password=made.redis_password))


def run(client: Client, words: str | list[str]) -> Any:
    command: Callable[..., Any] = client.execute_command
    given = words.split(" ") if isinstance(words, str) else words
    return command(*given)


@in_process
def test_a_device_may_do_exactly_what_the_edge_does(hub: Client, redis_server: RedisServer) -> None:
    make_all()
    made = provision(hub)
    assert made.warning == ""
    wrong = []
    for words, allowed in TABLE:
        told = run(hub, ["ACL DRYRUN", "device-box-1", *words.split(" ")])
        if (told in ("OK", b"OK")) != allowed:
            wrong.append((words, told))
    assert wrong == []
    for words in (words for words, allowed in TABLE if not allowed):
        box = box_client(redis_server, made)
        with pytest.raises(NoPermissionError):
            run(box, ["EVAL", "return 0", "0"] if words.startswith("EVAL") else words)
        box.close()
    assert json.loads(cast(str, hub.get("device:box-1:config")))["version"] == 1


@in_process
def test_only_the_boxs_own_commands_are_in_the_rules(hub: Client) -> None:
    """So that a category or another client's command in a rule is noticed."""
    make_all()
    provision(hub)
    [line] = [line for line in cast("list[str]", run(hub, "ACL LIST")) if "device-box-1" in line]
    allowed = {word.strip("()+") for word in line.split(" ") if word.startswith(("+", "(+"))}
    expected = {words.split(" ")[0].lower() for words, granted in TABLE if granted}
    assert allowed - {"client|setinfo"} == expected
    assert "~*" not in line.split(" ")
    assert "nopass" not in line


@in_process
def test_revoking_cuts_a_connection_that_waits_and_lets_nobody_in_again(hub: Client, redis_server: RedisServer) -> None:
    make_all()
    box = box_client(redis_server, provision(hub))
    cut: list[float] = []

    def wait() -> None:
        try:
            read_streams(box, {redis_keys.HINT_STREAM: "$"}, count=1, block_ms=4500)
        except RedisError:
            cut.append(time.monotonic())

    thread = threading.Thread(target=wait)
    thread.start()
    wait_until(lambda: "device-box-1" in users_online(hub), seconds=3, what="box online")
    at = time.monotonic()
    assert revoke_device(client=hub, device_id="box-1")
    thread.join(3)
    assert cut
    assert cut[0] - at < 1.0
    with pytest.raises(AuthenticationError):
        box.ping()
    assert not ensure_acl_users(hub)
    assert not revoke_device(client=hub, device_id="box-1")


def users_online(client: Client) -> set[str]:
    return {c["user"] for c in client.client_list()}


@in_process
def test_provisioning_again_cuts_whoever_is_in_with_the_old_password(hub: Client, redis_server: RedisServer) -> None:
    make_all()
    old = box_client(redis_server, provision(hub))
    assert old.ping()
    new = box_client(redis_server, provision(hub))
    assert new.ping()
    with pytest.raises(RedisError):
        old.ping()
    with pytest.raises(AuthenticationError):
        old.ping()


@in_process
def test_users_come_back_after_a_restart_of_redis(hub: Client, redis_server: RedisServer) -> None:
    make_all()
    box = box_client(redis_server, provision(hub))
    assert not ensure_acl_users(hub)
    redis_server.restart()
    hub.connection_pool.disconnect()
    with pytest.raises(RedisError):
        box.ping()
    assert ensure_acl_users(hub)
    assert box.ping()
    assert not ensure_acl_users(hub)
    assert ensure_acl_users(hub, refresh=True)
    assert box.ping()


@in_process
def test_users_that_nobody_may_have_any_more_go(hub: Client, redis_server: RedisServer) -> None:
    make_all()
    made, other = provision(hub), make_device("box-2")
    second = provision(hub, "box-2")
    run(hub, "ACL SETUSER device-operators on nopass ~ops:* +get")
    other.delete()  # in the admin, say
    assert ensure_acl_users(hub)
    with pytest.raises(AuthenticationError):
        box_client(redis_server, second).ping()
    run(hub, "ACL SETUSER device-box-1 resetpass >of-an-older-backup")
    assert ensure_acl_users(hub)
    assert box_client(redis_server, made).ping()
    assert {"device-operators", "device-box-1"} == {
        u for u in cast("list[str]", run(hub, "ACL USERS")) if u.startswith("device-")
    }
    Device.objects.update(redis_password_hash="")  # revoked while Redis was away
    assert ensure_acl_users(hub)
    with pytest.raises(AuthenticationError):
        box_client(redis_server, made).ping()
    assert not ensure_acl_users(hub)


@in_process
def test_a_redis_with_an_acl_file_keeps_the_users_itself(tmp_path: Path) -> None:
    (tmp_path / "users.acl").write_text("user default on nopass ~* &* +@all\n")
    with (
        RedisServer("--aclfile", str(tmp_path / "users.acl")) as server,
        override_settings(CLOUD_REDIS_URL=server.url()),
    ):
        make_all()
        made = provision(connect(server.url()))
        server.restart()
        assert box_client(server, made).ping()


@in_process
def test_a_redis_that_confines_nobody_is_said_and_the_box_is_let_in_all_the_same(redis_server: RedisServer) -> None:
    run(connect(redis_server.url()), "ACL SETUSER hub on >pw ~* &* +@all -acl")
    url = redis_server.url().replace("//", "//hub:pw@")
    with RedisServer("--rename-command", "ACL", "") as disabled:
        for place, reason in [(url, "may not administer users"), (disabled.url(), "no ACL command")]:
            with override_settings(CLOUD_REDIS_URL=place):
                client = connect(place)
                if not Device.objects.exists():
                    make_all()
                made = provision(client)
                assert "The box is NOT confined in Redis" in made.warning
                assert reason in made.warning
                assert made.redis_password == ""
                assert not ensure_acl_users(client)
                assert not revoke_device(client=client, device_id="box-1")
                Device.objects.update(redis_password_hash="0" * 64)
                with pytest.raises(ConfinementError, match=reason):
                    ensure_acl_users(client)
                with pytest.raises(ConfinementError, match=reason):
                    revoke_device(client=client, device_id="box-1")
                client.close()


class Listener:
    """What comes on the plain channels."""

    def __init__(self, client: Client) -> None:
        self.messages: list[dict[str, Any]] = []
        self._pubsub = client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        self._pubsub.subscribe(redis_keys.STATS_CHANNEL, redis_keys.EVENTS_CHANNEL)

    def heard(self, kind: str) -> list[dict[str, Any]]:
        while message := self._pubsub.get_message(timeout=0.01):
            self.messages.append(json.loads(message["data"]))
        return [m for m in self.messages if m["type"] == kind]


def environment(printed: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in printed.splitlines() if not line.startswith("#"))


def test_a_provisioned_box_works_and_is_shut_out_when_it_is_revoked(
    redis_server: RedisServer, street_clip: Path, tmp_path: Path
) -> None:
    client = connect(redis_server.url())
    with installation(tmp_path, redis_server.url, street_clip.as_uri(), "web", "hub") as stack:
        given = environment(stack.manage("provision_device", stack.device_id))
        assert set(given) == {"DEVICE_ID", "DEVICE_TOKEN", "CLOUD_REDIS_URL"}
        listener = Listener(client)
        run(client, "ACL LOG RESET")
        stack.env.update(given)
        stack.start("detector")
        wait_until(lambda: report(client, stack).get("confirmed"), seconds=30, what="confirmed configuration")
        wait_until(stack.alerts, seconds=30, what="alert on the hub")
        wait_until(lambda: len(listener.heard("stats")) >= 5, seconds=15, what="statistics on the plain channel")
        wait_until(lambda: listener.heard("event"), seconds=15, what="alert on the plain channel")
        wait_until(lambda: client.exists("device:box-1:still:vid1"), seconds=10, what="still")
        assert run(client, "ACL LOG") == []
        assert {m["camera_id"] for m in listener.heard("stats")} == {"vid1"}
        stamps = [m["timestamp"] for m in listener.heard("stats")]
        assert len(set(stamps)) == len(stamps)  # nothing is relayed twice
        with stack.api() as api:
            assert api.get("cameras/vid1/stats").raise_for_status().json()["data"]["fps"] > 1

        stack.manage("revoke_device", stack.device_id, CLOUD_REDIS_URL=redis_server.url())
        assert "device-box-1" not in users_online(client)
        wait_until(lambda: "refused the user or password" in stack.log("detector"), seconds=10, what="word of it")
        assert stack.running("detector")
        for secret in (given["DEVICE_TOKEN"], given["CLOUD_REDIS_URL"].split(":")[2].split("@")[0]):
            assert secret not in stack.log("detector") + stack.log("hub") + stack.log("web")
        assert stack.end("detector") == 0


def report(client: Client, stack: Stack) -> dict[str, Any]:
    text = cast("str | None", client.get(redis_keys.report(stack.device_id)))
    return json.loads(text) if text else {}
