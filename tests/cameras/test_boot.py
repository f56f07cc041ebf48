"""What a box runs at its start, and its journal."""

from __future__ import annotations

import contextlib
import io
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from cameras.boot import FAILED_BOOTS
from edgesite import redis_keys
from edgesite.edge_store.database import EdgeDatabase, EdgeStoreError
from edgesite.edge_store.schema import SCHEMA_VERSION
from tests.cameras.box import Box
from tests.cameras.documents import DEVICE, content, document
from tests.fakes import Clock, FakeRedis


def test_an_empty_store_takes_the_local_redis_copy_and_keeps_it(box: Box, tmp_path: Path, clock: Clock) -> None:
    box.publish(4)
    box.pass_window()
    fresh = Box(tmp_path / "other.sqlite3", FakeRedis(), clock)
    fresh.local.strings.update(box.local.strings)
    fresh.sync.boot()
    assert fresh.version == 4
    fresh.local.strings.clear()
    again = Box(tmp_path / "other.sqlite3", FakeRedis(), clock)
    again.sync.boot()
    assert again.version == 4
    fresh.database.close()
    again.database.close()


def test_a_spoiled_copy_gives_way_to_the_backup(box: Box, tmp_path: Path, clock: Clock) -> None:
    box.publish(1)
    box.pass_window()
    box.publish(2)
    box.pass_window()
    fresh = Box(tmp_path / "other.sqlite3", FakeRedis(), clock)
    fresh.local.strings.update(box.local.strings)
    fresh.local.strings[redis_keys.LOCAL_CURRENT] = '{"schema": 1'
    fresh.sync.boot()
    assert fresh.version == 1
    fresh.database.close()


def test_nothing_anywhere_waits(tmp_path: Path, clock: Clock, cloud: FakeRedis) -> None:
    fresh = Box(tmp_path / "edge.sqlite3", cloud, clock)
    fresh.local.down = True
    fresh.sync.boot()
    assert fresh.running == []
    fresh.database.close()


def test_a_document_that_ends_every_start_is_left_after_the_third(box: Box, tmp_path: Path, cloud: FakeRedis) -> None:
    box.publish(1)
    box.pass_window()
    box.publish(2)
    box.step()
    versions = []
    for _ in range(FAILED_BOOTS):  # each ends before its window does
        start = Box(tmp_path / "edge.sqlite3", cloud, Clock())
        start.sync.boot()
        versions.append(start.version)
        start.database.close()
    assert versions == [2, 2, 1]
    last = Box(tmp_path / "edge.sqlite3", cloud, Clock())
    last.sync.boot()
    last.step()
    assert last.version == 1
    assert last.report["state"] == "reverted"
    assert "3 starts in a row" in last.report["reason"]
    last.database.close()


def test_a_start_that_is_stopped_on_purpose_does_not_count(box: Box, tmp_path: Path, cloud: FakeRedis) -> None:
    box.publish(1)
    box.pass_window()
    box.publish(2)
    box.step()
    for leads in (True, False, True, True, True):
        start = Box(tmp_path / "edge.sqlite3", cloud, Clock())
        start.sync.boot(leads=leads)
        assert start.version == 2
        start.sync.stop()
        start.database.close()
    versions = []
    for stopped in (False, True, False, False):  # but those that ended by themselves do, each once
        start = Box(tmp_path / "edge.sqlite3", cloud, Clock())
        start.sync.boot()
        versions.append(start.version)
        if stopped:
            start.sync.stop()
        start.database.close()
    assert versions == [2, 2, 2, 1]


def test_workers_that_start_together_are_one_start(box: Box, tmp_path: Path, cloud: FakeRedis) -> None:
    box.publish(1)
    box.pass_window()
    box.publish(2)
    box.step()
    for _ in range(FAILED_BOOTS - 1):
        for leads in (True, False, False):
            start = Box(tmp_path / "edge.sqlite3", cloud, Clock())
            start.sync.boot(leads=leads)
            assert start.version == 2
            start.database.close()


def test_a_confirmed_document_may_be_started_any_number_of_times(box: Box, tmp_path: Path, cloud: FakeRedis) -> None:
    box.publish(1)
    box.pass_window()
    for _ in range(2 * FAILED_BOOTS):
        start = Box(tmp_path / "edge.sqlite3", cloud, Clock())
        start.sync.boot()
        assert start.version == 1
        start.database.close()


@pytest.fixture
def journal(box: Box, settings: Any, tmp_path: Path) -> Box:
    settings.EDGE_DATABASE = tmp_path / "edge.sqlite3"
    box.publish(1)
    box.pass_window()
    box.sick = "camera vid1: broken"
    changed = content(
        issued_by="kim", cameras=[{"camera_id": "vid9", "rtsp_url": "rtsp://u:hunter2@h/"}], rois=[], binds=[]
    )
    box.put(document(changed, version=2), 2)
    box.step()
    return box


