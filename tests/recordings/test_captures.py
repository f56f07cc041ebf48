"""The stills of alerts on a box whose storage is elsewhere: into the spool first, with their place in the chain."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from edgesite.core.chain import Content, Link, faults_of
from edgesite.edge_store.database import EdgeDatabase, EdgeStoreError
from edgesite.edge_store.evidence import EvidenceStore
from edgesite.edge_store.outbox import NewAlert, Outbox
from edgesite.edge_store.owners import Owner
from edgesite.spool import YOUNG_S, Spool
from edgesite.storage import StorageError
from recordings.evidence.captures import QUEUE, STOPPED, Captures
from recordings.evidence.keeper import DAY_S, EvidenceKeeper
from tests.fakes import Clock
from tests.recordings.uploads import sha256


class Picture:
    """Pixels that are encoded already."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def jpeg(self) -> bytes:
        return self.content


class Bench:
    def __init__(self, folder: Path) -> None:
        self.database = EdgeDatabase(folder / "edge.sqlite3")
        self.outbox = Outbox(self.database)
        self.spool = Spool(folder / "spool")
        self.woken = 0
        self.captures = Captures(self.outbox, lambda: None, threading.Event(), lambda: 2.0, self.spool)

    def raise_alert(self, event_id: str, *, save: bool = True, owner: str = "") -> str:
        key = f"captures/20261122/{event_id}.jpg"
        body = {"severity": "info", "data": {}}
        Outbox(self.database, owner=owner).add_alerts([NewAlert(event_id, "vid1", body, key)], now=1.0)
        if save:
            self.captures.save(event_id=event_id, key=key, picture=Picture(event_id.encode()))
        return key

    def evidence(self) -> list[dict[str, Any]]:
        return [json.loads(r.body) for r in self.outbox.head("vid1", 999) if r.kind == "evidence"]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.database.close()


def test_a_picture_stands_in_the_spool_before_it_is_told_of(bench: Bench) -> None:
    key = bench.raise_alert("e1")
    assert bench.captures.step(wait_s=0)
    assert bench.spool.path(key).read_bytes() == b"e1"
    assert bench.evidence() == []
    [waiting] = EvidenceStore(bench.database).to_upload(9)
    assert (waiting.key, waiting.sha256, waiting.size) == (key, sha256(b"e1"), 2)
    assert bench.outbox.pending_evidence() == []


def test_every_picture_has_its_place_in_one_chain(bench: Bench) -> None:
    for number in range(5):
        bench.raise_alert(f"e{number}")
    bench.captures.drain()
    rows = bench.database.rows("SELECT * FROM evidence")
    entries = [
        (Link.of(json.loads(r["link"])), Content(r["event_id"], r["key"], r["sha256"], r["bytes"])) for r in rows
    ]
    assert sorted(link.number for link, _ in entries) == [1, 2, 3, 4, 5]
    assert faults_of(entries) == []


@pytest.mark.parametrize("written", [True, False])
def test_what_a_process_promised_that_was_killed_is_settled_once(bench: Bench, written: bool) -> None:
    dead = Owner(bench.database.path)
    key = bench.raise_alert("e1", save=False, owner=dead.name)
    if written:
        bench.spool.put(key, b"e1")
    assert bench.captures.sweep() == 0  # it lives
    dead.close()
    assert bench.captures.sweep() == 1
    assert bench.captures.sweep() == 0
    assert len(EvidenceStore(bench.database).to_upload(9)) == written
    assert [(e["status"], e["reason"]) for e in bench.evidence()] == ([] if written else [("lost", STOPPED)])


def test_the_picture_of_an_alert_that_was_given_up_meanwhile_goes(bench: Bench) -> None:
    key = bench.raise_alert("e1")
    with bench.database.transaction() as db:
        db.execute("DELETE FROM evidence")
    bench.captures.step(wait_s=0)
    assert not bench.spool.path(key).exists()
    assert bench.outbox.totals() == {}


def test_a_full_queue_costs_pictures_and_says_so(bench: Bench) -> None:
    for number in range(QUEUE + 2):
        bench.raise_alert(f"e{number}")
    assert [e["reason"] for e in bench.evidence()] == ["too many pictures at once"] * 2
    assert bench.outbox.totals() == {"failed": 2}


def test_what_a_full_disk_did_not_take_is_reported_when_there_is_room(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any, **values: Any) -> Any:
        raise EdgeStoreError("disk full", retryable=True)

    with monkeypatch.context() as patch:
        patch.setattr(EvidenceStore, "spooled", full)
        patch.setattr(Outbox, "settle_evidence", full)
        for number in range(3):
            bench.raise_alert(f"e{number}")
        bench.captures.save(event_id="e9", key="captures/e9.jpg", picture=None)
        with capture_logs() as logs:
            bench.captures.drain()
            bench.captures.step(wait_s=0)
    assert [e["event"] for e in logs] == []  # told once, by the first
    bench.raise_alert("e9", save=False)
    bench.captures.step(wait_s=0)
    assert len(EvidenceStore(bench.database).to_upload(9)) == 3
    assert [e["alert_id"] for e in bench.evidence()] == ["e9"]


