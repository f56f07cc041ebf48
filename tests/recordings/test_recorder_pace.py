"""How often the recorder looks: seldom while every camera goes on as it is, at once when somebody asks for something."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from edgesite.child_process import Process
from recordings.recorder import recorder as pace
from recordings.recorder.indexing import Indexer
from recordings.recorder.recorder import Recorder
from recordings.recorder.segmenter import Segmenter
from tests.recordings.test_keeping import Disk

LONG = 30.0  # a wait that nobody would sit through


def child(script: str) -> Process:
    lines: list[bytes] = []
    shell = {"PATH": os.environ["PATH"]}
    return Process.start(["/bin/sh", "-c", script], shell, stdout=lines.append, stderr=lines.append, now=0.0)


@dataclass
class Camera:
    """As much of a segmenter as a look needs: one that goes on as it is, or does not."""

    run: Any = None
    settled: bool = True
    quiet: bool = False

    def step(self) -> None: ...

    def want(self, url: str, *, sound: bool = False) -> None: ...

    def close(self) -> None: ...


@dataclass
class Run:
    process: Process
    name: str = "run"


class Calm(Disk):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder.mkdir()
        self.camera = Camera()
        self.recorder = Recorder(
            folder=self.folder, indexer=Indexer(self.folder, self.segments), keeping=self.keeping, tool=None,
            transport="tcp", stop=threading.Event(), wanted=lambda: {"vid1": ""}, think=lambda: None,
            segmenters=cast("dict[str, Segmenter]", {"vid1": self.camera}),
        )  # fmt: skip
        self.recorder.step()  # the first makes what is there once

    def until_next_look(self) -> float:
        """Seconds until the next one."""
        began = time.monotonic()
        self.recorder.step()
        return time.monotonic() - began


@pytest.fixture
def calm(tmp_path: Path) -> Iterator[Calm]:
    made = Calm(tmp_path)
    yield made
    made.camera.run = None
    made.recorder.close()
    made.database.close()


def test_a_camera_that_does_not_go_on_as_it_is_is_looked_at_often(calm: Calm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "SETTLED_SECONDS", LONG)
    calm.camera.settled = False
    assert calm.until_next_look() < LONG / 3


def test_lines_alone_bring_no_look_forward(calm: Calm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "SETTLED_SECONDS", 0.6)
    process = child("for n in 1 2 3 4 5 6 7 8 9; do echo $n; sleep 0.1; done; sleep 30")
    calm.camera.run = Run(process)
    assert calm.until_next_look() >= 0.55
    process.collect()


def test_an_ffmpeg_that_ends_is_seen_at_once(calm: Calm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "SETTLED_SECONDS", LONG)
    process = child("sleep 0.1")
    calm.camera.run = Run(process)
    assert calm.until_next_look() < LONG / 3
    process.collect()


def test_an_order_is_followed_at_once(calm: Calm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "SETTLED_SECONDS", LONG)
    calm.tasks.ordered = calm.recorder.wake
    thread = threading.Thread(target=calm.order)
    thread.start()
    assert calm.until_next_look() < LONG / 3
    thread.join()


def test_whoever_wakes_a_recorder_that_ended_does_no_harm(calm: Calm) -> None:
    calm.recorder.close()
    handles = os.pipe()  # perhaps the very numbers that it had
    calm.recorder.wake()
    os.set_blocking(handles[0], False)
    with pytest.raises(BlockingIOError):
        os.read(handles[0], 1)
    for handle in handles:
        os.close(handle)
    calm.recorder = Recorder(
        folder=calm.folder, indexer=Indexer(calm.folder, calm.segments), keeping=calm.keeping, tool=None,
        transport="tcp", stop=threading.Event(), wanted=dict, think=lambda: None,
    )  # fmt: skip
