"""Hub and box on one real Redis, with real cameras and files: a picture is asked for, a connection is tested."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from django.test import override_settings
from django.utils import timezone

from cameras.asking import LATE, outcome
from cameras.core.algorithms import registry
from cameras.core.document import Document
from cameras.incoming import read_incoming
from cameras.models import Camera, DeviceStatus
from cameras.probing.models import CameraProbe
from cameras.probing.services import request_probe
from cameras.services import publish_edit
from cameras.states import camera_state
from detection import snapshots as words
from detection.commanding import command_loops
from detection.hub.ingest import Ingest
from detection.ingest.attention import WatchBudget
from detection.ingest.reader import CameraReader
from detection.probes import NOTHING, OTHER_KEY
from edgesite import redis_keys
from edgesite.edge_store.database import EdgeDatabase
from edgesite.fields import DecryptionError
from edgesite.redis_clients import connect
from edgesite.storage import open_object, put
from edgesite.worker import Loop
from recordings import taking_up
from recordings.models import SnapshotRequest
from recordings.snapshots import request_snapshot
from tests.integration.connections import check_facts, wrong_addresses
from tests.rows import make_all, make_camera
from tests.servers.redis import RedisServer
from tests.servers.rtsp import RtspServer
from tests.servers.scenes import Scene, make_scene
from tests.servers.stack import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

PASSWORD = "hunter2-pw"


class Line:
    """The hub in this thread, one process of `box-1` in threads of its own. readers: the cameras that it runs."""

    def __init__(self, server: RedisServer, folder: Path) -> None:
        self.server, self.folder = server, folder
        self.redis = connect(server.url())
        self.ingest = Ingest(client=connect(server.url()), changed=lambda ids: None)
        self.readers: dict[str, CameraReader] = {}
        self.stop = threading.Event()
        self.databases: list[EdgeDatabase] = []
        self.threads: list[threading.Thread] = []
        self.listen()

    def listen(self, **values: Any) -> None:
        """Another process of the box."""
        self.databases.append(EdgeDatabase(self.folder / "edge.sqlite3"))
        given: dict[str, Any] = {"readers": lambda: self.readers, "whole_box": True} | values
        loops = command_loops(
            device_id="box-1", cloud_redis_url=self.server.url(), database=self.databases[-1], document=self.document,
            stop=self.stop, transport="tcp", **given,
        )  # fmt: skip
        self.threads += [Loop(name, step, self.stop, idle_s).start() for name, step, idle_s in loops]

    def document(self) -> Document | None:
        text = str(self.redis.get(redis_keys.config("box-1")) or "")
        return read_incoming(text, "1", device_id="box-1", registry=registry) if text else None

    def read(self, camera_id: str, url: str, **options: Any) -> CameraReader:
        reader = CameraReader(camera_id, url, on_frame=lambda: None, on_state=lambda *_: None, **options)
        self.readers[camera_id] = reader
        reader.start()
        return reader

    def picture(self, camera_id: str = "vid1", **values: Any) -> SnapshotRequest:
        camera = Camera.objects.select_related("device__status").get(pk=camera_id)
        made: SnapshotRequest = self.settled(request_snapshot(camera=camera, author="kim", **values))
        return made

    def probe(self, url: str = "") -> CameraProbe:
        camera = Camera.objects.select_related("device__status").get(pk="vid1")
        made: CameraProbe = self.settled(request_probe(camera=camera, author="kim", url=url), seconds=20)
        return made

    def settled(self, request: Any, *, seconds: float = 10) -> Any:
        end = time.monotonic() + seconds
        while outcome(request).state == "waiting" and time.monotonic() < end:
            self.ingest.step()
            request.refresh_from_db()
        return request

    def close(self) -> None:
        self.stop.set()
        for reader in self.readers.values():
            reader.stop()
        for thread in self.threads:
            thread.join(5)
        for database in self.databases:
            database.close()


@pytest.fixture
def line(redis_server: RedisServer, tmp_path: Path, settings: Any) -> Iterator[Line]:
    settings.STORAGES = settings.STORAGES | {
        "default": {"BACKEND": "edgesite.storage.DurableFileStorage", "OPTIONS": {"location": str(tmp_path / "media")}}
    }
    with override_settings(CLOUD_REDIS_URL=redis_server.url()):
        device = make_all()
        DeviceStatus.objects.create(
            device=device, reported_at=timezone.now() + timedelta(minutes=5), health={"cameras": {"vid1": "live"}}
        )
        line = Line(redis_server, tmp_path)
        yield line
        line.close()


@pytest.fixture
def camera(street_clip: Path) -> Iterator[RtspServer]:
    with RtspServer(street_clip, user="op", password=PASSWORD) as server:
        yield server


def run(line: Line, url: str) -> None:
    """The camera `vid1` has this URL, in the rows and in what the box runs."""
    Camera.objects.filter(pk="vid1").update(rtsp_url=url)
    publish_edit(device_ids=["box-1"], author="kim")


def live(reader: CameraReader) -> None:
    wait_until(lambda: reader.state.word == "live", seconds=20, what="live camera")


def taken_at(made: SnapshotRequest) -> float:
    assert made.at is not None
    return made.at.timestamp()


def sizes(key: str) -> tuple[int, int]:
    file, _ = open_object(key)
    with file:
        decoded = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded.shape[1], decoded.shape[0]


def connections(port: int) -> int:
    """Established connections to that port of this machine."""
    lines = [text.split() for text in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(fields[2].endswith(f":{port:04X}") and fields[3] == "01" for fields in lines)


def test_a_picture_under_exactly_the_key_without_a_new_connection(line: Line, camera: RtspServer) -> None:
    live(line.read("vid1", camera.url(), max_fps=0.1))  # the analyser's rate is not the snapshots'
    before = connections(camera.port)
    assert before == 1
    for key in ("shop/7/now.jpg", ""):
        asked = time.time()
        made = line.picture(key=key)
        assert (made.state, made.message) == ("ready", "")
        assert key in ("", made.key)
        assert sizes(made.key) == (made.width, made.height) == (768, 576)
        assert asked - 2.0 <= taken_at(made) <= time.time()
    assert connections(camera.port) == before


def test_a_hundred_at_once_are_all_answered(line: Line, camera: RtspServer) -> None:
    live(line.read("vid1", camera.url()))
    row = Camera.objects.select_related("device__status").get(pk="vid1")
    asked = [request_snapshot(camera=row, author="kim", key=f"many/{n}.jpg") for n in range(100)]
    done = [line.settled(one) for one in asked]
    assert {one.state for one in done} <= {"ready", "error"}
    ready = [one for one in done if one.state == "ready"]
    assert len(ready) >= 10  # the rest of a machine that is busy is told so
    assert all(sizes(one.key) == (768, 576) for one in ready)


def test_each_command_is_done_by_one_of_several_processes(line: Line, camera: RtspServer) -> None:
    live(line.read("vid1", camera.url()))
    line.listen()
    line.listen(readers=dict, whole_box=False)
    for number in range(10):
        assert line.picture(key=f"one/{number}.jpg").state == "ready"
    answers = line.redis.xlen(redis_keys.confirmations("box-1"))
    assert answers == 10


def test_a_process_leaves_cameras_to_the_one_that_has_them(line: Line, camera: RtspServer) -> None:
    """The parent of processes hears of a camera that a group runs."""
    reader = line.read("vid1", camera.url())
    live(reader)
    line.readers = {}
    line.close()
    reader = line.read("vid1", camera.url())
    mine, line.readers = line.readers, {}
    line.stop = threading.Event()
    line.listen(elsewhere=lambda camera_id: camera_id == "vid1")
    line.listen(readers=lambda: mine, whole_box=False)
    live(reader)
    assert line.picture().state == "ready"
    make_camera("vid2")
    assert line.picture("vid2").message == taking_up.NO_CAMERA
    line.readers = mine


def test_a_sleeping_camera_shows_what_is_there_now_and_sleeps_on(line: Line, tmp_path: Path) -> None:
    clip = make_scene(tmp_path / "still.mp4", Scene(size=(640, 360), noise=0.7, gop=100), 20.0)
    with RtspServer(clip, "still") as server:
        reader = line.read("vid1", server.url("still"), idle=True, budget=WatchBudget(0.0))
        live(reader)
        wait_until(lambda: reader.watch == "idle", seconds=40, what="sleeping camera")
        woken = 0
        for _ in range(3):
            wait_until(lambda: reader.watch == "idle", seconds=40, what="sleeping camera")
            asked, before = time.time(), reader.counters().wakes
            made = line.picture()
            assert (made.state, made.message) == ("ready", "")
            assert taken_at(made) >= asked - 2.0
            assert sizes(made.key) == (640, 360)
            woken += reader.counters().wakes - before
            time.sleep(2.2)  # older than a snapshot may be
        assert woken <= 1  # by the clip's seam, if it falls there


def test_every_failure_is_told_within_five_seconds(line: Line, camera: RtspServer, tmp_path: Path) -> None:
    run(line, camera.url())
    reader = line.read("vid1", camera.url())
    live(reader)

    def told(**values: Any) -> str:
        began = time.monotonic()
        made = line.picture(**values)
        assert made.state == "error"
        assert time.monotonic() - began < 5.0
        return str(made.message)

    folder = tmp_path / "media" / "frozen"
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("a file where a folder should be")
    assert told(key="frozen/x.jpg") == words.NOT_STORED
    wait_until(lambda: reader.counters().decoded > 20, seconds=15, what="a stream that has settled")
    camera.freeze()
    time.sleep(2.5)  # what came last is too old now, and nothing has noticed yet
    assert told().startswith(f"{words.NO_FRAME}: ")
    camera.thaw()
    camera.kill()
    wait_until(lambda: reader.state.word == "lost", seconds=15, what="loss")
    wait_until(
        lambda: time.time() - (reader.state.last_frame_at or 0) > 2.0, seconds=5, what="a picture that is too old"
    )
    assert told() == f"{words.NO_FRAME}: {reader.state.reason}"
    reader.stop()
    line.readers.clear()
    assert told() == taking_up.STARTING
    Camera.objects.filter(pk="vid1").update(rtsp_url="file:///x.mp4")  # the box runs the old document
    make_camera("vid2")
    assert line.picture("vid2").message == taking_up.NO_CAMERA


def test_a_box_that_does_not_answer_is_told_for(line: Line) -> None:
    line.stop.set()
    for thread in line.threads:
        thread.join(5)
    began = time.monotonic()
    camera = Camera.objects.select_related("device__status").get(pk="vid1")
    assert camera_state(camera).word == "live"
    made = request_snapshot(camera=camera, author="kim")
    while outcome(made).state == "waiting":
        time.sleep(0.05)
    assert made.message == LATE
    assert 5.0 <= time.monotonic() - began < 6.0


def disturb_flush(line: Line) -> None:
    line.redis.flushall()


def disturb_trim(line: Line) -> None:
    line.redis.xtrim(redis_keys.commands("box-1"), maxlen=0)


def disturb_restart(line: Line) -> None:
    line.server.restart(wipe=True)


@pytest.mark.parametrize("disturb", [disturb_flush, disturb_trim, disturb_restart])
def test_commands_go_on_after_the_stream_was_lost(
    line: Line, camera: RtspServer, disturb: Callable[[Line], None]
) -> None:
    live(line.read("vid1", camera.url()))
    assert line.picture().state == "ready"
    disturb(line)
    line.ingest = Ingest(client=connect(line.server.url()), changed=lambda ids: None)

    def again() -> bool:
        put("keep/alive.jpg", b"x")
        return bool(line.picture().state == "ready")

    wait_until(again, seconds=25, what="picture after the loss")


def test_a_connection_is_tested_in_words(line: Line, camera: RtspServer) -> None:
    run(line, camera.url())
    stored = line.probe()
    assert stored.state == "ready", stored.message
    check_facts(stored.facts)
    assert line.probe(camera.url()).state == "ready"
    wrong = wrong_addresses(camera, password=PASSWORD)
    for url, reason in wrong.items():
        answer = line.probe(url)
        assert answer.state == "error"
        assert answer.message.startswith(f"{NOTHING}: {reason}"), answer.message
    held = str(line.redis.xrange(redis_keys.commands("box-1")))
    assert held.count("'probe'") == 2 + len(wrong)
    for secret in (PASSWORD, "other-pw", "nowhere"):
        assert secret not in held
    publish_edit(device_ids=["box-1"], author="kim")


def test_a_box_with_another_key_says_so(line: Line, camera: RtspServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_key(token: str) -> str:
        raise DecryptionError

    monkeypatch.setattr("detection.probes.decrypt", no_key)
    assert line.probe(camera.url()).message == OTHER_KEY
