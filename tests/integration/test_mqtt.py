"""Alerts and camera states at a real MQTT broker: confirmed, retained, with a last will, found by Home Assistant."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from django.utils import timezone
from paho.mqtt.enums import CallbackAPIVersion

from cameras.models import Camera, DeviceStatus
from detection.models import Alert
from detection.notifying.messages import trial_message
from detection.notifying.models import Channel, Delivery
from detection.notifying.states import MqttStates
from detection.notifying.transports import mqtt
from edgesite import storage
from edgesite.guarded_http import open_socket
from tests.detection.alerts import make_alert
from tests.detection.notifications import Hub, make_channel, make_rule
from tests.edgesite.test_guarded_http import certificate_for
from tests.rows import make_all
from tests.servers.mosquitto import Mosquitto
from tests.servers.process import free_port
from tests.servers.stack import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def broker(settings: Any) -> Iterator[Mosquitto]:
    settings.NOTIFY_HOSTS = ["127.0.0.1"]
    with Mosquitto() as server:
        yield server


class Listener:
    """Everything that is said at the broker, the newest of each topic."""

    def __init__(self, port: int) -> None:
        self.heard: dict[str, bytes] = {}
        self.count = 0
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        self.client.on_message = self._hear
        self.client.on_connect = lambda client, *rest: client.subscribe("#", qos=1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def _hear(self, client: Any, data: Any, message: paho.MQTTMessage) -> None:
        self.heard[message.topic] = bytes(message.payload)
        self.count += 1

    def says(self, topic: str, what: bytes) -> None:
        wait_until(lambda: self.heard.get(topic) == what, seconds=10, what=f"{what!r} at {topic}; heard {self.heard}")

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def listen(broker: Mosquitto) -> Iterator[Callable[[], Listener]]:
    made: list[Listener] = []

    def begin() -> Listener:
        made.append(Listener(broker.port))
        return made[-1]

    yield begin
    for one in made:
        one.close()


def make_broker_channel(port: int, **values: Any) -> Channel:
    given: dict[str, Any] = {"kind": "mqtt", "url": f"mqtt://127.0.0.1:{port}", "secret": "", "topic": "site/hub"}
    return make_channel("Broker", **given | values)


@pytest.fixture
def states() -> Iterator[MqttStates]:
    one = MqttStates()
    yield one
    one.close()


def told(states: MqttStates, listener: Listener, topic: str, what: bytes) -> None:
    """Steps until the listener hears it."""

    def heard() -> bool:
        states.step()
        return listener.heard.get(topic) == what

    wait_until(heard, seconds=15, what=f"{what!r} at {topic}; heard {listener.heard}")


def test_an_alert_is_published_and_confirmed(broker: Mosquitto, listen: Callable[[], Listener]) -> None:
    make_all()
    make_rule(make_broker_channel(broker.port))
    hub, listener = Hub(), listen()
    hub.notifier.send = mqtt.send_mqtt
    make_alert("e1")
    wait_until(listener.client.is_connected, seconds=5, what="listener")
    hub.turn()
    assert Delivery.objects.get().state == "delivered"
    wait_until(lambda: "site/hub/alerts" in listener.heard, seconds=5, what="alert")
    body = json.loads(listener.heard["site/hub/alerts"])
    assert (body["key"], body["alerts"][0]["event_id"]) == (Delivery.objects.get().key, "e1")


def test_cameras_states_are_retained_and_home_assistant_finds_them(
    broker: Mosquitto, listen: Callable[[], Listener], states: MqttStates
) -> None:
    device = make_all()
    status = DeviceStatus.objects.create(
        device=device, reported_at=timezone.now(), health={"cameras": {"vid1": "live"}}
    )
    make_broker_channel(broker.port)
    first = listen()
    told(states, first, "site/hub/cameras/vid1/connected", b"ON")
    later = listen()  # retained: who comes later hears it too
    later.says("site/hub/status", b"online")
    later.says("site/hub/cameras/vid1/alert", b"OFF")
    assert json.loads(later.heard["site/hub/cameras/vid1/state"])["state"] == "live"
    configs = {topic: json.loads(body) for topic, body in later.heard.items() if topic.startswith("homeassistant/")}
    kinds = {config["device_class"]: config for config in configs.values()}
    assert set(kinds) == {"connectivity", "safety"}
    assert all(topic.endswith("/config") and topic.count("/") == 4 for topic in configs)
    assert kinds["connectivity"]["state_topic"] == "site/hub/cameras/vid1/connected"
    assert kinds["safety"]["availability_topic"] == "site/hub/status"
    assert kinds["safety"]["device"]["name"] == "Line 1"
    alert = make_alert("e1", timestamp=timezone.now())
    told(states, first, "site/hub/cameras/vid1/alert", b"ON")
    Alert.objects.filter(pk=alert.pk).update(ended_at=timezone.now())
    told(states, first, "site/hub/cameras/vid1/alert", b"OFF")
    status.health = {"cameras": {"vid1": "lost"}, "camera_details": {"vid1": {"reason": "connection refused"}}}
    status.save()
    told(states, first, "site/hub/cameras/vid1/connected", b"OFF")
    count = first.count
    states.step()
    states.step()
    assert first.count == count  # what has not changed is not said again
    Camera.objects.all().delete()
    for topic in configs:
        told(states, first, topic, b"")


def test_pictures_only_where_they_were_asked_for(
    broker: Mosquitto, listen: Callable[[], Listener], states: MqttStates
) -> None:
    make_all()
    storage.put("captures/20261122/a.jpg", b"\xff\xd8picture")
    make_alert("e1", capture="captures/20261122/a.jpg", capture_ready=True)
    channel = make_broker_channel(broker.port)
    listener = listen()
    told(states, listener, "site/hub/status", b"online")
    listener.says("site/hub/cameras/vid1/alert", b"OFF")
    assert "site/hub/cameras/vid1/picture" not in listener.heard
    Channel.objects.filter(pk=channel.pk).update(pictures=True)
    told(states, listener, "site/hub/cameras/vid1/picture", b"\xff\xd8picture")
    assert any(topic.startswith("homeassistant/camera/") for topic in listener.heard)
    Channel.objects.filter(pk=channel.pk).update(pictures=False)
    told(states, listener, "site/hub/cameras/vid1/picture", b"")
    Channel.objects.filter(pk=channel.pk).update(enabled=False)
    told(states, listener, "site/hub/cameras/vid1/state", b"")
    listener.says("site/hub/status", b"offline")


def test_a_channel_of_a_site_tells_of_that_sites_cameras_only(
    broker: Mosquitto, listen: Callable[[], Listener], states: MqttStates
) -> None:
    device = make_all()
    make_all("box-2", site="Warehouse", number=2)
    make_broker_channel(broker.port, site=device.site)
    listener = listen()
    told(states, listener, "site/hub/cameras/vid1/connected", b"OFF")
    assert not [topic for topic in listener.heard if "vid2" in topic]


def test_the_last_will_and_a_broker_that_comes_back_empty(
    broker: Mosquitto, listen: Callable[[], Listener], states: MqttStates
) -> None:
    make_all()
    channel = make_broker_channel(broker.port)
    listener = listen()
    told(states, listener, "site/hub/status", b"online")
    sock = states._connections[channel.pk].client.socket()
    assert isinstance(sock, socket.socket)
    sock.shutdown(socket.SHUT_RDWR)  # as the hub's end without a word
    listener.says("site/hub/status", b"offline")
    told(states, listener, "site/hub/status", b"online")
    broker.kill()

    def away() -> bool:
        states.step()
        channel.refresh_from_db()
        return "cannot be reached" in channel.problem

    wait_until(away, seconds=10, what="the broker's absence at the channel")
    broker.start()  # it has kept nothing
    other = listen()
    told(states, other, "site/hub/status", b"online")
    told(states, other, "site/hub/cameras/vid1/connected", b"OFF")
    channel.refresh_from_db()
    assert channel.problem == ""
    states.close()
    other.says("site/hub/status", b"offline")  # said, not only willed


def test_a_login_is_used_and_a_wrong_one_is_told(settings: Any) -> None:
    settings.NOTIFY_HOSTS = ["127.0.0.1"]
    make_all()
    with Mosquitto(login=("hub", "right-password")) as server:
        channel = make_broker_channel(server.port, username="hub", secret="wrong-password")
        make_rule(channel)
        hub = Hub()
        hub.notifier.send = mqtt.send_mqtt
        make_alert("e1")
        hub.turn()
        delivery = Delivery.objects.get()
        assert delivery.state == "waiting"
        assert delivery.problem.startswith("The broker refused the connection")
        channel.secret = "right-password"
        channel.save()
        hub.turn(after_s=10)
        delivery.refresh_from_db()
        assert delivery.state == "delivered"


def test_tls_is_checked_by_the_brokers_name(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = certificate_for(tmp_path, "localhost")
    settings.NOTIFY_HOSTS = ["localhost", "127.0.0.1"]
    monkeypatch.setattr(mqtt, "open_socket", partial(open_socket, resolve=lambda host, port: ["127.0.0.1"]))
    make_all()
    with Mosquitto(tls=(certificate, key)) as server:
        channel = make_broker_channel(server.port, url=f"mqtts://localhost:{server.port}")
        ours = ssl.create_default_context(cafile=str(certificate))
        assert mqtt.send_mqtt(channel, trial_message(channel, at=timezone.now()), tls=ours).result == "delivered"
        untrusted = mqtt.send_mqtt(channel, trial_message(channel, at=timezone.now()))
        assert untrusted.result == "retry"
        assert untrusted.problem.startswith("The server's certificate was refused: ")


@pytest.mark.parametrize("hosts", [[], ["other.example"], ["localhost"]])
def test_a_broker_that_is_not_listed_is_not_connected_to(settings: Any, broker: Mosquitto, hosts: list[str]) -> None:
    settings.NOTIFY_HOSTS = hosts
    make_all()
    channel = make_broker_channel(broker.port, url=f"mqtt://localhost:{broker.port}")
    outcome = mqtt.send_mqtt(channel, trial_message(channel, at=timezone.now()))
    assert outcome.result == "dead"
    assert outcome.problem.startswith("The address is not on the operator's list")


def test_no_broker_is_said_in_time(settings: Any) -> None:
    settings.NOTIFY_HOSTS = ["127.0.0.1"]
    channel = make_broker_channel(free_port())
    outcome = mqtt.send_mqtt(channel, trial_message(channel, at=timezone.now()))
    assert (outcome.result, outcome.problem.split(":")[0]) == ("retry", "The server cannot be reached")
