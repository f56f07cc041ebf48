"""From the spool to the hub's storage: verified before anything may go, whatever is killed in between."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from edgesite.core.chain import Content
from edgesite.destination import ObjectStorage, destination
from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.evidence import EvidenceStore, KeptPicture
from edgesite.edge_store.outbox import NewAlert, Outbox
from edgesite.hub_upload import HubUpload, NotExpectedError
from edgesite.spool import Spool
from edgesite.storage import StorageError
from recordings.evidence.uploading import DAMAGED, GIVE_UP_S, UNKNOWN, Uploads
from tests.fakes import Clock
from tests.recordings.uploads import sha256, uploader, use_files


class Storage:
    """A destination whose troubles are raised in turn."""

    def __init__(self) -> None:
        self.troubles: dict[str, list[BaseException]] = {}
        self.has: dict[str, bytes] = {}

    def send(self, key: str, file: Path, *, sha256: str, size: int) -> None:
        content = file.read_bytes()
        if self.troubles.get(key):
            raise self.troubles[key].pop(0)
        self.has[key] = content

    def close(self) -> None:
        pass


class Killed(BaseException):
    """The process is no more."""


class Bench:
    def __init__(self, folder: Path) -> None:
        self.database = EdgeDatabase(folder / "edge.sqlite3")
        self.outbox = Outbox(self.database)
        self.spool = Spool(folder / "spool")
        self.storage = Storage()
        self.clock = Clock()
        self.restart()

    def restart(self) -> None:
        self.uploads = Uploads(
            self.outbox, self.spool, self.storage, lambda: None, clock=lambda: 5.0, monotonic=self.clock
        )

    def picture(self, event_id: str) -> str:
        key, content = f"captures/20261122/{event_id}.jpg", event_id.encode() * 50
        self.outbox.add_alerts([NewAlert(event_id, "vid1", {"severity": "info", "data": {}}, key)], now=1.0)
        self.spool.put(key, content)
        assert EvidenceStore(self.database).spooled(Content(event_id, key, sha256(content), len(content)))
        return key

    def full_picture(self, event_id: str) -> str:
        """Of an alert that is here."""
        key, content = f"captures/20261122/{event_id}_full.jpg", b"full" * 50
        self.outbox.promise(
            event_id=f"{event_id}.full", camera_id="vid1", key=key, severity="info", now=1.0, taken_at=1.75
        )
        self.spool.put(key, content)
        assert EvidenceStore(self.database).spooled(Content(f"{event_id}.full", key, sha256(content), len(content)))
        return key

    def drain(self) -> None:
        for _ in range(30):
            self.clock.advance(600)
            if not self.uploads.step():
                return
        raise AssertionError("it has no end")

    def settled(self) -> list[tuple[str, str, str]]:
        bodies = [json.loads(r.body) for r in self.outbox.head("vid1", 99) if r.kind == "evidence"]
        return [(b["alert_id"], b["status"], b["reason"]) for b in bodies]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.database.close()


def test_pictures_are_brought_in_order_reported_once_and_stay_as_copies(bench: Bench) -> None:
    keys = [bench.picture(e) for e in ("e1", "e2")]
    bench.drain()
    assert list(bench.storage.has) == keys
    assert bench.settled() == [("e1", "stored", ""), ("e2", "stored", "")]
    assert [bench.spool.path(k).exists() for k in keys] == [True, True]
    assert [p.event_id for p in EvidenceStore(bench.database).delivered(before=9.0, limit=9)] == ["e1", "e2"]


def test_a_full_picture_is_told_with_its_own_moment_however_late_it_is_brought(bench: Bench) -> None:
    bench.picture("e1")
    bench.full_picture("e1")
    bench.drain()
    told = [json.loads(row.body) for row in bench.outbox.head("vid1", 99) if row.kind == "evidence"]
    assert [(body["alert_id"], body.get("taken_at")) for body in told] == [("e1", None), ("e1.full", 1.75)]


def test_a_storage_that_is_away_for_long_costs_no_picture(bench: Bench) -> None:
    key = bench.picture("e1")
    bench.storage.troubles[key] = [StorageError("away", retryable=True) for _ in range(20)]
    for _ in range(20):
        with pytest.raises(StorageError):
            bench.uploads.step()
        assert bench.spool.path(key).exists()
    bench.drain()
    assert bench.settled() == [("e1", "stored", "")]


def test_a_kill_after_the_upload_brings_it_once_more_and_reports_it_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = bench.picture("e1")

    def killed(*args: Any, **values: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("recordings.evidence.uploading.report_picture", killed)
        with pytest.raises(Killed):
            bench.uploads.step()
    assert bench.spool.path(key).exists()
    bench.restart()
    bench.drain()
    assert bench.settled() == [("e1", "stored", "")]


def test_one_whose_alert_is_on_its_way_holds_up_no_other(bench: Bench) -> None:
    first = bench.picture("e1")
    bench.picture("e2")
    bench.storage.troubles[first] = [NotExpectedError("not yet", retryable=True)]
    assert bench.uploads.step()
    assert bench.uploads.step()
    assert not bench.uploads.step()  # not before its time
    assert bench.settled() == [("e2", "stored", "")]
    bench.drain()
    assert bench.settled() == [("e2", "stored", ""), ("e1", "stored", "")]


@pytest.mark.parametrize("told_as", ["e1", "e1.full"])
def test_a_hub_that_forgot_the_alert_is_not_asked_for_ever(bench: Bench, told_as: str) -> None:
    key = bench.picture("e1")
    if told_as == "e1.full":
        assert bench.uploads.step()
        bench.outbox.confirm(r.event_id for r in bench.outbox.head("vid1", 9) if r.kind == "evidence")
        key = bench.full_picture("e1")
    bench.storage.troubles[key] = [NotExpectedError("?", retryable=True) for _ in range(9)]
    bench.uploads.step()
    bench.clock.advance(GIVE_UP_S + 1)
    bench.uploads.step()
    assert bench.settled() == []  # the alert is still to be delivered
    bench.outbox.confirm(["e1"])
    bench.clock.advance(GIVE_UP_S)
    bench.uploads.step()
    assert bench.settled() == [(told_as, "lost", UNKNOWN)]
    assert not bench.spool.path(key).exists()


@pytest.mark.parametrize("how", ["changed", "gone"])
def test_a_picture_that_was_damaged_on_the_box_is_told_as_lost_with_its_place(bench: Bench, how: str) -> None:
    key = bench.picture("e1")
    if how == "gone":
        bench.spool.path(key).unlink()
    else:
        bench.spool.path(key).write_bytes(b"another")
        bench.storage.troubles[key] = [StorageError("422", retryable=False)]
    with capture_logs() as logs:
        bench.drain()
    assert bench.settled() == [("e1", "lost", DAMAGED)]
    assert [e["event"] for e in logs] == ["a picture is lost"]
    assert '"n": 1' in bench.outbox.head("vid1", 9)[-1].body


def test_what_the_box_gave_up_meanwhile_is_not_told_once_more(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    key, look = bench.picture("e1"), EvidenceStore.to_upload

    def given_up(store: EvidenceStore, limit: int) -> list[KeptPicture]:
        found = look(store, limit)
        with bench.database.transaction() as db:
            db.execute("DELETE FROM evidence")
        bench.spool.remove(key)
        return found

    monkeypatch.setattr(EvidenceStore, "to_upload", given_up)
    with capture_logs() as logs:
        bench.drain()
    assert bench.settled() == []
    assert logs == []


def test_the_picture_of_a_dead_letter_waits_for_a_person(bench: Bench) -> None:
    key = bench.picture("e1")
    bench.outbox.refuse("e1", "why")
    assert not bench.uploads.step()
    assert bench.spool.path(key).exists()


def test_a_bucket_is_read_back_before_the_copy_may_go(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_files(settings, tmp_path)
    file = tmp_path / "x.jpg"
    file.write_bytes(b"picture")
    ObjectStorage().send("captures/x.jpg", file, sha256=sha256(b"picture"), size=7)
    monkeypatch.setattr("edgesite.storage.put", lambda key, content: None)
    with pytest.raises(StorageError, match="not what was sent") as caught:
        ObjectStorage().send("captures/y.jpg", file, sha256=sha256(b"picture"), size=7)
    assert caught.value.retryable


def test_a_small_object_that_the_hub_has_and_did_not_store_is_no_success() -> None:
    answer = httpx.MockTransport(lambda request: httpx.Response(409, json={"detail": "", "offset": 5}))
    with pytest.raises(StorageError) as caught:
        uploader(answer).put("frames/vid1.jpg", b"newer", sha256=sha256(b"newer"))
    assert caught.value.retryable


def test_where_a_boxs_files_go_is_in_its_settings(settings: Any) -> None:
    settings.S3_BUCKET, settings.DEVICE_TOKEN, settings.PUBLIC_URL = "", "", ""
    assert destination() is None
    settings.DEVICE_TOKEN, settings.PUBLIC_URL = "esd_x", "https://hub"
    assert isinstance(destination(), HubUpload)
    settings.S3_BUCKET = "bucket"
    assert isinstance(destination(), ObjectStorage)
