"""The task API driven from outside through every state and every error, on many cameras at once, and all of it once more.

TASK_CAMERAS: how many (20 is the whole of it). TASK_STORAGE: `files`, or `s3` (a real server).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.recordings import begins_with_its_index, stamps
from tests.integration.task_script import TaskScript
from tests.servers.process import free_port
from tests.servers.redis import RedisServer
from tests.servers.rtsp import RtspServer
from tests.servers.s3 import S3Server
from tests.servers.stack import Stack, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

CAMERAS = int(os.environ.get("TASK_CAMERAS", "4"))
STORAGE = os.environ.get("TASK_STORAGE", "files")
ROUNDS = 2
LONGEST = 5 if CAMERAS <= 8 else 60  # seconds of a task: longer than a round of all cameras records
FINAL = {"files": "completed", "s3": "uploaded"}[STORAGE]
MAKE = """
from cameras.models import Camera
from cameras.services import publish_edit
for code, url in {cameras!r}.items():
    Camera.objects.create(camera_id=code, device_id={device_id!r}, rtsp_url=url, analyse=False)
publish_edit(device_ids=[{device_id!r}], author="script")
"""


class Storage:
    """Where clips go; `lose` makes it refuse them."""

    def __init__(self, stack: Stack, s3: S3Server | None) -> None:
        self.s3, self._blocked = s3, stack.folder / "media" / "recordings"
        self._aside = self._blocked.with_name("aside")
        if s3 is not None:
            stack.env |= s3.env()

    def lose(self) -> None:
        if self.s3 is not None:
            self.s3.kill()
            return
        if self._blocked.is_dir():
            self._blocked.rename(self._aside)
        self._blocked.parent.mkdir(exist_ok=True)
        self._blocked.write_text("a file where a folder should be")

    def give_back(self) -> None:
        if self.s3 is not None:
            self.s3.start()
            return
        self._blocked.unlink()
        if self._aside.is_dir():
            self._aside.rename(self._blocked)


class Site:
    """scripts: of cameras that send pictures. long: of one whose tasks nobody stops. dead: of one that is not there."""

    def __init__(self, stack: Stack, storage: Storage, pool: ThreadPoolExecutor) -> None:
        self.stack, self.storage, self._pool = stack, storage, pool
        token = stack.access["token"]
        self.scripts = [TaskScript(stack.url, token, f"t{n}", final=FINAL) for n in range(CAMERAS)]
        self.long, self.dead = (TaskScript(stack.url, token, name, final=FINAL) for name in ("long", "dead"))

    def all(self, act: Callable[[TaskScript], object]) -> list[object]:
        """At once, on every camera that sends pictures."""
        return list(self._pool.map(act, self.scripts))

    def ready(self, script: TaskScript) -> bool:
        state = script.http.get(f"/api/cameras/{script.camera_id}")
        return state.status_code == 200 and state.json()["state"] != "offline"

    def close(self) -> None:
        for script in [*self.scripts, self.long, self.dead]:
            script.close()


@pytest.fixture
def site(redis_server: RedisServer, street_clip: Path, tmp_path: Path) -> Iterator[Site]:
    names = [*(f"t{n}" for n in range(CAMERAS)), "long"]
    with contextlib.ExitStack() as stacked:
        rtsp = stacked.enter_context(RtspServer(street_clip, *names))
        s3 = stacked.enter_context(S3Server()) if STORAGE == "s3" else None
        stack = stacked.enter_context(Stack(tmp_path, redis_server.url))
        storage = Storage(stack, s3)
        stack.env["MAX_TASK_SECONDS"] = str(LONGEST)
        stack.prepare(rtsp.url("t0"))
        cameras = {name: rtsp.url(name) for name in names} | {"dead": f"rtsp://127.0.0.1:{free_port()}/none"}
        stack.manage("shell", "-v0", "-c", MAKE.format(cameras=cameras, device_id=stack.device_id))
        stack.start("web", "hub", "recorder")
        pool = stacked.enter_context(ThreadPoolExecutor(CAMERAS + 2))
        made = Site(stack, storage, pool)
        stacked.callback(made.close)
        wait_until(lambda: all(map(made.ready, made.scripts)), seconds=60, what="report of the box")
        yield made


def one_round(site: Site, pool: ThreadPoolExecutor) -> None:
    others = [pool.submit(site.dead.no_pictures)]
    site.all(TaskScript.errors)
    site.storage.lose()  # before the first clip of them is cut
    site.all(TaskScript.record)
    site.all(TaskScript.waits_for_storage)
    site.storage.give_back()
    for clip in site.all(TaskScript.stored):
        assert isinstance(clip, bytes)
        assert begins_with_its_index(clip)
        assert len(stamps(clip)) >= 5
    for other in others:
        other.result()


def without_ffmpeg(site: Site) -> None:
    """The box comes back and finds no ffmpeg."""
    empty = site.stack.folder / "no-programs"
    empty.mkdir()
    site.stack.end("recorder")
    site.stack.env |= {"PATH": str(empty), "IMAGEIO_FFMPEG_EXE": str(empty / "ffmpeg")}
    site.stack.start("recorder")
    wait_until(lambda: site.stack.log("recorder").count("recorder started") == 2, seconds=30, what="next recorder")
    for _ in range(ROUNDS):
        site.all(TaskScript.no_ffmpeg)


def test_every_state_and_every_error_twice_in_parallel(site: Site) -> None:
    began = time.monotonic()
    site.all(TaskScript.nothing_yet)
    with ThreadPoolExecutor(2) as pool:
        long = pool.submit(site.long.stops_by_itself)
        for _ in range(ROUNDS):
            one_round(site, pool)
        long.result()
    without_ffmpeg(site)
    seen = set().union(*(script.seen for script in [*site.scripts, site.long, site.dead]))
    states = {"starting", "recording", "stopping", "uploading", FINAL, "failed"}
    assert seen == states | {"idle", "not_running", "not_found", "task_mismatch"}
    for script in site.scripts:
        stored = [status for status in script.seen if status in (*states, "idle")]
        assert stored.count(FINAL) == ROUNDS, stored
    took = time.monotonic() - began
    print(f"\n{CAMERAS} cameras with {STORAGE}, every state and error, {ROUNDS} times: {took:.1f} s")
