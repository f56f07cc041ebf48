"""Invariant 10: when too much waits, delivered copies go first, then the lowest severity, and the hub is told what went."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from edgesite.core.chain import Content
from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.evidence import EvidenceStore
from edgesite.edge_store.losses import note_losses, report_losses
from edgesite.edge_store.outbox import NewAlert, Outbox
from edgesite.edge_store.quota import GIVEN_UP, Quota

SIZE = 1000
HASH = "a" * 64


class Bench:
    """An edge store with its spool's files as a set of keys."""

    def __init__(self, folder: Path) -> None:
        self.database = EdgeDatabase(folder / "edge.sqlite3")
        self.outbox = Outbox(self.database)
        self.evidence = EvidenceStore(self.database)
        self.files: set[str] = set()
        self.sent: set[str] = set()
        self.now = 1000.0

    def alert(self, event_id: str, severity: str, *, picture: bool = True, camera_id: str = "vid1") -> None:
        self.now += 1
        key = f"captures/20261122/{event_id}.jpg" if picture else ""
        body = {"event_id": event_id, "severity": severity, "phase": "started", "data": {}}
        self.outbox.add_alerts([NewAlert(event_id, camera_id, body, key)], now=self.now)
        if picture:
            self.files.add(key)
            assert self.evidence.spooled(Content(event_id, key, HASH, SIZE))

    def full(self, event_id: str) -> None:
        """The full picture of an alert that is here."""
        key = f"captures/20261122/{event_id}_full.jpg"
        self.outbox.promise(event_id=f"{event_id}.full", camera_id="vid1", key=key, severity="critical", now=self.now)
        self.files.add(key)
        assert self.evidence.spooled(Content(f"{event_id}.full", key, HASH, SIZE))

    def deliver(self, event_id: str, *, picture: bool = True) -> None:
        """The hub has the alert; with its picture it has that too, of which a copy stays."""
        self.outbox.confirm([event_id])
        if picture:
            self.outbox.settle_evidence(
                event_id=event_id, new_id=f"n-{event_id}", body={"status": "stored"}, now=self.now, keep=True
            )
            self.outbox.confirm([f"n-{event_id}"])

    def quota(self, *, rows: int = 1000, size: int = 10**9) -> None:
        Quota(self.database, rows, size, self.files.discard, lambda: nullcontext(self.sent)).step(now=self.now)

    def waiting(self) -> list[str]:
        """Events still in the outbox, but reports of losses."""
        rows = self.database.rows("SELECT event_id FROM outbox WHERE kind != 'loss' ORDER BY seq")
        return [row["event_id"] for row in rows]

    def told(self) -> dict[str, Any]:
        """The report of what went, as the hub reads it."""
        assert report_losses(self.database, now=self.now)
        [row] = self.database.rows("SELECT body FROM outbox WHERE kind = 'loss' ORDER BY seq DESC LIMIT 1")
        body: dict[str, Any] = json.loads(row["body"])
        return body


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.database.close()


def test_while_all_fits_nothing_goes(bench: Bench) -> None:
    bench.alert("e1", "info")
    bench.quota()
    assert bench.waiting() == ["e1"]
    assert not report_losses(bench.database, now=1.0)


def test_copies_of_what_was_delivered_go_first(bench: Bench) -> None:
    bench.alert("old", "critical")
    bench.deliver("old")
    bench.alert("e1", "info")
    bench.quota(size=2 * SIZE)
    assert bench.files == {"captures/20261122/e1.jpg"}
    assert bench.waiting() == ["e1"]
    assert bench.told()["counts"] == {"delivered_pictures": 1}


def test_then_dead_letters(bench: Bench) -> None:
    bench.alert("dead", "critical", picture=False)
    bench.outbox.refuse("dead", "why")
    bench.alert("e1", "info", picture=False)
    bench.quota(rows=1)
    assert bench.waiting() == ["e1"]
    assert bench.told()["counts"] == {"dead_letters": 1}


def test_then_the_lowest_severity_and_of_one_severity_the_oldest(bench: Bench) -> None:
    for number, severity in enumerate(["critical", "info", "warning", "info", "critical", "warning"]):
        bench.alert(f"e{number}", severity, picture=False)
    seen = []
    for rows in (5, 4, 3, 2, 1):
        bench.quota(rows=rows)
        seen.append(bench.waiting())
    assert seen == [
        ["e0", "e2", "e3", "e4", "e5"],
        ["e0", "e2", "e4", "e5"],
        ["e0", "e4", "e5"],
        ["e0", "e4"],
        ["e4"],
    ]
    assert bench.told()["counts"] == {"info": 2, "warning": 2, "critical": 1}


