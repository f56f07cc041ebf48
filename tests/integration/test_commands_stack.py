"""Commands with everything real: a camera, Redis, a hub, a box that is asked for a picture and to test a connection."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
import redis

from cameras.probing import services as probing
from detection import snapshots as box_words
from recordings import snapshots as hub_words
from tests.integration.connections import check_facts, wrong_addresses
from tests.servers.redis import RedisServer
from tests.servers.rtsp import RtspServer
from tests.servers.stack import Stack, installation, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

PASSWORD = "hunter2-pw"
PAGE = "/admin/cameras/camera/vid1/"


class Hub:
    """A person's browser and a machine's token at a running installation."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.browser = stack.person()
        self.headers = {"X-CSRFToken": self.browser.cookies["csrftoken"], "Referer": stack.url}

    def live(self) -> None:
        with self.stack.api() as api:
            wait_until(
                lambda: api.get("cameras/vid1").json()["state"] == "live", seconds=40, what="camera that is live"
            )

    def post(self, path: str, body: Any) -> httpx.Response:
        return self.browser.post(PAGE + path, json=body, headers=self.headers)

    def outcome(self, path: str, body: Any, *, seconds: float) -> dict[str, Any]:
        """Asks and polls until it is no longer waiting; `took` is how long that took."""
        began = time.monotonic()
        request_id = self.post(path, body).raise_for_status().json()["request_id"]
        while True:
            answer: dict[str, Any] = self.browser.get(f"{PAGE}{path}/{request_id}").raise_for_status().json()
            took = time.monotonic() - began
            if answer["state"] != "waiting":
                return answer | {"took": took}
            assert took < seconds, answer
            time.sleep(0.02)

    def frame(self) -> dict[str, Any]:
        return self.outcome("regions/frame", {}, seconds=6.5)

    def test(self, url: str = "") -> dict[str, Any]:
        return self.outcome("test", {"rtsp_url": url} if url else {}, seconds=probing.ANSWER_SECONDS + 1)


def picture(answer: httpx.Response) -> tuple[int, int]:
    """Width and height of a JPEG."""
    assert answer.headers["Content-Type"] == "image/jpeg"
    decoded = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded.shape[1], decoded.shape[0]


def connections(port: int) -> int:
    """Established connections to that port of this machine."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(fields[2].endswith(f":{port:04X}") and fields[3] == "01" for fields in lines)


@pytest.fixture
def camera(street_clip: Path) -> Iterator[RtspServer]:
    with RtspServer(street_clip, user="op", password=PASSWORD) as server:
        yield server


@pytest.mark.parametrize("worker", ["detector", "processes"])
def test_a_picture_of_this_moment_or_the_reason(
    redis_server: RedisServer, camera: RtspServer, tmp_path: Path, worker: str
) -> None:
    with installation(tmp_path, redis_server.url, camera.url(), "web", "hub", worker) as stack:
        hub = Hub(stack)
        hub.live()
        before = connections(camera.port)
        answers = [hub.frame() for _ in range(5)]
        assert [a["state"] for a in answers] == ["ready"] * 5, answers
        assert max(a["took"] for a in answers) < 5.0
        assert connections(camera.port) == before
        newest = answers[-1]
        assert picture(hub.browser.get(newest["url"])) == (newest["width"], newest["height"]) == (768, 576)
        data = hub.browser.get(f"{PAGE}regions/data").json()
        assert data["frame"] == {key: newest[key] for key in ("url", "at", "width", "height")}
        _a_machine_gets_a_picture_of_its_own(stack)
        if worker == "detector":
            _storage_that_cannot_be_written(stack, hub)
        camera.kill()
        with stack.api() as api:
            wait_until(lambda: api.get("cameras/vid1").json()["state"] == "lost", seconds=15, what="loss")

        def refused() -> dict[str, Any]:
            return answer if (answer := hub.frame())["state"] == "error" else {}

        lost = wait_until(refused, seconds=5, what="a last picture that is too old")
        assert lost["message"].startswith(f"{box_words.NO_FRAME}: ")
        assert lost["took"] < 5.0
        _detection_that_is_stopped(stack, hub)
        stack.end(worker)
        gone = hub.frame()
        assert (gone["state"], gone["took"] < 6.0) == ("error", True)
        for name in ("web", "hub", worker):
            assert PASSWORD not in stack.log(name)
        hub.browser.close()


def _a_machine_gets_a_picture_of_its_own(stack: Stack) -> None:
    with stack.api() as api:
        asked = api.post("cameras/vid1/snapshots").raise_for_status().json()
        assert asked["deadline"] - asked["requested_at"] == pytest.approx(5.0)

        def done() -> dict[str, Any]:
            found: dict[str, Any] = api.get(f"snapshots/{asked['request_id']}").raise_for_status().json()
            return {} if found["state"] == "waiting" else found

        made = wait_until(done, seconds=5, what="snapshot")
        assert (made["state"], made["message"]) == ("ready", "")
        assert made["at"] >= asked["requested_at"] - 2.0
        assert picture(api.get(stack.url + made["url"])) == (768, 576)
        assert api.post("cameras/nope/snapshots").status_code == 404
        assert api.get("snapshots/nope").status_code == 404
    assert httpx.get(stack.url + made["url"]).status_code == 401


def _storage_that_cannot_be_written(stack: Stack, hub: Hub) -> None:
    folder = stack.folder / "media" / "frames"
    shutil.rmtree(folder)
    folder.write_text("a file where a folder should be")
    answer = hub.frame()
    assert (answer["state"], answer["message"]) == ("error", box_words.NOT_STORED)
    folder.unlink()
    assert hub.frame()["state"] == "ready"


def _detection_that_is_stopped(stack: Stack, hub: Hub) -> None:
    with stack.api() as api:
        api.post("cameras/vid1/stop").raise_for_status()
        wait_until(lambda: api.get("cameras/vid1").json()["state"] == "off", seconds=15, what="stop")
    answer = hub.frame()
    assert (answer["state"], answer["message"]) == ("error", hub_words.STOPPED)


def test_a_connection_is_tested_and_no_password_shows(
    redis_server: RedisServer, camera: RtspServer, tmp_path: Path
) -> None:
    with installation(tmp_path, redis_server.url, camera.url(), "web", "hub", "detector") as stack:
        hub = Hub(stack)
        hub.live()
        stored = hub.test()
        assert stored["state"] == "ready", stored
        check_facts(stored["facts"])
        assert stored["notes"] == []
        typed = hub.test(camera.url())
        assert (typed["state"], typed["facts"]["codec"]) == ("ready", "h264")
        shown = hub.test(camera.url(password="***"))
        assert shown["state"] == "ready"
        wrong = wrong_addresses(camera, password=PASSWORD)
        for url, words in wrong.items():
            answer = hub.test(url)
            assert answer["state"] == "error", url
            assert words in answer["message"]
        assert hub.post("test", {"rtsp_url": "http://x/"}).status_code == 422
        assert hub.post("test", {"rtsp_url": "rtsp://op:***@other/x"}).status_code == 422
        _nothing_holds_a_password(stack, redis_server)
        hub.browser.close()


def _nothing_holds_a_password(stack: Stack, server: RedisServer) -> None:
    for name in ("web", "hub", "detector"):
        for secret in (PASSWORD, "other-pw"):
            assert secret not in stack.log(name)
    client = redis.Redis.from_url(server.url(), decode_responses=True, protocol=2)
    held = json.dumps([client.xrange(f"device:{stack.device_id}:{what}") for what in ("commands", "events")])
    client.close()
    assert '"probe"' in held
    assert PASSWORD not in held
    assert "other-pw" not in held
