"""Readers on a real RTSP server that is killed, frozen, and asked for what it does not have."""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import groupby, pairwise
from pathlib import Path

import pytest

from detection.ingest.frame import Frame
from detection.ingest.reader import CameraReader
from detection.ingest.reader_state import CameraState
from tests.servers.process import free_port
from tests.servers.rtsp import RtspServer

pytestmark = pytest.mark.integration


class Viewer:
    """Takes every frame that a reader offers and notes its states."""

    def __init__(self, url: str, **options: float) -> None:
        self.frames: list[Frame] = []
        self.states: list[CameraState] = []
        self.reader = CameraReader("c1", url, on_frame=self._take, on_state=self._note, **options)  # type: ignore[arg-type]

    def _take(self) -> None:
        frame = self.reader.take()
        assert frame is not None
        self.frames.append(frame)

    def _note(self, camera_id: str, state: CameraState) -> None:
        self.states.append(state)

    def wait(self, condition: Callable[[], bool], seconds: float) -> float:
        """Seconds until the condition held."""
        began = time.monotonic()
        while not condition():
            assert time.monotonic() - began < seconds, f"not within {seconds} s: {self.states}"
            time.sleep(0.01)
        return time.monotonic() - began

    def wait_for(self, word: str, seconds: float) -> float:
        return self.wait(lambda: self.reader.state.word == word, seconds)


@pytest.fixture
def view() -> Iterator[Callable[..., Viewer]]:
    viewers: list[Viewer] = []

    def start(url: str, **options: float) -> Viewer:
        viewers.append(Viewer(url, **options))
        viewers[-1].reader.start()
        return viewers[-1]

    yield start
    for viewer in viewers:
        viewer.reader.stop()


def test_a_camera_plays_in_real_time(rtsp_server: RtspServer, view: Callable[..., Viewer]) -> None:
    viewer = view(rtsp_server.url())
    viewer.wait(lambda: len(viewer.frames) >= 15, 5)  # what FFmpeg collected while it opened comes at once
    seen = len(viewer.frames)
    time.sleep(3)
    assert 26 <= len(viewer.frames) - seen <= 34
    frame = viewer.frames[-1]
    assert (frame.width, frame.height, frame.generation) == (768, 576, 0)
    assert frame.scaled_bgr(416, 312).shape == (312, 416, 3)
    assert abs(frame.timestamp - time.time()) < 1.0
    times = [frame.media_time for frame in viewer.frames]
    assert all(0.05 < b - a < 0.15 for a, b in pairwise(times[2:]))
    began = time.monotonic()
    viewer.reader.stop()
    assert time.monotonic() - began < 2.0


def test_a_camera_that_is_killed_is_read_again_within_five_seconds_of_its_return(
    rtsp_server: RtspServer, view: Callable[..., Viewer]
) -> None:
    viewer = view(rtsp_server.url())
    viewer.wait_for("live", 5)
    time.sleep(1)
    rtsp_server.kill()
    viewer.wait_for("lost", 2)
    time.sleep(3)
    last = viewer.frames[-1]
    before = len(viewer.frames)
    rtsp_server.restart()
    assert viewer.wait(lambda: len(viewer.frames) > before, 5) < 5.0
    first = viewer.frames[before]
    assert [word for word, _ in groupby(state.word for state in viewer.states)] == ["live", "lost", "live"]
    assert f"connection refused by 127.0.0.1:{rtsp_server.port}" in [state.reason for state in viewer.states]
    assert first.generation == last.generation + 1
    assert first.media_time - last.media_time == pytest.approx(first.timestamp - last.timestamp, abs=0.3)
    assert viewer.reader.counters().reconnects == 1


def test_a_camera_that_hangs_is_lost_after_five_seconds_and_found_again(
    rtsp_server: RtspServer, view: Callable[..., Viewer]
) -> None:
    viewer = view(rtsp_server.url())
    viewer.wait_for("live", 5)
    time.sleep(1)
    rtsp_server.freeze()
    assert 4.0 < viewer.wait_for("lost", 8) < 7.0
    assert viewer.reader.state.reason == "no picture for 5 s"
    viewer.wait(lambda: viewer.reader.state.reason.startswith("timed out"), 10)
    rtsp_server.thaw()
    assert viewer.wait_for("live", 8) < 8.0


def test_a_hang_shorter_than_that_loses_neither_the_connection_nor_the_tracks(
    rtsp_server: RtspServer, view: Callable[..., Viewer]
) -> None:
    viewer = view(rtsp_server.url())
    viewer.wait_for("live", 5)
    time.sleep(1)
    rtsp_server.freeze()
    time.sleep(3)
    before = len(viewer.frames)
    rtsp_server.thaw()
    viewer.wait(lambda: len(viewer.frames) > before + 20, 5)
    assert [state.word for state in viewer.states] == ["live"]
    assert {frame.generation for frame in viewer.frames} == {0}


def test_stopping_a_reader_of_a_hanging_camera_is_quick(rtsp_server: RtspServer, view: Callable[..., Viewer]) -> None:
    viewer = view(rtsp_server.url())
    viewer.wait_for("live", 5)
    rtsp_server.freeze()
    time.sleep(0.5)
    began = time.monotonic()
    viewer.reader.stop()
    assert time.monotonic() - began < 2.0
    assert not viewer.reader._thread.is_alive()


def test_wrong_paths_hosts_and_passwords_are_told_apart(street_clip: Path, view: Callable[..., Viewer]) -> None:
    with RtspServer(street_clip, "gate", user="op", password="right") as server:
        nobody = free_port()
        expected = {
            server.url("gate"): "",
            server.url("yard"): "the camera has no stream at this path (404)",
            server.url("gate", password="wrong"): "wrong user name or password (401)",
            server.url("gate").replace("op:right@", ""): "the camera asks for a password (401)",
            f"rtsp://127.0.0.1:{nobody}/gate": f"connection refused by 127.0.0.1:{nobody}",
            "rtsp://op:wrong@no-such-camera.invalid/gate": "name not found: no-such-camera.invalid",
        }
        viewers = {url: view(url) for url in expected}
        for url, reason in expected.items():
            viewers[url].wait(lambda url=url: bool(viewers[url].states), 8)  # type: ignore[misc]
            assert viewers[url].states[0].reason == reason
            assert viewers[url].states[0].word == ("lost" if reason else "live")


def test_a_slow_taker_gets_the_newest_picture_and_the_rest_is_counted(rtsp_server: RtspServer) -> None:
    states: list[str] = []
    offered = threading.Event()
    reader = CameraReader("c1", rtsp_server.url(), on_frame=offered.set, on_state=lambda _, s: states.append(s.word))
    reader.start()
    try:
        assert offered.wait(5)
        time.sleep(2)
        ages = []
        for _ in range(4):
            time.sleep(0.5)
            frame = reader.take()
            assert frame is not None
            ages.append(time.time() - frame.timestamp)
    finally:
        reader.stop()
    counters = reader.counters()
    assert max(ages) < 0.3
    assert counters.taken == 4
    assert counters.dropped >= 25
    assert counters.decoded - counters.skipped - counters.dropped - counters.taken in (0, 1)
