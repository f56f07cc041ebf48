"""A try that takes long is not made twice, and one that never ends is not repeated for ever."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError

from detection.notifying import services
from detection.notifying.models import Channel, Delivery
from detection.notifying.services import LOST, MOST_TRIES, Outcome
from detection.notifying.worker import Notifier
from tests.detection.alerts import make_alert
from tests.detection.notifications import NOW, Hub, make_channel, make_rule
from tests.rows import make_all

pytestmark = pytest.mark.django_db

TAKES = timedelta(minutes=6)


class Passing(threading.Event):
    """The hub's end, which never comes: 25 seconds pass each time it is asked, and the plan's thread looks for lost tries."""

    def __init__(self, hub: Hub) -> None:
        super().__init__()
        self.hub, self.answered = hub, threading.Event()
        self.recovered = 0

    def is_set(self) -> bool:
        self.hub.now += timedelta(seconds=25)
        self.recovered += services.recover(now=self.hub.now)
        if self.hub.now >= NOW + TAKES:
            self.answered.set()
        return False


def send_slowly(hub: Hub) -> Passing:
    """One try at a receiver that answers well after TAKES."""
    passing = Passing(hub)

    def slow(channel: Channel, message: Any) -> Outcome:
        passing.answered.wait(20)
        return Outcome("delivered")

    def monotonic() -> float:
        return (hub.now - NOW).total_seconds()

    assert Notifier(passing, send=slow, clock=lambda: hub.now, monotonic=monotonic).send_step()
    return passing


@pytest.fixture
def hub() -> Hub:
    make_all()
    make_rule(make_channel())
    hub = Hub()
    make_alert("e1")
    hub.notifier.plan_step()
    return hub


def test_a_receiver_slower_than_a_lease_gets_its_message_once(hub: Hub) -> None:
    assert send_slowly(hub).recovered == 0
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.tries) == ("delivered", 1)
    assert hub.turn(after_s=600) == []


def test_a_database_that_is_away_for_a_moment_sends_nothing_twice(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    renew, asked = services.renew, []

    def sometimes(delivery: Delivery, *, now: datetime) -> bool:
        asked.append(now)
        if len(asked) % 2:
            raise OperationalError("database is locked")
        return renew(delivery, now=now)

    monkeypatch.setattr(services, "renew", sometimes)
    assert send_slowly(hub).recovered == 0
    assert len(asked) > 3
    assert Delivery.objects.get().state == "delivered"


def test_a_last_try_that_never_ended_is_a_dead_letter_with_those_that_it_leads() -> None:
    make_all()
    make_rule(make_channel(), group_s=60)
    hub = Hub()
    for n in range(3):
        make_alert(f"e{n}")
    hub.turn()
    hub.now += timedelta(seconds=61)
    while hub.notifier.plan_step():
        pass
    Delivery.objects.filter(state="waiting").update(tries=MOST_TRIES - 2)
    assert services.claim_next(now=hub.now) is not None
    assert services.recover(now=hub.now + timedelta(seconds=121)) == 1
    hub.now += timedelta(seconds=121)
    assert services.claim_next(now=hub.now) is not None  # one more, the last
    assert hub.turn(after_s=121) == []
    rows = list(Delivery.objects.order_by("id").values_list("state", "tries", "problem"))
    assert rows == [("delivered", 1, ""), ("dead", MOST_TRIES, LOST), ("dead", 0, "")]
    assert not Delivery.objects.filter(ended_at=None).exists()