def read(*arguments: str) -> str:
    out = io.StringIO()
    call_command("config_log", *arguments, stdout=out)
    return out.getvalue()


def test_the_journal_says_when_what_and_how_it_ended(journal: Box) -> None:
    states = [(e.version, e.state) for e in reversed(journal.documents.journal(10))]
    assert states == [(1, "trying"), (1, "applied"), (1, "confirmed"), (2, "trying"), (2, "applied"), (2, "reverted")]
    text = read()
    assert "version 1      confirmed\n" in text
    assert "version 2      reverted   by kim  (version 2: camera vid1: broken)" in text
    assert "+ Camera vid9 added" in text
    assert "hunter2" not in text
    assert DEVICE not in text
    first = json.loads(read("--json", "--limit", "1"))
    assert (first["version"], first["state"], first["author"]) == (2, "reverted", "kim")


def test_an_entry_that_a_boot_makes_knows_the_author_too(box: Box, cloud: FakeRedis, tmp_path: Path) -> None:
    box.put(document(content(issued_by="kim"), version=1), 1)
    box.step()
    for _ in range(FAILED_BOOTS):
        start = Box(tmp_path / "edge.sqlite3", cloud, Clock())
        start.sync.boot()
        start.database.close()
    [newest] = box.documents.journal(1)
    assert (newest.version, newest.state, newest.author) == (1, "reverted", "kim")


def test_without_an_edge_store_it_says_so(settings: Any, tmp_path: Path) -> None:
    settings.EDGE_DATABASE = tmp_path / "none.sqlite3"
    with pytest.raises(CommandError, match="no edge store"):
        read()


@pytest.mark.parametrize("command", [["config_log"], ["outbox", "list"]])
@pytest.mark.parametrize("state", ["damaged", "older", "newer"])
def test_who_only_looks_leaves_the_edge_store_as_it_is(
    settings: Any, tmp_path: Path, command: list[str], state: str
) -> None:
    path = settings.EDGE_DATABASE = tmp_path / "edge.sqlite3"
    if state == "damaged":
        path.write_bytes(b"SQLite format 3\0" + b"?" * 5000)
    else:
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute(f"PRAGMA user_version = {1 if state == 'older' else SCHEMA_VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(CommandError, match={"damaged": "cannot be read"}.get(state, f"{state} edgesite")):
        call_command(*command, stdout=io.StringIO())
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_who_only_looks_writes_nothing_beside_a_worker_that_does(journal: Box, tmp_path: Path) -> None:
    """It reads what the worker committed last, from the log of a file that the worker has open."""
    before = (tmp_path / "edge.sqlite3").read_bytes()
    assert "version 2" in read()
    assert (tmp_path / "edge.sqlite3").read_bytes() == before
    database = EdgeDatabase(tmp_path / "edge.sqlite3", read_only=True)
    with pytest.raises(EdgeStoreError, match="readonly"), contextlib.closing(database), database.transaction() as db:
        db.execute("DELETE FROM journal")
    assert "version 2" in read()


def test_what_was_reverted_does_not_come_back_from_the_local_redis(box: Box, tmp_path: Path, cloud: FakeRedis) -> None:
    box.publish(1)
    box.step()
    for _ in range(FAILED_BOOTS):
        start = Box(tmp_path / "edge.sqlite3", cloud, Clock())
        start.local.strings.update(box.local.strings)
        start.sync.boot()
        start.database.close()
    assert start.running == []


def test_the_backup_of_a_bare_document_gives_way_to_what_is_published(box: Box, tmp_path: Path, clock: Clock) -> None:
    def text(name: str) -> str:
        camera = {"camera_id": "c1", "camera_name": name, "rtsp_url": "rtsp://10.0.0.5/live"}
        return json.dumps({"cameras": [camera], "rois": [], "binds": []})

    for number, name in ((4, "four"), (5, "five")):
        box.put(text(name), number)
        box.pass_window()
    fresh = Box(tmp_path / "other.sqlite3", box.cloud, clock)
    fresh.local.strings.update(box.local.strings)
    fresh.local.strings[redis_keys.LOCAL_CURRENT] = "damaged"
    fresh.sync.boot()
    assert fresh.running[-1].content.cameras[0].camera_name == "four"
    fresh.step()
    assert fresh.running[-1].content.cameras[0].camera_name == "five"
    assert fresh.numbers[1] == 5
    fresh.database.close()
