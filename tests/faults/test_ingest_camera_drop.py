"""A camera that drops is analysed again soon after its return, and its tile says what happened."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.servers.redis import RedisServer
from tests.servers.rtsp import RtspServer
from tests.servers.stack import installation, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]


def test_rtsp_camera_killed_for_ten_seconds(redis_server: RedisServer, rtsp_server: RtspServer, tmp_path: Path) -> None:
    with (
        installation(tmp_path, redis_server.url, rtsp_server.url(), "web", "hub", "detector") as stack,
        stack.api() as api,
    ):

        def rate() -> float:
            answer = api.get("cameras/vid1/stats")
            return answer.json()["data"]["fps"] if answer.status_code == 200 else 0.0

        wait_until(lambda: rate() > 5, seconds=40, what="analysed frames")
        rtsp_server.kill()
        lost = wait_until(
            lambda: (c := api.get("cameras/vid1").json())["state"] == "lost" and c, seconds=9, what="camera lost"
        )
        assert lost["reason"]
        assert time.time() - lost["since"] < 10
        time.sleep(max(0.0, 10 - (time.time() - lost["since"])))
        with closing(stack.person()) as browser:

            def told() -> bool:
                # Every try to connect again may find another reason: the tile says the newest.
                reason = api.get("cameras/vid1").json()["reason"]
                return bool(reason) and reason in browser.get("/live/").text

            wait_until(told, seconds=5, what="reason on the tile", every=0.2)

        rtsp_server.restart()
        back = time.monotonic()
        wait_until(lambda: rate() > 0, seconds=8, what="analysed frames after the return")
        # The statistics that show it are up to a second old and relayed twice a second.
        assert time.monotonic() - back < 5
        wait_until(lambda: api.get("cameras/vid1").json()["state"] == "live", seconds=5, what="state live")
