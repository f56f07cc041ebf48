"""From the outbox to the hub's database through a real Redis: exactly once and in order, whatever breaks in between."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.exceptions import RedisError

from detection.hub import ingest as ingest_module
from detection.models import Alert
from edgesite import redis_keys
from edgesite.core.window import LEAST
from edgesite.delivery import BATCH
from tests.detection.alerts import alert_body, evidence_body
from tests.integration.line import CAMERAS, CONFIRMATIONS, EVENTS, Line
from tests.rows import make_device
from tests.servers.redis import RedisServer

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def line(redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    monkeypatch.setattr(ingest_module, "WAIT_MS", 1)
    make_device("box-1")
    line = Line(redis_server, tmp_path / "edge.sqlite3")
    yield line
    line.database.close()


def test_everything_arrives_once_in_order_and_leaves_the_streams(line: Line) -> None:
    for number in range(3 * BATCH + 20):
        line.alert(CAMERAS[number % 2])
    line.pump()
    line.assert_exactly_once_and_in_order()
    assert sorted(line.told) == sorted(e for events in line.sent.values() for e in events)
    assert line.raw.xlen(EVENTS) == 0
    assert line.outbox.count() == 0


def test_evidence_follows_its_alert(line: Line) -> None:
    event_id = line.alert()
    line.outbox.settle_evidence(event_id=event_id, new_id="n1", body=evidence_body("n1", event_id), now=2.0)
    line.pump()
    assert Alert.objects.get().capture_ready


def test_alerts_are_announced_once_on_the_live_channel(line: Line) -> None:
    listener = line.raw.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
    listener.subscribe(redis_keys.EVENTS_CHANNEL)
    listener.get_message(timeout=1)
    events = [line.alert() for _ in range(3)]
    line.step_edge()
    line.raw.flushall()
    line.pump()
    messages = []
    while message := listener.get_message(timeout=0.2):
        messages.append(json.loads(message["data"])["event_id"])
    listener.close()
    assert messages == events


def test_a_hub_that_is_away_is_waited_for_without_sending_again(line: Line) -> None:
    for _ in range(BATCH + 10):
        line.alert()
    for _ in range(100):  # fifty seconds
        line.step_edge()
    assert line.raw.xlen(EVENTS) == LEAST
    line.pump()
    line.assert_exactly_once_and_in_order()


def test_confirmations_are_trimmed_and_nothing_is_lost_by_it(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_keys, "CONFIRMATIONS_LENGTH", 10)
    for number in range(600):
        line.alert(CAMERAS[number % 3])
    line.pump()
    line.assert_exactly_once_and_in_order()
    assert line.raw.xlen(CONFIRMATIONS) < 250


def test_confirmations_that_were_trimmed_away_unread_are_asked_for_again(line: Line) -> None:
    line.alert()
    line.step_edge()
    line.step_hub()
    line.raw.delete(CONFIRMATIONS)
    line.pump()
    line.assert_exactly_once_and_in_order()
    assert line.told == line.sent["vid1"]


@pytest.mark.parametrize("moment", range(4))
def test_a_flush_at_any_moment(line: Line, moment: int) -> None:
    for number in range(250):
        line.alert(CAMERAS[number % 2])
    acts = [line.step_edge, line.step_hub, line.step_edge, line.step_hub]
    for index, act in enumerate(acts):
        if index == moment:
            line.raw.flushall()
        act()
    line.pump()
    line.assert_exactly_once_and_in_order()


def test_events_that_redis_lost_while_it_kept_old_confirmations_are_sent_again(line: Line) -> None:
    """As after a fail-over to a replica that was a moment behind."""
    line.alert()
    line.pump()
    line.alert()
    line.step_edge()
    assert line.raw.xlen(CONFIRMATIONS) == 1
    line.raw.xtrim(EVENTS, maxlen=0)
    line.pump(rounds=30)
    line.assert_exactly_once_and_in_order()


@pytest.mark.parametrize("wipe", [False, True])
def test_a_redis_that_is_killed_and_comes_back(line: Line, wipe: bool) -> None:
    for number in range(150):
        line.alert(CAMERAS[number % 3])
    line.step_edge()
    line.server.kill()
    for act in (line.step_edge, line.step_hub):
        with pytest.raises(RedisError):
            act()
    line.alert()
    if wipe:
        line.server.restart(wipe=True)
    else:
        line.server.start()
    line.pump()
    line.assert_exactly_once_and_in_order()


# Poison


def test_a_refused_row_blocks_nobody_and_is_kept_on_the_box(line: Line) -> None:
    first = line.alert()
    poison = line.alert(severity="fatal")
    line.sent["vid1"].remove(poison)
    for number in range(BATCH + 5):
        line.alert(CAMERAS[number % 2])
    line.pump()
    line.assert_exactly_once_and_in_order()
    assert line.stored("vid1")[0] == first
    assert list(line.dead_letters()) == [poison]
    assert line.dead_letters()[poison].startswith("severity: ")
    line.restart_edge()
    line.step_edge()
    assert line.raw.xlen(EVENTS) == 0  # it is not sent again


def test_an_outage_refuses_nothing(line: Line) -> None:
    line.alert()
    line.server.kill()
    for _ in range(5):
        with pytest.raises(RedisError):
            line.step_edge()
    line.server.start()
    line.pump()
    assert line.dead_letters() == {}


def test_bytes_that_are_no_text_stop_nobody(line: Line) -> None:
    raw = redis.Redis.from_url(line.server.url(), protocol=2)
    raw.xadd(EVENTS, {b"event_id": b"\xff\xfe", b"kind": b"alert", b"body": b"\xff"})
    raw.xadd(EVENTS, {b"something": b"else"})
    raw.close()
    line.alert()
    line.pump()
    line.assert_exactly_once_and_in_order()
    assert line.raw.xlen(EVENTS) == 0


def test_a_device_that_the_hub_does_not_know_yet_is_read_from_the_beginning(line: Line) -> None:
    body = alert_body("early", device_id="box-2")
    line.raw.xadd(redis_keys.events("box-2"), {"event_id": "early", "kind": "alert", "body": json.dumps(body)})
    line.hub.step()
    assert Alert.objects.count() == 0
    make_device("box-2")
    for _ in range(3):
        line.hub.step()
    assert Alert.objects.get().event_id == "early"
