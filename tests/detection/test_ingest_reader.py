import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from structlog.testing import capture_logs

from cameras.streams.errors import IngestError
from cameras.streams.stop import StopSignal
from detection.ingest import reader as reader_module
from detection.ingest.frame import Frame
from detection.ingest.pictures import Decoded
from detection.ingest.reader import CameraReader
from detection.ingest.reader_state import CameraState, ReaderCounters
from tests.servers.clips import make_clip, shade_number
from tests.servers.fake_rtsp import SDP, FakeCamera, rtsp_answer

URL = "rtsp://op:hunter2@cam.example/1"


class Script:
    """Stands for `open_source`: each connection plays the next list; an exception in it is raised there.

    After the last list it waits to be stopped.
    """

    def __init__(self, *connections: list[Decoded | Exception]) -> None:
        self._connections = list(connections)
        self.done = threading.Event()

    def open(self, url: str, *, stop: StopSignal, **options: object) -> "Script":
        assert url == URL
        if not self._connections:
            self.done.set()
            assert stop.wait(5)
            raise IngestError("stopped", retryable=True)
        self._current = self._connections.pop(0)
        return self

    def pictures(self) -> Iterator[Decoded]:
        for item in self._current:
            if isinstance(item, Exception):
                raise item
            yield item

    def close(self) -> None:
        pass


class Watched:
    """A reader with what it told its listeners."""

    def __init__(self, url: str = URL, *, take: bool = False, **options: Any) -> None:
        self.states: list[CameraState] = []
        self.frames: list[Frame] = []
        self.offered = 0
        self._take = take
        self.reader = CameraReader("c1", url, on_frame=self._frame, on_state=self._state, **options)

    def _frame(self) -> None:
        self.offered += 1
        if self._take and (frame := self.reader.take()):
            self.frames.append(frame)

    def _state(self, camera_id: str, state: CameraState) -> None:
        assert camera_id == "c1"
        self.states.append(state)

    def words(self) -> list[tuple[str, str]]:
        return [(state.word, state.reason) for state in self.states]


class Quick:
    """Jitter without a wait."""

    def uniform(self, low: float, high: float) -> float:
        return 0.0


def picture(stamp: float | None, *, seam: bool = False, late: bool = False) -> Decoded:
    return Decoded(av.VideoFrame(16, 16, "yuv420p"), stamp, seam=seam, late=late)


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Watched]]:
    """Runs a reader over scripted connections until they are over."""
    running: list[Watched] = []

    def run(*connections: list[Decoded | Exception], **options: Any) -> Watched:
        script = Script(*connections)
        monkeypatch.setattr(reader_module, "open_source", script.open)
        watched = Watched(rng=Quick(), **{"max_fps": 1e6} | options)
        running.append(watched)
        watched.reader.start()
        assert script.done.wait(5)
        watched.reader.stop()
        return watched

    yield run
    for watched in running:
        watched.reader.stop()


def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not come true in time"
        time.sleep(0.005)


def test_the_newest_picture_wins_and_what_it_replaced_is_counted(play: Callable[..., Watched]) -> None:
    watched = play([picture(0.1 * number) for number in range(10)])
    frame = watched.reader.take()
    assert frame is not None
    assert frame.picture.width == 16
    assert watched.reader.take() is None
    assert watched.offered == 10
    assert watched.reader.counters() == ReaderCounters(decoded=10, dropped=9, taken=1)


def test_only_max_fps_pictures_a_second_are_offered(play: Callable[..., Watched]) -> None:
    watched = play([picture(0.04 * number) for number in range(50)], max_fps=5.0)
    assert watched.offered == 10
    assert watched.reader.counters() == ReaderCounters(decoded=50, skipped=40, dropped=9)


def test_late_pictures_are_skipped(play: Callable[..., Watched]) -> None:
    watched = play([picture(0.1), picture(0.2, late=True), picture(0.3)])
    assert (watched.offered, watched.reader.counters().skipped) == (2, 1)


