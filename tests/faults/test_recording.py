"""Invariants 11 and 12 for recordings: what is killed costs at most a second, what stalls elsewhere costs nothing."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from edgesite.edge_store.database import EdgeDatabase
from recordings.core.segments import holes
from recordings.recorder.segment_store import SegmentStore
from recordings.recorder.task_store import Task, TaskStore
from tests.integration.recordings import Camera, stamps
from tests.servers.redis import RedisServer
from tests.servers.rtsp import RtspServer
from tests.servers.stack import Stack, installation, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

FPS = 10
LAST_SECOND = 1.0
BACK_SECONDS = 8.0  # from a kill to the first picture of the next ffmpeg


def stored_task(stack: Stack) -> Task:
    database = EdgeDatabase(stack.folder / "edge.sqlite3")
    try:
        [task] = TaskStore(database).in_states("completed")
        return task
    finally:
        database.close()


def gaps(stack: Stack) -> list[tuple[float, float]]:
    """What the index lacks between the task's first and last picture."""
    task = stored_task(stack)
    assert task.started_at is not None
    assert task.stopped_at is not None
    database = EdgeDatabase(stack.folder / "edge.sqlite3")
    try:
        found = SegmentStore(database).between("vid1", start=task.started_at, end=task.stopped_at)
        return holes(found, start=task.started_at, end=task.stopped_at)
    finally:
        database.close()


def record(vid1: Camera) -> None:
    vid1.ready()
    vid1.ok("start_task")
    vid1.wait_for("recording")


def finish(vid1: Camera) -> tuple[dict[str, Any], list[float]]:
    vid1.ok("stop_task")
    done = vid1.wait_for("completed", "failed")
    assert done["status"] == "completed", done
    return done, stamps(vid1.clip(done))


def test_ffmpeg_killed_costs_a_second_and_the_way_back(
    redis_server: RedisServer, rtsp_server: RtspServer, tmp_path: Path
) -> None:
    with installation(tmp_path, redis_server.url, rtsp_server.url(), "web", "hub", "recorder") as stack:
        vid1 = Camera(stack)
        record(vid1)
        time.sleep(5.3)
        [pid] = vid1.ffmpegs()
        killed = time.time()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: vid1.ffmpegs() not in ([], [pid]), seconds=BACK_SECONDS, what="next ffmpeg")
        time.sleep(5)
        done, seen = finish(vid1)
        assert done["stop_reason"] == "requested"
        told = stored_task(stack).told["gaps"]
        for begin, end in gaps(stack) + told:
            assert killed - LAST_SECOND < begin < killed + 0.5
            assert end < killed + BACK_SECONDS
        assert len(seen) / FPS > 10.3 - LAST_SECOND - (sum(b - a for a, b in told) or LAST_SECOND)
        vid1.close()


def test_the_recorder_killed_costs_a_second_and_the_time_without_it(
    redis_server: RedisServer, rtsp_server: RtspServer, tmp_path: Path
) -> None:
    with installation(tmp_path, redis_server.url, rtsp_server.url(), "web", "hub", "recorder") as stack:
        vid1 = Camera(stack)
        record(vid1)
        time.sleep(6.2)
        [pid] = vid1.ffmpegs()
        killed = time.time()
        stack.end("recorder", signal.SIGKILL)
        wait_until(lambda: pid not in vid1.ffmpegs(), seconds=3, what="end of the orphan")
        time.sleep(2)
        stack.start("recorder")
        wait_until(vid1.ffmpegs, seconds=20, what="next ffmpeg")
        time.sleep(5)
        back = time.time()
        _, seen = finish(vid1)
        [(begin, end)] = gaps(stack)
        assert killed - LAST_SECOND < begin < killed + 0.5
        assert killed + 2 < end < back
        assert stored_task(stack).told["gaps"] == [[round(begin, 3), round(end, 3)]]
        assert len(seen) / FPS > 10.0
        assert not list((tmp_path / "recordings" / "segments").rglob("*.part"))
        vid1.close()


def test_a_stop_while_the_recorder_is_down_is_obeyed_when_it_is_back(
    redis_server: RedisServer, rtsp_server: RtspServer, tmp_path: Path
) -> None:
    with installation(tmp_path, redis_server.url, rtsp_server.url(), "web", "hub", "recorder") as stack:
        vid1 = Camera(stack)
        record(vid1)
        time.sleep(4)
        for name in ("recorder", "hub"):
            stack.end(name, signal.SIGKILL)
        assert vid1.ok("stop_task")["status"] == "stopping"
        time.sleep(7)  # longer than an order is worth
        stack.start("hub", "recorder")
        done = vid1.wait_for("completed", "failed", seconds=40)
        assert (done["status"], done["stop_reason"]) == ("completed", "requested")
        assert len(stamps(vid1.clip(done))) / FPS > 3
        vid1.close()


def test_a_detector_that_stalls_costs_nothing(
    redis_server: RedisServer, rtsp_server: RtspServer, tmp_path: Path
) -> None:
    with installation(tmp_path, redis_server.url, rtsp_server.url(), "web", "hub", "detector", "recorder") as stack:
        vid1 = Camera(stack)
        record(vid1)
        os.kill(stack.pid("detector"), signal.SIGSTOP)
        began = time.monotonic()
        time.sleep(10)
        assert vid1.ok("stop_task")["status"] == "stopping"
        lasted = time.monotonic() - began
        time.sleep(1)
        os.kill(stack.pid("detector"), signal.SIGCONT)
        done = vid1.wait_for("completed", "failed")
        assert done["status"] == "completed"
        assert gaps(stack) == []
        assert len(stamps(vid1.clip(done))) / FPS > lasted - 0.5
        vid1.close()


def test_a_camera_that_freezes_or_goes_comes_back(
    redis_server: RedisServer, rtsp_server: RtspServer, tmp_path: Path
) -> None:
    with installation(tmp_path, redis_server.url, rtsp_server.url(), "web", "hub", "recorder") as stack:
        vid1 = Camera(stack)
        record(vid1)
        time.sleep(4)
        frozen = time.time()
        rtsp_server.freeze()
        wait_until(lambda: "cannot be recorded" in stack.log("recorder"), seconds=20, what="loss that is told")
        rtsp_server.restart()
        back = time.time()
        wait_until(lambda: stack.log("recorder").count("run=") >= 2, seconds=20, what="second recording")
        time.sleep(4)
        _, seen = finish(vid1)
        [(begin, end)] = gaps(stack)
        assert frozen - LAST_SECOND < begin < frozen + 1.5
        assert back - 1 < end < back + 15
        assert len(seen) / FPS > 6
        vid1.close()
