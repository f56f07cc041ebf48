"""A program that knows only the Redis contract drives a box that no hub has provisioned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
import redis

from tests.servers.redis import RedisServer
from tests.servers.stack import Stack, wait_until

pytestmark = pytest.mark.integration


def write(client: redis.Redis, document: dict[str, Any], version: int, action: str = "UPDATE") -> None:
    client.set("device:d1:config", json.dumps(document))
    client.set("device:d1:version", str(version))
    client.xadd("device_config_stream", {"device_id": "d1", "version": str(version), "action": action})


def test_a_foreign_program_configures_a_box_and_alerts_come(
    redis_server: RedisServer, street_clip: Path, tmp_path: Path
) -> None:
    client = redis.Redis.from_url(redis_server.url(), decode_responses=True, protocol=2)
    document = {
        "cameras": [{"camera_id": "cam", "rtsp_url": street_clip.as_uri(), "maker": "acme"}],
        "rois": [
            {
                "roi_id": "all", "camera_id": "cam", "roi_type": "polygon",
                "coordinates": [{"x": 5, "y": 5}, {"x": 763, "y": 5}, {"x": 763, "y": 570}, {"x": 5, "y": 570}],
            }
        ],
        "binds": [{"bind_id": "b1", "roi_id": "all", "algo_code": "intrusion", "params": {"dwell_s": 0.5}}],
    }  # fmt: skip

    def report() -> dict[str, Any]:
        return cast("dict[str, Any]", json.loads(cast("str | None", client.get("device:d1:report")) or "{}"))

    def events() -> list[dict[str, Any]]:
        entries = cast("list[tuple[str, dict[str, str]]]", client.xrange("device:d1:events"))
        return [json.loads(fields["body"]) for _, fields in entries if fields["kind"] == "alert"]

    with Stack(tmp_path, redis_server.url, device_id="d1") as stack:
        write(client, document, 7)
        stack.start("detector")
        wait_until(lambda: report().get("applied") == 7, seconds=30, what="applied version 7")
        assert report()["state"] == "applied"
        assert report()["epoch"] == ""
        found = wait_until(events, seconds=20, what="alert")
        assert found[0]["roi_id"] == "all"
        assert max(max(e["data"]["box"]) for e in found) <= 1.0
        wait_until(lambda: report()["confirmed"] == 7, seconds=10, what="confirmed version 7")

        write(client, document | {"binds": [{"bind_id": "b1", "roi_id": "all", "algo_code": "magic"}]}, 8)
        wait_until(lambda: report()["state"] == "refused", seconds=5, what="refusal")
        assert "magic" in report()["reason"]
        assert report()["applied"] == 7

        write(client, document | {"binds": []}, 9)
        wait_until(lambda: report()["applied"] == 9, seconds=5, what="applied version 9")
        client.xadd("device_config_stream", {"device_id": "", "version": "9", "action": "ROLLBACK"})
        wait_until(lambda: report()["state"] == "reverted", seconds=5, what="rollback")
        assert report()["applied"] == 7
        assert stack.end("detector") == 0
