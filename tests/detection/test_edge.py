"""The edge worker as a whole, without Redis and without a model."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any, cast

import pytest

from cameras.boot import FAILED_BOOTS
from cameras.lead import Lead, Presence
from detection.edge import EdgeWorker
from detection.edge_life import run_edge
from detection.edge_settings import EdgeSettings
from detection.executors import reconciler
from detection.inference.errors import ModelError
from detection.inference.manifest import DEFAULT_MODEL
from detection.model_watch import NONE, UNUSABLE
from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.documents import DocumentStore
from tests.cameras.documents import DEVICE, EPOCH, content, document
from tests.detection.test_left_behind import LeftBox
from tests.servers.process import free_port
from tests.servers.stack import wait_until


def apply_version_7(store: Path) -> None:
    """A document without cameras."""
    apply(store, content(cameras=[], rois=[], binds=[]))


def apply(store: Path, what: dict[str, Any]) -> None:
    database = EdgeDatabase(store)
    text = document(what, version=7)
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


class Model:
    """What comes instead of a pool: its first tries fail."""

    provider, classes, processor, score = "CPUExecutionProvider", ("person",), False, 0.4

    def __init__(self, *errors: ModelError) -> None:
        self.errors = list(errors)
        self.tries = 0

    def __call__(self) -> Any:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return self

    def describe(self) -> dict[str, Any]:
        return {"model": "forklifts", "sessions": 1}


def test_without_a_model_the_worker_does_all_else_and_says_why_until_the_model_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = {"camera_id": "vid1", "rtsp_url": (tmp_path / "none.mp4").as_uri()}
    apply(tmp_path / "edge.sqlite3", content(cameras=[camera], rois=[], binds=[]))
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    given = EdgeSettings(DEVICE, tmp_path / "edge.sqlite3", nowhere, nowhere)
    model = Model(ModelError("No model manifest at /x.", retryable=True), ModelError("/x is broken.", retryable=True))
    told: list[dict[str, Any]] = []
    stop = threading.Event()
    start = EdgeWorker.start

    def started(worker: EdgeWorker) -> None:
        start(worker)
        told.append(worker._health())
        if worker.detector is not None:
            stop.set()

    monkeypatch.setattr(EdgeWorker, "start", started)
    assert run_edge(given, cast("Any", model), stop)
    without, with_ = told
    assert without["inference"] == {"notice": f"{NONE}: No model manifest at /x."}
    assert without["camera_details"]["vid1"]["reason"] == "No model manifest at /x."
    assert without["cameras"]["vid1"] == "connecting"
    assert without["executor"]["groups"]["g1"]["state"] == "waiting"
    assert with_["inference"] == {"model": "forklifts", "sessions": 1}
    assert model.tries == 3


def test_the_box_knows_its_detector_before_the_first_model_is_loaded(tmp_path: Path) -> None:
    """A load may take longer than a recorder waits before it confirms documents by itself."""
    store, stop, known = tmp_path / "edge.sqlite3", threading.Event(), []

    def load() -> Any:
        database = EdgeDatabase(store)
        known.append(DocumentStore(database).knows_detector())
        database.close()
        stop.set()
        return Model()

    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    assert run_edge(EdgeSettings(DEVICE, store, nowhere, nowhere), load, stop)
    assert known == [True]


def test_what_lies_on_the_disk_is_in_the_report_of_a_worker_with_processes(tmp_path: Path, settings: Any) -> None:
    settings.VAR_DIR, settings.DETECTION_MODEL = tmp_path, "forklifts"
    apply_version_7(tmp_path / "edge.sqlite3")
    worker = worker_on(tmp_path / "edge.sqlite3", threading.Event())
    missing = worker._health()["inference"]["notice"]
    shutil.copytree(DEFAULT_MODEL, tmp_path / "models" / "forklifts")
    assert worker.model_watch.step()
    right = worker._health()
    (tmp_path / "models" / "forklifts" / "manifest.json").write_text("{")
    assert worker.model_watch.step()
    broken = worker._health()["inference"]["notice"]
    worker.stop.set()
    assert worker.close()
    assert missing.startswith(f"{NONE}: No model manifest at {tmp_path}/models/forklifts")
    assert "inference" not in right
    assert broken.startswith(f"{UNUSABLE}: The model manifest {tmp_path}")


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
