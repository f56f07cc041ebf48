"""The recorder as a whole, without Redis: what it may say of a document when it leads the box."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from cameras.sync_window import HEALTH_WINDOW_SECONDS
from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.documents import DocumentStore
from edgesite.edge_store.losses import note_losses
from edgesite.edge_store.outbox import Outbox
from recordings.recorder.worker import ALONE_SECONDS, RecorderSettings, RecorderWorker
from tests.cameras.documents import DEVICE, EPOCH, content, document
from tests.fakes import Clock
from tests.servers.process import free_port

T = 1_795_334_400.0


def record_state(store: Path, state: str, **camera: Any) -> None:
    """Version 7, with one camera."""
    database = EdgeDatabase(store)
    cameras = [{"camera_id": "vid1", "rtsp_url": "rtsp://10.0.0.5/1"} | camera]
    text = document(content(cameras=cameras, rois=[], binds=[]), version=7)
    DocumentStore(database).record(epoch=EPOCH, version=7, sha256="", text=text, state=state, reason="", now=T)
    database.close()


def worker_on(folder: Path) -> RecorderWorker:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    settings = RecorderSettings(DEVICE, folder / "edge.sqlite3", folder / "output", nowhere, nowhere)
    return RecorderWorker(settings, threading.Event())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    record_state(tmp_path / "edge.sqlite3", "applied")
    return tmp_path


def watch(worker: RecorderWorker, clock: Clock) -> str:
    """The window is looked at for three times its length; the document's state at the end."""
    for _ in range(6):
        worker.sync.window.watch()
        clock.advance(HEALTH_WINDOW_SECONDS / 2)
    running = worker.sync.documents.running()
    return running.state if running else ""


def after_a_window(worker: RecorderWorker, meanwhile: str = "") -> str:
    clock = Clock()
    worker.sync.window.monotonic = clock
    worker.sync.boot(leads=False)
    try:
        if meanwhile:
            record_state(worker.settings.store, meanwhile)
        return watch(worker, clock)
    finally:
        worker.stop.set()
        assert worker.close()


def test_a_recorder_that_leads_confirms_no_document_that_only_a_detector_can_judge(folder: Path) -> None:
    worker = worker_on(folder)
    worker.sync.documents.note_detector()
    worker.monotonic = lambda: time.monotonic() + 10 * ALONE_SECONDS
    assert after_a_window(worker) == "applied"


def test_where_no_detector_ever_ran_the_recorder_confirms_when_none_came_for_a_minute(folder: Path) -> None:
    worker, later = worker_on(folder), [0.0]
    worker.monotonic = lambda: time.monotonic() + later[0]
    clock = Clock()
    worker.sync.window.monotonic = clock
    worker.sync.boot(leads=False)
    try:
        assert watch(worker, clock) == "applied"  # one may be about to start
        later[0] = ALONE_SECONDS
        assert watch(worker, clock) == "confirmed"
        assert worker.sync.report.confirmed == 7
    finally:
        worker.stop.set()
        assert worker.close()


@pytest.mark.parametrize("camera", [{"analyse": False}, {"enabled": False}])
def test_one_that_needs_no_detector_is_confirmed(folder: Path, camera: dict[str, Any]) -> None:
    (folder / "edge.sqlite3").unlink()
    record_state(folder / "edge.sqlite3", "applied", **camera)
    assert after_a_window(worker_on(folder)) == "confirmed"


def test_what_a_detector_confirmed_since_the_recorder_tells_so(folder: Path) -> None:
    worker = worker_on(folder)
    assert after_a_window(worker, meanwhile="confirmed") == "confirmed"
    assert worker.sync.report.confirmed == 7


def test_a_start_of_the_recorder_is_not_counted_against_a_document(folder: Path) -> None:
    worker = worker_on(folder)
    worker.start()
    counted = worker.database.rows("SELECT value FROM meta WHERE key = 'boots'")
    worker.stop.set()
    assert worker.close()
    assert counted == []


def test_a_recorder_that_leads_tells_what_was_given_up_too(folder: Path) -> None:
    worker = worker_on(folder)
    with worker.database.transaction() as db:
        note_losses(db, now=T, guaranteed=4)
    losses = next(loop for loop in worker.loops if loop.name == "losses")
    assert losses.step()
    [row] = Outbox(worker.database).head("", 9)
    assert '"guaranteed": 4' in row.body
    worker.stop.set()
    assert worker.close()
