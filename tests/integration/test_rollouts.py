"""A staged publish over a real Redis, with the real run_hub and the boxes' real sync: it goes on, stops, survives kills."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.boxes import RealBox
from tests.servers.process import ServerError
from tests.servers.redis import RedisServer
from tests.servers.stack import Stack, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

IDS = ("box-1", "box-2", "box-3")
ROWS = """
from cameras.models import Camera, Device, Site
from cameras.services import issue_version
site = Site.objects.first()
Device.objects.update(publish_on_save=False)
for n in (2, 3):
    device = Device.objects.create(device_id=f"box-{n}", site=site, publish_on_save=False)
    Camera.objects.create(camera_id=f"cam-{n}", device=device, rtsp_url="rtsp://127.0.0.1:9/none")
    issue_version(device_id=f"box-{n}", author="setup")
"""
EDIT = "from cameras.models import Camera; Camera.objects.update(max_fps=3)"
COUNT = """
import json; from cameras.models import ConfigVersion, Device
print(json.dumps({d.pk: ConfigVersion.objects.filter(device=d).count() for d in Device.objects.all()}))
"""


@pytest.fixture
def stack(redis_server: RedisServer, tmp_path: Path) -> Iterator[Stack]:
    with Stack(tmp_path, redis_server.url) as stack:
        stack.prepare("rtsp://127.0.0.1:9/none")
        stack.manage("shell", "-v0", "-c", ROWS)
        stack.start("hub")
        yield stack


@pytest.fixture
def boxes(stack: Stack) -> Iterator[dict[str, RealBox]]:
    """All of them run version 1 and have something to publish."""
    with contextlib.ExitStack() as running:
        made = {d: running.enter_context(RealBox(d, stack.folder, stack.env["CLOUD_REDIS_URL"])) for d in IDS}
        wait_until(lambda: all(box.versions for box in made.values()), seconds=30, what="version 1 on every box")
        for box in made.values():
            box.versions[:] = box.versions[-1:]
        stack.manage("shell", "-v0", "-c", EDIT)
        yield made


def versions(stack: Stack) -> dict[str, int]:
    counted: dict[str, int] = json.loads(stack.manage("shell", "-v0", "-c", COUNT))
    return counted


def applied(boxes: dict[str, RealBox]) -> dict[str, int]:
    return {device_id: box.versions[-1] for device_id, box in boxes.items()}


def published(before: dict[str, int], *device_ids: str) -> dict[str, int]:
    return {device_id: number + (device_id in device_ids) for device_id, number in before.items()}


def publish(stack: Stack, *more: str) -> list[str]:
    return stack.manage("publish_config", "--canary", "box-1", "--healthy-seconds", "2", *more).splitlines()


def test_the_canary_confirms_and_the_rest_follows(stack: Stack, boxes: dict[str, RealBox]) -> None:
    before = applied(boxes)
    told = publish(stack, "--reason", "fewer frames")
    assert applied(boxes) == published(before, *IDS)
    order = [line for line in told if line.startswith("staged publish:") or "confirmed" in line]
    stages = [line.split()[2].rstrip(":") for line in order if line.startswith("staged publish:")]
    assert list(dict.fromkeys(stages)) == ["canaries", "soaking", "rest", "done"]
    assert order[-1] == "staged publish: done"
    canary = next(n for n, line in enumerate(order) if line.startswith("box-1: confirmed"))
    assert canary < next(n for n, line in enumerate(order) if line.startswith(("box-2: confirmed", "box-3: confirmed")))


def test_a_canary_that_goes_back_leaves_the_rest_untouched_and_the_page_says_why(
    stack: Stack, boxes: dict[str, RealBox]
) -> None:
    before, counted = applied(boxes), versions(stack)
    boxes["box-1"].sick = "no frame was analysed"
    with pytest.raises(ServerError, match="Not published to: box-1, box-2, box-3"):
        publish(stack)
    assert applied(boxes) == before
    assert versions(stack) == published(counted, "box-1")
    stack.start("web")
    with contextlib.closing(stack.person()) as browser:
        page = browser.get("/admin/cameras/rollout/1/change/").raise_for_status().text
        assert "Stopped: box-1: reverted: version" in page
        assert "no frame was analysed" in page


@pytest.mark.parametrize("when", ["canaries", "soaking", "rest"])
def test_a_hub_that_is_killed_goes_on_where_it_was_and_issues_nothing_twice(
    stack: Stack, boxes: dict[str, RealBox], when: str
) -> None:
    before, counted = applied(boxes), versions(stack)
    told: list[str] = []
    follower = threading.Thread(target=lambda: told.extend(publish(stack, "--wave", "1")))
    follower.start()
    marks = {"canaries": r"issued in stages .*device=box-1", "soaking": "state=soaking", "rest": "state=rest"}
    wait_until(lambda: _says(stack, marks[when]), seconds=30, what=f"the stage {when}", every=0.01)
    stack.end("hub", signal.SIGKILL)
    stack.start("hub")
    follower.join(150)
    assert told
    assert told[-1] == "staged publish: done"
    assert applied(boxes) == published(before, *IDS)
    assert versions(stack) == published(counted, *IDS)


def _says(stack: Stack, pattern: str) -> bool:
    return re.search(pattern, stack.log("hub")) is not None
