"""The demo as a person starts it: READY, an alert with its picture, and an end that leaves nothing behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from cameras.core.geometry import points_inside
from detection.inference.detector import Detector
from edgesite.demo.seed import SHAPES
from tests.servers.process import free_port
from tests.servers.stack import ROOT, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

READY = re.compile(r"^READY (http://127\.0\.0\.1:\d+/) user=(\S+) password=(\S+) token=(\S+)$", re.MULTILINE)
START_S = 90.0


def processes_of(folder: Path) -> dict[int, str]:
    """Every process whose environment names the folder: the demo and whatever it started, children's children too."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            if f"VAR_DIR={folder}\0".encode() in (entry / "environ").read_bytes():
                found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
    return found


class DemoRun:
    """`python -m edgesite.demo` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder.with_suffix(".log")
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **variables: str) -> subprocess.Popen[bytes]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        env = kept | {"VAR_DIR": str(self.folder), "PORT": str(self.port)} | variables
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "edgesite.demo"],
                cwd=ROOT,
                env=env,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self.process

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def ready(self) -> tuple[str, str, str, str]:
        """URL, user, password and token of the READY line."""
        assert self.process is not None
        process = self.process
        wait_until(lambda: READY.search(self.text()) or process.poll() is not None, seconds=START_S, what="READY")
        found = READY.search(self.text())
        assert found, self.text()
        return found.group(1), found.group(2), found.group(3), found.group(4)

    def pid(self, name: str) -> int:
        return int((self.folder / "run" / f"{name}.pid").read_text())

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def demo(tmp_path: Path, street_clip: Path) -> Iterator[DemoRun]:
    run = DemoRun(tmp_path / "var")
    (run.folder / "samples").mkdir(parents=True)
    shutil.copy(street_clip, run.folder / "samples" / "street.mp4")  # not one more download
    yield run
    run.close()


def api(url: str, token: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=5)


def first_alert(client: httpx.Client) -> dict[str, Any]:
    """The first alert whose picture can be fetched."""

    def look() -> dict[str, Any] | None:
        items = client.get("api/alerts").raise_for_status().json()["items"]
        return next((item for item in items if item["capture_url"]), None)

    alert = wait_until(look, seconds=60, what="alert with a picture", every=0.5)
    assert alert is not None
    return alert


def persons_standing_in(jpeg: bytes, roi_id: str) -> int:
    """How many persons the detector finds in the picture whose feet are inside the ROI."""
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (576, 768, 3)
    detector = Detector.load(provider="cpu")
    width, height = detector.fit(picture.shape[1], picture.shape[0])
    scaled = np.ascontiguousarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    found = detector.detect(scaled)
    persons = found.boxes[found.class_ids == detector.classes.index("person")]
    feet = np.stack([(persons[:, 0] + persons[:, 2]) / 2, persons[:, 3]], axis=1)
    points = next(points for _, code, points, _ in SHAPES["street"] if code == roi_id)
    return int(points_inside(np.array(points), feet).sum())


def test_from_nothing_to_an_alert_with_its_picture_twice(demo: DemoRun) -> None:
    process = demo.start(DEMO_SECONDS="12")
    url, user, password, token = demo.ready()
    ready_at = time.monotonic()
    with api(url, token) as client:
        alert = first_alert(client)
        picture = client.get(alert["capture_url"])
        assert picture.status_code == 200
        assert picture.headers["content-type"] == "image/jpeg"
        assert persons_standing_in(picture.content, alert["roi_id"]) >= 1
    with httpx.Client(base_url=url, timeout=5) as stranger:
        assert stranger.get("api/alerts").status_code == 401
    arguments = " ".join(processes_of(demo.folder).values())
    assert not [secret for secret in (password, token) if secret in arguments]
    assert {path.stem for path in (demo.folder / "run").glob("*.pid")} >= {"redis", "web", "hub", "detector"}

    assert process.wait(40) == 0
    assert 12 <= time.monotonic() - ready_at < 12 + 6
    text = demo.text()
    assert text.count("READY ") == 1
    assert processes_of(demo.folder) == {}
    assert list((demo.folder / "run").glob("*.pid")) == []
    others = [line for line in text.splitlines() if not re.match(r"\w+ \| |READY ", line)]
    assert others == []

    began = time.monotonic()
    process = demo.start(DEMO_SECONDS="0")
    _, second_user, second_password, second_token = demo.ready()
    assert time.monotonic() - began < 30
    assert process.wait(20) == 0
    assert user == second_user
    assert password != second_password
    assert token != second_token
    assert "error" not in demo.text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_end_it_ends_within_five_seconds(demo: DemoRun, number: signal.Signals) -> None:
    process = demo.start()
    url, _, _, token = demo.ready()
    with api(url, token) as client:
        first_alert(client)
    process.send_signal(number)
    assert process.wait(5) == 0, demo.text()
    assert processes_of(demo.folder) == {}


def test_killed_it_leaves_nothing_behind_and_can_be_started_again(demo: DemoRun) -> None:
    process = demo.start()
    demo.ready()
    process.kill()
    process.wait()
    wait_until(lambda: not processes_of(demo.folder), seconds=5, what="end of every process")
    process = demo.start(DEMO_SECONDS="0")
    demo.ready()
    assert process.wait(20) == 0


def test_a_killed_child_comes_back(demo: DemoRun) -> None:
    demo.start()
    url, _, _, token = demo.ready()
    with api(url, token) as client:
        first_alert(client)
        before = {name: demo.pid(name) for name in ("detector", "hub", "web", "redis")}
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)

        def all_back() -> bool:
            pids = {name: (demo.folder / "run" / f"{name}.pid") for name in before}
            return all(p.is_file() and int(p.read_text()) != before[name] for name, p in pids.items())

        wait_until(all_back, seconds=20, what="new processes")
        killed_at = time.time()

        def newer_alert() -> bool:
            try:
                items = client.get("api/alerts").raise_for_status().json()["items"]
            except httpx.HTTPError:
                return False
            return any(item["timestamp"] > killed_at for item in items)

        wait_until(newer_alert, seconds=40, what="an alert after the restart", every=0.5)
    for name in before:
        assert demo.text().count(f"demo | {name} was ended by SIGKILL") == 1


def test_clear_errors_instead_of_a_start(demo: DemoRun) -> None:
    demo.start()
    demo.ready()
    second = DemoRun(demo.folder)
    second.log = demo.folder.parent / "second.log"
    assert second.start().wait(20) == 1
    assert second.text().startswith("demo | error: a demo is already running in ")
    third = DemoRun(demo.folder.parent / "other")
    assert third.start(PORT=str(demo.port)).wait(20) == 1
    assert third.text().startswith(f"demo | error: port {demo.port} is in use")
    assert third.start(CAMERA="/no/such/file.mp4").wait(20) == 1
    assert third.text().startswith("demo | error: CAMERA: there is no file /no/such/file.mp4")
