"""The recorder's own health on its way to the hub: through a file, while the detector reports for the box."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from detection.edge import EdgeWorker
from detection.edge_settings import EdgeSettings
from recordings.recorder.segment_store import SegmentStore
from recordings.recorder.telling import FRESH_SECONDS, TELL_SECONDS, RecorderHealth
from tests.fakes import Clock
from tests.recordings.test_recorder_worker import record_state, worker_on
from tests.servers.process import free_port


def test_told_every_two_seconds_and_read_by_another(tmp_path: Path) -> None:
    clock = Clock()
    writer, reader = (RecorderHealth(tmp_path / "edge.sqlite3", clock=clock) for _ in range(2))
    assert reader.read() is None
    writer.tell(lambda: {"segments": 1})
    clock.advance(TELL_SECONDS / 2)
    writer.tell(lambda: {"segments": 2})
    assert reader.read() == {"segments": 1}
    clock.advance(TELL_SECONDS / 2)
    writer.tell(lambda: {"segments": 3})
    assert reader.read() == {"segments": 3}
    clock.advance(-3600)  # the clock is set back
    assert reader.read() is None
    writer.tell(lambda: {"segments": 4})
    assert reader.read() == {"segments": 4}


def test_one_that_was_killed_or_ended_tells_nothing(tmp_path: Path) -> None:
    clock = Clock()
    told = RecorderHealth(tmp_path / "edge.sqlite3", clock=clock)
    told.tell(lambda: {"segments": 1})
    clock.advance(FRESH_SECONDS)
    assert told.read() is None
    told.tell(lambda: {"segments": 1})
    told.leave()
    told.leave()
    assert told.read() is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"at": "x", "health": {}}', '{"at": 1000, "health": 7}', "\udcff"])
def test_a_file_that_is_none(tmp_path: Path, text: str) -> None:
    told = RecorderHealth(tmp_path / "edge.sqlite3", clock=Clock())
    told.tell(dict)
    (file,) = (tmp_path / "run").iterdir()
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert told.read() is None


def test_the_detector_reports_for_the_recorder(tmp_path: Path) -> None:
    record_state(tmp_path / "edge.sqlite3", "confirmed")
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    stop = threading.Event()
    stop.set()  # nothing runs: what each would say is looked at
    edge = EdgeWorker(EdgeSettings("box-1", tmp_path / "edge.sqlite3", nowhere, nowhere), None, stop)
    recorder = worker_on(tmp_path)
    recorder.stop.set()
    try:
        health = edge.sync.sender.health
        assert health()["recording"] is None
        recorder.telling.tell(recorder.recorder.health)
        told = health()["recording"]
        assert (told["segments"], told["cameras"], told["alarm"]) == (0, {}, "")
        json.dumps(told)
        recorder.close()
        assert health()["recording"] is None
    finally:
        edge.close()


def test_the_index_is_not_counted_for_each_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = worker_on(tmp_path)
    recorder.stop.set()
    try:
        recorder.recorder.keeping.stock = 3, 60
        monkeypatch.setattr(SegmentStore, "total", lambda store: pytest.fail("counted"))
        told = recorder.recorder.health()
        assert (told["segments"], told["bytes"]) == (3, 60)
    finally:
        recorder.close()
