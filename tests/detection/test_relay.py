from __future__ import annotations

import json
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from detection.hub.relay import EVENTS_AT_ONCE, DeviceRelay
from detection.hub.stats import parse_stats
from edgesite.redis_clients import Client
from tests.detection.alerts import alert_body

OWNERS = {"vid1": "box-1", "vid2": "box-2"}


class Channels:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def publish(self, channel: str, text: str) -> None:
        self.sent.append((channel, json.loads(text)))

    def pipeline(self, **_: Any) -> Channels:
        return self

    def __enter__(self) -> Channels:
        return self

    def __exit__(self, *_: object) -> None: ...

    def execute(self) -> None: ...


@pytest.fixture
def channels() -> Channels:
    return Channels()


@pytest.fixture
def relay(channels: Channels) -> DeviceRelay:
    return DeviceRelay(cast(Client, channels), parse_stats=parse_stats, owner=OWNERS.get)


def stats(camera_id: str = "vid1", fps: float = 1) -> str:
    return json.dumps({"type": "stats", "camera_id": camera_id, "timestamp": 5, "data": {"fps": fps}})


def test_statistics_of_the_devices_own_cameras_go_on_newest_wins(relay: DeviceRelay, channels: Channels) -> None:
    relay.take("hbd:stats:box-1", stats(fps=1))
    relay.take("hbd:stats:box-1", stats(fps=2))
    relay.take("hbd:stats:box-2", stats("vid2"))
    assert channels.sent == []
    relay.flush(0.0)
    assert [(c, m["camera_id"], m["data"]["fps"]) for c, m in channels.sent] == [
        ("hbd:stats", "vid1", 2),
        ("hbd:stats", "vid2", 1),
    ]
    relay.flush(1.0)
    assert len(channels.sent) == 2
    assert relay.dropped == 0


def test_alerts_of_the_device_itself_go_on_at_once(relay: DeviceRelay, channels: Channels) -> None:
    relay.take("hbd:events:box-1", json.dumps(alert_body()))
    assert channels.sent == [("hbd:events", alert_body())]


TWICE = json.dumps(alert_body())[:-1] + ', "camera_id": "vid2"}'


@pytest.mark.parametrize(
    ("channel", "text"),
    [
        ("hbd:stats:box-1", stats("vid2")),
        ("hbd:stats:box-1", stats("vid9")),
        ("hbd:stats:box-1:x", stats()),
        ("hbd:stats:box-1", "[]"),
        ("hbd:stats:box-1", json.dumps(alert_body())),
        ("hbd:other:box-1", stats()),
        ("hbd:events:box-1", stats()),
        ("hbd:events:box-1", "{"),
        ("hbd:events:box-1", "[]"),
        ("hbd:events:box-1", '"event_id"'),
        ("hbd:events:box-1", TWICE),
        ("hbd:events:box-1", json.dumps(alert_body(camera_id="vid2"))),
        ("hbd:events:box-2", json.dumps(alert_body())),
        ("hbd:events:box-1", json.dumps(alert_body(extra=1))),
        ("hbd:events:box-1", json.dumps(alert_body(data={"x": "y" * 70_000}))),
        ("hbd:events:box-1", json.dumps(alert_body(timestamp=float("nan")))),
    ],
)
def test_what_is_not_the_devices_own_or_no_message_is_dropped(
    relay: DeviceRelay, channels: Channels, channel: str, text: str
) -> None:
    relay.take(channel, text)
    relay.flush(0.0)
    assert channels.sent == []
    assert relay.dropped == 1


def test_a_flood_of_one_device_is_bounded_and_said_once_a_minute(relay: DeviceRelay, channels: Channels) -> None:
    with capture_logs() as logs:
        for _ in range(3):
            for _ in range(EVENTS_AT_ONCE + 10):
                relay.take("hbd:events:box-1", json.dumps(alert_body()))
            relay.take("hbd:events:box-2", json.dumps(alert_body(device_id="box-2", camera_id="vid2")))
            relay.flush(1.0)
        relay.flush(62.0)
    assert len(channels.sent) == 3 * (EVENTS_AT_ONCE + 1)
    assert [line["messages"] for line in logs] == [10, 20]
