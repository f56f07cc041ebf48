"""The ways out. Each takes a channel and a message, touches no database, and says what came of it."""

from __future__ import annotations

from collections.abc import Callable

from detection.notifying.messages import Message
from detection.notifying.models import Channel, ChannelKind
from detection.notifying.services import Outcome
from detection.notifying.transports.mail import send_mail
from detection.notifying.transports.mqtt import send_mqtt
from detection.notifying.transports.webhook import send_webhook

Send = Callable[[Channel, Message], Outcome]

TRANSPORTS: dict[str, Send] = {
    ChannelKind.WEBHOOK: send_webhook,
    ChannelKind.EMAIL: send_mail,
    ChannelKind.MQTT: send_mqtt,
}


def send(channel: Channel, message: Message) -> Outcome:
    """Hands the message over; bounded in time. Whatever a transport raises is a defect of ours."""
    return TRANSPORTS[channel.kind](channel, message)
