"""What brokers hold of cameras, without a broker; tests/integration/test_mqtt.py has a real one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import paho.mqtt.client as paho
import pytest

from cameras.models import Camera
from detection.notifying.models import Channel
from detection.notifying.states import MqttStates
from edgesite import storage
from tests.detection.alerts import make_alert
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


PICTURE = "captures/20261122/a.jpg"


@pytest.fixture
def shown(states: MqttStates, broker: Broker) -> Channel:
    """A channel of all sites that tells all it can of two cameras, one of them with a picture."""
    make_all()
    make_all("box-2", site="Warehouse", number=2)
    storage.put(PICTURE, b"a picture")
    make_alert("e1", capture=PICTURE, capture_ready=True)
    channel = make_broker_channel(pictures=True)
    states.step()
    assert broker.retained["hub/cameras/vid1/picture"] == b"a picture"
    assert len(broker.below("homeassistant/")) == 6
    assert broker.below("hub/") == {
        "status",
        "cameras/vid1/picture",
        *(f"cameras/{camera}/{what}" for camera in ("vid1", "vid2") for what in ("state", "connected", "alert")),
    }
    return channel


def change(states: MqttStates, channel: Channel, **values: Any) -> None:
    Channel.objects.filter(pk=channel.pk).update(**values)
    states.step()
    states.step()


def test_pictures_that_are_switched_off_are_retained_no_more(
    shown: Channel, states: MqttStates, broker: Broker
) -> None:
    change(states, shown, pictures=False)
    assert not [topic for topic in broker.retained if "picture" in topic]
    assert broker.retained["hub/status"] == b"online"
    assert {body for topic, body in broker.said if topic == "hub/cameras/vid1/state"} == {
        broker.retained["hub/cameras/vid1/state"]  # what may be told stays all the time
    }
    change(states, shown, pictures=True)
    assert broker.retained["hub/cameras/vid1/picture"] == b"a picture"


def test_a_channel_that_is_narrowed_to_a_site_holds_no_other_sites_cameras(
    shown: Channel, states: MqttStates, broker: Broker
) -> None:
    change(states, shown, site=Camera.objects.get(pk="vid2").device.site)
    assert broker.below("hub/cameras/") == {"vid2/state", "vid2/connected", "vid2/alert"}
    assert not [topic for topic in broker.retained if "vid1" in topic]


@pytest.mark.parametrize("how", ["disabled", "deleted", "elsewhere"])
def test_who_is_told_no_more_holds_nothing_but_the_goodbye(
    shown: Channel, states: MqttStates, broker: Broker, how: str
) -> None:
    if how == "deleted":
        Channel.objects.all().delete()
        states.step()
    elif how == "disabled":
        change(states, shown, enabled=False)
    else:
        broker.clients[0].broker = broker
        LocalClient.broker = other = Broker()
        shown.url = "mqtt://127.0.0.2:1883"
        shown.save()
        states.step()
        assert "hub/cameras/vid1/picture" in other.retained
    assert broker.retained == {"hub/status": b"offline"}


def test_what_another_channel_tells_at_the_same_broker_stays(
    shown: Channel, states: MqttStates, broker: Broker
) -> None:
    make_channel(
        "Second", kind="mqtt", url=shown.url, secret="", topic="hub", site=Camera.objects.get(pk="vid1").device.site
    )
    states.step()
    change(states, shown, enabled=False)
    assert broker.below("hub/cameras/") == {"vid1/state", "vid1/connected", "vid1/alert"}


def test_another_topic_leaves_nothing_below_the_old_one(shown: Channel, states: MqttStates, broker: Broker) -> None:
    change(states, shown, topic="other", discovery=False)
    assert (broker.below("hub/"), broker.below("homeassistant/")) == (set(), set())
    assert broker.retained["other/status"] == b"online"


@pytest.mark.parametrize("reconnected", [False, True])
def test_a_camera_that_is_gone_is_taken_out_also_after_a_loss(
    shown: Channel, states: MqttStates, broker: Broker, reconnected: bool
) -> None:
    client = broker.clients[0]
    client.connected = not reconnected
    Camera.objects.filter(pk="vid1").delete()
    states.step()
    if reconnected:
        assert "hub/cameras/vid1/picture" in broker.retained
        client.connected, client.times = True, 2
        states.step()
    assert not [topic for topic in broker.retained if "vid1" in topic]
    count = len(broker.said)
    states.step()
    assert len(broker.said) == count


def test_a_change_while_the_broker_was_away_is_made_up_for(shown: Channel, states: MqttStates, broker: Broker) -> None:
    broker.clients[0].connected = False
    change(states, shown, pictures=False)
    assert not [topic for topic in broker.retained if "picture" in topic]


def test_the_hubs_end_and_a_lost_key_withdraw_nothing(
    shown: Channel, states: MqttStates, broker: Broker, settings: Any
) -> None:
    before = broker.retained | {"hub/status": b"offline"}
    settings.FIELD_ENCRYPTION_KEYS = ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="]
    states.step()
    assert broker.retained == before
    assert [client.connected for client in broker.clients] == [False]
