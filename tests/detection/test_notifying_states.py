"""What brokers hold of cameras, without a broker; tests/integration/test_mqtt.py has a real one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import paho.mqtt.client as paho
import pytest

from detection.notifying.models import Channel
from detection.notifying.states import MqttStates
from tests.detection.notifications import make_channel
from tests.rows import make_all

pytestmark = pytest.mark.django_db


class Broker:
    """What is retained, by topic; the clients that came, with what each of them said. away: drops who speaks."""

    def __init__(self) -> None:
        self.retained: dict[str, bytes] = {}
        self.said: list[tuple[str, bytes]] = []
        self.clients: list[LocalClient] = []
        self.away = False

    def below(self, start: str) -> set[str]:
        return {topic.removeprefix(start) for topic in self.retained if topic.startswith(start)}


class LocalClient:
    """In place of a connection of `GuardedClient`."""

    broker: Broker

    def __init__(self, channel: Channel, target: Any) -> None:
        self.target, self.problem, self.times = target, "", 1
        self.ended = threading.Event()
        self.connected = True
        self.broker.clients.append(self)

    def will_set(self, *args: Any, **options: Any) -> None: ...

    def reconnect_delay_set(self, *args: Any) -> None: ...

    def connect_async(self, *args: Any) -> None: ...

    def loop_start(self) -> None: ...

    def is_connected(self) -> bool:
        return self.connected

    def publish(self, topic: str, payload: Any, *, qos: int, retain: bool) -> paho.MQTTMessageInfo:
        info = paho.MQTTMessageInfo(1)
        if self.broker.away:
            info.rc = paho.MQTT_ERR_NO_CONN
            return info
        info._set_as_published()
        content = payload.encode() if isinstance(payload, str) else payload
        assert (qos, retain) == (1, True)
        self.broker.said.append((topic, content))
        if content:
            self.broker.retained[topic] = content
        else:
            self.broker.retained.pop(topic, None)
        return info

    def disconnect(self) -> None:
        self.connected = False


@pytest.fixture
def broker(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Broker:
    settings.NOTIFY_HOSTS = ["127.0.0.1", "127.0.0.2"]
    monkeypatch.setattr(LocalClient, "broker", Broker(), raising=False)
    monkeypatch.setattr("detection.notifying.states.GuardedClient", LocalClient)
    return LocalClient.broker


@pytest.fixture
def states(broker: Broker) -> Iterator[MqttStates]:
    one = MqttStates()
    yield one
    one.close()


def make_broker_channel(**values: Any) -> Channel:
    given: dict[str, Any] = {"kind": "mqtt", "url": "mqtt://127.0.0.1:1883", "secret": "", "topic": "hub"}
    return make_channel("Broker", **given | values)


def test_a_broker_that_goes_while_it_is_left_keeps_no_connection(broker: Broker, states: MqttStates) -> None:
    make_all()
    channel = make_broker_channel()
    states.step()
    assert broker.retained["hub/status"] == b"online"
    broker.away = True
    Channel.objects.filter(pk=channel.pk).update(enabled=False)
    states.step()
    assert [client.connected for client in broker.clients] == [False]
    states.step()
