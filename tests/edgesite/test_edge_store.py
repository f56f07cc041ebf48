"""The box's own SQLite file: durable, private, and never deleted when it is damaged."""

from __future__ import annotations

import json
import sqlite3
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from edgesite.edge_store.database import EdgeDatabase, EdgeStoreError, try_lock
from edgesite.edge_store.documents import KEPT, DocumentStore
from edgesite.edge_store.outbox import NewAlert, Outbox
from edgesite.edge_store.schema import SCHEMA, SCHEMA_VERSION

E1, E2 = "01900000-0000-7000-8000-000000000001", "01900000-0000-7000-8000-000000000002"
SECRET = "rtsp://u:hunter2@h/"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "edge.sqlite3"


def put(store: DocumentStore, version: int, state: str, *, epoch: str = E1, sha: str = "") -> None:
    sha256 = sha or f"{version:064x}"
    store.record(
        epoch=epoch, version=version, sha256=sha256, text=f"{SECRET} v{version}", state=state, reason="", now=1.0
    )


def numbers(store: DocumentStore) -> tuple[int, int]:
    running, confirmed = store.running(), store.confirmed()
    return running.version if running else 0, confirmed.version if confirmed else 0


def add(outbox: Outbox, event_id: str, camera_id: str = "vid1", *, capture: str = "") -> None:
    outbox.add_alerts([NewAlert(event_id, camera_id, {"event_id": event_id}, capture)], now=1.0)


def test_it_is_private_durable_and_in_wal_mode(path: Path) -> None:
    database = EdgeDatabase(path)
    put(DocumentStore(database), 1, "applied")
    [row] = database.rows("PRAGMA journal_mode")
    assert row[0] == "wal"
    [row] = database.rows("PRAGMA synchronous")
    assert row[0] == 2
    for file in path.parent.glob("edge.sqlite3*"):
        if file.suffix != ".opening":
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert b"hunter2" not in b"".join(f.read_bytes() for f in path.parent.iterdir())
    database.close()


def test_what_was_written_is_there_after_opening_again(path: Path) -> None:
    first = EdgeDatabase(path)
    add(Outbox(first), "e1")
    put(DocumentStore(first), 3, "confirmed")
    first.close()
    again = EdgeDatabase(path)
    assert [r.event_id for r in Outbox(again).head("vid1", 9)] == ["e1"]
    assert numbers(DocumentStore(again)) == (3, 3)
    again.close()


def test_a_block_that_fails_leaves_nothing(path: Path) -> None:
    database = EdgeDatabase(path)

    def write_and_fail() -> None:
        with database.transaction() as db:
            db.execute("INSERT INTO evidence (event_id, camera_id, key, created_at) VALUES ('e', 'c', 'k', 1.0)")
            raise KeyError

    with pytest.raises(KeyError):
        write_and_fail()
    assert Outbox(database).pending_evidence() == []
    add(Outbox(database), "e1")  # the connection is still usable
    database.close()


