"""A clip on its way into a bucket: whatever spoils, cuts or kills it, the local file stays until one whole object stands.

The server is a real one (SeaweedFS), the troubles are a proxy's before it.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from edgesite import storage
from edgesite.ids import uuid7
from edgesite.upload_record import SUFFIX
from recordings.recorder.uploads import NOT_STORED
from recordings.uploads import stale
from tests.fakes import Clock
from tests.recordings.waiting import Waiting
from tests.servers.process import end_process
from tests.servers.s3 import BUCKET, S3Server, store_in_bucket
from tests.servers.spoiler import Spoiler, Trouble
from tests.servers.stack import wait_until

pytestmark = [pytest.mark.faults]

MB = 1024 * 1024
LONG = random.Random(7).randbytes(17 * MB)  # three parts
SHORT = LONG[: 200 * 1024]


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with S3Server() as server:
        yield server


@pytest.fixture
def way(server: S3Server, settings: Any) -> Iterator[Spoiler]:
    """To the server, which this process's storage is."""
    with Spoiler(server) as spoiler:
        store_in_bucket(settings, spoiler.url)
        yield spoiler


@pytest.fixture
def task_id() -> str:
    """Each test's own: the bucket is one."""
    return uuid7()


@pytest.fixture
def ticks() -> Clock:
    return Clock(100.0)


@pytest.fixture
def box(tmp_path: Path, ticks: Clock) -> Iterator[Waiting]:
    made = Waiting(tmp_path, monotonic=ticks)
    yield made
    made.close()


def content_of(server: S3Server, key: str) -> bytes:
    return server.client().get_object(Bucket=BUCKET, Key=key)["Body"].read()


def unfinished(server: S3Server) -> list[str]:
    return [u["Key"] for u in server.client().list_multipart_uploads(Bucket=BUCKET).get("Uploads", ())]


def left(box: Waiting) -> list[str]:
    return sorted(p.name for p in (box.folder / "clips").rglob("*") if p.is_file())


@pytest.mark.parametrize(
    ("content", "what", "how"),
    [
        (LONG, "part 2", "flip"),
        (LONG, "part 2", "cut"),
        (LONG, "part 2", "swallow"),
        (LONG, "part 2", "refuse"),
        (LONG, "complete", "refuse"),
        (LONG, "complete", "shorten"),
        (SHORT, "put", "shorten"),
    ],
)
def test_a_spoiled_upload_keeps_the_file_says_why_and_is_done_again(
    server: S3Server, way: Spoiler, box: Waiting, ticks: Clock, task_id: str, content: bytes, what: str, how: Trouble
) -> None:
    key = box.cut(task_id, content)
    way.spoil(what, how)
    box.uploads.step()
    assert box.work(task_id).read_bytes() == content
    assert box.task(task_id).state == "uploading"
    assert box.task(task_id).told["error"].startswith(f"{NOT_STORED}: ")
    ticks.advance(120)
    box.uploads.step()
    ticks.advance(120)
    box.uploads.step()
    done = box.task(task_id)
    assert (done.state, done.told["error"], done.told["local_file_deleted"]) == ("uploaded", "", True)
    assert content_of(server, key) == content
    assert (left(box), unfinished(server)) == ([], [])


def test_an_answer_that_is_lost_leads_to_one_object_that_is_not_sent_twice(
    server: S3Server, way: Spoiler, box: Waiting, ticks: Clock, task_id: str
) -> None:
    key = box.cut(task_id, LONG)
    way.spoil("complete", "lose")
    box.uploads.step()
    assert box.work(task_id).is_file()
    ticks.advance(120)
    box.uploads.step()
    assert box.task(task_id).state == "uploaded"
    assert content_of(server, key) == LONG
    assert [name for name in way.seen if name.startswith("part")] == ["part 1", "part 2", "part 3"]
    assert (left(box), unfinished(server)) == ([], [])


def test_a_recorder_that_is_killed_goes_on_with_the_next_part_and_one_object_stands(
    server: S3Server, way: Spoiler, box: Waiting, task_id: str
) -> None:
    key = box.cut(task_id, LONG)
    way.spoil("part 2", "hold")
    kill_when_held(way, box)
    assert left(box) == [f"{task_id}.mp4", f"{task_id}.mp4{SUFFIX}"]
    assert unfinished(server) == [key]
    way.seen.clear()
    way.spoil("get", "hold")  # it is stored, and about to be read back
    kill_when_held(way, box)
    assert [name for name in way.seen if name.startswith("part")] == ["part 2", "part 3"]
    assert f"{task_id}.mp4" in left(box)
    way.seen.clear()
    box.uploads.step()  # as after a start
    assert box.task(task_id).state == "uploaded"
    assert not [name for name in way.seen if name.startswith("part")]
    assert content_of(server, key) == LONG
    listed = server.client().list_objects_v2(Bucket=BUCKET, Prefix=key)
    assert [o["Key"] for o in listed["Contents"]] == [key]
    assert (left(box), unfinished(server)) == ([], [])


def recorder(way: Spoiler, box: Waiting) -> subprocess.Popen[bytes]:
    env = os.environ | way.server.env(way.url)
    return subprocess.Popen([sys.executable, "-m", "tests.servers.clip_child", str(box.folder)], env=env)


def kill_when_held(way: Spoiler, box: Waiting) -> None:
    way.hold.here.clear()
    way.hold.release.clear()
    process = recorder(way, box)
    try:
        wait_until(way.hold.here.is_set, seconds=30, what="the request that is held")
    finally:
        end_process(process, signal.SIGKILL)
        way.hold.release.set()


def test_an_object_is_read_from_anywhere_and_never_whole_into_memory(
    server: S3Server, way: Spoiler, box: Waiting, task_id: str, settings: Any
) -> None:
    key = box.cut(task_id, LONG)
    box.uploads.step()
    file, size = storage.open_object(key)
    with file:
        assert size == len(LONG)
        for at, length in ((0, 5), (9 * MB, 3 * MB), (size - 7, 100), (MB, 1)):
            file.seek(at)
            assert file.read(length) == LONG[at : at + length]
    way.spoil("get", "lose")
    file, _ = storage.open_object(key)
    with file:
        assert file.read() == LONG  # a line that breaks is no end
    with pytest.raises(FileNotFoundError):
        storage.open_object("recordings/nothing")
    store_in_bucket(settings, server.env()["S3_ENDPOINT_URL"])  # the proxy holds it in this process's memory
    assert storage.size_of(key) == size  # boto has loaded what it knows of S3
    tracemalloc.start()
    try:
        assert storage.is_stored(key, sha256=box.task(task_id).told["sha256"], size=len(LONG))
        assert tracemalloc.get_traced_memory()[1] < 6 * MB
    finally:
        tracemalloc.stop()


def test_only_unfinished_uploads_below_our_folders_are_aborted(
    server: S3Server, way: Spoiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = server.client()
    for key in ("recordings/vid1/left.mp4", "events/vid1/left.mp4", "backups/theirs"):
        client.create_multipart_upload(Bucket=BUCKET, Key=key)
    stale.step()
    assert len(unfinished(server)) == 3  # they are young
    monkeypatch.setattr("edgesite.multipart.STALE", timedelta(seconds=-60))
    stale.step()
    assert unfinished(server) == ["backups/theirs"]
    [theirs] = client.list_multipart_uploads(Bucket=BUCKET)["Uploads"]
    client.abort_multipart_upload(Bucket=BUCKET, Key=theirs["Key"], UploadId=theirs["UploadId"])
