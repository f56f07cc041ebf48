"""Invariants 4 and 5 with real processes: a full disk on the edge, and two bad documents in a row."""

from __future__ import annotations

import contextlib
import errno
import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import redis

from edgesite.redis_keys import STATS_CHANNEL
from tests.servers.redis import RedisServer
from tests.servers.stack import Stack, installation, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

EDIT = """
from cameras.models import ROI, Binding, Camera
from cameras.services import publish_edit
{change}
publish_edit(device_ids=["box-1"], author="test")
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB of its own, so that filling it fills nobody else's."""
    folder = tmp_path / "small"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs"]
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"this test mounts a small file system, which takes root: {done.stderr}"
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def stack(redis_server: RedisServer, street_clip: Path, tmp_path: Path) -> Iterator[Stack]:
    with installation(tmp_path, redis_server.url, street_clip.as_uri(), "hub") as stack:
        yield stack


@pytest.fixture
def cloud(redis_server: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_server.url(), decode_responses=True, protocol=2) as client:
        yield client


def told(cloud: redis.Redis) -> dict[str, Any]:
    """The box's report; empty when there is none."""
    return cast("dict[str, Any]", json.loads(cast("str | None", cloud.get("device:box-1:report")) or "{}"))


def is_confirmed(cloud: redis.Redis, version: int) -> bool:
    report = told(cloud)
    return (report.get("applied"), report.get("confirmed"), report.get("state")) == (version, version, "applied")


def analysed(cloud: redis.Redis, *, seconds: float) -> list[float]:
    """`fps` of every statistics message of that time."""
    found: list[float] = []
    with cloud.pubsub(ignore_subscribe_messages=True) as messages:  # type: ignore[no-untyped-call]
        messages.psubscribe(f"{STATS_CHANNEL}*")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if message := messages.get_message(timeout=0.2):
                found.append(json.loads(message["data"])["data"]["fps"])
    return found


def edit(stack: Stack, change: str) -> None:
    stack.manage("shell", "-v0", "-c", EDIT.format(change=change))


def fill(store: Path) -> Path:
    """Takes the last byte of the store's disk; nothing that SQLite holds in reserve is left. The file to remove again."""
    filler = store.with_name("filler")
    with filler.open("wb", buffering=0) as file:
        for size in (65_536, 4096, 1):
            with contextlib.suppress(_NoRoomError), sqlite3.connect(store, timeout=10) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                while True:
                    _write(file, size)
            connection.close()
    return filler


class _NoRoomError(Exception):
    pass


def _write(file: Any, size: int) -> None:
    try:
        file.write(b"x" * size)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise _NoRoomError from None


def test_a_full_disk_keeps_the_old_document_running_and_says_why(
    small_disk: Path, stack: Stack, cloud: redis.Redis
) -> None:
    store = small_disk / "edge.sqlite3"
    stack.env["EDGE_DATABASE_URL"] = f"sqlite:///{store}"
    stack.start("detector")
    wait_until(lambda: is_confirmed(cloud, 1), seconds=40, what="confirmed configuration")
    filler = fill(store)
    edit(stack, 'Camera.objects.update(location="on a full disk")')

    def says_why() -> bool:
        report = told(cloud)
        return report["observed"] == 2 and "edge store cannot be written" in report["reason"]

    wait_until(says_why, seconds=20, what="report of the full disk")
    rates = analysed(cloud, seconds=8)
    report = told(cloud)
    assert (report["applied"], report["confirmed"], report["state"]) == (1, 1, "trying")
    assert says_why()
    assert "full" in report["reason"]
    assert report["health"]["disk_free"] == 0
    assert len(rates) >= 4
    assert min(rates) > 0

    stack.end("detector", signal.SIGKILL)  # also a start finds no room
    stack.start("detector")
    wait_until(lambda: any(analysed(cloud, seconds=1)), seconds=30, what="analysis after a start on a full disk")
    wait_until(says_why, seconds=20, what="report of the full disk after a start")
    assert told(cloud)["applied"] == 1

    filler.unlink()
    wait_until(lambda: is_confirmed(cloud, 2), seconds=30, what="newest configuration after there was room")
    assert told(cloud)["reason"] == ""
    assert stack.end("detector") == 0
    assert "damaged" not in stack.log("detector")
    with contextlib.closing(sqlite3.connect(store)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_two_bad_documents_in_a_row_return_to_the_confirmed_one(stack: Stack, cloud: redis.Redis) -> None:
    """One that breaks its rules on frames, then one that the box refuses, then both at once."""
    stack.start("frail_box")
    wait_until(lambda: is_confirmed(cloud, 1), seconds=40, what="confirmed configuration")
    edit(stack, 'ROI.objects.update(name="frail")')

    def ended(version: int, state: str, reason: str) -> bool:
        report = told(cloud)
        return (report["observed"], report["state"]) == (version, state) and reason in report["reason"]

    wait_until(lambda: ended(2, "reverted", "the rule has a defect"), seconds=20, what="reversion")
    edit(stack, 'Binding.objects.update(params={"dwell_s": 120})')
    wait_until(lambda: ended(3, "refused", "dwell_s"), seconds=20, what="refusal")
    report = told(cloud)
    assert (report["applied"], report["confirmed"]) == (1, 1)
    assert max(analysed(cloud, seconds=4)) > 0
    applied = stack.log("frail_box").count("configuration applied")
    stack.end("frail_box", signal.SIGKILL)
    stack.start("frail_box")
    wait_until(lambda: ended(3, "refused", "dwell_s"), seconds=30, what="refusal after a start")
    assert told(cloud)["applied"] == 1
    assert stack.log("frail_box").count("configuration applied") == applied == 2
    edit(stack, 'ROI.objects.update(name="sound"); Binding.objects.update(params={"dwell_s": 1})')
    wait_until(lambda: is_confirmed(cloud, 4), seconds=30, what="good configuration")
