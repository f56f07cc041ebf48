"""Which stream a reader reads: the sub-stream as long as it serves, the main one when it does not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import av
import pytest

from cameras.core.document import parse_document
from cameras.streams.errors import IngestError
from cameras.streams.stop import StopSignal
from detection import probes, runtime, snapshots
from detection.analyser import Analyser
from detection.core.comparison import camera_part
from detection.ingest import reader as reader_module
from detection.ingest import single
from detection.ingest.frame import Frame
from detection.ingest.glance import Shown
from detection.ingest.pictures import Decoded
from detection.ingest.reader import CameraReader
from detection.ingest.streams import AGAIN_S, FAILS, LONGEST_S, OTHER_SHAPE, SOON_S, STEADY_S, TOO_SMALL, TRIES, Streams
from edgesite.commands import Command
from edgesite.fields import encrypt
from tests.cameras.documents import DEVICE, REGISTRY, content, document
from tests.fakes import FakeReader
from tests.servers.clips import make_clip

MAIN, SUB = "rtsp://op:hunter2@cam.example/1", "rtsp://op:hunter2@cam.example/2"
AWAY, GONE = IngestError("timed out", retryable=True), IngestError("not found", retryable=False)


def streams(**values: Any) -> Streams:
    return Streams(MAIN, SUB, (64, 64), **values)


def read_by(both: Streams) -> str:
    return both.word


def test_a_camera_without_a_sub_stream_has_nothing_to_choose() -> None:
    only = Streams("webcam:0")
    for _ in range(5):
        assert not only.ended(GONE, 0.0)
    only.begun(8, 8, 0.0)
    assert (only.word, only.url, only.note, only.shape_wanted, only.is_time(1e9)) == (
        "main",
        "webcam:0",
        "",
        False,
        False,
    )


def test_the_sub_stream_is_given_up_after_three_tries_and_tried_again_later() -> None:
    both = streams()
    assert (both.word, both.url) == ("sub", SUB)
    assert [both.ended(AWAY, 10.0) for _ in range(TRIES)] == [False, False, True]
    assert (both.word, both.url, both.note) == ("main", MAIN, f"{FAILS}: timed out")
    both.begun(1920, 1080, 20.0)
    assert both.note
    assert not both.is_time(10.0 + AGAIN_S - 1)
    assert both.is_time(10.0 + AGAIN_S)
    assert read_by(both) == "sub"
    assert both.ended(AWAY, 5000.0)  # one more failure is enough
    assert read_by(both) == "main"
    assert not both.is_time(5000.0 + 2 * AGAIN_S - 1)
    assert both.is_time(5000.0 + 2 * AGAIN_S)
    both.begun(640, 360, 8800.0)
    for _ in range(TRIES):
        both.ended(AWAY, 9000.0)
    assert both.is_time(9000.0 + AGAIN_S)
    for _ in range(20):
        both.ended(AWAY, 9000.0)
        assert both.is_time(9000.0 + LONGEST_S)


def test_a_camera_that_starts_again_keeps_its_sub_stream() -> None:
    both = streams()
    for _ in range(TRIES):
        both.ended(AWAY, 0.0)
    for _ in range(50):  # minutes in which neither can be opened
        assert both.ended(AWAY, 100.0)
        assert read_by(both) == "sub"
        assert both.ended(AWAY, 100.0)
        assert read_by(both) == "main"
    both.begun(1920, 1080, 110.0)  # it came back while the main stream was tried
    assert not both.is_time(100.0 + SOON_S - 1)
    assert both.is_time(100.0 + SOON_S)
    assert both.ended(AWAY, 200.0)  # and its sub-stream did not: then as ever
    assert not both.is_time(200.0 + 2 * AGAIN_S - 1)
    assert both.is_time(200.0 + 2 * AGAIN_S)


def test_a_connection_that_lasts_is_a_new_beginning() -> None:
    both, now = streams(), 0.0
    for _ in range(10):
        assert [both.ended(AWAY, now) for _ in range(TRIES - 1)] == [False, False]
        both.begun(640, 360, now)
        now += STEADY_S
    assert read_by(both) == "sub"


def test_a_sub_stream_that_breaks_off_again_and_again_is_given_up() -> None:
    both, now, words = streams(), 0.0, []
    for _ in range(TRIES):
        both.begun(640, 360, now)
        now += STEADY_S - 1
        both.ended(AWAY, now)
        words.append(both.word)
    assert words == ["sub", "sub", "main"]
    assert both.note == f"{FAILS}: timed out"
    assert both.is_time(now + AGAIN_S)
    both.begun(640, 360, now + AGAIN_S)  # once more a picture, and no more
    assert both.ended(AWAY, now + AGAIN_S + 1)
    assert not both.is_time(now + AGAIN_S + 1 + AGAIN_S)
    assert both.is_time(now + AGAIN_S + 1 + 2 * AGAIN_S)


def test_what_only_a_person_can_mend_is_given_up_at_once_and_not_tried_again_by_itself() -> None:
    both = streams()
    assert both.ended(GONE, 0.0)
    assert read_by(both) == "main"
    assert not both.is_time(1e9)
    assert both.ended(AWAY, 0.0)  # the main stream is lost as well: perhaps the camera was exchanged
    assert read_by(both) == "sub"
    both.begun(640, 360, 0.0)
    assert both.note == ""


def test_a_picture_smaller_than_the_model_takes_is_refused() -> None:
    for width, height in ((64, 36), (36, 64), (640, 360)):
        streams().begun(width, height, 0.0)
    with pytest.raises(IngestError, match=TOO_SMALL) as caught:
        streams().begun(63, 63, 0.0)
    assert not caught.value.retryable


def test_another_shape_is_told_and_read_all_the_same() -> None:
    both = streams()
    before = both.shape_wanted
    both.compare(1920, 1080)
    assert (before, both.shape_wanted) == (True, False)
    both.begun(704, 576, 0.0)
    assert (both.word, both.note) == ("sub", OTHER_SHAPE)
    both.begun(640, 360, 0.0)
    assert both.note == ""


class Cameras:
    """Stands for `open_source` and `size_of`; `fails` says what opening a URL raises. Pictures come until it is stopped."""

    def __init__(self, **sizes: tuple[int, int]) -> None:
        self.sizes = {MAIN: sizes.get("main", (1920, 1080)), SUB: sizes.get("sub", (640, 360))}
        self.fails: dict[str, IngestError] = {}
        self.opened: list[str] = []
        self.ends = threading.Event()

    def open(self, url: str, *, stop: StopSignal, **options: Any) -> Cameras:
        self.opened.append(url)
        if url in self.fails:
            raise self.fails[url]
        self.now, self.stop = url, stop
        return self

    def pictures(self) -> Iterator[Decoded]:
        url, stamp = self.now, 0.0
        while not self.stop.wait(0.005):
            stamp += 0.1
            yield Decoded(av.VideoFrame(*self.sizes[url], "yuv420p"), stamp)
            if self.ends.is_set():
                self.ends.clear()
                raise AWAY

    def close(self) -> None:
        pass

    def size_of(self, url: str, **options: Any) -> tuple[int, int]:
        assert url == MAIN
        if url in self.fails:
            raise self.fails[url]
        return self.sizes[url]


class Quick:
    """Jitter that makes the pauses as short as they can be."""

    def uniform(self, low: float, high: float) -> float:
        return 0.0


class Watching:
    """Likewise, and notes how long each could have been."""

    def __init__(self, most: int) -> None:
        self.longest: list[float] = []
        self.most, self.enough = most, threading.Event()

    def uniform(self, low: float, high: float) -> float:
        self.longest.append(high)
        if len(self.longest) >= self.most:
            self.enough.set()
        return 0.0


@pytest.fixture
def cameras(monkeypatch: pytest.MonkeyPatch) -> Cameras:
    made = Cameras()
    monkeypatch.setattr(reader_module, "open_source", made.open)
    monkeypatch.setattr(reader_module, "size_of", made.size_of)
    return made


@pytest.fixture
def read(cameras: Cameras) -> Iterator[Callable[..., CameraReader]]:
    readers: list[CameraReader] = []

    def start(**values: Any) -> CameraReader:
        reader = CameraReader(
            "c1", streams(), on_frame=values.pop("on_frame", lambda: None), on_state=values.pop("on_state", lambda *_: None),
            rng=cast(Any, values.pop("rng", Quick())), **values,
        )  # fmt: skip
        readers.append(reader)
        reader.start()
        return reader

    yield start
    for reader in readers:
        reader.stop()


def frame_of(reader: CameraReader, wanted: Callable[[Frame], bool], come: threading.Event) -> Frame:
    """The first frame that is wanted; each wait ends with the next picture."""
    for _ in range(2000):
        assert come.wait(5)
        come.clear()
        frame = reader.take()
        if frame is not None and wanted(frame):
            return frame
    raise AssertionError("it never came")


def test_a_reader_reads_the_sub_stream(cameras: Cameras, read: Callable[..., CameraReader]) -> None:
    come = threading.Event()
    reader = read(on_frame=come.set)
    assert frame_of(reader, lambda frame: True, come).width == 640
    assert (cameras.opened, reader.streams.note) == ([SUB], "")


def test_a_reader_falls_back_goes_on_and_returns(cameras: Cameras, read: Callable[..., CameraReader]) -> None:
    cameras.fails[SUB] = AWAY
    come, now = threading.Event(), [0.0]
    reader = read(on_frame=come.set, monotonic=lambda: now[0])
    assert frame_of(reader, lambda frame: True, come).width == 1920
    assert cameras.opened == [SUB] * TRIES + [MAIN]
    assert (reader.state.word, reader.streams.word) == ("live", "main")
    assert reader.streams.note == f"{FAILS}: timed out"
    del cameras.fails[SUB]
    now[0] = AGAIN_S + 1
    frame = frame_of(reader, lambda frame: frame.width == 640, come)
    assert frame.generation > 0
    assert (reader.streams.word, reader.streams.note) == ("sub", "")


def test_a_wrong_password_is_not_tried_more_often_because_there_are_two_streams(
    cameras: Cameras, read: Callable[..., CameraReader]
) -> None:
    cameras.fails = {MAIN: GONE, SUB: GONE}
    pauses = Watching(12)
    reader = read(rng=pauses)
    assert pauses.enough.wait(5)
    reader.stop()
    assert dict(zip(cameras.opened, pauses.longest, strict=False)) == {SUB: 3.0, MAIN: 10.0}  # the latest after each


def test_a_small_or_strange_sub_stream_is_told(cameras: Cameras, read: Callable[..., CameraReader]) -> None:
    cameras.sizes[SUB] = (48, 36)
    come = threading.Event()
    small = read(on_frame=come.set)
    assert frame_of(small, lambda frame: frame.width == 1920, come)
    assert small.streams.note == f"{FAILS}: {TOO_SMALL}"
    small.stop()
    cameras.sizes[SUB] = (704, 576)
    strange = read(on_frame=come.set)
    assert frame_of(strange, lambda frame: frame.width == 704, come)
    assert strange.streams.note == OTHER_SHAPE


def test_a_main_stream_that_is_away_does_not_matter(cameras: Cameras, read: Callable[..., CameraReader]) -> None:
    cameras.fails[MAIN] = AWAY
    come = threading.Event()
    reader = read(on_frame=come.set)
    assert frame_of(reader, lambda frame: True, come).width == 640
    assert reader.streams.note == ""
    cameras.ends.set()
    assert frame_of(reader, lambda frame: frame.generation > 0, come).width == 640
    assert cameras.opened == [SUB, SUB]


# What else of the box knows of it


class Detector:
    classes, input_size = ("person",), (416, 416)


def test_an_applied_document_gives_the_reader_both_and_the_report_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "CameraReader", FakeReader)
    FakeReader.made.clear()
    analyser = Analyser(cast(Any, Detector()), cast(Any, None))
    running = runtime.Runtime(analyser=analyser, registry=REGISTRY, folder=tmp_path)

    def apply(**camera: Any) -> FakeReader:
        rows = [{"camera_id": "vid1", "rtsp_url": MAIN, **camera}]
        text = document(content(cameras=rows, rois=[], binds=[]))
        running.apply(parse_document(text, device_id=DEVICE, registry=REGISTRY))
        return FakeReader.made[-1]

    reader = apply()
    assert reader.streams == Streams(MAIN)
    assert "stream" not in running.health()["camera_details"]["vid1"]
    other = apply(sub_url=SUB)
    assert other is not reader
    assert other.streams == Streams(MAIN, SUB, (416, 416))
    assert apply(sub_url=SUB, camera_name="Line 1") is other
    told = running.health()["camera_details"]["vid1"]
    assert (told["stream"], told["stream_note"]) == ("sub", "")
    assert apply() is not other


def test_a_back_test_is_told_of_no_stream() -> None:
    part = camera_part(content(cameras=[{"camera_id": "vid1", "rtsp_url": MAIN, "sub_url": SUB}]), "vid1")
    assert "hunter2" not in str(part)


def test_a_snapshot_is_of_the_main_stream_if_that_gives_one_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, float]] = []
    shown: list[Shown | None] = [Shown(av.VideoFrame(1920, 1080, "yuv420p"), 7.0), None]

    def first_picture(url: str, *, timeout: float, **options: Any) -> Shown | None:
        asked.append((url, timeout))
        return shown.pop(0)

    monkeypatch.setattr(reader_module, "first_picture", first_picture)
    reader = CameraReader("vid1", streams(), on_frame=lambda: None, on_state=lambda *_: None)
    monkeypatch.setattr(reader, "fresh", lambda **_: Frame("vid1", av.VideoFrame(640, 360, "yuv420p"), 1.0, 1.0, 0))
    box = snapshots.Snapshots("box-1", cast(Any, None), lambda: {"vid1": reader}, lambda: None)
    assert [box._frame("vid1", 4.5).width for _ in range(2)] == [1920, 640]
    assert all(url == MAIN and 3.0 < timeout < 3.5 for url, timeout in asked)
    for _ in range(TRIES):
        reader.streams.ended(AWAY, 0.0)
    assert box._frame("vid1", 4.5).width == 640
    assert len(asked) == 2


def test_a_single_picture_or_none(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4")
    seen = single.first_picture(clip.as_uri(), timeout=5.0, clock=lambda: 42.0)
    assert seen is not None
    assert (seen.picture.width, seen.wall) == (64, 42.0)
    assert single.first_picture(f"{clip.as_uri()}.none", timeout=5.0) is None


def test_a_camera_that_says_nothing_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = threading.Event()

    def silent(url: str, *, stop: StopSignal, **options: Any) -> Any:
        assert stop.wait(5)
        stopped.set()
        raise IngestError("stopped", retryable=True)

    monkeypatch.setattr(single, "open_source", silent)
    assert single.first_picture(MAIN, timeout=0.05) is None
    assert stopped.wait(5)


def test_a_test_of_a_sub_stream_looks_at_the_main_ones_size(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sub, main = make_clip(tmp_path / "sub.mp4"), make_clip(tmp_path / "main.mp4", size=(128, 72))
    box = probes.Probes("box-1", cast(Any, None), lambda: None, threading.Event())

    def looked(left_s: float, main_url: str) -> tuple[int, int, int]:
        body = {"url": encrypt(sub.as_uri()), "main": encrypt(main_url)}
        command = Command("r1", "probe", 0.0, body)
        facts = box._found(box._url(command, "")[0], left_s, main=box._main(command))["facts"]
        return facts["width"], facts["main_width"], facts["main_height"]

    assert looked(19.0, main.as_uri()) == (64, 128, 72)
    assert looked(19.0, f"{main.as_uri()}.none") == (64, 0, 0)
    assert looked(1.0, main.as_uri()) == (64, 0, 0)
