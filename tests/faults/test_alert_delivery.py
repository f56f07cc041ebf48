"""Invariant 8: an alert is on the hub exactly once, whatever is killed in between."""

from __future__ import annotations

import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.servers.redis import RedisServer
from tests.servers.stack import Stack, installation, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]


def assert_each_exactly_once(stack: Stack, raised: list[str]) -> None:
    """Every alert that the detector said it raised is on the hub once, and in order."""
    wait_until(
        lambda: set(raised) <= {a["event_id"] for a in stack.alerts()}, seconds=40, what="every raised alert", every=0.5
    )
    stored = [a["event_id"] for a in stack.alerts()]
    assert Counter(stored).most_common(1)[0][1] == 1
    mine = [e for e in stored if e in set(raised)]
    assert mine == raised


@pytest.mark.parametrize("wipe", [False, True], ids=["redis-keeps-its-data", "redis-comes-back-empty"])
def test_redis_away_then_detector_killed(
    redis_server: RedisServer, street_clip: Path, tmp_path: Path, wipe: bool
) -> None:
    with installation(tmp_path, redis_server.url, street_clip.as_uri(), "web", "hub", "detector") as stack:
        wait_until(stack.alerts, seconds=40, what="first alert on the hub")
        before = len(stack.raised())
        redis_server.kill()
        time.sleep(20)
        raised = stack.raised()
        assert len(raised) > before, "nothing was raised while Redis was away: the test shows nothing"
        stack.end("detector", signal.SIGKILL)
        redis_server.restart(wipe=wipe)
        stack.start("detector")
        time.sleep(3)
        assert_each_exactly_once(stack, stack.raised())


def test_detector_and_hub_killed_again_and_again(redis_server: RedisServer, street_clip: Path, tmp_path: Path) -> None:
    with installation(tmp_path, redis_server.url, street_clip.as_uri(), "web", "hub", "detector") as stack:
        wait_until(stack.alerts, seconds=40, what="first alert on the hub")
        for name in ("hub", "detector", "hub", "detector"):
            time.sleep(4)
            stack.end(name, signal.SIGKILL)
            stack.start(name)
        time.sleep(6)
        raised = stack.raised()
        assert len(raised) > 5
        assert_each_exactly_once(stack, raised)


def test_pictures_are_settled_after_a_kill(redis_server: RedisServer, street_clip: Path, tmp_path: Path) -> None:
    with installation(tmp_path, redis_server.url, street_clip.as_uri(), "web", "hub", "detector") as stack:
        wait_until(stack.alerts, seconds=40, what="first alert on the hub")
        stack.end("detector", signal.SIGKILL)
        stack.start("detector")
        time.sleep(3)
        wait_until(
            lambda: all(a["capture_url"] or a["capture_problem"] for a in stack.alerts()),
            seconds=20,
            what="picture or its problem for every alert",
        )
        with stack.api() as api:
            for alert in stack.alerts()[:5]:
                if alert["capture_url"]:
                    picture = api.get(stack.url + alert["capture_url"])
                    assert picture.status_code == 200
                    assert picture.content.startswith(b"\xff\xd8")
