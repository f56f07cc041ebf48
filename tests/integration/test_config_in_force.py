"""From an edit in the admin to the rule that runs: within a second, without a restart, without a gap."""

from __future__ import annotations

import itertools
import json
import threading
import time
from pathlib import Path
from typing import Any, cast

import pytest
import redis

from tests.servers.redis import RedisServer
from tests.servers.stack import Stack, installation, wait_until

pytestmark = pytest.mark.integration


class Listener:
    """Everything on `hbd:stats` and `hbd:events`, with the moment of arrival."""

    def __init__(self, client: redis.Redis) -> None:
        self.messages: list[tuple[float, dict[str, Any]]] = []
        self._pubsub = client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        self._pubsub.subscribe("hbd:stats", "hbd:events")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            message = self._pubsub.get_message(timeout=0.1)
            if message:
                self.messages.append((time.monotonic(), json.loads(message["data"])))

    def of(self, kind: str) -> list[tuple[float, dict[str, Any]]]:
        return [(at, m) for at, m in self.messages if m["type"] == kind]

    def close(self) -> None:
        self._stop.set()
        self._thread.join(5)
        self._pubsub.close()


def report(client: redis.Redis, stack: Stack) -> dict[str, Any]:
    text = cast("str | None", client.get(f"device:{stack.device_id}:report"))
    return json.loads(text) if text else {}


def seconds_until_applied(client: redis.Redis, stack: Stack, before: int) -> float:
    began = time.monotonic()
    wait_until(lambda: report(client, stack)["applied"] > before, seconds=5, what="newer applied version", every=0.01)
    return time.monotonic() - began


def test_an_edit_in_the_admin_is_in_force_within_a_second(
    redis_server: RedisServer, street_clip: Path, tmp_path: Path
) -> None:
    client = redis.Redis.from_url(redis_server.url(), decode_responses=True, protocol=2)
    with installation(tmp_path, redis_server.url, street_clip.as_uri(), "web", "hub", "detector") as stack:
        wait_until(lambda: report(client, stack).get("confirmed"), seconds=30, what="confirmed configuration")
        wait_until(stack.raised, seconds=30, what="first alert")
        pid, listener, browser = stack.pid("detector"), Listener(client), stack.person()
        time.sleep(2)

        version = report(client, stack)["applied"]
        stack.edit(browser, "cameras/binding", "street-crossing-intrusion", enabled=None)
        disabled_in = seconds_until_applied(client, stack, version)
        disabled_at = time.monotonic()
        time.sleep(8)
        moved = json.dumps([[0.0, 0.0], [0.05, 0.0], [0.05, 0.05]])
        version = report(client, stack)["applied"]
        stack.edit(browser, "cameras/roi", "street-pavement", coordinates=moved)
        moved_in = seconds_until_applied(client, stack, version)
        moved_at = time.monotonic()
        time.sleep(8)
        stack.edit(browser, "cameras/binding", "street-crossing-intrusion", enabled="on")
        wait_until(
            lambda: [m for at, m in listener.of("event") if at > moved_at],
            seconds=20,
            what="alert of the binding that was enabled again",
        )
        listener.close()
        browser.close()

        assert disabled_in < 1.0
        assert moved_in < 1.0
        late = [m["bind_id"] for at, m in listener.of("event") if disabled_at + 0.2 < at < moved_at]
        assert "street-crossing-intrusion" not in late
        assert not [m for at, m in listener.of("event") if moved_at + 0.2 < at < moved_at + 7]
        times = [at for at, _ in listener.of("stats")]
        assert max(b - a for a, b in itertools.pairwise(times)) < 2.0
        assert all(m["data"]["fps"] > 5 for _, m in listener.of("stats"))
        assert stack.pid("detector") == pid
        assert stack.running("detector")
        assert stack.log("detector").count("camera reader started") == 1
        assert stack.end("detector") == 0
        assert stack.end("hub") == 0


def test_a_save_without_a_change_makes_no_version(redis_server: RedisServer, street_clip: Path, tmp_path: Path) -> None:
    client = redis.Redis.from_url(redis_server.url(), decode_responses=True, protocol=2)
    with installation(tmp_path, redis_server.url, street_clip.as_uri(), "web") as stack:
        browser = stack.person()
        before = client.get(f"device:{stack.device_id}:version")
        stack.edit(browser, "cameras/camera", "vid1")
        assert client.get(f"device:{stack.device_id}:version") == before
        document = json.loads(cast(str, client.get(f"device:{stack.device_id}:config")))
        assert document["cameras"][0]["rtsp_url"] == street_clip.as_uri()
        hints = cast("list[tuple[str, dict[str, str]]]", client.xrange("device_config_stream"))
        browser.close()
        assert [fields for _, fields in hints] == [{"device_id": stack.device_id, "version": "1", "action": "UPDATE"}]
