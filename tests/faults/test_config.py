"""Invariants 1 to 7 with real processes and a real Redis: killed publishers and boxes, lost streams, publishers at once."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import redis

from tests.servers.redis import RedisServer
from tests.servers.stack import ROOT, Stack, installation, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

RENAME = """
import sys
from cameras.models import Camera
from cameras.services import publish_edit
for n in range({count}):
    Camera.objects.filter(pk="{camera}").update(location="{tag} " + str(n))
    publish_edit(device_ids=["box-1"], author="{tag}")
"""


@pytest.fixture
def stack(redis_server: RedisServer, street_clip: Path, tmp_path: Path) -> Iterator[Stack]:
    with installation(tmp_path, redis_server.url, street_clip.as_uri(), "hub") as stack:
        yield stack


class Cloud:
    """What stands in the cloud Redis for box-1."""

    def __init__(self, server: RedisServer) -> None:
        self.client = redis.Redis.from_url(server.url(), decode_responses=True, protocol=2)

    def document(self) -> dict[str, Any]:
        return cast("dict[str, Any]", json.loads(cast("str | None", self.client.get("device:box-1:config")) or "{}"))

    def report(self) -> dict[str, Any]:
        return cast("dict[str, Any]", json.loads(cast("str | None", self.client.get("device:box-1:report")) or "{}"))

    def in_sync(self) -> bool:
        document, report = self.document(), self.report()
        return (
            bool(document) and report.get("applied") == document["version"] and report["sha256"] == document["sha256"]
        )


@pytest.fixture
def cloud(redis_server: RedisServer) -> Iterator[Cloud]:
    cloud = Cloud(redis_server)
    yield cloud
    cloud.client.close()


def edit(stack: Stack, tag: str, count: int, camera: str = "vid1") -> subprocess.Popen[bytes]:
    """Another process that edits and publishes, count times."""
    code = RENAME.format(count=count, camera=camera, tag=tag)
    return subprocess.Popen(
        [sys.executable, "manage.py", "shell", "-v0", "-c", code], cwd=ROOT, env=stack.env,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def test_a_box_killed_at_any_moment_boots_a_whole_document_and_ends_at_the_newest(stack: Stack, cloud: Cloud) -> None:
    stack.start("detector")
    wait_until(cloud.in_sync, seconds=30, what="configuration in force")
    rng = random.Random(7)
    publisher = edit(stack, "kills", 60)
    applied = [cloud.report()["applied"]]
    while publisher.poll() is None:
        time.sleep(rng.uniform(0.3, 1.5))
        stack.end("detector", signal.SIGKILL)
        stack.start("detector")
        time.sleep(rng.uniform(1.5, 2.5))
        applied.append(cloud.report()["applied"])
    wait_until(cloud.in_sync, seconds=30, what="newest configuration in force")
    assert cloud.document()["cameras"][0]["location"] == "kills 59"
    assert applied == sorted(applied)
    assert "cannot be used" not in stack.log("detector")
    assert cloud.report()["state"] == "applied"


def test_two_publishers_at_once_make_versions_without_gap_or_loss(stack: Stack, cloud: Cloud) -> None:
    code = (
        "from cameras.models import *; d = Device.objects.get();"
        "Camera.objects.create(camera_id='vid2', device=d, rtsp_url='rtsp://127.0.0.1:9/x')"
    )
    stack.manage("shell", "-v0", "-c", code)
    publishers = [edit(stack, "one", 25), edit(stack, "two", 25, camera="vid2")]
    assert [p.wait(120) for p in publishers] == [0, 0]
    code = "from cameras.models import *; print([v.version for v in ConfigVersion.objects.order_by('version')])"
    numbers = json.loads(stack.manage("shell", "-v0", "-c", code))
    assert numbers == list(range(1, len(numbers) + 1))
    wait_until(lambda: cloud.document()["version"] == numbers[-1], seconds=30, what="newest version in Redis")
    assert [c["location"] for c in cloud.document()["cameras"]] == ["one 24", "two 24"]
    hinted = [int(f["version"]) for _, f in cast(Any, cloud.client.xrange("device_config_stream"))]
    assert hinted == sorted(hinted), "an older version was published over a newer one"


def test_a_publisher_killed_before_it_published_is_made_up_for(stack: Stack, cloud: Cloud) -> None:
    wait_until(lambda: cloud.document().get("version") == 1, seconds=20, what="first version")
    code = (
        "import os; from cameras import services; from cameras.models import Camera;"
        "services.publish_after_commit = lambda version: os.kill(os.getpid(), 9);"
        "Camera.objects.update(location='after the commit');"
        "services.publish_edit(device_ids=['box-1'], author='killed')"
    )
    killed = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v0", "-c", code], cwd=ROOT, env=stack.env, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert cloud.document()["version"] == 1
    wait_until(lambda: cloud.document()["version"] == 2, seconds=25, what="version of the killed publisher")
    assert cloud.document()["cameras"][0]["location"] == "after the commit"


def test_repeated_permuted_and_false_hints_end_at_the_newest_document(stack: Stack, cloud: Cloud) -> None:
    stack.start("detector")
    wait_until(cloud.in_sync, seconds=30, what="configuration in force")
    assert edit(stack, "x", 5).wait(60) == 0
    rng = random.Random(3)
    for _ in range(300):
        fields = {
            "device_id": rng.choice(["box-1", "", "other"]),
            "version": rng.choice(["1", "2", "6", "99", "-1", "x", ""]),
            "action": rng.choice(["UPDATE", "ROLLBACK", "", "DELETE"]),
        }
        cloud.client.xadd("device_config_stream", cast(Any, fields))
    cloud.client.xtrim("device_config_stream", maxlen=1)
    wait_until(cloud.in_sync, seconds=20, what="newest configuration in force")
    assert cloud.report()["applied"] == 6
    assert cloud.report()["state"] == "applied"


@pytest.mark.parametrize("wipe", [False, True], ids=["redis-keeps-its-data", "redis-comes-back-empty"])
def test_redis_away_while_an_operator_edits(stack: Stack, cloud: Cloud, redis_server: RedisServer, wipe: bool) -> None:
    stack.start("detector")
    wait_until(cloud.in_sync, seconds=30, what="configuration in force")
    redis_server.kill()
    assert edit(stack, "offline", 1).wait(60) == 0
    time.sleep(2)
    redis_server.restart(wipe=wipe)

    def in_force() -> bool:
        return cloud.in_sync() and cloud.document()["cameras"][0]["location"] == "offline 0"

    wait_until(in_force, seconds=40, what="edit of the outage in force")


def test_a_cold_box_without_any_network_runs_what_it_confirmed(
    stack: Stack, cloud: Cloud, redis_server: RedisServer
) -> None:
    stack.start("detector")
    wait_until(lambda: cloud.report().get("confirmed") == 1, seconds=30, what="confirmed configuration")
    stack.end("detector", signal.SIGKILL)
    redis_server.kill()
    raised = len(stack.raised())
    stack.start("detector")
    wait_until(lambda: len(stack.raised()) > raised, seconds=30, what="alert without any network")
    assert "running the stored configuration" in stack.log("detector")


def test_a_clock_that_is_a_day_off_changes_nothing(stack: Stack, cloud: Cloud) -> None:
    """The box compares numbers, never times: a document from tomorrow or yesterday is like any other."""
    stack.start("detector")
    wait_until(cloud.in_sync, seconds=30, what="configuration in force")
    code = (
        "from datetime import timedelta; from django.utils import timezone; from cameras import services;"
        "from cameras.models import Camera; real = timezone.now;"
        "services.timezone = type('T', (), {{'now': staticmethod(lambda: real() + timedelta(days={days}))}});"
        "Camera.objects.update(location='{days}'); services.publish_edit(device_ids=['box-1'], author='skew')"
    )
    for days in (1, -1):
        stack.manage("shell", "-v0", "-c", code.format(days=days))
        wait_until(
            lambda days=days: cloud.in_sync() and cloud.document()["cameras"][0]["location"] == str(days),  # type: ignore[misc]
            seconds=10,
            what="document of another day in force",
        )