def test_a_damaged_file_is_set_aside_and_a_new_one_begun(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database at all" * 100)
    with capture_logs() as logs:
        database = EdgeDatabase(path)
    add(Outbox(database), "e1")
    database.close()
    assert [entry["log_level"] for entry in logs] == ["error"]
    [kept] = path.parent.glob("*.damaged-*")
    assert kept.read_bytes() == b"not a database at all" * 100


def test_damage_twice_in_a_second_keeps_both_files(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.parent.mkdir()
    monkeypatch.setattr("edgesite.edge_store.database.time.time", lambda: 1000.0)
    for content in (b"first" * 500, b"second" * 500):
        path.write_bytes(content)
        EdgeDatabase(path).close()
    kept = {p.read_bytes() for p in path.parent.glob("*.damaged-*")}
    assert kept == {b"first" * 500, b"second" * 500}


def test_a_file_of_a_newer_edgesite_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(EdgeStoreError, match="newer edgesite") as caught:
        EdgeDatabase(path)
    assert not caught.value.retryable
    assert path.is_file()
    assert not list(path.parent.glob("*.damaged-*"))


FIRST_TABLES = """
CREATE TABLE journal (id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, epoch TEXT NOT NULL, version INTEGER NOT NULL,
    state TEXT NOT NULL, reason TEXT NOT NULL, changes TEXT NOT NULL);
INSERT INTO journal (at, epoch, version, state, reason, changes) VALUES (1.0, '', 3, 'applied', '', 'x');
CREATE TABLE evidence (event_id TEXT PRIMARY KEY, camera_id TEXT NOT NULL, key TEXT NOT NULL, created_at REAL NOT NULL);
INSERT INTO evidence VALUES ('e1', 'vid1', 'captures/1.jpg', 1.0);
CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE, camera_id TEXT NOT NULL,
    kind TEXT NOT NULL, body TEXT NOT NULL, created_at REAL NOT NULL, refused TEXT);
CREATE INDEX outbox_waiting ON outbox (camera_id, seq) WHERE refused IS NULL;
PRAGMA user_version = 1;
"""


def _first_schema(path: Path) -> None:
    """A store as the first edgesite made it, with an entry and an event in it."""
    path.parent.mkdir(exist_ok=True)
    connection = sqlite3.connect(path)
    older = SCHEMA.replace(SCHEMA[SCHEMA.index("CREATE TABLE outbox") : SCHEMA.index("CREATE TABLE meta")], "")
    older = older[: older.index("CREATE TABLE evidence")]
    connection.executescript(older + FIRST_TABLES)
    connection.execute(
        "INSERT INTO outbox (event_id, camera_id, kind, body, created_at) VALUES ('e1', 'vid1', 'alert', '{}', 1.0)"
    )
    connection.commit()
    connection.close()


def test_a_file_of_an_older_edgesite_is_brought_up_and_keeps_what_it_has(path: Path) -> None:
    _first_schema(path)
    for _ in range(2):
        database = EdgeDatabase(path)
        [entry] = DocumentStore(database).journal(5)
        assert (entry.version, entry.changes, entry.author) == (3, "x", "")
        assert [r.event_id for r in Outbox(database).head("vid1", 5)] == ["e1"]
        assert [(e.event_id, e.owner) for e in Outbox(database).pending_evidence()] == [("e1", "")]
        database.close()
    database = EdgeDatabase(path)
    DocumentStore(database).record(
        epoch=E1, version=4, sha256="a", text="t", state="applied", reason="", now=2.0, author="kim"
    )
    assert [e.author for e in DocumentStore(database).journal(5)] == ["kim", ""]
    [row] = database.rows("PRAGMA user_version")
    assert row[0] == SCHEMA_VERSION
    database.close()
    assert not list(path.parent.glob("*.damaged-*"))


def test_what_waits_in_an_older_file_keeps_its_severity_and_its_alert(path: Path) -> None:
    """The quota goes by both: a critical alert that waits over the upgrade must not be the first to go."""
    _first_schema(path)
    bodies = {
        "e2": ("alert", {"severity": "critical", "data": {}}),
        "e3": ("alert", {"severity": "critical", "data": {"started_event_id": "e2"}}),
        "e4": ("alert", {"severity": "info"}),
        "n2": ("evidence", {"alert_id": "e2"}),
        "n9": ("evidence", {"alert_id": "e9"}),  # the hub has its alert
        "x": ("snapshot", {"severity": "critical"}),
    }
    connection = sqlite3.connect(path)
    for event_id, (kind, body) in bodies.items():
        connection.execute(
            "INSERT INTO outbox (event_id, camera_id, kind, body, created_at) VALUES (?, 'vid1', ?, ?, 2.0)",
            (event_id, kind, json.dumps(body)),
        )
    connection.execute("UPDATE outbox SET body = 'no JSON' WHERE event_id = 'e1'")
    connection.execute("INSERT INTO evidence VALUES ('e2', 'vid1', 'captures/2.jpg', 2.0)")
    connection.commit()
    connection.close()
    database = EdgeDatabase(path)
    rows = database.rows("SELECT event_id, alert_id, severity FROM outbox ORDER BY seq")
    assert [tuple(row) for row in rows] == [
        ("e1", "e1", ""),
        ("e2", "e2", "critical"),
        ("e3", "e2", "critical"),
        ("e4", "e4", "info"),
        ("n2", "e2", "critical"),
        ("n9", "e9", ""),
        ("x", "", ""),
    ]
    promised = database.rows("SELECT event_id, severity FROM evidence ORDER BY event_id")
    assert [tuple(row) for row in promised] == [("e1", ""), ("e2", "critical")]
    database.close()


def test_a_file_brought_up_has_the_tables_of_a_new_one(path: Path, tmp_path: Path) -> None:
    _first_schema(path)
    tables = []
    for file in (path, tmp_path / "new.sqlite3"):
        database = EdgeDatabase(file)
        names = [r["name"] for r in database.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        tables.append({n: sorted(map(tuple, database.rows(f"PRAGMA table_info({n})"))) for n in names})
        database.close()
    assert tables[0] == tables[1]


def test_two_workers_that_start_together_bring_it_up_once(path: Path) -> None:
    _first_schema(path)
    opened: list[EdgeDatabase] = []
    threads = [threading.Thread(target=lambda: opened.append(EdgeDatabase(path))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 6
    assert all(len(DocumentStore(d).journal(5)) == 1 for d in opened)
    for database in opened:
        database.close()


@pytest.mark.parametrize("what", ["folder", "no folder"])
def test_a_path_that_cannot_be_opened_may_be_tried_again(tmp_path: Path, what: str) -> None:
    if what == "folder":
        bad = tmp_path / "folder"
        bad.mkdir()
    else:
        (tmp_path / "file").write_text("")
        bad = tmp_path / "file" / "edge.sqlite3"
    with pytest.raises(EdgeStoreError) as caught:
        EdgeDatabase(bad)
    assert caught.value.retryable


def test_many_that_open_a_new_file_at_once_share_it(path: Path) -> None:
    gate, trouble = threading.Barrier(6), []

    def run(number: int) -> None:
        gate.wait(5)
        try:
            database = EdgeDatabase(path)
            add(Outbox(database), f"e{number}")
            database.close()
        except Exception as error:
            trouble.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert trouble == []
    database = EdgeDatabase(path)
    assert Outbox(database).count() == 6
    database.close()


def test_a_full_disk_is_an_edge_store_error_and_passes(path: Path) -> None:
    database = EdgeDatabase(path)
    [pages] = database.rows("PRAGMA page_count")
    database.rows(f"PRAGMA max_page_count = {pages[0]}")
    outbox = Outbox(database)
    with pytest.raises(EdgeStoreError, match="full") as caught:
        outbox.add_alerts([NewAlert("big", "v", {"x": "y" * 100_000}, "k")], now=1.0)
    assert caught.value.retryable
    assert outbox.count() == 0
    assert outbox.pending_evidence() == []
    database.rows("PRAGMA max_page_count = 100000")
    add(outbox, "e1")
    assert outbox.count() == 1
    database.close()


def test_only_one_holds_the_lock(tmp_path: Path) -> None:
    first = try_lock(tmp_path / "edge.sqlite3")
    assert first is not None
    assert try_lock(tmp_path / "edge.sqlite3") is None
    first.close()
    second = try_lock(tmp_path / "edge.sqlite3")
    assert second is not None
    second.close()


@pytest.fixture
def documents(path: Path) -> Any:
    database = EdgeDatabase(path)
    yield DocumentStore(database)
    database.close()


def test_an_empty_store_runs_nothing(documents: DocumentStore) -> None:
    assert numbers(documents) == (0, 0)
    assert documents.ending_of(epoch=E1, version=1, sha256="x") == ("", "")


def test_the_text_comes_back_as_it_was(documents: DocumentStore) -> None:
    put(documents, 1, "applied")
    running = documents.running()
    assert running is not None
    assert running.text == f"{SECRET} v1"


def test_a_kill_while_trying_boots_the_old_document(documents: DocumentStore) -> None:
    put(documents, 1, "confirmed")
    put(documents, 2, "trying")
    assert numbers(documents) == (1, 1)


def test_applied_runs_and_confirmed_stays_the_place_to_return_to(documents: DocumentStore) -> None:
    put(documents, 1, "confirmed")
    put(documents, 2, "applied")
    assert numbers(documents) == (2, 1)
    put(documents, 2, "reverted")
    assert numbers(documents) == (1, 1)


def test_two_bad_documents_in_a_row_return_to_the_confirmed_one(documents: DocumentStore) -> None:
    put(documents, 1, "confirmed")
    put(documents, 2, "applied")
    put(documents, 3, "applied")  # before 2 was confirmed
    assert numbers(documents) == (3, 1)
    put(documents, 3, "reverted")
    assert numbers(documents) == (1, 1)


def test_a_later_epoch_wins_whatever_its_numbers(documents: DocumentStore) -> None:
    put(documents, 90, "confirmed", epoch=E1)
    put(documents, 1, "confirmed", epoch=E2)
    assert numbers(documents) == (1, 1)


@pytest.mark.parametrize(("state", "kept"), [("confirmed", (1, 1)), ("applied", (1, 0))])
def test_what_runs_outlives_any_number_of_bad_ones(documents: DocumentStore, state: str, kept: tuple[int, int]) -> None:
    put(documents, 1, state)
    for version in range(2, KEPT + 30):
        put(documents, version, "reverted")
    assert numbers(documents) == kept
    assert len(documents.database.rows("SELECT id FROM documents")) <= KEPT + 1


def test_how_a_document_ended_is_known_by_number_and_content(documents: DocumentStore) -> None:
    documents.record(epoch=E1, version=1, sha256="a", text="t", state="reverted", reason="why", now=1.0)
    assert documents.ending_of(epoch=E1, version=1, sha256="a") == ("reverted", "why")
    assert documents.ending_of(epoch=E1, version=1, sha256="b") == ("", "")
    assert documents.ending_of(epoch=E2, version=1, sha256="a") == ("", "")


# The outbox


@pytest.fixture
def outbox(path: Path) -> Any:
    database = EdgeDatabase(path)
    yield Outbox(database)
    database.close()


def test_rows_leave_in_order_and_only_when_confirmed(outbox: Outbox) -> None:
    for number in range(5):
        add(outbox, f"e{number}", "vid1" if number % 2 == 0 else "vid2")
    assert sorted(outbox.cameras_waiting()) == ["vid1", "vid2"]
    assert [r.event_id for r in outbox.head("vid1", 2)] == ["e0", "e2"]
    assert [r.event_id for r in outbox.head("vid1", 9)] == ["e0", "e2", "e4"]
    outbox.confirm(["e0", "e3", "unknown"])
    assert [r.event_id for r in outbox.head("vid1", 9)] == ["e2", "e4"]
    assert outbox.count() == 3


def test_a_refused_row_is_kept_out_of_the_way(outbox: Outbox) -> None:
    add(outbox, "bad")
    add(outbox, "good")
    outbox.refuse("bad", "no such camera")
    assert [r.event_id for r in outbox.head("vid1", 9)] == ["good"]
    assert outbox.count() == 1
    [row] = outbox.database.rows("SELECT event_id, refused FROM outbox WHERE refused IS NOT NULL")
    assert tuple(row) == ("bad", "no such camera")


def test_an_alert_and_its_evidence_are_one_write(outbox: Outbox) -> None:
    add(outbox, "e1", capture="captures/x.jpg")
    assert [(p.event_id, p.key) for p in outbox.pending_evidence()] == [("e1", "captures/x.jpg")]
    with pytest.raises(sqlite3.IntegrityError):
        add(outbox, "e1", capture="captures/y.jpg")
    assert [p.key for p in outbox.pending_evidence()] == ["captures/x.jpg"]
    outbox.promise(event_id="e2", camera_id="vid1", key="captures/z.jpg", severity="info", now=1.0)
    with pytest.raises(sqlite3.IntegrityError):  # where the reference cannot be written the alert is not, either
        add(outbox, "e2", capture="captures/z.jpg")
    assert [r.event_id for r in outbox.head("vid1", 9)] == ["e1"]


def test_evidence_is_settled_once_and_behind_its_alert(outbox: Outbox) -> None:
    add(outbox, "e1", capture="captures/x.jpg")
    for new_id in ("n1", "n2"):
        outbox.settle_evidence(event_id="e1", new_id=new_id, body={"alert_id": "e1"}, now=2.0)
    assert [(r.event_id, r.kind) for r in outbox.head("vid1", 9)] == [("e1", "alert"), ("n1", "evidence")]
    assert outbox.pending_evidence() == []


def test_the_body_is_json_of_any_script_and_nothing_that_is_none(outbox: Outbox) -> None:
    outbox.add_alerts([NewAlert("e1", "v", {"name": "厨房"}, "")], now=1.0)
    assert json.loads(outbox.head("v", 1)[0].body) == {"name": "厨房"}
    with pytest.raises(ValueError, match="JSON"):
        outbox.add_alerts([NewAlert("e2", "v", {"x": float("nan")}, "k")], now=1.0)
    assert outbox.count() == 1
    assert outbox.pending_evidence() == []
