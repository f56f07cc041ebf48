"""What cameras are doing, at each channel's MQTT broker: retained states, Home Assistant's discovery, a last will."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db.models import OuterRef, QuerySet, Subquery
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


@dataclass(slots=True)
class _Connection:
    """One broker. said: topic → what it holds; discovered: camera → its topics. After a loss everything is said anew."""

    key: tuple[Any, ...]
    client: GuardedClient
    said: dict[str, bytes] = field(default_factory=dict)
    discovered: dict[str, set[str]] = field(default_factory=dict)
    pictures: dict[str, str] = field(default_factory=dict)  # camera → key of the one that it holds
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
            self.client.publish(topic, payload, qos=1, retain=True)
            self.said[topic] = payload


@dataclass(slots=True)
class MqttStates:
    """One thread of `run_hub` calls `step`; `close` when that has ended."""

    clock: Any = timezone.now
    _connections: dict[int, _Connection] = field(default_factory=dict)
    _problems: dict[int, str] = field(default_factory=dict)

    def step(self) -> bool:
        """Connects, says what has changed, leaves what is no more. Raises django.db.Error."""
        channels = self._channels()
        for pk in list(self._connections):
            if pk not in channels or self._connections[pk].key != _key(channels[pk]):
                self._leave(pk)
        for pk, channel in channels.items():
            connection = self._connections.get(pk) or self._connect(channel)
            if connection is None:
                continue
            if connection.client.is_connected():
                self._tell(channel, connection)
            if connection.client.ended.is_set():
                self._note(pk, connection.client.problem)
        return False

    def _channels(self) -> dict[int, Channel]:
        rows = Channel.objects.filter(kind=ChannelKind.MQTT, enabled=True)
        try:
            return {channel.pk: channel for channel in rows}
        except DecryptionError:
            log.error("brokers are not told: a channel's secret cannot be decrypted")
            return {}

    def _connect(self, channel: Channel) -> _Connection | None:
        try:
            client = GuardedClient(channel, target_of(channel))
        except GuardedError as error:
            self._note(channel.pk, str(error))
            return None
        client.will_set(status_topic(channel.topic), OFFLINE, qos=1, retain=True)
        client.reconnect_delay_set(1, 60)
        client.connect_async(client.target.host, client.target.port, KEEPALIVE_S)
        client.loop_start()
        connection = self._connections[channel.pk] = _Connection(_key(channel), client)
        return connection

    def _tell(self, channel: Channel, connection: _Connection) -> None:
        if connection.times != connection.client.times:
            connection.start_anew()
        connection.say(status_topic(channel.topic), ONLINE)
        cameras = list(_cameras(channel))
        facts = _facts(cameras, now=self.clock())
        for camera in facts:
            for topic, value in state_messages(channel.topic, camera).items():
                connection.say(topic, value)
        for camera_id, key in _pictures(cameras) if channel.pictures else ():
            if connection.pictures.get(camera_id) != key:
                self._picture(channel, connection, camera_id, key)
        self._discover(channel, connection, facts)

    def _discover(self, channel: Channel, connection: _Connection, facts: Iterable[CameraFacts]) -> None:
        with translation.override(channel.language):
            labels = {"connected": _("Connected"), "alert": _("Alert"), "picture": _("Newest alert")}
        there = set()
        for camera in facts if channel.discovery else ():
            there.add(camera.camera_id)
            told = discovery_messages(channel.topic, camera, labels, pictures=channel.pictures)
            for topic, value in told.items():
                connection.say(topic, value)
            connection.discovered[camera.camera_id] = set(told)
        for camera_id in set(connection.discovered) - there:
            for topic in connection.discovered.pop(camera_id):
                connection.say(topic, b"")  # an empty message takes it out of Home Assistant

    def _picture(self, channel: Channel, connection: _Connection, camera_id: str, key: str) -> None:
        try:
            file, _size = storage.open_object(key)
            with file:
                picture = file.read(LARGEST_PICTURE + 1)
        except (StorageError, FileNotFoundError):
            picture = b""
        connection.pictures[camera_id] = key
        if 0 < len(picture) <= LARGEST_PICTURE:
            connection.client.publish(picture_topic(channel.topic, camera_id), picture, qos=1, retain=True)

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

    def _leave(self, pk: int) -> None:
        connection = self._connections.pop(pk)
        client, prefix = connection.client, connection.key[0]
        try:
            if client.is_connected():
                client.publish(status_topic(prefix), OFFLINE, qos=1, retain=True).wait_for_publish(GOODBYE_S)
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


def _cameras(channel: Channel) -> QuerySet[Camera]:
    cameras = Camera.objects.select_related("device__site", "device__status").defer("rtsp_url").order_by("pk")
    return cameras.filter(device__site=channel.site_id) if channel.site_id is not None else cameras


def _pictures(cameras: list[Camera]) -> list[tuple[str, str]]:
    """The key of each camera's newest picture of an alert, in one query."""
    ready = Alert.objects.filter(camera=OuterRef("pk"), capture_ready=True).order_by("-id").values("capture")[:1]
    keys = Camera.objects.filter(pk__in=[camera.pk for camera in cameras]).annotate(newest=Subquery(ready))
    return list(keys.exclude(newest=None).values_list("pk", "newest"))


def _facts(cameras: list[Camera], *, now: datetime) -> list[CameraFacts]:
    going_on = Alert.objects.filter(timestamp__gte=now - GOING_ON, ended_at=None, state=AlertState.OPEN)
    with_alert = set(going_on.order_by().values_list("camera", flat=True).distinct())
    facts = []
    for camera in cameras:
        state = camera_state(camera, now=now)
        facts.append(
            CameraFacts(
                camera.pk, str(camera), camera.device.site.name, state.word, state.reason, camera.pk in with_alert
            )
        )
    return facts
