"""Channels and rules as rows, and what a hub does with them step by step."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

from detection.notifying.messages import Message
from detection.notifying.models import Channel, NotificationRule
from detection.notifying.planning import begin
from detection.notifying.services import Outcome
from detection.notifying.worker import Notifier

SECRET = "a-secret-of-the-tests"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def make_channel(name: str = "Hook", *, url: str = "http://hooks.example/in", **values: Any) -> Channel:
    return Channel.objects.create(name=name, **{"kind": "webhook", "url": url, "secret": SECRET} | values)


def make_rule(*channels: Channel, name: str = "Everything", **values: Any) -> NotificationRule:
    rule = NotificationRule.objects.create(name=name, **{"min_severity": "info", "group_s": 0} | values)
    rule.channels.set(channels)
    return rule


class Hub:
    """A hub's notifier with a clock that stands still, and a way out that keeps what it is given."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.now = NOW
        self.sent: list[tuple[Channel, Message]] = []
        self.outcomes = list(outcomes)
        self.notifier = Notifier(threading.Event(), send=self.send, clock=lambda: self.now)
        begin()

    def send(self, channel: Channel, message: Message) -> Outcome:
        self.sent.append((channel, message))
        return self.outcomes.pop(0) if self.outcomes else Outcome("delivered", status=204)

    def turn(self, *, after_s: float = 0.0) -> list[Message]:
        """Everything that is to be done after so many seconds; what was sent."""
        self.now += timedelta(seconds=after_s)
        before = len(self.sent)
        while self.notifier.plan_step():
            pass
        while self.notifier.send_step():
            pass
        return [message for _, message in self.sent[before:]]
