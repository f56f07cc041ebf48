"""An `ended` event names the alert that it ends, also after a restart."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from detection.core.rules.base import RuleEvent
from detection.core.started import MOST, MOST_OF_ONE
from detection.ingest.frame import Frame
from detection.open_alerts import KEY, StartedAlerts
from detection.plan import Plan
from detection.rule_memory import RuleMemory
from detection.sink import AlertSink
from edgesite.edge_store.database import EdgeDatabase, EdgeStoreError
from edgesite.edge_store.outbox import Outbox

START = RuleEvent("b1", "r1", "occupancy", "warning", "started", 5.0, None, {"kind": "too_many"})
END = replace(START, phase="ended", media_time=9.0)
FEW = replace(START, data={"kind": "too_few"})


class Box:
    """A detector's sink on an edge store in a folder; `restart` is another process on the same one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open()

    def _open(self) -> None:
        self.database = EdgeDatabase(self.folder / "edge.sqlite3")
        self.outbox = Outbox(self.database)
        self.sink = AlertSink(
            device_id="box-1", outbox=self.outbox, wake=lambda: None, stop=threading.Event(), clock=lambda: 1.0
        )

    def restart(self) -> None:
        self.database.close()
        self._open()

    def tell(self, event: RuleEvent, camera_id: str = "vid1") -> dict[str, Any]:
        """What goes to the hub."""
        picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="bgr24")
        self.sink.raise_alerts([event], Frame(camera_id, picture, 5.0, 1_795_305_600.0, 0), Plan(camera_id))
        body: dict[str, Any] = json.loads(self.outbox.head(camera_id, 999)[-1].body)
        return body


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_an_end_names_its_start_and_has_no_picture(box: Box) -> None:
    start, end = box.tell(START), box.tell(END)
    assert end["data"] == {"kind": "too_many", "started_event_id": start["event_id"]}
    assert end["capture"] == ""
    assert [item.event_id for item in box.outbox.pending_evidence()] == [start["event_id"]]
    assert END.data == {"kind": "too_many"}


def test_the_newest_start_of_the_same_binding_kind_object_and_camera_counts(box: Box) -> None:
    box.tell(START)
    newest = box.tell(START)["event_id"]
    box.tell(FEW)
    box.tell(replace(START, bind_id="b2"))
    box.tell(replace(START, track_id=3))
    box.tell(START, "vid2")
    assert box.tell(END)["data"]["started_event_id"] == newest


def test_an_end_after_a_restart_names_the_start_from_before_and_so_does_its_repetition(box: Box) -> None:
    start = box.tell(START)["event_id"]
    box.restart()
    assert box.tell(END)["data"]["started_event_id"] == start
    box.restart()
    assert box.tell(END)["data"]["started_event_id"] == start


def test_a_camera_that_was_with_another_process_meanwhile_ends_the_alert_from_there(box: Box) -> None:
    box.tell(START)
    newest = Box(box.folder).tell(START)["event_id"]
    RuleMemory(box.database, dict, box.sink).recall("vid1")  # as every camera does that comes
    assert box.tell(END)["data"]["started_event_id"] == newest


def test_what_is_held_in_memory_is_not_forgotten_when_its_camera_comes(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any, **values: Any) -> None:
        raise EdgeStoreError("the disk is full", retryable=True)

    with monkeypatch.context() as patch:
        patch.setattr(box.outbox, "add_alerts", full)
        with pytest.raises(IndexError):
            box.tell(START)
        RuleMemory(box.database, dict, box.sink).recall("vid1")
    end = box.tell(END)
    start, _ = (json.loads(row.body) for row in box.outbox.head("vid1", 9))
    assert end["data"]["started_event_id"] == start["event_id"]


def test_an_end_without_a_start_says_nothing_of_one(box: Box) -> None:
    assert "started_event_id" not in box.tell(END)["data"]


def test_a_start_that_the_store_did_not_take_at_once_is_known_and_becomes_durable(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any, **values: Any) -> None:
        raise EdgeStoreError("the disk is full", retryable=True)

    with monkeypatch.context() as patch:
        patch.setattr(box.outbox, "add_alerts", full)
        with pytest.raises(IndexError):  # nothing is in the outbox
            box.tell(START)
    end = box.tell(END)
    start, _ = (json.loads(row.body) for row in box.outbox.head("vid1", 9))
    assert end["data"]["started_event_id"] == start["event_id"]
    box.restart()
    assert box.tell(END)["data"]["started_event_id"] == start["event_id"]


def test_an_alert_that_lasts_keeps_its_start_however_many_others_there_are(box: Box) -> None:
    """A post is left for a day while people cross a line next to it."""
    known = StartedAlerts(box.database)
    known.note("vid1", START, "post")
    for number in range(3 * MOST):
        known.note("vid1", replace(START, bind_id="line", track_id=number), f"e{number}")
    assert known.of("vid1", END) == "post"
    for number in range(3 * MOST):
        known.note("vid1", replace(START, bind_id=f"line {number % 50}", track_id=number), f"e{number}")
    assert known.of("vid1", END) == "post"
    for number in range(3 * MOST):
        known.note("vid1", replace(START, track_id=number), f"e{number}")
    assert known.of("vid1", END) is None


def test_memory_is_bounded_and_the_oldest_goes(box: Box) -> None:
    known = StartedAlerts(box.database)
    for number in range(MOST_OF_ONE + 5):
        known.note("vid1", replace(START, track_id=number), f"e{number}")
    assert known.of("vid1", replace(END, track_id=4)) is None
    assert known.of("vid1", replace(END, track_id=5)) == "e5"
    for number in range(MOST + 5):
        _, row = known.note("vid1", replace(START, bind_id=f"b {number}"), f"e{number}")
    assert len(json.loads(row)) == MOST
    assert known.of("vid1", replace(END, bind_id="b 5")) == "e5"


@pytest.mark.parametrize("spoiled", ["{", "[]", '{"a": 1}'])
def test_a_spoiled_row_costs_no_alert(box: Box, spoiled: str) -> None:
    with box.database.transaction() as db:
        db.execute("INSERT INTO meta VALUES (?, ?)", (KEY + "vid1", spoiled))
    start = box.tell(START)["event_id"]
    assert box.tell(END)["data"]["started_event_id"] == start
