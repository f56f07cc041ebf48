"""Hundreds of devices have sent at once: the hub takes a bounded number at a time, from all of them alike."""

from __future__ import annotations

from typing import Any

import pytest

from cameras.models import Device
from detection.hub import ingest as module
from detection.hub.ingest import BATCH, ENTRIES, Ingest
from edgesite import redis_keys
from edgesite.redis_clients import connect
from tests.rows import make_site
from tests.servers.redis import RedisServer

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

DEVICES, EACH = 500, 40


def test_one_turn_of_the_hub_is_bounded_however_many_boxes_there_are(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT_MS", 1)
    site = make_site()
    Device.objects.bulk_create([Device(device_id=f"box-{n}", site=site) for n in range(DEVICES)])
    raw = connect(redis_server.url())
    with raw.pipeline(transaction=False) as pipe:
        for number in range(DEVICES):
            for event in range(EACH):
                pipe.xadd(
                    redis_keys.events(f"box-{number}"), {"event_id": f"{number}-{event}", "kind": "?", "body": "{}"}
                )
        pipe.execute()
    turns: list[dict[str, int]] = []
    real = Ingest._confirm

    def take(self: Ingest, device_id: str, entries: list[Any]) -> None:
        turns[-1][device_id] = turns[-1].get(device_id, 0) + len(entries)
        answers = [{"event_id": fields["event_id"], "status": "stored"} for _, fields in entries]
        real(self, device_id, [entry_id for entry_id, _ in entries], answers)

    monkeypatch.setattr(Ingest, "_take", take)
    hub = Ingest(client=connect(redis_server.url()), changed=lambda event_ids: None)
    for _ in range(30):
        turns.append({})
        hub.step()
    assert sum(sum(turn.values()) for turn in turns) == DEVICES * EACH
    assert max(sum(turn.values()) for turn in turns) <= ENTRIES
    full = next(turn for turn in turns if turn)
    assert set(full.values()) == {ENTRIES // DEVICES}
    assert len(full) == DEVICES


def test_a_few_boxes_are_read_in_large_batches() -> None:
    asked: list[int] = []

    class Client:
        def xreadgroup(self, *args: Any, count: int, **values: Any) -> list[Any]:
            asked.append(count)
            return []

    hub = Ingest(client=Client(), changed=lambda event_ids: None)  # type: ignore[arg-type]  # all that it asks for
    hub._read(["box-1", "box-2"])
    assert asked == [BATCH]
