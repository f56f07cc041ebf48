"""Alerts arrive exactly once and in order, whichever side is killed at whatever place: a kill is an exception there."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from detection.hub import ingest as ingest_module
from detection.hub.ingest import Ingest
from detection.models import Alert
from edgesite import delivery as delivery_module
from edgesite.edge_store.outbox import Outbox
from tests.integration.line import CAMERAS, CONFIRMATIONS, EVENTS, Killed, Line, die, expect_kill
from tests.rows import make_device
from tests.servers.redis import RedisServer

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def line(redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    monkeypatch.setattr(ingest_module, "WAIT_MS", 1)
    make_device("box-1")
    line = Line(redis_server, tmp_path / "edge.sqlite3")
    yield line
    line.database.close()


def test_a_hub_killed_before_the_commit(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.alert()
    line.step_edge()
    with monkeypatch.context() as patch:
        patch.setattr(ingest_module, "store_event", die)
        expect_kill(line.step_hub)
    assert Alert.objects.count() == 0
    line.restart_hub()
    line.pump()
    line.assert_exactly_once_and_in_order()


def test_a_hub_killed_between_commit_and_confirmation(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(20):
        line.alert()
    line.step_edge()
    with monkeypatch.context() as patch:
        patch.setattr(Ingest, "_confirm", die)
        expect_kill(line.step_hub)
    assert Alert.objects.count() == 20
    assert line.outbox.count() == 20
    line.restart_hub()
    line.pump()
    line.assert_exactly_once_and_in_order()
    assert sorted(line.told) == sorted(line.sent["vid1"])  # announced once


def test_nothing_is_confirmed_before_it_is_stored(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.alert()
    line.step_edge()
    stored_at_confirmation: list[int] = []
    real = Ingest._confirm

    def confirm(self: Ingest, *args: Any) -> None:
        stored_at_confirmation.append(Alert.objects.count())
        real(self, *args)

    monkeypatch.setattr(Ingest, "_confirm", confirm)
    line.pump()
    assert stored_at_confirmation == [1]


def test_an_edge_killed_after_writing(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        line.alert()
    with monkeypatch.context() as patch:
        patch.setattr(delivery_module, "_Batch", die)
        expect_kill(line.step_edge)
    assert line.raw.xlen(EVENTS) == 5
    line.restart_edge()
    line.pump()
    line.assert_exactly_once_and_in_order()
    assert line.told == line.sent["vid1"]


def test_an_edge_killed_before_its_row_goes(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.alert()
    line.step_edge()
    line.step_hub()
    with monkeypatch.context() as patch:
        patch.setattr(Outbox, "confirm", die)
        expect_kill(line.step_edge)
    assert line.outbox.count() == 1
    line.restart_edge()
    line.pump()
    line.assert_exactly_once_and_in_order()


@pytest.mark.parametrize("seed", range(6))
def test_any_sequence_of_troubles(line: Line, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    chance = random.Random(seed)

    def killed_hub(place: str) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Ingest, place, die)
            try:
                line.step_hub()
            except Killed:
                line.restart_hub()

    def killed_edge(owner: Any, place: str) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(owner, place, die)
            try:
                line.step_edge()
            except Killed:
                line.restart_edge()

    troubles: list[Callable[[], Any]] = [
        line.raw.flushall,
        line.restart_edge,
        line.restart_hub,
        lambda: killed_hub("_store"),
        lambda: killed_hub("_confirm"),
        lambda: killed_edge(delivery_module, "_Batch"),
        lambda: killed_edge(Outbox, "confirm"),
        lambda: line.raw.delete(CONFIRMATIONS),
        lambda: line.raw.xtrim(EVENTS, maxlen=0),
    ]
    for _ in range(60):
        for _ in range(chance.randrange(20)):
            line.alert(chance.choice(CAMERAS))
        for act in chance.choices([line.step_edge, line.step_hub], k=chance.randrange(4)):
            act()
        if chance.random() < 0.4:
            chance.choice(troubles)()
    line.pump()
    line.assert_exactly_once_and_in_order()
    assert line.dead_letters() == {}
