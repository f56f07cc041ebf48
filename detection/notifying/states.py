"""What cameras are doing, at each channel's MQTT broker: retained states, Home Assistant's discovery, a last will."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from cameras.models import Camera
from cameras.states import camera_state
from detection.core.home_assistant import (
    OFFLINE,
    ONLINE,
    CameraFacts,
    discovery_messages,
    picture_topic,
    state_messages,
    status_topic,
)
from detection.models import Alert, AlertState
from detection.notifying.models import Channel, ChannelKind
from detection.notifying.transports.mqtt import KEEPALIVE_S, GuardedClient, target_of
from edgesite import storage
from edgesite.fields import DecryptionError
from edgesite.guarded_http import GuardedError
from edgesite.storage import StorageError

log = structlog.get_logger(__name__)

IDLE_S = 2.0
GOING_ON = timedelta(hours=1)  # an alert that nobody ended or took up is not told as going on for longer
LARGEST_PICTURE = 1_000_000
GOODBYE_S = 1.0
WITHDRAWAL_S = 5.0  # hundreds of topics


@dataclass(slots=True)
class _Connection:
    """One broker. After a loss everything is said anew.

    said: topic → what it holds. pictures: topic → key of the one that it holds. held: topics that may hold something of ours,
    over losses and changed channels, so that nothing stays retained that the channel may no longer tell.
    """

    key: tuple[Any, ...]
    client: GuardedClient
    held: set[str]
    said: dict[str, bytes] = field(default_factory=dict)
    pictures: dict[str, str] = field(default_factory=dict)
    times: int = 0  # of its client's connections, those that were told

    def start_anew(self) -> None:
        """The broker has said `offline`, and may have lost all it held."""
        self.times = self.client.times
        self.said.clear()
        self.pictures.clear()

    def say(self, topic: str, value: Any) -> None:
        payload = (
            value if isinstance(value, bytes) else (value if isinstance(value, str) else json.dumps(value)).encode()
        )
        if self.said.get(topic) != payload:
            self.retain(topic, payload)
            self.said[topic] = payload

    def retain(self, topic: str, payload: bytes) -> None:
        self.held.add(topic)
        self.client.publish(topic, payload, qos=1, retain=True)

    def withdraw(self, topics: set[str], *, others: set[str]) -> None:
        """An empty message is retained no more, and takes a camera out of Home Assistant.

        others: topics that another channel tells there, which stay.
        """
        for topic in sorted(topics):
            if topic not in others:
                self.client.publish(topic, b"", qos=1, retain=True)
            self.held.discard(topic)
            self.said.pop(topic, None)
            self.pictures.pop(topic, None)


@dataclass(slots=True)
class MqttStates:
    """One thread of `run_hub` calls `step`; `close` when that has ended."""

    clock: Any = timezone.now
    _connections: dict[int, _Connection] = field(default_factory=dict)
    _problems: dict[int, str] = field(default_factory=dict)

    def step(self) -> bool:
        """Connects, says what has changed, leaves what is no more. Raises django.db.Error."""
        channels = self._channels()
        if channels is None:
            self.close()
            return False
        held: dict[int, set[str]] = {}
        for pk, old in list(self._connections.items()):
            key = _key(channels[pk]) if pk in channels else None
            if key is not None and key != old.key and _broker(key) == _broker(old.key):
                held[pk] = old.held  # the next connection withdraws what it does not say
                self._leave(pk)
            elif key != old.key:
                self._leave(pk, withdraw=True)
        for pk, channel in channels.items():
            connection = self._connections.get(pk) or self._connect(channel, held.get(pk, set()))
            if connection is None:
                continue
            if connection.client.is_connected():
                self._tell(channel, connection)
            if connection.client.ended.is_set():
                self._note(pk, connection.client.problem)
        return False

    def _channels(self) -> dict[int, Channel] | None:
        """None where a key is lost: nobody knows then what may be told, and nothing is withdrawn for it."""
        rows = Channel.objects.filter(kind=ChannelKind.MQTT, enabled=True)
        try:
            return {channel.pk: channel for channel in rows}
        except DecryptionError:
            log.error("brokers are not told: a channel's secret cannot be decrypted")
            return None

    def _connect(self, channel: Channel, held: set[str]) -> _Connection | None:
        try:
            client = GuardedClient(channel, target_of(channel))
        except GuardedError as error:
            self._note(channel.pk, str(error))
            return None
        client.will_set(status_topic(channel.topic), OFFLINE, qos=1, retain=True)
        client.reconnect_delay_set(1, 60)
        client.connect_async(client.target.host, client.target.port, KEEPALIVE_S)
        client.loop_start()
        connection = self._connections[channel.pk] = _Connection(_key(channel), client, held)
        return connection

    def _tell(self, channel: Channel, connection: _Connection) -> None:
        if connection.times != connection.client.times:
            connection.start_anew()
        cameras = list(_cameras(channel))
        facts = _facts(cameras, now=self.clock())
        told: dict[str, Any] = {status_topic(channel.topic): ONLINE}
        for camera in facts:
            told |= state_messages(channel.topic, camera)
        if channel.discovery:
            told |= _discovery(channel, facts)
        for topic, value in told.items():
            connection.say(topic, value)
        keys = _pictures(cameras) if channel.pictures else ()
        pictures = {picture_topic(channel.topic, camera_id): key for camera_id, key in keys}
        for topic, key in pictures.items():
            if connection.pictures.get(topic) != key:
                _show(connection, topic, key)
        connection.withdraw(connection.held - told.keys() - pictures.keys(), others=self._held_by_others(connection))

    def _held_by_others(self, connection: _Connection) -> set[str]:
        """Topics of other channels at the same broker, which may begin alike."""
        others = (other for other in self._connections.values() if other is not connection)
        return {topic for other in others if _broker(other.key) == _broker(connection.key) for topic in other.held}

    def _note(self, pk: int, problem: str) -> None:
        """Each change once: in the log and at the channel."""
        if self._problems.get(pk, "") == problem:
            return
        self._problems[pk] = problem
        Channel.objects.filter(pk=pk).update(problem=problem[:500])
        if problem:
            log.warning("broker away", channel=pk, reason=problem)
        else:
            log.info("broker told of cameras", channel=pk)

    def _leave(self, pk: int, *, withdraw: bool = False) -> None:
        """withdraw: nobody tells anything there any more, so nothing but `offline` may stay retained."""
        connection = self._connections.pop(pk)
        client, status = connection.client, status_topic(connection.key[0])
        try:
            if client.is_connected():
                if withdraw:
                    connection.withdraw(connection.held - {status}, others=self._held_by_others(connection))
                goodbye = client.publish(status, OFFLINE, qos=1, retain=True)  # goes out after all before it
                goodbye.wait_for_publish(WITHDRAWAL_S if withdraw else GOODBYE_S)
        except (RuntimeError, ValueError) as error:  # as paho says that the connection went just now
            log.info("a broker was left without a goodbye", channel=pk, reason=str(error))
        finally:
            client.disconnect()  # else its thread would connect again for ever

    def close(self) -> None:
        """Says goodbye, shortly; whom it does not reach hears of the last will."""
        goodbyes = [threading.Thread(target=self._leave, args=(pk,), daemon=True) for pk in list(self._connections)]
        for goodbye in goodbyes:
            goodbye.start()
        for goodbye in goodbyes:
            goodbye.join(GOODBYE_S)


def _key(channel: Channel) -> tuple[Any, ...]:
    """What makes another connection of it."""
    return (channel.topic, channel.url, channel.username, channel.secret, channel.site_id, channel.discovery, channel.pictures,
            channel.language)  # fmt: skip


def _broker(key: tuple[Any, ...]) -> str:
    """Of a connection's key, the broker's address."""
    return str(key[1])


def _discovery(channel: Channel, facts: Iterable[CameraFacts]) -> dict[str, Any]:
    with translation.override(channel.language):
        labels = {"connected": _("Connected"), "alert": _("Alert"), "picture": _("Newest alert")}
    told: dict[str, Any] = {}
    for camera in facts:
        told |= discovery_messages(channel.topic, camera, labels, pictures=channel.pictures)
    return told


def _show(connection: _Connection, topic: str, key: str) -> None:
    try:
        file, _size = storage.open_object(key)
        with file:
            picture = file.read(LARGEST_PICTURE + 1)
    except (StorageError, FileNotFoundError):
        picture = b""
    connection.pictures[topic] = key
    if 0 < len(picture) <= LARGEST_PICTURE:
        connection.retain(topic, picture)


def _cameras(channel: Channel) -> QuerySet[Camera]:
    cameras = (
        Camera.objects.select_related("device__site", "device__status").defer("rtsp_url", "sub_url").order_by("pk")
    )
    return cameras.filter(device__site=channel.site_id) if channel.site_id is not None else cameras


def _pictures(cameras: list[Camera]) -> list[tuple[str, str]]:
    """The key of each camera's newest picture of an alert of its box, in one query."""
    ready = Alert.objects.filter(camera=OuterRef("pk"), capture_ready=True).exclude(~Q(device=OuterRef("device")))
    newest = ready.order_by("-id").values("capture")[:1]
    keys = Camera.objects.filter(pk__in=[camera.pk for camera in cameras]).annotate(newest=Subquery(newest))
    return list(keys.exclude(newest=None).values_list("pk", "newest"))


def _facts(cameras: list[Camera], *, now: datetime) -> list[CameraFacts]:
    going_on = Alert.objects.filter(timestamp__gte=now - GOING_ON, ended_at=None, state=AlertState.OPEN)
    with_alert = set(going_on.order_by().values_list("device", "camera").distinct())
    facts = []
    for camera in cameras:
        state = camera_state(camera, now=now)
        alerts = (camera.device_id, camera.pk) in with_alert
        facts.append(CameraFacts(camera.pk, str(camera), camera.device.site.name, state.word, state.reason, alerts))
    return facts
