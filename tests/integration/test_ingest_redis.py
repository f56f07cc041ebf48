"""One device's spoiled keys in Redis cost that device's events only, and are said once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from detection.hub.ingest import Ingest
from detection.models import Alert
from edgesite import redis_keys
from edgesite.redis_clients import Client, connect
from tests.detection.alerts import alert_body, entry
from tests.rows import make_all
from tests.servers.redis import RedisServer

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator[Client]:
    for number in (1, 2, 3):
        make_all(f"box-{number}", number=number)
    client = connect(redis_server.url())
    yield client
    client.close()


def send(client: Client, event_id: str, number: int) -> None:
    fields: Any = entry(alert_body(event_id, device_id=f"box-{number}", camera_id=f"vid{number}"))
    client.xadd(redis_keys.events(f"box-{number}"), fields)


def stored() -> set[str]:
    return set(Alert.objects.values_list("event_id", flat=True))


def lines(captured: list[Any], device_id: str) -> list[str]:
    return [line["event"] for line in captured if line.get("device") == device_id]


def confirmed(client: Client, number: int) -> list[str]:
    rows: Any = client.xrange(redis_keys.confirmations(f"box-{number}"))
    return [fields["event_id"] for _, fields in rows]


@pytest.mark.parametrize("key", [redis_keys.events, redis_keys.confirmations])
def test_a_key_that_is_no_stream_from_the_start_sets_its_device_aside(client: Client, key: Any) -> None:
    client.set(key("box-2"), "nonsense")
    send(client, "a", 1)
    send(client, "c", 3)
    ingest = Ingest(client=client, changed=lambda ids: None)
    with structlog.testing.capture_logs() as captured:
        for _ in range(4):
            ingest.step()
    assert stored() == {"a", "c"}
    assert confirmed(client, 1) == ["a"]
    assert len(lines(captured, "box-2")) == 1
    client.delete(key("box-2"))
    send(client, "b", 2)
    with structlog.testing.capture_logs() as captured:
        for _ in range(4):
            ingest.step()
    assert stored() == {"a", "b", "c"}
    assert lines(captured, "box-2") == ["device's events can be read again"]


@pytest.mark.parametrize("key", [redis_keys.events, redis_keys.confirmations])
def test_a_key_that_is_spoiled_while_the_hub_runs_sets_its_device_aside(client: Client, key: Any) -> None:
    ingest = Ingest(client=client, changed=lambda ids: None)
    send(client, "a", 1)
    send(client, "b", 2)
    for _ in range(3):
        ingest.step()
    assert stored() == {"a", "b"}
    send(client, "b2", 2)
    client.delete(key("box-2"))
    client.hset(key("box-2"), "x", "y")
    send(client, "a2", 1)
    send(client, "c2", 3)
    with structlog.testing.capture_logs() as captured:
        for _ in range(5):
            ingest.step()
    assert {"a2", "c2"} <= stored()
    assert confirmed(client, 3) == ["c2"]
    assert len(lines(captured, "box-2")) == 1


def test_when_every_device_is_set_aside_the_hub_waits_quietly(client: Client) -> None:
    for number in (1, 2, 3):
        client.set(redis_keys.events(f"box-{number}"), "nonsense")
    ingest = Ingest(client=client, changed=lambda ids: None)
    with structlog.testing.capture_logs() as captured:
        assert not any(ingest.step() for _ in range(3))
    assert len(captured) == 3


def test_what_was_set_aside_unconfirmed_is_confirmed_when_it_comes_again(client: Client) -> None:
    ingest = Ingest(client=client, changed=lambda ids: None)
    ingest.step()
    client.set(redis_keys.confirmations("box-2"), "nonsense")
    send(client, "b", 2)
    ingest.step()
    assert stored() == {"b"}
    client.delete(redis_keys.confirmations("box-2"))
    send(client, "b", 2)
    for _ in range(3):
        ingest.step()
    assert confirmed(client, 2) == ["b"]
    assert Alert.objects.count() == 1
