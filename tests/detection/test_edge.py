"""The edge worker as a whole, without Redis and without a model."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from cameras.boot import FAILED_BOOTS
from cameras.lead import Lead, Presence
from detection.edge import EdgeWorker
from detection.edge_settings import EdgeSettings
from detection.executors import reconciler
from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.documents import DocumentStore
from tests.cameras.documents import DEVICE, EPOCH, content, document
from tests.detection.test_left_behind import LeftBox
from tests.servers.process import free_port
from tests.servers.stack import wait_until


def apply_version_7(store: Path) -> None:
    """A document without cameras."""
    database = EdgeDatabase(store)
    text = document(content(cameras=[], rois=[], binds=[]), version=7)
    DocumentStore(database).record(
        epoch=EPOCH, version=7, sha256="", text=text, state="applied", reason="", now=1_763_798_400.0
    )
    database.close()


def worker_on(store: Path, stop: threading.Event) -> EdgeWorker:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    return EdgeWorker(EdgeSettings(DEVICE, store, nowhere, nowhere, executor="processes"), None, stop)


def test_a_worker_ends_the_alerts_of_cameras_that_went_while_it_was_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "SETTLE_S", 0.0)
    box = LeftBox(tmp_path)
    before, stop = len(box.bodies()), threading.Event()
    apply_version_7(box.database.path)
    worker = worker_on(box.database.path, stop)
    worker.start()
    ended = wait_until(lambda: box.bodies()[before:], seconds=10, what="end of the alert")
    stop.set()
    assert worker.close()
    assert [(body["algo_code"], body["phase"]) for body in ended] == [("leave_post", "ended")]


def test_a_worker_that_is_stopped_in_its_health_window_spoils_no_document(tmp_path: Path) -> None:
    apply_version_7(tmp_path / "edge.sqlite3")
    for _ in range(FAILED_BOOTS + 1):
        stop = threading.Event()
        worker = worker_on(tmp_path / "edge.sqlite3", stop)
        worker.start()
        assert worker.sync.report.applied == 7
        stop.set()
        assert worker.close()


def test_a_worker_that_starts_while_a_recorder_leads_waits_for_the_lead_so_that_its_start_counts(
    tmp_path: Path,
) -> None:
    store, gone = tmp_path / "edge.sqlite3", threading.Event()
    apply_version_7(store)
    recorder = Lead(store, stand_back=Presence(store).fresh)
    assert recorder.held()

    def ask() -> None:  # as its loops do
        while recorder.held():
            gone.wait(0.2)

    asking, stop = threading.Thread(target=ask), threading.Event()
    asking.start()
    worker = worker_on(store, stop)
    worker.start()
    counted = worker.database.rows("SELECT value FROM meta WHERE key = 'boots'")
    stop.set()
    gone.set()
    assert worker.close()
    asking.join(5)
    assert [row["value"].split()[-1] for row in counted] == ["1"]
