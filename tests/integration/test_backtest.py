"""A back-test with the real model on the street clip, in a process of its own; and one whose hub is killed meanwhile."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.redis import RedisServer
from tests.servers.stack import Stack, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

# Two rules for one place: published as the demo has it, and a draft that waits much longer.
MAKE = """
from django.core.files import File
from cameras.models import Binding, Camera
from cameras.services import publish_edit
from detection.backtest.services import create_backtest
camera = Camera.objects.first()
Binding.objects.update(algo_code="intrusion", params={{"dwell_s": 1.0}})
camera.rois.update(roi_type="rectangle", coordinates=[[0.0, 0.0], [1.0, 1.0]])
publish_edit(device_ids=[camera.device_id], author="setup")
Binding.objects.update(params={{"dwell_s": 8.0}})
with open({clip!r}, "rb") as file:
    test = create_backtest(camera=camera, author="setup", fps={fps}, upload=File(file), video_name="street.mp4")
print(test.pk)
"""
READ = """
import json
from detection.backtest.models import BackTest
test = BackTest.objects.get(pk={pk})
print(json.dumps({{"state": test.state, "tries": test.tries, "progress": test.progress, "result": test.result}}))
"""


@pytest.fixture
def stack(tmp_path: Path, redis_server: RedisServer) -> Iterator[Stack]:
    with Stack(tmp_path, redis_server.url) as stack:
        stack.prepare("rtsp://127.0.0.1:9/none")
        yield stack


def make(stack: Stack, clip: Path, *, fps: float) -> int:
    return int(stack.manage("shell", "-v0", "-c", MAKE.format(clip=str(clip), fps=fps)).split()[-1])


def read(stack: Stack, pk: int) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(stack.manage("shell", "-v0", "-c", READ.format(pk=pk)).splitlines()[-1])
    return told


def test_another_dwell_raises_other_alerts(stack: Stack, street_clip: Path) -> None:
    pk = make(stack, street_clip, fps=5)
    stack.manage("run_backtest", str(pk))
    told = read(stack, pk)
    assert (told["state"], told["tries"], told["progress"]) == ("done", 1, 1.0)
    draft, published = (told["result"][side] for side in ("draft", "published"))
    assert 0 < draft["raised"] < published["raised"]
    for side, dwell in ((draft, 8.0), (published, 1.0)):
        for alert in side["alerts"]:
            assert alert["data"]["dwell_s"] >= dwell
            left, top, right, bottom = alert["box"]
            assert 0 <= left < right <= 1
            assert 0 <= top < bottom <= 1
            assert (stack.folder / "media" / alert["picture"]).read_bytes()[:3] == b"\xff\xd8\xff"
    figures = told["result"]["figures"]
    assert figures["frames"] == pytest.approx(398, abs=3)
    assert figures["media_s"] == pytest.approx(79.5, abs=0.5)
    print(f"{figures['speed']} times real time at 5 frames/s; draft {draft['raised']}, published {published['raised']}")


@pytest.mark.faults
def test_a_killed_hub_takes_the_analysis_along_and_the_next_one_repeats_it(stack: Stack, street_clip: Path) -> None:
    pk = make(stack, street_clip, fps=5)
    stack.start("hub")
    child = wait_until(lambda: children(stack.pid("hub")), seconds=60, what="process of the back-test")[0]
    wait_until(lambda: read(stack, pk)["progress"] > 0, seconds=60, what="progress")
    assert os.getpriority(os.PRIO_PROCESS, child) == 10
    stack.end("hub", signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{child}").exists(), seconds=5, what="end of the process")
    assert read(stack, pk)["state"] == "running"
    stack.start("hub")
    began = time.monotonic()
    wait_until(lambda: read(stack, pk)["state"] == "done", seconds=150, what="result", every=2.0)
    told = read(stack, pk)
    assert told["tries"] == 2
    assert told["result"]["published"]["raised"] > told["result"]["draft"]["raised"]
    print(f"done {time.monotonic() - began:.0f} s after the next hub's start")


def children(pid: int) -> list[int]:
    """The process's children that run a back-test."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            if parent == pid and b"run_backtest" in status.with_name("cmdline").read_bytes():
                found.append(int(status.parent.name))
        except OSError:  # it ended meanwhile
            continue
    return found
