"""What a box answers to `snapshot` and `probe`, with cameras that are not there."""

from __future__ import annotations

import base64
import json
import threading
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from pydantic import BaseModel
from structlog.testing import capture_logs

from cameras.core.document import Document, parse_document
from cameras.core.probe import ProbeAnswer, StreamFacts
from cameras.streams.errors import IngestError
from detection import probes, snapshots
from detection.core.events import LARGEST_BODY
from detection.ingest.frame import Frame
from detection.ingest.glance import Glance
from detection.ingest.probe import probe
from detection.ingest.reader_state import CameraState
from detection.probes import Probes
from detection.snapshots import Snapshots
from edgesite import redis_keys, storage
from edgesite.commands import Command
from edgesite.fields import encrypt
from edgesite.storage import StorageError
from recordings import taking_up
from recordings.core.snapshots import SnapshotAnswer
from tests.cameras.documents import REGISTRY, content, document
from tests.fakes import FakeRedis

URL = "rtsp://op:hunter2-pw@10.0.0.5/1"


def yuv(width: int = 64, height: int = 48) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.full((height * 3 // 2, width), 128, np.uint8), format="yuv420p")


class Camera:
    """A reader with one picture, or none."""

    def __init__(self, frame: Frame | None, state: CameraState | None = None) -> None:
        self.frame, self.state = frame, state or CameraState("live", 1.0)
        self.asked: list[tuple[float, float]] = []
        self.main: Frame | None = None

    def fresh(self, *, max_age_s: float, timeout: float) -> Frame | None:
        self.asked.append((max_age_s, timeout))
        return self.frame

    def sharp(self, *, timeout: float) -> Frame | None:
        return self.main if timeout > 0 else None


class Box:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cloud = FakeRedis()
        self.readers: dict[str, Any] = {"vid1": Camera(Frame("vid1", yuv(), 1.0, 1000.25, 0))}
        self.stored: dict[str, bytes] = {}
        self.failures: list[StorageError] = []
        self.document: Document | None = None
        self.handler = Snapshots("box-1", self.cloud.client(), lambda: self.readers, lambda: self.document)
        monkeypatch.setattr(storage, "put", self.put)

    def put(self, key: str, content: bytes) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.stored[key] = content

    def obey(self, left_s: float = 4.5, **body: Any) -> dict[str, Any]:
        given = {"camera_id": "vid1", "key": "a/b.jpg"} | body
        self.handler.obey(Command("r1", "snapshot", 0.0, given), left_s)
        return self.told()

    def told(self) -> dict[str, Any]:
        [(_, fields)] = self.cloud.streams.pop(redis_keys.events("box-1"))
        body: dict[str, Any] = json.loads(fields["body"])
        models: dict[str, type[BaseModel]] = {"snapshot": SnapshotAnswer, "probe": ProbeAnswer}
        models[fields["kind"]].model_validate({"event_id": fields["event_id"], **body})  # what the hub will take
        return body


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> Box:
    return Box(monkeypatch)


def test_the_newest_frame_in_full_under_the_key(box: Box) -> None:
    assert box.obey() == {
        "request_id": "r1", "camera_id": "vid1", "key": "a/b.jpg", "status": "ok", "at": 1000.25, "width": 64,
        "height": 48, "message": "",
    }  # fmt: skip
    assert box.stored["a/b.jpg"][:2] == b"\xff\xd8"
    assert box.readers["vid1"].asked == [(2.0, pytest.approx(3.5, abs=0.2))]


def test_a_large_picture_is_not_made_smaller(box: Box) -> None:
    box.readers["vid1"].frame = Frame("vid1", yuv(2560, 1440), 1.0, 1.0, 0)
    told = box.obey()
    stored = cv2.imdecode(np.frombuffer(box.stored["a/b.jpg"], np.uint8), cv2.IMREAD_COLOR)
    assert stored is not None
    assert (told["width"], told["height"]) == (stored.shape[1], stored.shape[0]) == (2560, 1440)


def test_storing_is_tried_twice(box: Box) -> None:
    box.failures = [StorageError("x", retryable=True)]
    assert box.obey()["status"] == "ok"
    box.failures = [StorageError("x", retryable=True)] * 2
    assert box.obey()["message"] == snapshots.NOT_STORED
    assert box.failures == []
    box.failures = [StorageError("x", retryable=False)] * 2
    assert box.obey()["message"] == snapshots.NOT_STORED
    assert len(box.failures) == 1


def test_storing_is_not_tried_again_when_nobody_waits_any_more(box: Box) -> None:
    box.failures = [StorageError("x", retryable=True)] * 2
    assert box.obey(left_s=0.0)["message"] == snapshots.NOT_STORED
    assert len(box.failures) == 1


@pytest.mark.parametrize("key", ["", "/x", "a/../b", "a//b", 7, None, "x" * 501])
def test_a_key_that_leaves_its_folder_stores_nothing(box: Box, key: Any) -> None:
    assert box.obey(key=key)["message"] == snapshots.BAD_KEY
    assert box.stored == {}


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (CameraState("lost", 1.0, "connection refused by 10.0.0.5:554"), "connection refused by 10.0.0.5:554"),
        (CameraState("connecting", 1.0), taking_up.CONNECTING),
        (CameraState("live", 1.0), snapshots.SLOW),
    ],
)
def test_no_young_picture_is_an_error_with_its_reason(box: Box, state: CameraState, reason: str) -> None:
    box.readers["vid1"] = Camera(None, state)
    told = box.obey()
    assert (told["status"], told["message"]) == ("error", f"{snapshots.NO_FRAME}: {reason}")


