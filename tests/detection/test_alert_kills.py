"""A sudden end at any moment costs no alert and doubles none: the alert and what its rule then knows are stored as one."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest

from detection import runtime as runtime_module
from detection.analysis import Analysis
from detection.core.detections import Detections
from detection.ingest.frame import Frame
from edgesite.edge_store.database import EdgeDatabase, EdgeStoreError
from edgesite.edge_store.outbox import Outbox
from tests.detection.test_runtime import read
from tests.fakes import FakeReader

RATE = 10
STEP_S = 2.0  # of the memory's thread
SQUARE = [[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8]]
ONE = {
    "cameras": [{"camera_id": "vid1", "rtsp_url": "webcam:1"}],
    "rois": [{"roi_id": "r1", "camera_id": "vid1", "roi_type": "polygon", "coordinates": SQUARE}],
    "binds": [
        {"bind_id": f"b{number}", "roi_id": "r1", "algo_code": "intrusion", "params": {"dwell_s": 1}}
        for number in (1, 2)
    ],
}


class Killed(BaseException):
    """The process is no more."""


class Camera(FakeReader):
    """Hands out what a test puts in."""

    def __init__(self, camera_id: str, url: str, **options: Any) -> None:
        super().__init__(camera_id, url, **options)
        self.frames: deque[Frame] = deque()

    @property
    def waiting(self) -> bool:
        return bool(self.frames)

    def take(self) -> Frame | None:
        return self.frames.popleft() if self.frames else None

    def keep_awake(self) -> None:
        pass


class Standing:
    """A detector that sees one person, who stands still."""

    classes = ("person",)
    provider = "test"
    processor = False

    def fit(self, width: int, height: int) -> tuple[int, int]:
        return 32, 32

    def detect(self, picture: object, *, min_score: object) -> Detections:
        return Detections(np.array([[0.4, 0.4, 0.5, 0.7]], np.float32), np.array([0.9], np.float32), np.zeros(1, int))


class Box:
    """The analysing part of a box on its edge store; `restart` is the next process on the same file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open()

    def _open(self) -> None:
        self.database = EdgeDatabase(self.folder / "edge.sqlite3")
        self.analysis = Analysis(
            device_id="box-1", store=self.database.path, cloud_redis_url="redis://127.0.0.1:1/0", transport="tcp",
            detector=cast(Any, Standing()), database=self.database, stop=threading.Event(),
        )  # fmt: skip
        self.analysis.runtime.apply(read(**ONE))

    def restart(self) -> None:
        self.close()
        self._open()

    def close(self) -> None:
        """As the kernel does for a process that is no more: nothing is written."""
        self.analysis._owner.close()
        self.database.close()

    def see(self, now: float) -> None:
        """One frame, as the analysing thread takes it."""
        slot = self.analysis.analyser.slots["vid1"]
        picture = av.VideoFrame(64, 64, "yuv420p")
        cast(Camera, slot.reader).frames.append(Frame("vid1", picture, now, 1e9 + now, 0))
        assert self.analysis.analyser.step(wait_s=0.0)

    def watch(self, start: float, seconds: float, *, phase: float = 0.0) -> None:
        """Frames, with the memory's thread at its times. phase: when, of its two seconds, that has its turn."""
        for index in range(round(seconds * RATE)):
            self.see(start + index / RATE)
            if abs((index / RATE - phase) % STEP_S) < 1e-6:
                self.analysis.memory.step()

    def alerts(self) -> Counter[str]:
        """How many alerts are on the disk, by binding."""
        bodies = [json.loads(row.body) for row in Outbox(self.database).head("vid1", 999) if row.kind == "alert"]
        return Counter(body["bind_id"] for body in bodies)


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    monkeypatch.setattr(runtime_module, "CameraReader", Camera)
    box = Box(tmp_path)
    yield box
    box.close()


ONCE = {"b1": 1, "b2": 1}


@pytest.mark.parametrize("phase", [round(n / RATE, 1) for n in range(0, 20, 2)])
def test_a_kill_soon_after_the_alert_makes_no_second_one(box: Box, phase: float) -> None:
    for lasted in (1.2, 2.6):
        box.watch(0, lasted, phase=phase)
        assert box.alerts() == ONCE
        box.restart()
        box.watch(lasted + 5, 4)
        assert box.alerts() == ONCE
        with box.database.transaction() as db:
            db.execute("DELETE FROM outbox")
            db.execute("DELETE FROM meta")
        box.restart()


