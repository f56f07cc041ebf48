"""MQTT: a connection to an allowed broker, and alerts by it. What cameras are doing is told by `detection.notifying.states`."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from typing import Any

import paho.mqtt.client as paho
from django.conf import settings
from django.utils.translation import gettext_noop
from paho.mqtt.enums import CallbackAPIVersion

from detection.core.home_assistant import alerts_topic
from detection.notifying.messages import Message
from detection.notifying.models import SCHEMES, Channel, ChannelKind
from detection.notifying.services import Outcome
from edgesite.core.addresses import AllowList, Target
from edgesite.guarded_http import BAD_TLS, GuardedError, allowed_target, open_socket
from edgesite.ids import uuid7

SECONDS = 10.0
KEEPALIVE_S = 30

UNREACHABLE = gettext_noop("The broker cannot be reached")
REFUSED = gettext_noop("The broker refused the connection")
UNCONFIRMED = gettext_noop("The broker did not confirm the message in time")


class GuardedClient(paho.Client):
    """Each connection, also each later one, goes to an address that was checked just before (`edgesite.guarded_http`).

    problem: English, why the last connection failed; "" while there is one. ended: set when it is known which. refused: by the
    operator's list. times: how often the broker took it in.
    """

    def __init__(self, channel: Channel, target: Target, *, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(CallbackAPIVersion.VERSION2, client_id=f"edgesite-{uuid7()[-12:]}", clean_session=True)
        self.target = target
        self._tls = tls or ssl.create_default_context()
        self.problem = ""
        self.refused = False
        self.ended = threading.Event()
        self.times = 0
        if channel.username:
            self.username_pw_set(channel.username, channel.secret or None)
        if target.scheme == "mqtts":
            self.tls_set_context(self._tls)
        self.connect_timeout = SECONDS / 2
        self.on_connect = self._answered
        self.on_disconnect = self._lost
        self.on_connect_fail = self._unreached

    def _create_socket_connection(self) -> socket.socket:
        """Instead of paho's own look-up and connection; tests/integration/test_mqtt.py sees that it is this one."""
        try:
            return open_socket(
                self.target, allowed=AllowList.parse(settings.NOTIFY_HOSTS), seconds=self.connect_timeout
            )
        except GuardedError as error:
            self.problem, self.refused = str(error), error.refused
            self.ended.set()
            raise ConnectionError(str(error)) from None  # paho tries again after an OSError

    def _ssl_wrap_socket(self, tcp_sock: socket.socket) -> ssl.SSLSocket:
        """Instead of paho's own, which leaves the socket of a failed handshake open, and does not say what failed."""
        tcp_sock.settimeout(self.connect_timeout)
        try:
            return self._tls.wrap_socket(tcp_sock, server_hostname=self.target.host)
        except ssl.SSLCertVerificationError as error:
            self.problem = f"{BAD_TLS}: {error.verify_message}"
            raise

    def _answered(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        self.problem = f"{REFUSED}: {reason}" if reason.is_failure else ""
        self.times += not reason.is_failure
        self.ended.set()

    def _lost(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._unreached()

    def _unreached(self, *args: Any) -> None:
        self.problem = self.problem or UNREACHABLE
        self.ended.set()


def target_of(channel: Channel) -> Target:
    """The channel's broker, when it is allowed. Raises GuardedError."""
    allowed = AllowList.parse(settings.NOTIFY_HOSTS)
    return allowed_target(channel.url, allowed=allowed, schemes=SCHEMES[ChannelKind.MQTT])


def send_mqtt(channel: Channel, message: Message, *, tls: ssl.SSLContext | None = None) -> Outcome:
    """One connection, one message that the broker confirms (QoS 1), within SECONDS."""
    end = time.monotonic() + SECONDS
    try:
        client = GuardedClient(channel, target_of(channel), tls=tls)
    except GuardedError as error:
        return Outcome("dead", str(error))
    client.connect_async(client.target.host, client.target.port, KEEPALIVE_S)
    client.loop_start()
    try:
        client.ended.wait(max(0.0, end - time.monotonic()))
        if not client.is_connected():
            return Outcome("dead" if client.refused else "retry", client.problem or UNREACHABLE)
        body = json.dumps(message.body, ensure_ascii=False).encode()
        sent = client.publish(alerts_topic(channel.topic), body, qos=1)
        sent.wait_for_publish(max(0.1, end - time.monotonic()))
        return Outcome("delivered") if sent.is_published() else Outcome("retry", UNCONFIRMED)
    except (RuntimeError, ValueError):  # as paho says that the connection went
        return Outcome("retry", client.problem or UNCONFIRMED)
    finally:
        client.disconnect()  # its thread ends by itself, and is not waited for