def test_a_camera_that_does_not_run_is_told_why(box: Box) -> None:
    box.readers = {}
    assert box.obey()["message"] == taking_up.NO_CAMERA
    for values, message in (
        ({"enabled": False}, snapshots.DISABLED),
        ({"analyse": False}, snapshots.STOPPED),
        ({}, taking_up.STARTING),
    ):
        whole = content()
        whole["cameras"][0] |= values
        box.document = parse_document(document(whole), device_id="box-1", registry=REGISTRY)
        assert box.obey(camera_id=whole["cameras"][0]["camera_id"])["message"] == message


def test_what_nobody_foresaw_is_answered_too(box: Box) -> None:
    box.readers["vid1"].frame = object()
    with capture_logs() as logs:
        assert box.obey()["message"] == snapshots.NOT_ENCODED
    assert "snapshot failed" in [line["event"] for line in logs]


def test_who_is_asked(box: Box) -> None:
    def mine(**body: Any) -> bool:
        return box.handler.mine(Command("r", "snapshot", 0.0, body))

    assert (mine(camera_id="vid1"), mine(camera_id="vid2"), mine()) == (True, True, True)
    box.handler.elsewhere = lambda camera_id: camera_id == "vid2"
    assert not mine(camera_id="vid2")
    box.handler.whole_box = False
    assert (mine(camera_id="vid1"), mine(camera_id="vid3"), mine(camera_id=7)) == (True, False, False)


def test_an_answer_that_redis_does_not_take_ends_nothing(box: Box) -> None:
    box.cloud.down = True
    box.handler.obey(Command("r1", "snapshot", 0.0, {"camera_id": "vid1", "key": "a"}), 4.0)
    assert box.cloud.calls["xadd"] == 2


def test_refused_when_too_many_wait(box: Box) -> None:
    box.handler.refuse(Command("r1", "snapshot", 0.0, {"camera_id": "vid1", "key": "a"}))
    assert box.told()["message"] == snapshots.BUSY


# Probe


def prober(box: Box, monkeypatch: pytest.MonkeyPatch, found: Any, picture: av.VideoFrame | None = None) -> Probes:
    def found_at(url: str, **options: Any) -> StreamFacts:
        box.stored["url"] = url.encode()
        if isinstance(found, Exception):
            raise found
        assert isinstance(found, StreamFacts)
        if picture is not None:
            options["picture"](picture)
        return found

    monkeypatch.setattr(probes, "probe", found_at)
    return Probes("box-1", box.cloud.client(), lambda: box.document, threading.Event())


FACTS = StreamFacts(codec="h264", width=1920, height=1080, fps=25.0)


