"""Invariants 6 and 7 with real processes: publishers that are killed while they edit and publish."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
import redis

from tests.servers.redis import RedisServer
from tests.servers.stack import installation, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

KILLED_PUBLISHERS = """
import os, random, signal, time
from django.db import connection
from cameras.models import Camera
from cameras.services import publish_edit
rng = random.Random(11)
for life in range(20):
    connection.close()
    publisher = os.fork()
    if not publisher:
        for n in range(1_000_000):
            Camera.objects.filter(pk="vid1").update(location=f"{life}.{n}")
            publish_edit(device_ids=["box-1"], author="killed")
    time.sleep(rng.uniform(0.05, 0.8))
    os.kill(publisher, signal.SIGKILL)
    assert os.waitpid(publisher, 0)[1] == signal.SIGKILL
Camera.objects.filter(pk="vid1").update(location="the end")
"""


def test_publishers_killed_at_any_moment_leave_no_gap_and_no_lie(redis_server: RedisServer, tmp_path: Path) -> None:
    """Twenty processes that edit and publish as fast as they can, each killed within 0.8 s, beside a `run_hub`."""
    client = redis.Redis.from_url(redis_server.url(), decode_responses=True, protocol=2)

    def document() -> dict[str, Any]:
        return cast("dict[str, Any]", json.loads(cast("str | None", client.get("device:box-1:config")) or "{}"))

    with installation(tmp_path, redis_server.url, "rtsp://127.0.0.1:9/none", "hub") as stack:
        wait_until(document, seconds=20, what="first version")
        stack.manage("shell", "-v0", "-c", KILLED_PUBLISHERS)
        wait_until(lambda: document()["cameras"][0]["location"] == "the end", seconds=30, what="last edit in Redis")
        code = "from cameras.models import *; print([v.version for v in ConfigVersion.objects.order_by('version')])"
        numbers = json.loads(stack.manage("shell", "-v0", "-c", code))
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > 20, "hardly anything was published between the kills"
    assert document()["version"] == int(cast(str, client.get("device:box-1:version"))) == numbers[-1]
    hinted = [int(fields["version"]) for _, fields in cast(Any, client.xrange("device_config_stream"))]
    assert hinted == sorted(hinted), "an older version was published over a newer one"
    client.close()
