"""The hub hears an answer that somebody awaits also while the thread that stores what boxes say is busy."""

from __future__ import annotations

from typing import Any

import pytest
from redis.exceptions import ResponseError

from detection.hub.store import store_event, tell_early
from edgesite import redis_keys
from recordings.models import SnapshotRequest
from recordings.orders import listening, strays
from recordings.orders.models import SnapshotOrder
from tests.recordings.orders import Desk, use_bucket

EVENTS = redis_keys.events("box-1")
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("bucket")]


@pytest.fixture
def bucket(desk: Desk, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Redis' clock stands still, so the entries of one moment count on."""
    monkeypatch.setattr(strays.strays, "_due", 0.0)
    monkeypatch.setattr(strays.strays, "_kept", type(strays.strays._kept)())
    use_bucket(settings, monkeypatch)


def asked(desk: Desk, *names: str) -> None:
    for name in names:
        desk.ask(request_id=name, cos_path=f"shop/{name}.jpg")
    desk.step()


def test_it_is_told_and_stored_though_nobody_takes_it_in(desk: Desk) -> None:
    desk.cloud.xadd(EVENTS, {"kind": "alert"})  # before it was asked, if only just
    asked(desk, "r1")
    desk.cloud.xadd(EVENTS, {"kind": "alert", "body": "nonsense"})
    fields = desk.event(store=False)
    desk.cloud.xadd(EVENTS, fields)
    desk.run()
    assert desk.result()["status"] == "ok"
    assert desk.cloud.calls["set"] == 1
    assert SnapshotRequest.objects.get().state == "ready"
    # And then it is taken in all the same.
    assert not tell_early(desk.cloud.client(), fields, "box-1")
    assert store_event(fields, device_id="box-1") is None
    assert (SnapshotOrder.objects.get().state, list(strays.strays._kept)) == ("ready", [])


def test_who_is_second_with_it_tells_nothing_again_and_keeps_it_from_being_stored_twice(desk: Desk) -> None:
    asked(desk, "r1")
    fields = desk.event(store=False)
    client = desk.cloud.client()
    assert tell_early(client, fields, "box-1")
    assert tell_early(client, fields, "box-1")
    assert not tell_early(client, desk.event(store=False, width=7), "box-1")  # something else
    assert not tell_early(client, fields, "box-2")
    assert desk.cloud.calls["set"] == 1
    desk.run()
    assert SnapshotRequest.objects.get().width == 1920


def test_behind_many_other_entries_it_is_found_in_some_looks(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "MOST", 2)
    asked(desk, "r1", "r2")
    for number in range(5):
        desk.cloud.xadd(EVENTS, {"kind": "alert", "body": str(number)})
    for name in ("r2", "r1"):
        desk.cloud.xadd(EVENTS, desk.event(name, store=False))
    heard: list[str] = []

    def hear(client: Any, fields: dict[str, str], device_id: str) -> None:
        heard.append(fields["kind"])
        tell_early(client, fields, device_id)

    desk.orders.listening.hear = hear
    desk.run()
    assert [desk.result(name)["status"] for name in ("r1", "r2")] == ["ok", "ok"]
    assert heard == ["alert"] * 5 + ["snapshot"] * 2  # each once


def test_nobody_listens_when_nothing_is_awaited(desk: Desk) -> None:
    desk.ask(callback_url="https://shop.example.org")  # which is told when it is stored
    desk.step()
    desk.box_answers()
    desk.run()
    assert "xread" not in desk.cloud.calls


def test_a_box_whose_events_cannot_be_read_holds_up_no_answer(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked(desk, "r1")

    def refuse(*_: Any, **__: Any) -> None:
        raise ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value")

    monkeypatch.setattr(desk.cloud, "xread", refuse)
    desk.step()
    desk.box_answers(store=False)
    desk.run()
    assert desk.result()["status"] == "ok"
