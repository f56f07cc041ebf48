"""A real hub that is killed while a message is on its way: told at least once, and the repetition can be told from another."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path

import pytest
from redis import Redis

from edgesite import redis_keys
from tests.detection.alerts import alert_body, entry
from tests.servers.http import HttpReceiver, Says
from tests.servers.redis import RedisServer
from tests.servers.stack import Stack, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]

SETUP = """
from detection.notifying.models import Channel, NotificationRule
from detection.notifying.planning import begin
begin()
channel = Channel.objects.create(name="Hook", kind="webhook", url={url!r}, secret="a-secret-of-the-tests")
NotificationRule.objects.create(name="All", min_severity="info", group_s=0).channels.add(channel)
"""
LEASES_OVER = """
from datetime import timedelta
from django.utils import timezone
from detection.notifying.models import Delivery
Delivery.objects.filter(state="sending").update(leased_until=timezone.now() - timedelta(seconds=1))
"""
ROWS = """
import json
from detection.notifying.models import Delivery
print(json.dumps(list(Delivery.objects.order_by("id").values_list("state", "tries", "alert__event_id"))))
"""


def test_a_hub_killed_between_delivery_and_mark_tells_it_again_under_the_same_key(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    answered = threading.Event()
    with HttpReceiver(lambda received: Says(wait=answered)) as receiver, Stack(tmp_path, redis_server.url) as stack:
        stack.env["NOTIFY_HOSTS"] = "127.0.0.1"
        stack.prepare("rtsp://127.0.0.1:9/none")
        stack.manage("shell", "-v0", "-c", SETUP.format(url=receiver.url))
        stack.start("hub")
        with Redis.from_url(redis_server.url(0)) as cloud:
            for name in ("e1", "e2"):
                cloud.xadd(redis_keys.events("box-1"), entry(alert_body(name)))
        wait_until(lambda: receiver.received, seconds=40, what="message at the receiver")
        stack.end("hub", signal.SIGKILL)  # it has the message; nobody has noted that
        answered.set()
        assert [row[:2] for row in json.loads(stack.manage("shell", "-v0", "-c", ROWS))] == [
            ["sending", 1],
            ["waiting", 0],
        ]
        stack.manage("shell", "-v0", "-c", LEASES_OVER)  # two minutes later
        stack.start("hub")
        wait_until(lambda: len(receiver.received) >= 3, seconds=40, what="repetition and the other message")
        keys = [received.headers["idempotency-key"] for received in receiver.received]
        assert keys[0] in keys[1:]
        assert sorted(set(keys)) == [f"e{n}.{keys[0].rpartition('.')[2]}" for n in (1, 2)]
        rows = wait_until(lambda: _ended(stack), seconds=20, what="both noted", every=0.5)
        assert rows == [["delivered", 2, "e1"], ["delivered", 1, "e2"]]
        assert stack.end("hub", signal.SIGTERM) == 0


def _ended(stack: Stack) -> list[list[object]]:
    rows: list[list[object]] = json.loads(stack.manage("shell", "-v0", "-c", ROWS))
    return rows if all(row[0] == "delivered" for row in rows) else []


def test_a_receiver_that_hangs_delays_neither_ingest_nor_the_hubs_end(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    never = threading.Event()
    with HttpReceiver(lambda received: Says(wait=never)) as receiver, Stack(tmp_path, redis_server.url) as stack:
        stack.env["NOTIFY_HOSTS"] = "127.0.0.1"
        stack.prepare("rtsp://127.0.0.1:9/none")
        stack.manage("shell", "-v0", "-c", SETUP.format(url=receiver.url))
        stack.start("hub")
        with Redis.from_url(redis_server.url(0)) as cloud:
            cloud.xadd(redis_keys.events("box-1"), entry(alert_body("e0")))
            wait_until(lambda: receiver.received, seconds=40, what="message at the receiver")
            for n in range(1, 51):
                cloud.xadd(redis_keys.events("box-1"), entry(alert_body(f"e{n}")))
            wait_until(
                lambda: cloud.xlen(redis_keys.confirmations("box-1")) >= 51, seconds=3, what="confirmation of all"
            )
        assert stack.end("hub", signal.SIGTERM) == 0  # within the stack's patience, with the receiver still silent
        never.set()
        rows = json.loads(stack.manage("shell", "-v0", "-c", ROWS))
        assert {row[0] for row in rows} == {"waiting"}
