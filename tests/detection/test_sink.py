"""Alerts into the outbox before their pictures, pictures reported once, whatever fails."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from structlog.testing import capture_logs

from detection import sink as module
from detection.core.events import AlertEvent, EvidenceEvent, parse_event
from detection.core.rules.base import RuleEvent
from detection.ingest.frame import Frame
from detection.plan import Plan
from detection.sink import AlertSink
from edgesite import storage
from edgesite.edge_store.database import EdgeDatabase, EdgeStoreError, try_lock
from edgesite.edge_store.outbox import Outbox
from edgesite.edge_store.owners import Owner, lives
from edgesite.storage import StorageError
from recordings.evidence.captures import QUEUE, TRIES

AT = 1_795_305_600.0
EVENT = RuleEvent("b1", "r1", "intrusion", "critical", "started", 5.0, 7, {"class": "person", "dwell_s": 1.2})
PLAN = Plan("vid1", time_zone="America/Sao_Paulo")


def frame() -> Frame:
    picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="bgr24")
    return Frame("vid1", picture, 5.0, AT, 0)


class Bench:
    """A sink on a real edge store and real files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = EdgeDatabase(folder / "edge.sqlite3")
        self.outbox = Outbox(self.database)
        self.woken = 0
        self.stop = threading.Event()
        self.sink = AlertSink(
            device_id="box-1", outbox=self.outbox, wake=self.wake, stop=self.stop, clock=lambda: AT + 1
        )

    def wake(self) -> None:
        self.woken += 1

    def raise_alert(self) -> None:
        self.sink.raise_alerts([EVENT], frame(), PLAN)

    @property
    def events(self) -> list[AlertEvent | EvidenceEvent]:
        """What waits for the hub, read as the hub reads it."""
        rows = self.outbox.head("vid1", 999)
        read = [parse_event({"event_id": r.event_id, "kind": r.kind, "body": r.body}, device_id="box-1") for r in rows]
        return [event for event in read if isinstance(event, AlertEvent | EvidenceEvent)]

    def last_evidence(self) -> EvidenceEvent:
        event = self.events[-1]
        assert isinstance(event, EvidenceEvent)
        return event

    @property
    def alert(self) -> AlertEvent:
        event = self.events[0]
        assert isinstance(event, AlertEvent)
        return event


@pytest.fixture
def bench(tmp_path: Path, settings: Any) -> Iterator[Bench]:
    options = {"location": str(tmp_path / "media"), "file_permissions_mode": 0o640}
    default = {"BACKEND": "edgesite.storage.DurableFileStorage", "OPTIONS": options}
    settings.STORAGES = settings.STORAGES | {"default": default}
    bench = Bench(tmp_path)
    yield bench
    bench.database.close()


def test_an_alert_is_durable_before_its_picture(bench: Bench) -> None:
    bench.raise_alert()
    [alert] = bench.events
    assert isinstance(alert, AlertEvent)
    assert (alert.camera_id, alert.roi_id, alert.bind_id, alert.algo_code) == ("vid1", "r1", "b1", "intrusion")
    assert (alert.phase, alert.severity, alert.timestamp) == ("started", "critical", AT)
    assert alert.data == {"class": "person", "dwell_s": 1.2}
    assert alert.capture == f"captures/20261121/vid1_{alert.event_id}.jpg"  # the day of the site
    assert [p.key for p in bench.outbox.pending_evidence()] == [alert.capture]
    assert bench.woken == 1
    assert not (bench.folder / "media").exists()


def test_the_picture_follows_and_is_reported_with_its_hash(bench: Bench) -> None:
    bench.raise_alert()
    assert bench.sink.step() is True
    evidence = bench.last_evidence()
    file = bench.folder / "media" / evidence.key
    assert (evidence.alert_id, evidence.key, evidence.status) == (bench.alert.event_id, bench.alert.capture, "stored")
    assert evidence.bytes == file.stat().st_size
    assert file.read_bytes()[:2] == b"\xff\xd8"
    assert bench.outbox.pending_evidence() == []
    assert bench.sink.step() is False


def test_event_ids_grow_in_the_order_of_raising(bench: Bench) -> None:
    for _ in range(20):
        bench.raise_alert()
    ids = [event.event_id for event in bench.events]
    assert ids == sorted(set(ids))


def test_too_many_pictures_at_once_cost_pictures_and_no_alert(bench: Bench) -> None:
    for _ in range(QUEUE + 3):
        bench.raise_alert()
    alerts = [e for e in bench.events if isinstance(e, AlertEvent)]
    lost = [e for e in bench.events if isinstance(e, EvidenceEvent)]
    assert len(alerts) == QUEUE + 3
    assert [(e.status, e.reason) for e in lost] == [("lost", "too many pictures at once")] * 3
    bench.sink.drain()
    assert bench.outbox.pending_evidence() == []


