"""Hours for reports in the edge store: added up, told as a whole with a revision, bounded, never in the way of alerts."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgesite.edge_store.coverage import BATCH, KIND, CoverageRow, CoverageStore
from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.outbox import NewAlert, Outbox
from edgesite.edge_store.quota import Quota
from edgesite.edge_store.schema import SCHEMA, SCHEMA_VERSION

DAY_S = 24 * 3600
NOW = 1_795_305_600


@pytest.fixture
def database(tmp_path: Path) -> Iterator[EdgeDatabase]:
    made = EdgeDatabase(tmp_path / "edge.sqlite3")
    yield made
    made.close()


def row(bind_id: str = "b1", hour: int = NOW, **values: Any) -> CoverageRow:
    given = {"wanted_s": 60.0, "seen_s": 50.0, "coarse_s": 0.0, "person_s": 30.0, "alerts": 1} | values
    return CoverageRow(bind_id, hour, **given)


def told(database: EdgeDatabase) -> list[dict[str, Any]]:
    """The rows of the events that wait, which then go."""
    waiting = [r for r in Outbox(database).head("", 99) if r.kind == KIND]
    Outbox(database).confirm([r.event_id for r in waiting])
    return [each for r in waiting for each in json.loads(r.body)["rows"]]


def test_it_adds_up_and_tells_the_whole_each_time(database: EdgeDatabase) -> None:
    store = CoverageStore(database)
    assert store.tell(now=NOW) == "nothing"
    store.add([row(), row("b2", seen_s=0.0)], marks={})
    assert store.tell(now=NOW) == "all"
    first = {"bind_id": "b1", "start": NOW, "wanted_s": 60.0, "seen_s": 50.0, "coarse_s": 0.0, "person_s": 30.0}
    assert [r for r in told(database) if r["bind_id"] == "b1"] == [first | {"alerts": 1, "revision": 1}]
    store.add([row(alerts=2)], marks={})
    assert store.tell(now=NOW) == "all"
    sums = {"wanted_s": 120.0, "seen_s": 100.0, "person_s": 60.0, "alerts": 3, "revision": 2}
    assert told(database) == [first | sums]
    assert store.tell(now=NOW) == "nothing"


def test_an_hour_is_no_longer_than_one_when_the_clock_is_set_back(database: EdgeDatabase) -> None:
    store = CoverageStore(database)
    for _ in range(3):
        store.add([row(wanted_s=3000.0, seen_s=2900.0, coarse_s=2900.0)], marks={})
    store.tell(now=NOW)
    [only] = told(database)
    assert (only["wanted_s"], only["seen_s"], only["coarse_s"]) == (3600.0, 3600.0, 3600.0)


def test_one_event_waits_however_long_the_hub_is_away(database: EdgeDatabase) -> None:
    store = CoverageStore(database)
    store.add([row(hour=NOW + 3600 * n) for n in range(2 * BATCH + 1)], marks={})
    hours = []
    assert store.tell(now=NOW) == "more"
    assert [store.tell(now=NOW) for _ in range(5)] == ["waiting"] * 5
    assert Outbox(database).count() == 1
    while True:
        hours += [r["start"] for r in told(database)]
        if store.tell(now=NOW) == "nothing":
            break
    assert hours == [NOW + 3600 * n for n in range(2 * BATCH + 1)]


def test_what_the_longest_names_make_fits_the_hubs_limit(database: EdgeDatabase) -> None:
    store = CoverageStore(database)
    values: dict[str, Any] = {
        "wanted_s": 3599.87,
        "seen_s": 3500.77,
        "coarse_s": 1234.56,
        "person_s": 99999.97,
        "alerts": 99999,
    }
    store.add([row(f"{n:03}" + "名" * 61, **values) for n in range(BATCH)], marks={})
    assert store.tell(now=NOW) == "all"
    [waiting] = Outbox(database).head("", 9)
    assert len(waiting.body) < 64 * 1024


def test_a_hub_that_does_not_know_it_is_asked_once_an_hour(database: EdgeDatabase) -> None:
    store, outbox = CoverageStore(database), Outbox(database)
    store.add([row()], marks={})
    store.tell(now=NOW)
    [waiting] = outbox.head("", 9)
    outbox.refuse(waiting.event_id, "kind 'coverage' is unknown")
    store.add([row()], marks={})
    assert [store.tell(now=NOW + at) for at in (10, 600, 3599)] == ["waiting"] * 3
    assert store.tell(now=NOW + 3601) == "all"
    [again] = database.rows("SELECT refused FROM outbox WHERE kind = ?", KIND)
    assert again["refused"] is None


def test_it_is_bounded_tells_what_it_gave_up_and_costs_no_alert(database: EdgeDatabase) -> None:
    store, outbox = CoverageStore(database, most=10), Outbox(database)
    outbox.add_alerts([NewAlert("e1", "vid1", {"severity": "info", "data": {}})], now=NOW)
    store.add([row(hour=NOW + 3600 * n) for n in range(14)], marks={})
    assert store.clear_up(now=NOW) == 4
    assert store.clear_up(now=NOW) == 0
    left = database.rows("SELECT hour FROM coverage ORDER BY hour")
    assert [r["hour"] for r in left] == [NOW + 3600 * n for n in range(4, 14)]
    [losses] = database.rows("SELECT value FROM meta WHERE key = 'losses'")
    assert json.loads(losses["value"])["counts"] == {"coverage": 4}
    assert outbox.holds("e1")
    store.tell(now=NOW)
    Quota(database, 2, 10**9, lambda key: None).step(now=NOW)
    assert outbox.holds("e1")  # the event and the alert are two rows: nothing has to go


def test_what_the_hub_has_goes_after_two_days(database: EdgeDatabase) -> None:
    store = CoverageStore(database)
    store.add([row(hour=NOW - 3 * DAY_S), row(hour=NOW)], marks={})
    store.clear_up(now=NOW)
    store.tell(now=NOW)
    assert len(told(database)) == 2  # not before it was told
    store.clear_up(now=NOW)
    assert [r["hour"] for r in database.rows("SELECT hour FROM coverage")] == [NOW]


def test_marks_are_durable_with_the_rows(database: EdgeDatabase) -> None:
    store = CoverageStore(database)
    store.add([row()], marks={"vid1": {"at": 5.0, "binds": ["b1"]}, "vid2": {"at": 6.0, "binds": []}})
    assert store.mark("vid1") == {"at": 5.0, "binds": ["b1"]}
    assert sorted(store.marked()) == ["vid1", "vid2"]
    store.forget(["vid1"])
    assert (store.mark("vid1"), store.marked()) == (None, ["vid2"])
    with database.transaction() as db:
        db.execute("UPDATE meta SET value = '{' WHERE key = 'covered:vid2'")
    assert store.mark("vid2") is None


def test_a_store_of_the_schema_before_gets_the_table(tmp_path: Path) -> None:
    path = tmp_path / "edge.sqlite3"
    before = SCHEMA[: SCHEMA.index("CREATE TABLE coverage")] + "PRAGMA user_version = 7;"
    connection = sqlite3.connect(path)
    connection.executescript(before)
    connection.execute("INSERT INTO meta VALUES ('kept', 'yes')")
    connection.commit()
    connection.close()
    database = EdgeDatabase(path)
    CoverageStore(database).add([row()], marks={})
    assert CoverageStore(database).tell(now=NOW) == "all"
    assert database.rows("SELECT value FROM meta WHERE key = 'kept'")[0]["value"] == "yes"
    assert database.rows("PRAGMA user_version")[0][0] == SCHEMA_VERSION
    database.close()