def test_an_alert_goes_with_its_picture_and_its_end(bench: Bench) -> None:
    bench.alert("e1", "info")
    end = {"event_id": "end", "severity": "info", "phase": "ended", "data": {"started_event_id": "e1"}}
    bench.outbox.add_alerts([NewAlert("end", "vid1", end)], now=bench.now)
    bench.alert("e2", "warning")
    bench.quota(rows=2)
    assert bench.waiting() == ["e2"]
    assert bench.files == {"captures/20261122/e2.jpg"}
    told = bench.told()
    assert told["counts"] == {"info": 2, "pictures": 1}
    assert [number for number, _ in told["links"]] == [1]  # its place in the chain of evidence


def test_full_pictures_go_before_any_alert_does(bench: Bench) -> None:
    bench.alert("e1", "info")
    bench.alert("e2", "critical")
    bench.full("e2")
    bench.quota(size=3 * SIZE)
    assert bench.waiting()[:2] == ["e1", "e2"]
    assert bench.files == {"captures/20261122/e1.jpg", "captures/20261122/e2.jpg"}
    [told] = [json.loads(r.body) for r in bench.outbox.head("vid1", 9) if r.kind == "evidence"]
    assert (told["alert_id"], told["status"], told["reason"]) == ("e2.full", "lost", GIVEN_UP)
    assert bench.told()["counts"] == {"pictures": 1}


def test_an_alert_stays_while_its_full_picture_may_be_at_the_hub(bench: Bench) -> None:
    bench.alert("e1", "info")
    bench.full("e1")
    bench.outbox.settle_evidence(
        event_id="e1.full", new_id="n-full", body={"status": "stored"}, now=bench.now, keep=True
    )
    bench.sent = {"n-full"}
    bench.quota(rows=1)
    assert bench.waiting() == ["e1", "n-full"]


def test_what_may_be_at_the_hub_already_stays(bench: Bench) -> None:
    bench.alert("e1", "info", picture=False)
    bench.alert("e2", "critical", picture=False)
    bench.sent = {"e1"}
    bench.quota(rows=1)
    assert bench.waiting() == ["e1"]


def test_of_an_alert_that_the_hub_has_it_is_told_that_no_picture_comes(bench: Bench) -> None:
    bench.alert("e1", "info")
    bench.deliver("e1", picture=False)
    bench.quota(size=SIZE - 100)
    [row] = bench.outbox.head("vid1", 9)
    body = json.loads(row.body)
    assert (body["alert_id"], body["status"], body["reason"]) == ("e1", "lost", GIVEN_UP)
    assert (body["sha256"], body["bytes"], body["link"]["n"]) == (HASH, SIZE, 1)
    assert bench.files == set()
    assert bench.told()["counts"] == {"pictures": 1}


def test_the_report_that_a_picture_was_given_up_is_not_given_up_itself(bench: Bench) -> None:
    bench.alert("e1", "info")
    bench.deliver("e1", picture=False)
    bench.quota(size=SIZE - 100)
    bench.alert("e2", "critical", picture=False)
    bench.quota(rows=1)
    [report] = [json.loads(row.body) for row in bench.outbox.head("vid1", 9)]
    assert (report["alert_id"], report["reason"]) == ("e1", GIVEN_UP)
    assert bench.told()["counts"] == {"pictures": 1, "critical": 1}


def test_what_is_no_alert_is_never_taken_for_one(bench: Bench) -> None:
    bench.outbox.add_alerts([NewAlert("t1", "", {"type": "trial"}, kind="trial")], now=bench.now)
    bench.alert("e1", "critical", picture=False)
    bench.quota(rows=1)
    assert bench.waiting() == ["t1"]


def test_many_at_once_are_given_up_until_it_fits(bench: Bench) -> None:
    for number in range(700):
        bench.alert(f"e{number:03}", "info", picture=False)
    bench.quota(rows=10)
    assert bench.waiting() == [f"e{number}" for number in range(690, 700)]
    assert bench.told()["counts"] == {"info": 690}


def test_one_report_is_on_its_way_at_a_time_and_later_losses_add_up(bench: Bench) -> None:
    for lost in (1, 2, 3):
        with bench.database.transaction() as db:
            note_losses(db, now=float(lost), info=1, links=[(lost, HASH)])
        report_losses(bench.database, now=float(lost))
    [first] = bench.database.rows("SELECT event_id, body FROM outbox WHERE kind = 'loss'")
    assert json.loads(first["body"])["counts"] == {"info": 1}
    bench.outbox.confirm([first["event_id"]])
    second = bench.told()
    assert (second["counts"], second["since"], second["until"]) == ({"info": 2}, 2.0, 3.0)
    assert [number for number, _ in second["links"]] == [2, 3]
    assert bench.outbox.totals() == {"lost_info": 3}


def test_counting_and_the_loss_are_one_transaction(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*args: Any, **values: Any) -> None:
        raise KeyboardInterrupt

    bench.alert("e1", "info")
    monkeypatch.setattr("edgesite.edge_store.quota.note_losses", killed)
    with pytest.raises(KeyboardInterrupt):
        bench.quota(rows=0)
    assert bench.waiting() == ["e1"]
    assert bench.files == {"captures/20261122/e1.jpg"}
