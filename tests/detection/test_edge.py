"""The edge worker as a whole, without Redis and without a model."""

from __future__ import annotations

import threading
from pathlib import Path

from cameras.boot import FAILED_BOOTS
from detection.edge import EdgeSettings, EdgeWorker
from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.documents import DocumentStore
from tests.cameras.documents import DEVICE, EPOCH, content, document
from tests.servers.process import free_port


def test_a_worker_that_is_stopped_in_its_health_window_spoils_no_document(tmp_path: Path) -> None:
    store = tmp_path / "edge.sqlite3"
    database = EdgeDatabase(store)
    text = document(content(cameras=[], rois=[], binds=[]), version=7)
    DocumentStore(database).record(
        epoch=EPOCH, version=7, sha256="", text=text, state="applied", reason="", now=1_763_798_400.0
    )
    database.close()
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    settings = EdgeSettings(DEVICE, store, nowhere, nowhere, executor="processes")
    for _ in range(FAILED_BOOTS + 1):
        stop = threading.Event()
        worker = EdgeWorker(settings, None, stop)
        worker.start()
        assert worker.sync.report.applied == 7
        stop.set()
        assert worker.close()
