"""Invariants 11 and 12 for recordings: what is killed costs at most a second, what stalls elsewhere costs nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.outbox import NewAlert, Outbox
from edgesite.ids import uuid7
from recordings.core.segments import holes
from recordings.recorder.segment_store import SegmentStore
from recordings.recorder.task_store import Task, TaskStore
from tests.detection.alerts import alert_body
from tests.integration.recordings import Camera, begins_with_its_index, stamps
from tests.servers.redis import RedisServer
from tests.servers.rtsp import RtspServer
from tests.servers.stack import Stack, installation, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

FPS = 10
LAST_SECOND = 1.0
BACK_SECONDS = 8.0  # from a kill to the first picture of the next ffmpeg


@dataclass
class Site:
    """One installation for all of these tests: each records a task of its own."""

    stack: Stack
    rtsp: RtspServer
    vid1: Camera


@pytest.fixture(scope="module")
def site(street_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with RedisServer() as redis, RtspServer(street_clip) as rtsp:
        folder = tmp_path_factory.mktemp("recording")
        with installation(folder, redis.url, rtsp.url(), "web", "hub", "recorder") as stack:
            vid1 = Camera(stack)
            vid1.ready(60)
            yield Site(stack, rtsp, vid1)
            vid1.close()


def stored_task(stack: Stack) -> Task:
    """The newest."""
    database = EdgeDatabase(stack.folder / "edge.sqlite3")
    try:
        return TaskStore(database).in_states("completed")[-1]
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


def newest_part(stack: Stack) -> float:
    """When something of a recording was written last, Unix seconds."""
    return max((p.stat().st_mtime for p in (stack.folder / "recordings").rglob("*.part")), default=0.0)


def record(vid1: Camera) -> None:
    assert vid1.ok("start_task")["status"] in ("starting", "recording")
    vid1.wait_for("recording")


def finish(vid1: Camera) -> tuple[dict[str, Any], list[float]]:
    vid1.ok("stop_task")
    done = vid1.wait_for("completed", "failed")
    assert done["status"] == "completed", done
    return done, stamps(vid1.clip(done))


def test_ffmpeg_killed_costs_a_second_and_the_way_back(site: Site) -> None:
    stack, vid1 = site.stack, site.vid1
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


def test_the_recorder_killed_costs_a_second_and_the_time_without_it(site: Site) -> None:
    stack, vid1 = site.stack, site.vid1
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
    assert not list((stack.folder / "recordings" / "segments").rglob("*.part"))


def test_a_stop_while_the_recorder_is_down_is_obeyed_when_it_is_back(site: Site) -> None:
    stack, vid1 = site.stack, site.vid1
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


def test_a_detector_that_stalls_costs_nothing(site: Site) -> None:
    stack, vid1 = site.stack, site.vid1
    stack.start("detector")
    wait_until(lambda: "this worker syncs" in stack.log("detector"), seconds=60, what="detector that leads")
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
    stack.end("detector")


def test_a_camera_that_freezes_or_goes_comes_back(site: Site) -> None:
    stack, vid1 = site.stack, site.vid1
    record(vid1)
    time.sleep(4)
    frozen = time.time()
    site.rtsp.freeze()
    told = stack.log("recorder").count("cannot be recorded")
    wait_until(lambda: stack.log("recorder").count("cannot be recorded") > told, seconds=20, what="loss that is told")
    site.rtsp.restart()
    back = time.time()
    wait_until(lambda: len(vid1.ffmpegs()) == 1 and newest_part(stack) > back, seconds=20, what="second recording")
    time.sleep(4)
    _, seen = finish(vid1)
    [(begin, end)] = gaps(stack)
    assert frozen - LAST_SECOND < begin < frozen + 1.5
    assert back - 1 < end < back + 15
    assert len(seen) / FPS > 6


def test_an_alert_has_a_clip_that_begins_before_it(site: Site) -> None:
    """No detector runs: the alert is written as one would."""
    stack, vid1, (pre, post) = site.stack, site.vid1, (3, 1)
    assert not vid1.ffmpegs()
    database = EdgeDatabase(stack.folder / "edge.sqlite3")
    segments, began = SegmentStore(database), time.time()
    with contextlib.closing(stack.person()) as person:
        policy = {"record_events": "on", "event_pre_s": str(pre), "event_post_s": str(post)}
        stack.edit(person, "cameras/camera", "vid1", **policy)
        ring = wait_until(lambda: segments.between("vid1", start=began, end=began + 60), seconds=20, what="a segment")
        assert ring[0].ring
        at, event_id = time.time(), uuid7()
        body = alert_body(event_id, timestamp=at, device_id=stack.device_id, capture="")
        Outbox(database).add_alerts([NewAlert(event_id, "vid1", body)], now=at)

        def source() -> str:
            page = person.get(f"/alerts/{event_id}").text
            return page.partition('<video id="alert-clip" class="evidence" src="')[2].partition('"')[0]

        clip = person.get(wait_until(source, seconds=30, what="the alert's clip")).raise_for_status().content
        stack.edit(person, "cameras/camera", "vid1", record_events=None)
    assert begins_with_its_index(clip)
    assert pre + post - 0.5 < len(stamps(clip)) / FPS < pre + post + 5  # it begins with the key frame before
    around = segments.between("vid1", start=at - pre, end=at + post)
    assert around[0].start <= at - pre + 1
    assert not any(s.ring for s in around)
    assert [t.told["gaps"] for t in TaskStore(database).in_states("completed") if t.alert_id] == [[]]
    database.close()
