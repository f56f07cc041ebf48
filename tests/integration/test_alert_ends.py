"""An alert's end from the rule to the hub, over a restart of the detector and a kill of the hub."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from detection.hub import ingest as ingest_module
from detection.hub.ingest import Ingest
from detection.ingest.frame import Frame
from detection.models import Alert
from detection.pipeline import CameraPipeline
from detection.plan import Plan
from detection.sink import AlertSink
from tests.detection.rule_scenes import INSIDE, NAMES, binding, tracks
from tests.integration.line import Line, die, expect_kill
from tests.rows import make_device
from tests.servers.redis import RedisServer

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

AT = 1_795_305_600.0
PLAN = Plan("vid1", (binding("leave_post", absent_s=3.0, back_s=1.0, exit_s=0.0),))


@pytest.fixture
def line(redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    monkeypatch.setattr(ingest_module, "WAIT_MS", 1)
    make_device("box-1")
    line = Line(redis_server, tmp_path / "edge.sqlite3")
    yield line
    line.database.close()


class Detector:
    """The rules and the sink of one run of the program."""

    def __init__(self, line: Line, state: object = None) -> None:
        self.pipeline = CameraPipeline(NAMES)
        if state is not None:
            self.pipeline.restore(state)
        self.pipeline.use(PLAN)
        self.sink = AlertSink(
            device_id="box-1", outbox=line.outbox, wake=line.edge.wake, stop=threading.Event(), clock=line.clock
        )

    def watch(self, start: float, seconds: float, seen: Any) -> None:
        picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="bgr24")
        for tenth in range(round(seconds * 10)):
            now = start + tenth / 10
            step = self.pipeline.step(seen.detections, media_time=now, generation=0, wall_time=AT + now)
            for event in step.events:
                self.sink.raise_alerts([event], Frame("vid1", picture, now, AT + now, 0), PLAN)


def test_the_end_after_a_restart_belongs_to_the_alert_from_before(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Detector(line)
    before.watch(0, 6, tracks({}))
    line.pump()
    started = Alert.objects.get()
    assert (started.phase, started.ended_at) == ("started", None)

    after = Detector(line, before.pipeline.latest)
    after.watch(10, 2, tracks({1: INSIDE}))
    line.step_edge()
    with monkeypatch.context() as patch:
        patch.setattr(Ingest, "_confirm", die)
        expect_kill(line.step_hub)
    line.restart_hub()
    line.pump()

    ended = Alert.objects.get()
    assert (ended.pk, ended.event_id, ended.state) == (started.pk, started.event_id, "open")
    assert ended.ended_at is not None
    assert ended.ended_at.timestamp() == pytest.approx(AT + 11, abs=0.11)
    assert ended.end_data["reason"] == "back"
    assert line.told[-1] == ended.event_id
    assert line.dead_letters() == {}
