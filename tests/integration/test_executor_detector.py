"""`run_detector --executor processes` with everything real: cameras, Redis, hub, kills."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any, cast

import pytest
import redis

from detection.executors.run_folder import RunFolder, start_ticks
from tests.servers.redis import RedisServer
from tests.servers.stack import Stack, installation, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]  # the sum of what is waited for

SECOND = """
from cameras.models import Camera
from cameras.services import publish_edit
first = Camera.objects.get()
Camera.objects.create(camera_id="vid2", device=first.device, rtsp_url=first.rtsp_url, max_fps=5)
publish_edit(device_ids=[first.device_id], author="test")
"""


class Box:
    """What the box reports, and its processes."""

    def __init__(self, stack: Stack, client: redis.Redis) -> None:
        self.stack, self.client = stack, client
        self.folder = RunFolder(stack.folder / "run" / "detector-edge")

    def health(self) -> dict[str, Any]:
        text = cast("str | None", self.client.get(f"device:{self.stack.device_id}:report"))
        return dict(json.loads(text)["health"]) if text else {}

    def pids(self) -> dict[str, int]:
        """The process of each group that has one which lives."""
        found = {name: self.folder.identity(name) for name in self.folder.group_names()}
        return {name: i.pid for name, i in found.items() if i is not None and i.alive()}

    def wait_for(self, **states: str) -> None:
        wait_until(lambda: self.health().get("cameras") == states, seconds=40, what=f"{states}; {self.health()}")

    def last_frame(self, camera_id: str) -> float:
        return float(self.health()["camera_details"][camera_id]["last_frame_at"])

    def statistics(self, seconds: float) -> set[str]:
        """Cameras of which numbers arrive in that time."""
        with self.client.pubsub(ignore_subscribe_messages=True) as live:  # type: ignore[no-untyped-call]
            live.subscribe("hbd:stats")
            end, found = time.monotonic() + seconds, set()
            while time.monotonic() < end:
                message = live.get_message(timeout=0.2)
                if message and (body := json.loads(message["data"]))["data"]["fps"] > 0:
                    found.add(body["camera_id"])
        return found


def test_cameras_in_processes_through_kills_stops_and_starts(
    redis_server: RedisServer, street_clip: Path, tmp_path: Path
) -> None:
    client = redis.Redis.from_url(redis_server.url(), decode_responses=True, protocol=2)
    with installation(tmp_path, redis_server.url, street_clip.as_uri(), "web", "hub") as stack:
        stack.manage("shell", "-v0", "-c", SECOND)
        stack.start("processes")
        box = Box(stack, client)
        box.wait_for(vid1="live", vid2="live")
        first = box.pids()
        assert {n: g["cameras"] for n, g in box.health()["executor"]["groups"].items()} == {
            "g1": ["vid1"], "g2": ["vid2"],
        }  # fmt: skip
        # Each process has the sessions of its share of the cores; together they read as one worker's entry does.
        health = box.health()
        own = [g["inference"] for g in health["executor"]["groups"].values()]
        assert health["inference"]["model"] == "nanodet-g"
        assert health["inference"] == own[0] | {"sessions": sum(one["sessions"] for one in own)}

        os.kill(first["g2"], signal.SIGKILL)
        wait_until(lambda: box.health()["cameras"]["vid2"] == "lost", seconds=10, what="crash in the report")
        assert "analysis process crashed" in box.health()["camera_details"]["vid2"]["reason"]
        box.wait_for(vid1="live", vid2="live")
        second = box.pids()
        assert second["g1"] == first["g1"]
        assert second["g2"] != first["g2"]

        stack.end("processes", signal.SIGKILL)
        assert box.statistics(3) == {"vid1", "vid2"}  # without a parent
        stack.start("processes")
        wait_until(lambda: "analysis process adopted" in stack.log("processes"), seconds=30, what="adoption")
        before = box.last_frame("vid1")
        wait_until(lambda: box.last_frame("vid1") > before + 2, seconds=30, what="report of newer frames")
        assert box.pids() == second

        with stack.api() as api:
            answer = api.post("cameras/vid2/stop").raise_for_status().json()
            assert (answer["desired"], answer["published"], answer["state"]) == ("stopped", True, "stopping")
            wait_until(lambda: set(box.pids()) == {"g1"}, seconds=20, what="end of the second process")
            box.wait_for(vid1="live", vid2="off")
            wait_until(
                lambda: api.get("cameras/vid2/detection").json()["state"] == "off", seconds=20, what="off on the hub"
            )
            assert api.post("cameras/vid2/start").raise_for_status().json()["state"] == "starting"
            stopped = api.post("cameras/vid2/stop").raise_for_status().json()
            assert (stopped["state"], stopped["in_effect"]) == ("stopping", False)  # though the box still says `off`
            assert api.post("cameras/vid2/start").raise_for_status().json()["in_effect"] is False
            box.wait_for(vid1="live", vid2="live")
            wait_until(
                lambda: api.get("cameras/vid2/detection").json()["executor"]["state"] == "running",
                seconds=20, what="running executor on the hub",
            )  # fmt: skip
        assert box.pids()["g1"] == first["g1"]

        wait_until(stack.alerts, seconds=40, what="alert from a process")
        assert stack.end("processes") == 0
        assert box.pids() == {}
        assert [pid for pid in {*first.values(), *second.values()} if start_ticks(pid) is not None] == []
        # One process had the camera all the time, and gives no track's id twice. A second one, or a delivery under other
        # ids, would tell of the same people again: nobody of the clip is in the same region twice in its first minute.
        visits = Counter((a["bind_id"], a["data"]["track_id"]) for a in stack.alerts())
        assert visits
        assert set(visits.values()) == {1}, visits


def test_an_inline_detector_ends_what_killed_processes_left(
    redis_server: RedisServer, street_clip: Path, tmp_path: Path
) -> None:
    client = redis.Redis.from_url(redis_server.url(), decode_responses=True, protocol=2)
    with installation(tmp_path, redis_server.url, street_clip.as_uri(), "web", "hub", "processes") as stack:
        box = Box(stack, client)
        box.wait_for(vid1="live")
        stack.end("processes", signal.SIGKILL)
        assert len(box.pids()) == 1
        stack.start("detector")
        wait_until(lambda: box.pids() == {}, seconds=20, what="end of what was left")
        wait_until(lambda: box.health()["executor"]["kind"] == "inline", seconds=20, what="inline report")
        box.wait_for(vid1="live")
        inference = box.health()["inference"]
        assert (inference["provider"], inference["sessions"] >= 1) == ("CPU", True)
        assert stack.end("detector") == 0


POST = """
from cameras.models import ROI, Binding, Camera
from cameras.services import publish_edit
camera = Camera.objects.get(camera_id="vid2")
corner = [[0.0, 0.0], [0.15, 0.15]]
post = ROI.objects.create(roi_id="post", camera=camera, roi_type="rectangle", coordinates=corner)
Binding.objects.create(bind_id="nobody", roi=post, algo_code="leave_post", params={"absent_s": 4})
publish_edit(device_ids=[camera.device_id], author="test")
"""


def test_a_camera_moves_to_another_process_with_its_open_alert(
    redis_server: RedisServer, street_clip: Path, tmp_path: Path
) -> None:
    """The box is left one process fewer, and nobody stops the one that goes on."""
    client = redis.Redis.from_url(redis_server.url(), decode_responses=True, protocol=2)
    with installation(tmp_path, redis_server.url, street_clip.as_uri(), "web", "hub") as stack:
        stack.manage("shell", "-v0", "-c", SECOND + POST)

        def of_post() -> list[dict[str, Any]]:
            return [alert for alert in stack.alerts() if alert["bind_id"] == "nobody"]

        stack.start("processes")
        box = Box(stack, client)
        box.wait_for(vid1="live", vid2="live")
        before = box.pids()
        wait_until(of_post, seconds=40, what="alert that nobody is at the post")
        stack.end("processes", signal.SIGKILL)
        stack.start("one_process")
        wait_until(lambda: box.pids() == {"g1": before["g1"]}, seconds=40, what=f"end of g2: {box.pids()}")
        wait_until(
            lambda: box.health()["executor"]["groups"]["g1"]["cameras"] == ["vid1", "vid2"],
            seconds=20, what="both cameras in one group",
        )  # fmt: skip
        box.wait_for(vid1="live", vid2="live")
        frame = box.last_frame("vid2")
        wait_until(lambda: box.last_frame("vid2") > frame + 8, seconds=40, what="8 s of the camera in its new process")
        (alert,) = of_post()  # begun anew it would have been raised again by now
        assert alert["ended_at"] is None
        assert start_ticks(before["g2"]) is None
