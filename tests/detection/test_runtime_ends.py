"""A camera that is no longer analysed leaves no alert open; one that is analysed elsewhere keeps its own."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any, cast

import av
import pytest
from structlog.testing import capture_logs

from cameras.core.document import Document, parse_document
from detection import runtime as module
from detection.analyser import Analyser, CameraSlot
from detection.core.rules.base import RuleEvent
from detection.core.tracking import Tracks
from detection.ingest.frame import Frame
from detection.runtime import Runtime
from tests.cameras.documents import DEVICE, REGISTRY, content, document
from tests.fakes import FakeReader

CAMERAS = [{"camera_id": name, "rtsp_url": "webcam:1"} for name in ("vid1", "vid2")]
ROIS = [{"roi_id": "r1", "camera_id": "vid1", "roi_type": "rectangle", "coordinates": [[0.1, 0.1], [0.6, 0.6]]}]
BINDS = [
    {"bind_id": f"b{absent_s}", "roi_id": "r1", "algo_code": "leave_post", "params": {"absent_s": absent_s}}
    for absent_s in (5, 6)
]


def read(**changes: Any) -> Document:
    given = {"cameras": CAMERAS, "rois": ROIS, "binds": BINDS} | changes
    return parse_document(document(content(**given)), device_id=DEVICE, registry=REGISTRY)


class Sink:
    def __init__(self) -> None:
        self.told: list[tuple[str, str, str, float]] = []
        self.states: list[Any] = []
        self.kept: list[tuple[str, Any]] = []

    def keep_state(self, camera_id: str, state: Any) -> None:
        self.kept.append((camera_id, state))

    def raise_alerts(self, events: list[RuleEvent], frame: Frame, plan: object, *, state: Any = None) -> None:
        self.states.append(state)
        self.told += [(frame.camera_id, event.bind_id, event.phase, frame.timestamp) for event in events]


class Detector:
    classes = ("person",)


class Box:
    def __init__(self, folder: Path) -> None:
        self.sink = Sink()
        self.analyser = Analyser(cast(Any, Detector()), cast(Any, self.sink), clock=lambda: 2000.0)
        self.kept: object = None
        self.runtime = Runtime(
            analyser=self.analyser, registry=REGISTRY, folder=folder, recall=lambda camera_id: self.kept
        )
        self.document = read()
        self.runtime.apply(self.document)
        self.slot: CameraSlot = self.analyser.slots["vid1"]

    def watch(self, seconds: int = 10) -> None:
        """Nobody is at the post."""
        self.slot.take_up()
        self.slot.pipeline.use(self.slot.plan)
        for second in range(seconds + 1):
            self.slot.pipeline.step(
                Tracks.empty().detections, media_time=float(second), generation=0, wall_time=1000.0 + second
            )
        self.slot.newest = Frame("vid1", av.VideoFrame(64, 48, "yuv420p"), 10.0, 1010.0, 0)


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    monkeypatch.setattr(module, "CameraReader", FakeReader)
    FakeReader.made.clear()
    return Box(tmp_path)


BOTH = [("vid1", "b5", "ended", 1010.0), ("vid1", "b6", "ended", 1010.0)]


@pytest.mark.parametrize(
    "cameras",
    [CAMERAS[1:], [CAMERAS[0] | {"analyse": False}, CAMERAS[1]], [CAMERAS[0] | {"enabled": False}, CAMERAS[1]]],
    ids=["deleted", "detection stopped", "disabled"],
)
def test_a_camera_that_is_no_longer_analysed_ends_its_alerts(box: Box, cameras: list[dict[str, Any]]) -> None:
    box.watch()
    without: dict[str, Any] = {} if cameras[0]["camera_id"] == "vid1" else {"rois": [], "binds": []}
    box.runtime.apply(read(cameras=cameras, **without))
    assert box.sink.told == BOTH
    assert [rule["state"]["absence"]["alerting"] for rule in box.sink.states[0]["rules"].values()] == [False, False]
    box.runtime.apply(read(cameras=cameras, **without))
    assert box.sink.told == BOTH


def test_what_rules_know_is_stored_when_a_camera_goes_without_an_alert(box: Box) -> None:
    """The thread that stores states every few seconds knows running cameras only."""
    box.watch(seconds=3)
    box.runtime.apply(read(cameras=[CAMERAS[0] | {"analyse": False}, CAMERAS[1]]))
    ((camera_id, state),) = box.sink.kept
    assert (camera_id, state["wall_time"], box.sink.told) == ("vid1", 1003.0, [])
    assert [rule["state"]["absence"]["held_s"] for rule in state["rules"].values()] == [3.0, 3.0]


def test_a_camera_that_another_process_takes_over_keeps_its_alerts(box: Box) -> None:
    box.watch()
    box.runtime.only = frozenset({"vid2"})
    box.runtime.apply(read())
    assert box.sink.told == []


def test_the_process_that_takes_a_camera_over_finds_all_that_its_rules_knew(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stored as the last act, and only then is the camera no longer told of: the other process begins at that."""
    running: list[list[str]] = []

    def keep_state(camera_id: str, state: Any) -> None:
        running.append([*box.runtime.health()["camera_details"]])
        box.sink.kept.append((camera_id, state))
        frame = Frame("vid1", av.VideoFrame(64, 48, "yuv420p"), 20.0, 1020.0, 0)
        turn = threading.Thread(target=box.analyser._analyse, args=(box.slot, frame))
        turn.start()
        turns.append(turn)

    turns: list[threading.Thread] = []
    monkeypatch.setattr(box.sink, "keep_state", keep_state)
    box.watch(seconds=3)
    latest = box.slot.pipeline.snapshot()
    box.runtime.only = frozenset({"vid2"})
    box.runtime.apply(read())
    turns[0].join(5)
    assert box.sink.kept == [("vid1", latest)]
    assert running == [["vid1", "vid2"]]
    assert [*box.runtime.health()["camera_details"]] == ["vid2"]
    assert box.slot.newest is not None
    assert box.slot.newest.media_time == 10.0  # no frame is analysed any more
    box.runtime.apply(read())
    assert len(box.sink.kept) == 1


