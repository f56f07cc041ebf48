"""A draft that is seen live, with a real detector, a real Redis and people who walk by."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import redis

from detection.core.preview import Preview, unpack
from edgesite import redis_keys
from edgesite.commands import send_command
from edgesite.ids import uuid7
from edgesite.redis_clients import connect
from tests.servers.redis import RedisServer
from tests.servers.stack import Stack, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

WATCH = "0192aaaa-0000-7000-8000-00000000000a"
WHOLE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
DRAFT: dict[str, Any] = {
    "site": {"time_zone": "UTC"},
    "rois": [{"roi_id": "gate", "camera_id": "vid1", "roi_type": "polygon", "coordinates": WHOLE}],
    "binds": [
        {"bind_id": "gate#0", "roi_id": "gate", "algo_code": "intrusion", "params": {"dwell_s": 0.5}},
        {"bind_id": "gate#1", "roi_id": "gate", "algo_code": "intrusion", "params": {"dwell_s": 3600.0}},
    ],
}


class Person:
    """Somebody at the editor, as the box knows him: a channel that is listened to, and commands."""

    def __init__(self, url: str) -> None:
        self.redis = connect(url)
        self.raw: redis.Redis = connect(url, decode=False)
        self.channel = redis_keys.preview_channel("box-1", WATCH)
        self.listener = self.raw.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        self.listener.subscribe(self.channel)

    def ask(self, content: Any = None, *, draft: int = 1) -> None:
        body = {"camera_id": "vid1", "watch_id": WATCH, "draft": draft, "seconds": 6.0, "content": content}
        send_command(self.redis, device_id="box-1", request_id=uuid7(), kind="watch", seconds=5, body=body)

    def next(self) -> tuple[Preview, bytes] | None:
        message = self.listener.get_message(timeout=0.2)
        return None if message is None else unpack(message["data"])

    def sees(self, what: Callable[[Preview], bool], *, seconds: float) -> list[tuple[Preview, bytes]]:
        """Every message up to the first of which that is true; renews as the hub does, and sends the draft when asked."""
        found: list[tuple[Preview, bytes]] = []
        end, renew = time.monotonic() + seconds, 0.0
        while time.monotonic() < end:
            if time.monotonic() >= renew:
                self.ask()
                renew = time.monotonic() + 1.5
            told = self.next()
            if told is None:
                continue
            found.append(told)
            if told[0].answer == "unknown":
                self.ask(DRAFT)
            if what(told[0]):
                return found
        raise AssertionError(f"not seen; last {found[-1:]}")


@pytest.fixture
def stack(tmp_path: Path, street_clip: Path) -> Iterator[Stack]:
    with RedisServer() as server, Stack(tmp_path, server.url) as running:
        running.prepare(f"file://{street_clip}")
        running.start("hub", "detector")
        yield running


def is_live(cloud: redis.Redis) -> bool:
    report = json.loads(str(cloud.get(redis_keys.report("box-1")) or "{}"))
    return bool(report.get("health", {}).get("cameras", {}).get("vid1") == "live")


def test_a_draft_is_seen_live_and_leaves_nothing_behind(stack: Stack) -> None:
    person = Person(stack.env["CLOUD_REDIS_URL"])
    wait_until(lambda: is_live(person.redis), seconds=40, what="camera that is live")
    stats = person.redis.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
    stats.subscribe(redis_keys.STATS_CHANNEL)
    previews = person.sees(lambda shown: any(one.bind_id == "gate#0" for one in shown.fired), seconds=30)
    assert previews[0][0].answer == "unknown"

    shown, jpeg = next(each for each in reversed(previews) if each[0].seen)
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert (picture.shape[1], shown.width, shown.height, shown.camera) == (640, 768, 576, "live")
    assert {one.name for one in shown.seen} == {"person"}
    assert shown.age_s is not None
    assert shown.age_s < 2.0
    states = {state.bind_id: state for state in shown.states}
    assert states["gate#1"].word == "counting"
    assert {one.id for one in states["gate#1"].objects} & {one.id for one in shown.seen}

    # A process that comes back knows nothing of it, and says so.
    stack.end("detector", signal.SIGKILL)
    stack.start("detector")
    again = person.sees(lambda shown: bool(shown.states and shown.seen), seconds=60)
    assert "unknown" in [shown.answer for shown, _ in again]

    leave(person, stack)
    told = wait_until(lambda: (stats.get_message(timeout=1.0) or {}).get("data"), seconds=10, what="number")
    while told:
        assert "gate#" not in told
        told = (stats.get_message() or {}).get("data")
    events = person.redis.xrange(redis_keys.events("box-1"))
    assert "gate#" not in json.dumps(events)
    assert stored_words(stack.folder / "edge.sqlite3", "gate#") == []


def leave(person: Person, stack: Stack) -> None:
    """Nobody listens any more: the box notices before the lease is over."""
    person.listener.close()
    wait_until(lambda: "watch ends" in stack.log("detector").rpartition("watch begins")[2], seconds=8, what="end")


def stored_words(path: Path, word: str) -> list[str]:
    """The tables of the edge store in which the word stands anywhere."""
    with sqlite3.connect(path) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [name for name in tables if word in repr(database.execute(f"SELECT * FROM {name}").fetchall())]
