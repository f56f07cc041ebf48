"""Recording tasks with everything real: cameras, ffmpeg, Redis, a hub, a box that runs nothing but the recorder."""

from __future__ import annotations

import hashlib
import signal
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from edgesite.edge_store.database import EdgeDatabase
from recordings.recorder.task_store import TaskStore
from tests.integration.recordings import Camera, begins_with_its_index, stamps
from tests.servers.redis import RedisServer
from tests.servers.rtsp import RtspServer
from tests.servers.stack import Stack, installation, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

PASSWORD = "hunter2-pw"
FPS = 10


@pytest.fixture
def camera(street_clip: Path) -> Iterator[RtspServer]:
    with RtspServer(street_clip, user="op", password=PASSWORD) as server:
        yield server


def test_from_start_to_a_clip_that_plays(redis_server: RedisServer, camera: RtspServer, tmp_path: Path) -> None:
    with installation(tmp_path, redis_server.url, camera.url(), "web", "hub", "recorder") as stack:
        vid1 = Camera(stack)
        vid1.ready()
        assert vid1.ok("stop_task")["status"] == "not_running"
        assert vid1.ok("start_task")["status"] in ("starting", "recording")
        vid1.wait_for("recording")
        began = time.monotonic()
        assert vid1.ok("start_task", "other")["task_name"] == "shift"
        assert vid1.ok("stop_task", "other")["status"] == "task_mismatch"
        _no_password_shows(vid1)
        time.sleep(max(0.0, 6.0 - (time.monotonic() - began)))
        assert vid1.ok("stop_task")["status"] == "stopping"
        lasted = time.monotonic() - began
        done = vid1.wait_for("completed", "failed")
        assert (done["status"], done["stop_reason"], done["storage_type"]) == ("completed", "requested", "local")
        clip = vid1.clip(done)
        assert Path(done["local_file"]).read_bytes() == clip
        assert begins_with_its_index(clip)
        seen = stamps(clip)
        assert lasted - 1.0 < len(seen) / FPS < lasted + 3.5  # it begins with the key frame before
        assert max(b - a for a, b in pairwise(seen)) < 0.35
        part = vid1.api.get(stack.url + done["download_url"], headers={"Range": "bytes=0-99"})
        assert (part.status_code, part.content) == (206, clip[:100])
        [task] = TaskStore(EdgeDatabase(tmp_path / "edge.sqlite3")).in_states("completed")
        assert task.told["sha256"] == hashlib.sha256(clip).hexdigest()
        assert task.told["gaps"] == []
        wait_until(lambda: not vid1.ffmpegs(), seconds=5, what="end of ffmpeg")
        assert vid1.ok("stop_task") == done
        began = time.monotonic()
        assert stack.end("recorder", signal.SIGTERM) == 0
        assert time.monotonic() - began < 5
        for name in ("web", "hub", "recorder"):
            assert PASSWORD not in stack.log(name)
        vid1.close()


def _no_password_shows(vid1: Camera) -> None:
    [pid] = vid1.ffmpegs()
    for what in ("cmdline", "environ"):
        content = Path(f"/proc/{pid}/{what}").read_bytes()
        assert PASSWORD.encode() not in content
    for file in Path(vid1.stack.folder).rglob("*"):
        if file.is_file() and file.suffix != ".log":
            assert PASSWORD.encode() not in file.read_bytes(), file


def test_a_file_is_recorded_as_it_plays_and_a_task_stops_by_itself(
    redis_server: RedisServer, street_clip: Path, tmp_path: Path
) -> None:
    with Stack(tmp_path, redis_server.url) as stack:
        stack.env["MAX_TASK_SECONDS"] = "5"
        stack.prepare(street_clip.as_uri())
        stack.start("web", "hub", "recorder")
        vid1 = Camera(stack)
        vid1.ready()
        vid1.ok("start_task")
        done = vid1.wait_for("completed", "failed", seconds=30)
        assert (done["status"], done["stop_reason"]) == ("completed", "max_duration")
        seen = stamps(vid1.clip(done))
        assert 4.0 < len(seen) / FPS < 9.0
        vid1.close()


def test_without_ffmpeg_it_says_so(redis_server: RedisServer, street_clip: Path, tmp_path: Path) -> None:
    with installation(tmp_path, redis_server.url, street_clip.as_uri(), "web", "hub") as stack:
        empty = tmp_path / "no-programs"
        empty.mkdir()
        stack.env |= {"PATH": str(empty), "IMAGEIO_FFMPEG_EXE": str(empty / "ffmpeg")}
        stack.start("recorder")
        vid1 = Camera(stack)
        vid1.ready()
        answer = vid1.post("start_task")
        assert answer.status_code == 500
        assert "ffmpeg" in answer.json()["detail"]
        assert vid1.status()["status"] == "failed"
        vid1.close()