def test_a_camera_that_has_shown_nothing_leaves_what_is_stored(box: Box) -> None:
    box.runtime.only = frozenset({"vid2"})
    box.runtime.apply(read())
    assert box.sink.kept == []


def test_a_camera_that_is_taken_away_just_before_the_document_says_why_ends_its_alerts(box: Box) -> None:
    """In a group's process the order about cameras and the document come one after the other."""
    box.watch()
    box.runtime.only = frozenset({"vid2"})
    box.runtime.apply(read())
    box.runtime.apply(read(cameras=CAMERAS[1:], rois=[], binds=[]))
    assert box.sink.told == BOTH
    box.runtime.apply(read(cameras=CAMERAS[1:], rois=[], binds=[], site={"name": "other"}))
    assert box.sink.told == BOTH


def test_cameras_that_are_taken_away_one_after_the_other_all_end_their_alerts_with_the_document(box: Box) -> None:
    """A group that gives cameras up and takes others gets several orders before the document."""
    box.watch()
    for only in ({"vid2"}, set[str]()):
        box.runtime.only = frozenset(only)
        box.runtime.apply(box.document)
    box.runtime.apply(read(cameras=CAMERAS[1:], rois=[], binds=[]))
    assert box.sink.told == BOTH


def test_a_camera_that_came_back_in_between_ends_its_alerts_once(box: Box) -> None:
    box.watch()
    for only in ({"vid2"}, {"vid1", "vid2"}):
        box.runtime.only = frozenset(only)
        box.runtime.apply(box.document)
    box.runtime.apply(read(cameras=CAMERAS[1:], rois=[], binds=[]))
    assert box.sink.told == []  # the new slot has shown nothing and nothing was stored for it


def test_a_camera_that_another_process_has_had_for_a_while_is_that_ones_to_end(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No document came between: this process would store over its counts, and end its alerts too early."""
    box.watch()
    box.runtime.only = frozenset({"vid2"})
    box.runtime.apply(read())
    handed = list(box.sink.kept)
    later = time.monotonic() + module.LEFT_S + 1
    monkeypatch.setattr(box.runtime, "_monotonic", lambda: later)
    box.runtime.apply(read(cameras=[CAMERAS[0] | {"enabled": False}, CAMERAS[1]]))
    assert (box.sink.told, box.sink.kept) == ([], handed)


def test_a_camera_that_was_taken_over_long_ago_is_no_concern_of_this_process(box: Box) -> None:
    box.watch()
    box.runtime.only = frozenset({"vid2"})
    for name in ("one", "two"):
        box.runtime.apply(read(site={"name": name}))
    box.runtime.apply(read(cameras=CAMERAS[1:], rois=[], binds=[]))
    assert box.sink.told == []


def test_a_camera_with_another_address_keeps_the_alerts_of_its_unchanged_bindings(box: Box) -> None:
    box.watch()
    box.runtime.apply(read(cameras=[CAMERAS[0] | {"rtsp_url": "webcam:9"}, CAMERAS[1]], binds=BINDS[1:]))
    assert box.sink.told == BOTH[:1]
    box.slot = box.analyser.slots["vid1"]
    box.slot.take_up()
    box.slot.pipeline.use(box.slot.plan)
    box.slot.pipeline.step(Tracks.empty().detections, media_time=500.0, generation=0, wall_time=1012.0)
    assert box.slot.pipeline.progress(500.0)["b6"]["alerting"] is True


def test_a_camera_that_goes_before_it_has_shown_anything_ends_the_alerts_of_the_run_before(box: Box) -> None:
    box.watch()
    box.kept = box.slot.pipeline.snapshot()
    box.runtime.apply(read(cameras=CAMERAS[1:], rois=[], binds=[]))
    box.sink.told.clear()
    box.runtime.apply(read())
    box.runtime.apply(read(cameras=CAMERAS[1:], rois=[], binds=[]))
    assert box.sink.told == [("vid1", "b5", "ended", 2000.0), ("vid1", "b6", "ended", 2000.0)]


def test_a_frame_that_was_about_to_be_analysed_raises_nothing_after_the_end(box: Box) -> None:
    box.watch()
    box.runtime.apply(read(cameras=CAMERAS[1:], rois=[], binds=[]))
    frame = Frame("vid1", av.VideoFrame(64, 48, "yuv420p"), 20.0, 1020.0, 0)
    box.analyser._analyse(box.slot, frame)
    assert box.sink.told == BOTH
    assert (box.slot.newest is frame, box.slot.broken) == (False, "")  # this detector cannot look at anything


def test_an_analysis_that_hangs_holds_up_no_document(box: Box) -> None:
    box.watch()
    box.analyser.last_turn_s = 0.05
    with box.slot.turn, capture_logs() as logs:
        box.runtime.apply(read(cameras=CAMERAS[1:], rois=[], binds=[]))
    assert box.sink.told == []
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == [
        "alerts of a camera that went stay open"
    ]