@pytest.mark.parametrize("commits", range(8))
@pytest.mark.parametrize("before", [True, False])
def test_a_kill_at_any_write_costs_no_alert_and_doubles_none(
    box: Box, monkeypatch: pytest.MonkeyPatch, commits: int, before: bool
) -> None:
    real, left = EdgeDatabase.transaction, [commits]

    @contextlib.contextmanager
    def dies(database: EdgeDatabase) -> Iterator[sqlite3.Connection]:
        with real(database) as db:
            yield db
            left[0] -= 1
            if left[0] == 0 and before:
                raise Killed  # the transaction is rolled back, as SQLite does at the next opening
        if left[0] == 0:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(EdgeDatabase, "transaction", dies)
        with contextlib.suppress(Killed):
            box.watch(0, 3, phase=0.5)
    box.restart()
    box.watch(8, 3)
    assert box.alerts() == ONCE


def test_what_the_memory_stores_is_never_ahead_of_the_alert(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory's thread has its turn between the rules' step and the alert's way to the disk; then the kill."""

    def late(*args: Any, **values: Any) -> None:
        thread = threading.Thread(target=box.analysis.memory.step)
        thread.start()
        thread.join(10)
        raise Killed

    monkeypatch.setattr(box.analysis.sink, "raise_alerts", late)
    with pytest.raises(Killed):
        box.watch(0, 3)
    assert box.alerts() == {}
    box.restart()
    box.watch(8, 3)
    assert box.alerts() == ONCE


def test_while_an_alert_is_held_in_memory_its_rule_is_stored_as_it_was(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full for the alert, and has room again for the memory's thread; then the kill."""

    def full(*args: Any, **values: Any) -> None:
        raise EdgeStoreError("the disk is full", retryable=True)

    with monkeypatch.context() as patch:
        patch.setattr(box.analysis.sink.outbox, "add_alerts", full)
        box.watch(0, 3, phase=0.3)
        box.analysis.memory.step()
    assert box.alerts() == {}
    box.restart()
    box.watch(8, 3)
    assert box.alerts() == ONCE


def test_an_older_state_never_replaces_the_one_of_the_alert(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """An alert is raised just while the memory's thread is on its way to the disk with what it had read before."""
    box.watch(0, 0.9)
    real, alert = box.database.transaction, threading.Thread(target=lambda: box.watch(0.9, 0.3, phase=1))
    memory = threading.current_thread()

    @contextlib.contextmanager
    def slow() -> Iterator[sqlite3.Connection]:
        if threading.current_thread() is memory:
            alert.start()
            alert.join(0.3)
        with real() as db:
            yield db

    box.analysis.memory._stored.clear()  # so that it has something to write
    monkeypatch.setattr(box.database, "transaction", slow)
    box.analysis.memory.step()
    alert.join(10)
    assert box.alerts() == ONCE
    monkeypatch.undo()
    monkeypatch.setattr(runtime_module, "CameraReader", Camera)
    box.restart()
    box.watch(6, 3)
    assert box.alerts() == ONCE


def test_a_camera_at_another_url_goes_on_with_what_the_last_turn_of_the_old_one_found(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old reader's frame is still being looked at, and raises the alert, when the document takes effect."""
    box.watch(0, 1)
    detector = box.analysis.analyser.detector
    looking, applied = threading.Event(), threading.Event()
    real = detector.detect

    def slow(*args: Any, **values: Any) -> Detections:
        looking.set()
        assert applied.wait(10)
        return real(*args, **values)

    monkeypatch.setattr(detector, "detect", slow)
    thread = threading.Thread(target=lambda: box.see(1.0))
    thread.start()
    assert looking.wait(10)
    cameras = [{"camera_id": "vid1", "rtsp_url": "webcam:2"}]
    box.analysis.runtime.apply(read(**ONE | {"cameras": cameras}))
    applied.set()
    thread.join(10)
    monkeypatch.setattr(detector, "detect", real)
    box.watch(2, 4)
    assert box.alerts() == ONCE
