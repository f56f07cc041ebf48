"""One camera's ffmpeg: started, watched, ended, killed, and what is said of it. The ffmpeg is a small program of the tests."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from edgesite.child_process import Process
from edgesite.process_guard import Guard
from recordings.core.ffmpeg import Tool
from recordings.recorder import segmenter as watched
from recordings.recorder.segmenter import Finished, Segmenter
from tests.servers.clips import make_clip
from tests.servers.process import free_port

FAKE = Path(__file__).with_name("fake_ffmpeg.py")


class Bench:
    """A segmenter, and what it handed over."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.taken: list[Finished] = []
        self.left: list[str] = []
        self.guard = Guard()
        self.clip = make_clip(folder / "clip.mp4").as_uri()
        self.pipes = os.pipe()
        self.segmenter = self.make("steady")

    def make(self, how: str) -> Segmenter:
        program = self.folder / how
        program.write_text(f"#!{sys.executable}\n" + FAKE.read_text(encoding="utf-8"), encoding="utf-8")
        program.chmod(0o755)
        self.segmenter = Segmenter(
            camera_id="vid1",
            folder=self.folder / "segments",
            tool=Tool(str(program)),
            transport="tcp",
            stop=threading.Event(),
            guard=self.guard,
            taken=self.taken.append,
            left=lambda camera_id, run: self.left.append(run),
        )
        return self.segmenter

    def until(self, condition: Callable[[], bool], *, seconds: float = 15.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, (self.segmenter.state, self.segmenter.reason)
            run = self.segmenter.run
            Process.pump([run.process] if run else [], self.pipes[0], 0.02)
            self.segmenter.step()

    @property
    def pid(self) -> int:
        return self.segmenter.run.process.pid if self.segmenter.run else 0


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    folder = tmp_path / "100%d"  # ffmpeg and Python alike read a pattern in the path of a segment
    folder.mkdir()
    made = Bench(folder)
    yield made
    made.segmenter.close()
    made.guard.close()
    for handle in made.pipes:
        os.close(handle)
    shutil.rmtree(tmp_path, ignore_errors=True)


def test_it_records_while_it_is_wanted(bench: Bench) -> None:
    segmenter = bench.segmenter
    segmenter.step()
    assert (segmenter.state, segmenter.quiet) == ("off", True)
    segmenter.want(bench.clip)
    bench.until(lambda: len(bench.taken) >= 3)
    assert segmenter.state == "recording"
    assert [t.name.rpartition("_")[2] for t in bench.taken[:3]] == [f"{n:06d}.part" for n in range(3)]
    assert all(t.part.is_file() for t in bench.taken)
    assert bench.taken[1].start == pytest.approx(bench.taken[0].end)
    pid = bench.pid
    segmenter.want(bench.clip)
    bench.until(lambda: len(bench.taken) >= 4)
    assert bench.pid == pid
    segmenter.want("")
    bench.until(lambda: segmenter.quiet)
    assert (segmenter.state, len(bench.left)) == ("off", 1)
    assert not Path(f"/proc/{pid}").exists()


def test_another_url_is_another_ffmpeg(bench: Bench) -> None:
    bench.segmenter.want(bench.clip)
    bench.until(lambda: bench.segmenter.recording)
    first = bench.pid
    other = make_clip(bench.folder / "other.mp4").as_uri()
    bench.segmenter.want(other)
    bench.until(lambda: bench.pid not in (0, first) and bench.segmenter.recording)
    assert len(bench.left) == 1
    assert bench.segmenter.reason == ""


@pytest.mark.parametrize(("how", "first"), [("silent", 0.5), ("stubborn", 60.0)])
def test_one_that_writes_nothing_any_more_is_ended_and_begun_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, how: str, first: float
) -> None:
    for name, seconds in (("FIRST_SECONDS", first), ("STALL_SECONDS", 0.5), ("KILL_SECONDS", 0.5)):
        monkeypatch.setattr(watched, name, seconds)
    bench.make(how).want(bench.clip)
    bench.until(lambda: bench.pid != 0)
    began = bench.pid
    with structlog.testing.capture_logs() as logs:
        bench.until(lambda: bench.pid not in (0, began))
    assert {entry["reason"] for entry in logs if "reason" in entry} == {"the camera sends nothing"}
    assert len(bench.left) == 1


def test_one_that_dies_is_begun_again_with_pauses_and_one_line(bench: Bench) -> None:
    with structlog.testing.capture_logs() as logs:
        bench.make("dying").want(bench.clip)
        bench.until(lambda: len(bench.left) >= 3)
    told = [entry for entry in logs if entry["event"] == "camera cannot be recorded, trying again"]
    assert [entry["reason"] for entry in told] == ["ffmpeg ended with status 3"]
    assert bench.segmenter.state == "lost"
    assert {e["log_level"] for e in logs if e["event"] == "ffmpeg says"} == {"error"}


def test_a_flood_of_lines_is_cut(bench: Bench) -> None:
    with structlog.testing.capture_logs() as logs:
        bench.make("chatty").want(bench.clip)
        bench.until(lambda: len(bench.taken) >= 2)
    said = [entry for entry in logs if entry["event"] == "ffmpeg says"]
    assert len(said) == watched.LINES_A_MINUTE
    assert (said[0]["log_level"], said[0]["text"]) == ("warning", "x: line 0")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///nowhere/a.mp4", "no such file: /nowhere/a.mp4"),
        (f"rtsp://op:pw@127.0.0.1:{free_port()}/x", "connection refused"),
        ("webcam:98", "no such file or device"),
    ],
    ids=["file", "rtsp", "webcam"],  # the port differs between the processes that run tests side by side
)
def test_a_camera_that_cannot_be_opened_starts_no_ffmpeg(bench: Bench, url: str, reason: str) -> None:
    bench.segmenter.want(url)
    bench.until(lambda: bench.segmenter.reason != "")
    assert reason in bench.segmenter.reason
    assert "pw" not in bench.segmenter.reason
    assert bench.left == []
    assert bench.segmenter.state == "lost"


def test_a_program_that_is_not_there_is_told(bench: Bench) -> None:
    bench.segmenter.tool = Tool(str(bench.folder / "nowhere"))
    bench.segmenter.want(bench.clip)
    bench.until(lambda: bench.segmenter.reason != "")
    assert bench.segmenter.reason == "ffmpeg cannot be started: No such file or directory"
