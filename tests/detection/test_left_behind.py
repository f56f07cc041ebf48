"""An alert ends also when its camera went while the process that watched it was down, or with the last camera of one."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from detection.core.rules.base import RuleEvent
from detection.core.tracking import Tracks
from detection.left_behind import LeftBehind
from detection.pipeline import CameraPipeline
from detection.plan import Plan
from detection.rule_memory import RuleMemory
from detection.sink import RULES
from tests.detection.rule_scenes import NAMES, binding, times, tracks
from tests.detection.test_open_alerts import Box

POST = binding("leave_post", absent_s=5.0)
LINE = replace(binding("line_crossing", reset_at=[]), bind_id="b2")


def somebody_leaves(pipeline: CameraPipeline, start: float = 0.0) -> list[RuleEvent]:
    """Over the line and out of the region, and nobody comes for ten seconds."""
    found = []
    for now in times(0, 16):
        scene = tracks({1: (0.2 + now / 10, 0.5)}) if now <= 6 else Tracks.empty()
        at = start + now
        found += pipeline.step(scene.detections, media_time=at, generation=0, wall_time=1e9 + at).events
    return found


def running(memory: RuleMemory | None = None) -> CameraPipeline:
    pipeline = CameraPipeline(NAMES)
    pipeline.use(Plan("vid1", (POST, LINE)))
    if memory is not None:
        pipeline.restore(memory.recall("vid1"))
    return pipeline


class LeftBox(Box):
    """A box whose worker ended while a post was left. nobodys: cameras that nobody analyses any more."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.nobodys: set[str] = set()
        pipeline = running()
        events = somebody_leaves(pipeline)
        assert {(event.algo_code, event.phase) for event in events} >= {("leave_post", "started")}
        for event in events:
            self.tell(event)
        RuleMemory(self.database, lambda: {"vid1": pipeline}).close()
        self.restart()
        self.left = self.look()

    def look(self) -> LeftBehind:
        return LeftBehind(self.database, self.sink, self._of, clock=lambda: 1_795_305_700.0)

    def _of(self, camera_ids: Collection[str]) -> Collection[str]:
        return self.nobodys & set(camera_ids)

    def bodies(self) -> list[dict[str, Any]]:
        return [body for row in self.outbox.head("vid1", 99) if (body := json.loads(row.body))["type"] == "event"]


@pytest.fixture
def box(tmp_path: Path) -> LeftBox:
    return LeftBox(tmp_path)


def test_the_alert_of_a_camera_that_nobody_analyses_ends_once(box: LeftBox) -> None:
    before = box.bodies()
    assert not box.left.step()  # somebody has it, or is about to
    assert box.bodies() == before
    box.nobodys = {"vid1", "other"}
    assert box.left.step()
    (end,) = box.bodies()[len(before) :]
    (start,) = [b for b in before if b["algo_code"] == "leave_post" and b["phase"] == "started"]
    assert (end["algo_code"], end["phase"], end["severity"]) == ("leave_post", "ended", "warning")
    assert (end["bind_id"], end["roi_id"], end["timestamp"]) == (start["bind_id"], start["roi_id"], 1_795_305_700.0)
    assert (end["data"]["started_event_id"], end["data"]["reason"]) == (start["event_id"], "configuration")
    assert not box.left.step()
    assert not box.look().step()  # nor in another run
    assert len(box.bodies()) == len(before) + 1


def test_the_alert_that_ends_is_that_of_the_process_that_had_the_camera_last(box: LeftBox) -> None:
    (start,) = [b for b in box.bodies() if b["algo_code"] == "leave_post" and b["phase"] == "started"]
    first = RuleEvent("b1", "r1", "leave_post", "warning", "started", 0.0, None, start["data"])
    box.tell(first)  # this one had it before
    newest = Box(box.folder).tell(first)["event_id"]
    box.nobodys = {"vid1"}
    assert box.left.step()
    assert box.bodies()[-1]["data"]["started_event_id"] == newest


def test_what_else_its_rules_know_is_there_when_the_camera_comes_back(box: LeftBox) -> None:
    box.nobodys = {"vid1"}
    box.left.step()
    again = running(RuleMemory(box.database, dict))
    events = somebody_leaves(again, 100.0)
    assert again.numbers()["crossings_a_to_b"] == 2
    assert [(e.algo_code, e.phase) for e in events if e.algo_code == "leave_post"] == [("leave_post", "started")]


@pytest.mark.parametrize("spoiled", ["{", "[]", '{"rules": 1}'])
def test_a_spoiled_row_is_told_once_and_costs_the_others_nothing(box: LeftBox, spoiled: str) -> None:
    before = box.bodies()
    with box.database.transaction() as db:
        db.execute("INSERT INTO meta VALUES (?, ?)", (RULES + "a-bad-one", spoiled))
    box.nobodys = {"vid1", "a-bad-one"}
    assert box.left.step()
    assert not box.left.step()
    assert [b["phase"] for b in box.bodies()[len(before) :]] == ["ended"]
