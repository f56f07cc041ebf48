"""The whole life of an edge worker: with a model it analyses, without one it does everything else and says why."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import structlog

from detection.edge import EdgeWorker
from detection.edge_settings import EdgeSettings
from detection.inference.errors import ModelError
from detection.inference.pool import DetectorPool
from detection.waiting import wait_for
from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.documents import DocumentStore

log = structlog.get_logger(__name__)

Load = Callable[[], DetectorPool]


def run_edge(given: EdgeSettings, load: Load | None, stop: threading.Event) -> bool:
    """Until the stop event; True when everything ended in time.

    load: the model of a worker that analyses in this process, None where others do. May raise ModelError: then a worker
    without analysis syncs, delivers and reports what is wrong, and is replaced when the model has come. Raises EdgeStoreError
    that no waiting helps.
    """
    wait_for(partial(_note_detector, given.store), stop)  # a first load may take minutes
    detector: DetectorPool | None = None
    while not stop.is_set():
        awaits = ""
        if load is not None and detector is None:
            try:
                detector = load()
            except ModelError as error:
                awaits = str(error)
        own = threading.Event()
        worker = wait_for(partial(EdgeWorker, given, detector, own, awaits), stop)
        if worker is None:
            break
        _tell(worker)
        worker.start()
        if load is not None and detector is None:
            detector = wait_for(load, stop, partial(setattr, worker, "awaits"))
        else:
            stop.wait()
        own.set()
        if not worker.close():
            log.error("something did not end in time")
            return False
    return True


def _note_detector(store: Path) -> None:
    """For the recorder, which confirms documents itself where no detector ever ran. Raises EdgeStoreError."""
    database = EdgeDatabase(store)
    try:
        DocumentStore(database).note_detector()
    finally:
        database.close()


def _tell(worker: EdgeWorker) -> None:
    if worker.awaits:
        log.info("detector started without a model", device=worker.settings.device_id)
        return
    where = {"provider": worker.detector.provider} if worker.detector else {"processes": worker.settings.processes}
    log.info("detector started", device=worker.settings.device_id, **where)