def test_a_storage_that_fails_for_a_moment_is_tried_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    real, tries = storage.put, []

    def flaky(key: str, content: bytes) -> None:
        tries.append(key)
        if len(tries) < TRIES:
            raise StorageError("busy", retryable=True)
        real(key, content)

    monkeypatch.setattr("edgesite.storage.put", flaky)
    monkeypatch.setattr(bench.stop, "wait", lambda seconds: False)
    bench.raise_alert()
    bench.sink.step()
    assert len(tries) == TRIES
    assert bench.last_evidence().status == "stored"


@pytest.mark.parametrize(("retryable", "tries"), [(True, TRIES), (False, 1)])
def test_a_storage_that_fails_for_good_loses_the_picture_and_says_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, retryable: bool, tries: int
) -> None:
    tried: list[str] = []

    def broken(key: str, content: bytes) -> None:
        tried.append(key)
        raise StorageError("no space", retryable=retryable)

    monkeypatch.setattr("edgesite.storage.put", broken)
    monkeypatch.setattr(bench.stop, "wait", lambda seconds: False)
    bench.raise_alert()
    bench.sink.step()
    assert len(tried) == tries
    assert (bench.last_evidence().status, bench.last_evidence().reason) == (
        "lost",
        "the storage could not be written",
    )
    assert bench.outbox.pending_evidence() == []


def test_a_picture_that_cannot_be_encoded_is_lost_and_said_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Frame, **values: Any) -> bytes:
        raise RuntimeError("swscale")

    monkeypatch.setattr(Frame, "jpeg", broken)
    bench.raise_alert()
    with capture_logs() as logs:
        assert bench.sink.step() is True
    assert bench.last_evidence().reason == "the picture could not be encoded"
    assert [e["log_level"] for e in logs] == ["error"]