def test_names_of_any_script_and_separator_stay_in_their_folder(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    for key in ("../x", "a/../../x", "/etc/x", "a//b", "a\\b", "a\0b", "."):
        with pytest.raises(StorageError):
            spool.put(key, b"x")
    spool.put("captures/厨房_один.jpg", b"x")
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["厨房_один.jpg"]


# The keeper


class Kept:
    def __init__(self, bench: Bench, settings: Any, *, days: int = 7) -> None:
        settings.DEVICE_TOKEN, settings.PUBLIC_URL = "", ""
        self.clock = Clock(1_000_000.0)
        self.keeper = EvidenceKeeper(
            bench.database, threading.Event(), lambda: None, clock=self.clock, days=days, rows=1000, megabytes=1
        )


def deliver(bench: Bench, event_id: str, now: float) -> None:
    bench.outbox.settle_evidence(
        event_id=event_id, new_id=f"n-{event_id}", body={"status": "stored"}, now=now, keep=True
    )
    bench.outbox.confirm([event_id, f"n-{event_id}"])


def test_copies_of_delivered_pictures_go_after_their_days_and_no_other(bench: Bench, settings: Any) -> None:
    kept = Kept(bench, settings)
    keys = [bench.raise_alert(f"e{n}") for n in range(3)]
    bench.captures.drain()
    deliver(bench, "e0", kept.clock.now - 7 * DAY_S - 1)
    deliver(bench, "e1", kept.clock.now - 7 * DAY_S + 60)
    kept.keeper.step()
    assert [bench.spool.path(k).exists() for k in keys] == [False, True, True]
    kept.clock.advance(9 * DAY_S)
    kept.keeper.step()
    assert [bench.spool.path(k).exists() for k in keys] == [False, False, True]  # the hub does not have the last one


def test_the_report_says_what_was_kept_what_waits_and_where_the_chain_ends(bench: Bench, settings: Any) -> None:
    kept = Kept(bench, settings)
    for number in range(4):
        bench.raise_alert(f"e{number}", save=number < 3)
    bench.captures.drain()
    deliver(bench, "e0", 5.0)
    bench.outbox.refuse("e1", "why")
    health = kept.keeper.health()
    assert health["captures"] == {
        "saved": 1, "failed": 0, "full_missed": 0, "queued": 1, "upload": 2, "upload_bytes": 4, "copies": 1, "copies_bytes": 2,
    }  # fmt: skip
    assert health["waiting"] == {
        "rows": 2, "oldest_at": 1.0, "cameras": {"vid1": 2}, "dead_letters": 1, "lost": {},
    }  # fmt: skip
    assert health["chain"]["n"] == 3
    json.dumps(health)


def test_files_that_belong_to_nothing_are_removed_at_the_start(bench: Bench, settings: Any) -> None:
    import os
    import time

    kept = Kept(bench, settings)
    known = bench.raise_alert("e1")
    bench.captures.drain()
    for name in ("captures/orphan.jpg", "captures/young.jpg"):
        bench.spool.put(name, b"x")
    old = time.time() - YOUNG_S - 60
    for name in ("captures/orphan.jpg", known):
        os.utime(bench.spool.path(name), (old, old))
    with capture_logs() as logs:
        kept.keeper.step()
    assert [e["event"] for e in logs] == ["files without an alert removed"]
    assert [bench.spool.path(k).exists() for k in (known, "captures/young.jpg", "captures/orphan.jpg")] == [
        True, True, False,
    ]  # fmt: skip


def test_after_damage_to_the_edge_store_pictures_that_it_no_longer_knows_stay(tmp_path: Path, settings: Any) -> None:
    """They may be all that is left of what the hub never got."""
    import os
    import time

    bench = Bench(tmp_path)
    key = bench.raise_alert("e1")
    bench.captures.drain()
    bench.database.close()
    os.utime(bench.spool.path(key), (time.time() - YOUNG_S - 60,) * 2)
    bench.database.path.write_bytes(b"no database" * 500)
    bench = Bench(tmp_path)
    kept = Kept(bench, settings)
    with capture_logs() as logs:
        kept.keeper.step()
        kept.keeper.step()
    assert [e["event"] for e in logs] == ["files without an alert are kept: the edge store was damaged"]
    assert bench.spool.path(key).read_bytes() == b"e1"
    assert bench.database.set_aside()
    for file in bench.database.set_aside():  # somebody has seen to it
        file.unlink()
    Kept(bench, settings).keeper.step()
    assert not bench.spool.path(key).exists()
    bench.database.close()
