"""An alert's clip with everything real: a camera, ffmpeg, Redis, a hub, a box without a detector."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.outbox import NewAlert, Outbox
from edgesite.ids import uuid7
from recordings.recorder.segment_store import SegmentStore
from tests.detection.alerts import alert_body
from tests.integration.recordings import Camera, begins_with_its_index, stamps
from tests.servers.redis import RedisServer
from tests.servers.rtsp import RtspServer
from tests.servers.stack import installation, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

FPS = 10
PRE, POST = 4, 2


def test_an_alert_has_a_clip_that_begins_before_it(
    redis_server: RedisServer, street_clip: Path, tmp_path: Path
) -> None:
    with (
        RtspServer(street_clip) as camera,
        installation(tmp_path, redis_server.url, camera.url(), "web", "hub", "recorder") as stack,
        stack.person() as person,
    ):
        vid1 = Camera(stack)
        vid1.ready()
        assert not vid1.ffmpegs()
        stack.edit(person, "cameras/camera", "vid1", record_events="on", event_pre_s=str(PRE), event_post_s=str(POST))
        wait_until(vid1.ffmpegs, seconds=10, what="ffmpeg of the ring")
        database = EdgeDatabase(tmp_path / "edge.sqlite3")
        segments = SegmentStore(database)
        ring = wait_until(lambda: segments.of_camera("vid1"), seconds=20, what="a segment")
        assert ring[0].ring
        at, event_id = time.time(), uuid7()
        body = alert_body(event_id, timestamp=at, device_id=stack.device_id, capture=None)
        Outbox(database).add_alerts([NewAlert(event_id, "vid1", body)], now=at)

        def source() -> str:
            page = person.get("/admin/detection/alert/1/change/").text
            return page.partition('<video id="alert-clip" class="evidence" src="')[2].partition('"')[0]

        clip = person.get(wait_until(source, seconds=30, what="the alert's clip")).raise_for_status().content
        assert begins_with_its_index(clip)
        assert PRE + POST - 0.5 < len(stamps(clip)) / FPS < PRE + POST + 5  # it begins with the key frame before
        around = segments.between("vid1", start=at - PRE, end=at + POST)
        assert around[0].start <= at - PRE + 1
        assert not any(s.ring for s in around)
        assert json.loads(database.rows("SELECT told FROM tasks")[0]["told"])["gaps"] == []
        vid1.close()
        database.close()
