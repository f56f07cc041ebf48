"""`make bench`: a change that reaches a thousand boxes, until the admin shows all of them in sync; a long history."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
import pytest

from tests.benchmarks.boxes import raw_cost
from tests.benchmarks.config import CAMERAS, ROIS
from tests.servers.process import end_process
from tests.servers.redis import RedisServer
from tests.servers.stack import ROOT, Form, Stack, wait_until

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

DEVICES = 1000
FLEET = f"""
from cameras.models import Site
from cameras.services import issue_version
from tests.benchmarks.config import fill
for device_id in fill({DEVICES}):
    issue_version(device_id=device_id, author="bench")
print(Site.objects.get(name="Bench").pk)
"""


@contextmanager
def boxes(server: RedisServer) -> Iterator[IO[str]]:
    """The lines that the simulated boxes print."""
    command = [sys.executable, "-m", "tests.benchmarks.boxes", server.url(), str(DEVICES), str(CAMERAS)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield process.stdout
    finally:
        end_process(process)  # type: ignore[arg-type]


class DeviceList:
    """The admin's list of the site's devices, as a person leafs through it."""

    def __init__(self, browser: httpx.Client, site: str) -> None:
        self.browser, self.site = browser, site
        self.page_seconds: list[float] = []

    def in_sync(self) -> int:
        """How many devices are shown in sync, up to the first page on which one is not."""
        found, page = 0, 1
        while True:
            began = time.perf_counter()
            answer = self.browser.get("/admin/cameras/device/", params={"site__id__exact": self.site, "p": page})
            self.page_seconds.append(time.perf_counter() - began)
            rows = len(re.findall(r'name="_selected_action"', answer.raise_for_status().text))
            good = answer.text.count("chip-good")
            found += good
            if good < rows or found >= DEVICES:
                return found
            page += 1


def test_a_broadcast_to_a_thousand_boxes(redis_server: RedisServer, tmp_path: Path) -> None:
    with Stack(tmp_path, redis_server.url) as stack:
        stack.prepare("rtsp://127.0.0.1:9/none")
        site = stack.manage("shell", "-v0", "-c", FLEET).split()[-1]
        started = time.perf_counter()
        stack.start("web", "hub")
        with boxes(redis_server) as lines:
            json.loads(lines.readline())
            browser = stack.person()
            browser.timeout = httpx.Timeout(300)
            shown = DeviceList(browser, site)
            wait_until(lambda: shown.in_sync() == DEVICES, seconds=60, what="fleet in sync at first")
            settled = time.perf_counter() - started
            path = f"/admin/cameras/site/{site}/change/"
            form = Form(browser.get(path).text).fields | {"time_zone": ["Asia/Shanghai"], "_save": ["Save"]}
            began = time.time()
            answer = browser.post(path, data=form, headers={"Referer": stack.url}, follow_redirects=False)
            assert answer.status_code == 302, "the form was refused"
            saved = time.time() - began
            told = json.loads(lines.readline())
            shown.page_seconds.clear()
            wait_until(lambda: shown.in_sync() == DEVICES, seconds=120, what="fleet in sync again")
            everywhere = time.time() - began
            raw = raw_cost(redis_server.url(), DEVICES)
            browser.close()
    pages = sorted(shown.page_seconds)
    print(f"\n{DEVICES} boxes × {CAMERAS} cameras × {ROIS} ROIs, the time zone of their site changes in the admin")
    print(f"  the hub and the fleet start, all in sync after      {settled:7.2f} s")
    print(f"  save: issue, commit, publish, answer                {saved:7.2f} s")
    print(f"  the last box has applied and reported               {told['at'] - began:7.2f} s after the act")
    print(
        f"    of that the boxes: read {told['read_s']:.2f} s, verify {told['verify_s']:.2f} s, report {told['report_s']:.2f} s"
    )
    print(f"  the admin's list shows all in sync                  {everywhere:7.2f} s after the act")
    print(f"    a page of the list {1000 * pages[len(pages) // 2]:.0f} ms")
    print(
        f"  bare Redis: read {DEVICES} documents {raw['read_s']:.2f} s, write {DEVICES} reports {raw['write_s']:.2f} s"
    )
    assert everywhere - (told["at"] - began) < 5.0


ISSUE = """
from cameras.models import Camera
from cameras.services import issue_version
for n in range({first}, {last}):
    Camera.objects.filter(device="box-0000").update(location=str(n))
    issue_version(device_id="box-0000", author="bench")
"""


def test_memory_is_flat_in_the_number_of_versions(redis_server: RedisServer, tmp_path: Path) -> None:
    """What `run_hub` took at most over a start, a first pass and an edit that only reconciling finds."""
    numbers = (1, 100, 2000)
    peaks: list[float] = []
    with Stack(tmp_path, redis_server.url) as stack:
        stack.migrate()
        stack.manage("shell", "-v0", "-c", "from tests.benchmarks.config import fill; fill(1)")
        for before, number in zip((0, *numbers), numbers, strict=False):
            stack.manage("shell", "-v0", "-c", ISSUE.format(first=before, last=number))
            stack.start("hub")
            time.sleep(3)
            stack.manage(
                "shell", "-v0", "-c", f"from cameras.models import Camera; Camera.objects.update(name='after {number}')"
            )
            wait_until(lambda: stack.log("hub").count("configuration published") > len(peaks), seconds=30, what="pass")
            status = Path(f"/proc/{stack.pid('hub')}/status").read_text()
            peaks.append(int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1000)
            stack.end("hub")
    print("\nversions of a device → peak memory of run_hub, MB")
    for number, peak in zip(numbers, peaks, strict=True):
        print(f"  {number:6}   {peak:7.1f}")
    assert peaks[-1] < peaks[0] + 5.0