@pytest.fixture
def full(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Makes the edge store's disk full, or not any more."""
    real = bench.outbox.add_alerts

    def refuse(*args: Any, **values: Any) -> None:
        raise EdgeStoreError("The edge store cannot be written: disk full", retryable=True)

    return lambda on: monkeypatch.setattr(bench.outbox, "add_alerts", refuse if on else real)


def test_a_full_disk_holds_alerts_in_order_until_there_is_room(bench: Bench, full: Callable[[bool], None]) -> None:
    full(True)
    with capture_logs() as logs:
        for _ in range(5):
            bench.raise_alert()
        assert bench.sink.step() is False
    assert [(e["event"], e["log_level"]) for e in logs] == [("alerts are held in memory", "error")]
    assert bench.events == []
    assert bench.woken == 0
    full(False)
    bench.raise_alert()
    bench.sink.drain()
    ids = [e.event_id for e in bench.events if isinstance(e, AlertEvent)]
    assert len(ids) == 6
    assert ids == sorted(ids)
    assert bench.outbox.pending_evidence() == []


def test_what_is_held_has_a_bound_and_the_rest_is_counted(
    bench: Bench, full: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HELD", 3)
    full(True)
    with capture_logs() as logs:
        for _ in range(5):
            bench.raise_alert()
        bench.sink.drain()
    assert bench.sink.lost == 2
    assert [e["event"] for e in logs].count("alert lost") == 2
    assert logs[-1]["alerts"] == 3


def test_one_that_can_never_be_written_holds_up_no_other(bench: Bench) -> None:
    bad = replace(EVENT, data={"x": float("nan")})
    bench.sink.raise_alerts([bad], frame(), PLAN)
    bench.raise_alert()
    assert len(bench.events) == 1
    assert bench.sink.lost == 1


def test_a_start_settles_what_an_earlier_process_promised(bench: Bench) -> None:
    bench.raise_alert()
    bench.raise_alert()
    stored = bench.outbox.pending_evidence()[0]
    storage.put(stored.key, b"\xff\xd8picture")  # killed between storing and reporting
    again = AlertSink(device_id="box-1", outbox=bench.outbox, wake=bench.wake, stop=bench.stop, clock=lambda: AT)
    assert again.sweep() == 2
    assert again.sweep() == 0
    found = {e.alert_id: (e.status, e.bytes) for e in bench.events if isinstance(e, EvidenceEvent)}
    assert found[stored.event_id] == ("stored", 9)
    assert sorted(found.values()) == [("lost", 0), ("stored", 9)]


def test_what_another_process_that_lives_is_about_to_store_is_left_to_it(bench: Bench) -> None:
    owner = Owner(bench.database.path)
    other = Outbox(bench.database, owner=owner.name)
    theirs = AlertSink(device_id="box-1", outbox=other, wake=bench.wake, stop=bench.stop, clock=lambda: AT)
    theirs.raise_alerts([EVENT], frame(), PLAN)
    assert bench.sink.sweep() == 0
    theirs.step()
    assert bench.last_evidence().status == "stored"
    theirs.raise_alerts([EVENT], frame(), PLAN)
    assert bench.sink.sweep() == 0
    owner.close()
    assert bench.sink.sweep() == 1
    assert bench.last_evidence().status == "lost"


def test_the_mark_of_a_process_that_was_killed_counts_no_more(bench: Bench) -> None:
    owner = Owner(bench.database.path)
    assert lives(bench.database.path, owner.name)
    assert owner._lock is not None
    owner._lock.close()  # as the end of the process does
    assert not lives(bench.database.path, owner.name)
    assert not lives(bench.database.path, "")
    assert not list((bench.folder / "run").rglob("*.lock"))


def test_a_sweep_clears_up_after_the_dead_and_leaves_the_living(bench: Bench) -> None:
    alive, dead = Owner(bench.database.path), Owner(bench.database.path)
    assert dead._lock is not None
    dead._lock.close()
    bench.sink.sweep()
    assert [p.name for p in (bench.folder / "run").rglob("*.lock")] == [f"{alive.name}.lock"]
    alive.close()


def test_a_mark_that_was_cleared_away_while_it_was_made_is_made_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Path] = []

    def take(path: Path) -> Any:
        lock = try_lock(path)
        if not calls:
            path.with_name(f"{path.name}.lock").unlink()  # before the lock was taken
        calls.append(path)
        return lock

    monkeypatch.setattr("edgesite.edge_store.owners.try_lock", take)
    owner = Owner(bench.database.path)
    assert len(calls) == 2
    assert lives(bench.database.path, owner.name)
    owner.close()


def test_a_picture_that_is_settled_by_a_start_is_not_reported_twice(bench: Bench) -> None:
    bench.raise_alert()
    bench.sink.sweep()
    bench.sink.step()
    assert [e.status for e in bench.events if isinstance(e, EvidenceEvent)] == ["lost"]


def test_a_storage_that_is_away_leaves_it_for_the_next_start(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(key: str) -> Any:
        raise StorageError("no route", retryable=True)

    bench.raise_alert()
    with monkeypatch.context() as patch:
        patch.setattr("edgesite.storage.open_object", away)
        bench.sink.sweep()
    assert len(bench.outbox.pending_evidence()) == 1
    assert bench.sink.sweep() == 1
    assert bench.outbox.pending_evidence() == []


def test_the_end_stores_what_still_waits(bench: Bench) -> None:
    for _ in range(5):
        bench.raise_alert()
    bench.stop.set()
    bench.sink.drain()
    assert [e.status for e in bench.events if isinstance(e, EvidenceEvent)] == ["stored"] * 5


def test_the_row_in_the_outbox_is_what_is_published(bench: Bench) -> None:
    bench.raise_alert()
    body = json.loads(bench.outbox.head("vid1", 1)[0].body)
    assert list(body) == [
        "type", "event_id", "device_id", "camera_id", "roi_id", "bind_id", "algo_code", "phase", "severity",
        "timestamp", "data", "capture",
    ]  # fmt: skip


def test_one_that_can_never_be_written_costs_neither_the_others_of_its_frame_nor_their_state(bench: Bench) -> None:
    bad = replace(EVENT, data={"x": float("nan")})
    told: list[tuple[str, Any]] = []
    bench.sink.on_state = lambda camera_id, state: told.append((camera_id, state))
    bench.sink.raise_alerts([EVENT, bad, EVENT], frame(), PLAN, state={"rules": 1})
    assert [event.type for event in bench.events] == ["event", "event"]
    assert bench.sink.lost == 1
    rows = bench.database.rows("SELECT value FROM meta WHERE key = 'rules:vid1'")
    assert [json.loads(row["value"]) for row in rows] == [{"rules": 1}]
    assert told == [("vid1", {"rules": 1})]


def test_the_last_state_of_a_camera_that_goes_is_stored_but_never_before_its_alerts(
    bench: Bench, full: Callable[[bool], None]
) -> None:
    def kept() -> list[Any]:
        rows = bench.database.rows("SELECT value FROM meta WHERE key = 'rules:vid1'")
        return [json.loads(row["value"]) for row in rows]

    told: list[tuple[str, Any]] = []
    bench.sink.on_state = lambda camera_id, state: told.append((camera_id, state))
    bench.sink.keep_state("vid1", {"rules": 1})
    assert (kept(), told) == ([{"rules": 1}], [("vid1", {"rules": 1})])
    full(True)
    bench.sink.raise_alerts([EVENT], frame(), PLAN, state={"rules": 2})
    bench.sink.keep_state("vid1", {"rules": 3})
    assert kept() == [{"rules": 1}]
    full(False)
    bench.sink.step()
    assert kept() == [{"rules": 2}]