def test_a_loss_and_a_return_are_told_once_each(play: Callable[..., Watched]) -> None:
    gone, away = IngestError("gone", retryable=True), IngestError("away", retryable=True)
    with capture_logs() as logs:
        watched = play([picture(1.0), gone], [away], [away], [away], [picture(1.0), picture(1.1)])
    assert watched.words() == [
        ("live", ""),
        ("lost", "gone"),
        ("lost", "away"),
        ("live", ""),
    ]
    assert [line["state"] for line in logs if line["event"] == "camera state changed"] == [
        s.word for s in watched.states
    ]
    assert watched.reader.counters() == ReaderCounters(decoded=3, dropped=2, reconnects=1, errors=4)


def test_since_is_when_the_word_became_true(play: Callable[..., Watched]) -> None:
    ticks = iter(range(1000, 2000))
    gone, away = IngestError("gone", retryable=True), IngestError("away", retryable=True)
    watched = play([picture(1.0), gone], [away], clock=lambda: float(next(ticks)))
    live, lost, still_lost = watched.states
    assert live.since < lost.since == still_lost.since
    assert lost.last_frame_at is not None
    assert lost.last_frame_at < lost.since


def test_generation_rises_at_a_seam_and_at_a_reconnect(play: Callable[..., Watched]) -> None:
    gone = IngestError("gone", retryable=True)
    first = [picture(1.0, seam=True), picture(1.1), picture(1.2, seam=True), gone]
    watched = play(first, [picture(0.0, seam=True)], take=True)
    assert [frame.generation for frame in watched.frames] == [0, 0, 1, 2]
    times = [frame.media_time for frame in watched.frames]
    assert times == sorted(set(times))


def test_an_unexpected_error_is_logged_without_the_password_and_the_camera_is_tried_again(
    play: Callable[..., Watched],
) -> None:
    with capture_logs() as logs:
        watched = play([picture(1.0), ZeroDivisionError(f"while reading {URL}")], [picture(1.0)])
    assert [word for word, _ in watched.words()] == ["live", "lost", "live"]
    failure = next(line for line in logs if line["event"] == "camera reader failed")
    assert "ZeroDivisionError: while reading rtsp://op:***@cam.example/1" in failure["traceback"]
    assert "hunter2" not in str(logs)


def test_a_listener_that_fails_does_not_end_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script([picture(1.0)])
    monkeypatch.setattr(reader_module, "open_source", script.open)

    def fail(camera_id: str, state: CameraState) -> None:
        raise RuntimeError("the listener is broken")

    reader = CameraReader("c1", URL, on_frame=lambda: None, on_state=fail)
    with capture_logs() as logs:
        reader.start()
        assert script.done.wait(5)
        reader.stop()
    assert reader.counters().decoded == 1
    assert any(line["event"] == "a listener of camera states failed" for line in logs)


def test_a_file_is_read_in_real_time(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", fps=20, frames=20)
    outer = threading.Event()
    watched = Watched(f"file://{clip}", stop=outer, max_fps=10.0)
    frames = []
    watched.reader.start()
    end = time.monotonic() + 1.6
    while time.monotonic() < end:
        if frame := watched.reader.take():
            frames.append(frame)
        time.sleep(0.01)
    assert watched.reader.state.word == "live"
    outer.set()
    watched.reader.stop()
    assert 13 <= len(frames) <= 18
    for frame in frames:
        assert shade_number(frame.picture) == round(frame.timestamp % 1.0 * 20) % 20
    assert frames[-1].generation - frames[0].generation in (1, 2)
    assert all(0.09 < b.media_time - a.media_time < 0.16 for a, b in pairwise(frames))
    assert not watched.reader._thread.is_alive()


def test_stopping_while_a_camera_says_nothing_is_quick() -> None:
    with FakeCamera() as camera:
        watched = Watched(camera.url())
        watched.reader.start()
        eventually(lambda: len(camera.questions) == 1)
        began = time.monotonic()
        watched.reader.stop()
        assert time.monotonic() - began < 1.0
        assert not watched.reader._thread.is_alive()
    assert watched.states == []


def test_stopping_while_ffmpeg_opens_returns_in_time_and_nothing_comes_after() -> None:
    with FakeCamera(rtsp_answer("200 OK", body=SDP)) as camera:
        watched = Watched(camera.url())
        watched.reader.start()
        eventually(lambda: len(camera.questions) == 2)
        began = time.monotonic()
        watched.reader.stop(timeout=0.5)
        assert time.monotonic() - began < 1.0
    watched.reader._thread.join(6)
    assert not watched.reader._thread.is_alive()
    assert (watched.states, watched.offered) == ([], 0)
