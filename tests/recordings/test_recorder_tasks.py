"""Tasks on the box: orders that come twice, late, for what is not there; and what the hub is told."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from cameras.core.algorithms import registry
from cameras.core.document import Document, parse_document
from edgesite.commands import Command
from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.outbox import Outbox
from recordings.core.segments import Segment
from recordings.recorder import tasks as words
from recordings.recorder.segment_store import SegmentStore
from recordings.recorder.segmenter import Segmenter
from recordings.recorder.task_store import TaskStore
from recordings.recorder.tasks import Tasks
from tests.cameras.documents import DEVICE, content, document
from tests.fakes import Clock

T = 1_795_334_400.0
URL = "rtsp://op:secret@10.0.0.5/1"


@dataclass
class FakeSegmenter:
    recording: bool = False
    quiet: bool = False
    reason: str = ""


class Box:
    """The tasks of a box with one camera, `vid1`, and a disabled one, `vid2`."""

    def __init__(self, folder: Path) -> None:
        self.database = EdgeDatabase(folder / "edge.sqlite3")
        self.store, self.segments = TaskStore(self.database), SegmentStore(self.database)
        self.clock = Clock(T)
        self.cameras: dict[str, FakeSegmenter] = {}
        self.document: Document | None = self.configure("vid1", "vid2")
        self.tasks = self.start()

    def start(self, *, has_tool: bool = True) -> Tasks:
        running = cast("dict[str, Segmenter]", self.cameras)
        return Tasks(self.store, self.segments, running, lambda: self.document, has_tool, 60.0, self.clock)

    def configure(self, *camera_ids: str) -> Document:
        cameras = [{"camera_id": c, "rtsp_url": URL, "enabled": c != "vid2"} for c in camera_ids]
        text = document(content(cameras=cameras, rois=[], binds=[]), version=1)
        self.document = parse_document(text, device_id=DEVICE, registry=registry)
        return self.document

    def order(self, action: str = "start", task_id: str = "t1", camera_id: str = "vid1", **body: Any) -> None:
        told = {"task_id": task_id, "camera_id": camera_id, "task_name": "shift", "action": action} | body
        self.tasks.obey(Command("r1", words.KIND, T + 5, told), 5.0)

    def look(self, seconds: float = 0.0) -> None:
        self.clock.advance(seconds)
        self.tasks.step()

    def told(self, task_id: str = "t1") -> list[dict[str, Any]]:
        bodies = [json.loads(r.body) for c in ("vid1", "vid2", "gone") for r in Outbox(self.database).head(c, 99)]
        return [b for b in bodies if b["task_id"] == task_id]

    def states(self, task_id: str = "t1") -> list[str]:
        return [b["state"] for b in self.told(task_id)]


@pytest.fixture
def box(tmp_path: Path) -> Any:
    made = Box(tmp_path)
    yield made
    made.database.close()


def test_it_records_when_pictures_come_and_stops_when_told(box: Box) -> None:
    box.order(seconds=600)
    assert box.tasks.wanted() == {"vid1": URL}
    box.cameras["vid1"] = FakeSegmenter()
    box.look(1)
    assert box.states() == ["starting"]
    box.cameras["vid1"].recording = True
    box.look(1)
    box.look(1)
    assert box.states() == ["starting", "recording"]
    box.clock.advance(7)
    box.order("stop")
    assert box.tasks.wanted() == {}
    last = box.told()[-1]
    assert (last["state"], last["started_at"], last["stopped_at"]) == ("stopping", T + 2, T + 10)
    assert (last["stop_reason"], last["revision"]) == ("requested", 3)


def test_no_credential_is_told(box: Box) -> None:
    box.order()
    assert "secret" not in json.dumps(box.told())


def test_orders_that_come_again_change_nothing_and_are_answered(box: Box) -> None:
    box.order()
    box.order()
    assert [(b["state"], b["revision"]) for b in box.told()] == [("starting", 1), ("starting", 1)]
    box.cameras["vid1"] = FakeSegmenter(recording=True)
    box.look(1)
    box.order("stop")
    box.order("stop")
    assert [(b["state"], b["revision"]) for b in box.told()[2:]] == [("recording", 2), ("stopping", 3), ("stopping", 3)]


@pytest.mark.parametrize(
    ("camera_id", "reason"), [("gone", words.NO_CAMERA), ("vid2", words.DISABLED)], ids=["no camera", "disabled"]
)
def test_what_cannot_be_recorded_fails_at_once(box: Box, camera_id: str, reason: str) -> None:
    box.order(camera_id=camera_id)
    assert [(b["state"], b["error"]) for b in box.told()] == [("failed", reason)]
    assert box.tasks.wanted() == {}


def test_without_ffmpeg_it_says_so(box: Box) -> None:
    box.tasks = box.start(has_tool=False)
    box.order()
    assert [(b["state"], b["error_code"]) for b in box.told()] == [("failed", "no_ffmpeg")]


def test_a_stop_of_what_was_never_heard_of(box: Box) -> None:
    box.order("stop")
    box.order("stop")
    assert [(b["state"], b["error"]) for b in box.told()] == [("failed", words.UNKNOWN)] * 2
    assert box.told()[0]["revision"] == int(T)  # more than of any report that it forgot with its edge store


def test_a_camera_without_pictures_fails_with_its_reason(box: Box) -> None:
    box.order(seconds=30)
    box.cameras["vid1"] = FakeSegmenter(reason="connection refused")
    box.look(29.9)
    box.look(0.2)
    last = box.told()[-1]
    assert (last["state"], last["stop_reason"]) == ("failed", "max_duration")
    assert last["error"] == f"{words.NOTHING}: connection refused"


def test_it_stops_by_itself_and_never_later_than_the_box_allows(box: Box) -> None:
    box.order(seconds=5000)
    box.cameras["vid1"] = FakeSegmenter(recording=True)
    box.look(2)
    box.look(59)
    assert box.states() == ["starting", "recording"]
    box.look(1)
    assert (box.told()[-1]["state"], box.told()[-1]["stop_reason"]) == ("stopping", "max_duration")


def test_a_camera_that_leaves_the_configuration_stops(box: Box) -> None:
    box.order()
    box.cameras["vid1"] = FakeSegmenter(recording=True)
    box.look(1)
    box.configure("vid2")
    box.look(1)
    assert (box.told()[-1]["state"], box.told()[-1]["stop_reason"]) == ("stopping", "camera_removed")


def test_a_box_that_has_no_configuration_yet_waits(box: Box) -> None:
    box.order()
    box.cameras["vid1"] = FakeSegmenter(recording=True)
    box.look(1)
    box.document = None
    box.cameras.clear()
    box.look(1)
    assert box.states() == ["starting", "recording"]


def test_a_restart_goes_on_where_it_was(box: Box) -> None:
    box.order()
    box.cameras["vid1"] = FakeSegmenter(recording=True)
    box.look(1)
    box.tasks = box.start()
    assert box.tasks.wanted() == {"vid1": URL}
    box.look(1)
    assert box.states() == ["starting", "recording"]


def test_a_clip_waits_for_the_segment_that_is_under_way(box: Box) -> None:
    box.order()
    box.cameras["vid1"] = FakeSegmenter(recording=True)
    box.look(1)
    box.clock.advance(9)
    box.order("stop")
    box.look()
    assert box.tasks.ready == frozenset()
    box.segments.add([Segment("vid1", "a", "r", T, T + 8, 1)])
    box.look()
    assert box.tasks.ready == frozenset()
    box.segments.add([Segment("vid1", "b", "r", T + 8, T + 12, 1)])
    box.look()
    assert box.tasks.ready == {"t1"}


def test_a_segment_that_never_closes_is_not_waited_for(box: Box) -> None:
    box.order()
    box.cameras["vid1"] = FakeSegmenter(recording=True)
    box.look(1)
    box.order("stop")
    box.cameras["vid1"].recording = False  # its ffmpeg is opening the camera again
    box.look(words.CLOSING_SECONDS + 1)
    assert box.tasks.ready == {"t1"}


def test_a_camera_that_seldom_sends_a_key_frame_loses_no_end(box: Box) -> None:
    box.order()
    box.cameras["vid1"] = FakeSegmenter(recording=True)
    box.look(1)
    box.order("stop")
    box.look(60)
    assert box.tasks.ready == frozenset()  # recorded for another reason, too, so its segment is not closed yet
    box.segments.add([Segment("vid1", "a", "r", T, T + 61, 1)])
    box.look()
    assert box.tasks.ready == {"t1"}


def test_a_segment_that_is_written_for_ever_is_not_waited_for(box: Box) -> None:
    box.order()
    box.cameras["vid1"] = FakeSegmenter(recording=True)
    box.look(1)
    box.order("stop")
    box.look(words.GROWING_SECONDS + 1)
    assert box.tasks.ready == {"t1"}


def test_a_clock_that_is_set_back_costs_only_what_was_before(box: Box) -> None:
    box.order()
    box.cameras["vid1"] = FakeSegmenter(recording=True)
    box.look(1)
    box.look(-1.9)  # no more than clocks are corrected by
    assert box.states() == ["starting", "recording"]
    box.look(-3600)
    began = box.clock.now
    box.look(20)
    box.order("stop")
    last = box.told()[-1]
    assert (last["state"], last["started_at"], last["stopped_at"]) == ("stopping", began, began + 20)
    assert box.states() == ["starting", "recording", "recording", "stopping"]


def test_a_clock_that_is_set_back_before_the_first_picture_does_not_lengthen_the_wait(box: Box) -> None:
    box.order(seconds=30)
    box.look(-3600)
    box.look(29)
    assert set(box.states()) == {"starting"}
    box.look(2)
    assert box.states()[-1] == "failed"


@pytest.mark.parametrize("body", [{"task_id": ""}, {"action": "pause"}, {"seconds": -1}, {"camera_id": 5}])
def test_an_order_that_cannot_be_read_is_ignored(box: Box, body: dict[str, Any]) -> None:
    box.order(**body)
    assert box.database.rows("SELECT * FROM tasks") == []