def test_the_documents_url_is_opened(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = prober(box, monkeypatch, FACTS)
    whole = content()
    box.document = parse_document(document(whole), device_id="box-1", registry=REGISTRY)
    handler.obey(Command("r1", "probe", 0.0, {"camera_id": whole["cameras"][0]["camera_id"]}), 19.0)
    told = box.told()
    assert (told["status"], told["facts"]["codec"]) == ("ok", "h264")
    assert box.stored["url"].decode() == whole["cameras"][0]["rtsp_url"]
    handler.obey(Command("r2", "probe", 0.0, {"camera_id": "nope"}), 19.0)
    assert box.told()["message"] == taking_up.NO_CAMERA


def test_a_typed_url_comes_encrypted_and_stays_in_the_box(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = prober(box, monkeypatch, RuntimeError(f"cannot open {URL}"))
    with capture_logs() as logs:
        handler.obey(Command("r1", "probe", 0.0, {"camera_id": "vid1", "url": encrypt(URL)}), 19.0)
    told = box.told()
    assert told["message"] == probes.FAILED
    assert box.stored["url"].decode() == URL
    assert "hunter2" not in f"{logs}{told}"
    handler.obey(Command("r2", "probe", 0.0, {"camera_id": "vid1", "url": URL}), 19.0)
    assert box.told()["message"] == probes.OTHER_KEY


@pytest.mark.parametrize("noisy", [False, True])
def test_a_picture_of_what_comes_is_small_enough_for_an_answer(
    box: Box, monkeypatch: pytest.MonkeyPatch, noisy: bool
) -> None:
    """Noise is the worst that JPEG can be given; `told` reads the answer as the hub does."""
    rows = np.random.default_rng(5).integers(0, 256, (1080 * 3 // 2, 1920), np.uint8)
    picture = av.VideoFrame.from_ndarray(rows, format="yuv420p") if noisy else yuv(1920, 1080)
    handler = prober(box, monkeypatch, FACTS, picture)
    handler.obey(Command("r1", "probe", 0.0, {"camera_id": "vid1", "url": encrypt(URL)}), 19.0)
    told = box.told()
    assert len(json.dumps(told)) < LARGEST_BODY
    shown = cv2.imdecode(np.frombuffer(base64.b64decode(told["picture"]), np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert shown.shape == (360, 640, 3)


def test_a_stream_without_a_picture_is_told_with_its_facts(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = prober(box, monkeypatch, FACTS)
    handler.obey(Command("r1", "probe", 0.0, {"camera_id": "vid1", "url": encrypt(URL)}), 19.0)
    told = box.told()
    assert (told["status"], told["picture"]) == ("ok", "")


def test_the_first_picture_of_a_file_is_handed_over_once(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"g": "5", "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(20):
            picture = yuv()
            picture.pts = number
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    seen: list[av.VideoFrame] = []
    facts = probe(clip.as_uri(), stop=threading.Event(), picture=seen.append)
    assert (facts.codec, facts.width) == ("h264", 64)
    assert [(one.width, one.height, one.key_frame) for one in seen] == [(64, 48, True)]


def test_why_nothing_comes_is_said(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = prober(box, monkeypatch, IngestError("name not found: cam", retryable=True))
    handler.obey(Command("r1", "probe", 0.0, {"camera_id": "vid1", "url": encrypt(URL)}), 19.0)
    assert box.told()["message"] == f"{probes.NOTHING}: name not found: cam"


def test_a_worker_that_ends_does_not_wait_for_a_test(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = prober(box, monkeypatch, FACTS)
    hang = threading.Event()
    monkeypatch.setattr(probes, "probe", lambda url, **options: hang.wait(30))
    threading.Timer(0.2, handler.stop.set).start()
    handler.obey(Command("r1", "probe", 0.0, {"camera_id": "vid1", "url": encrypt(URL)}), 19.0)
    hang.set()
    assert handler.stop.is_set()


# The newest picture


def test_a_glance_keeps_the_newest_and_waits_for_a_young_one() -> None:
    glance, first, second = Glance(), yuv(), yuv()
    glance.see(first, 100.0)
    glance.see(second, 99.0)  # kept by a sleeping camera and decoded late
    seen = glance.young(lambda wall: wall >= 100, 0.0)
    assert seen is not None
    assert (seen.picture, glance.wanted) == (first, False)
    assert glance.young(lambda wall: wall > 100, 0.0) is None
    wanted: list[bool] = []

    def later() -> None:
        wanted.append(glance.wanted)
        glance.see(second, 101.0)

    threading.Timer(0.1, later).start()
    seen = glance.young(lambda wall: wall > 100, 10.0)
    assert seen is not None
    assert (seen.picture, wanted, glance.wanted) == (second, [True], False)


def test_a_glance_gives_up_and_follows_a_clock_that_was_set_back() -> None:
    glance = Glance()
    glance.see(yuv(), 1e9)
    assert glance.young(lambda wall: False, 30.0, in_vain=lambda: True) is None
    glance.see(yuv(), 1e9 - 3600)
    assert glance.young(lambda wall: wall < 1e9, 0.0) is not None
