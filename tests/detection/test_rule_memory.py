"""The rules' state in the edge store, from one run of the program to the next."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from detection import runtime as runtime_module
from detection.analyser import Analyser
from detection.core.tracking import Tracks
from detection.pipeline import CameraPipeline
from detection.plan import Plan
from detection.rule_memory import RuleMemory
from detection.runtime import Runtime
from edgesite.edge_store.database import EdgeDatabase
from tests.cameras.documents import REGISTRY
from tests.detection.rule_scenes import NAMES, binding, times, tracks
from tests.detection.test_runtime import ONE, Detector, read
from tests.fakes import FakeReader

BOUND = binding("line_crossing", reset_at=[])


def pipeline(memory: RuleMemory | None = None) -> CameraPipeline:
    made = CameraPipeline(NAMES)
    made.use(Plan("c1", (BOUND,)))
    if memory is not None:
        made.restore(memory.recall("c1"))
    return made


def walk(made: CameraPipeline, start: float) -> None:
    """One crossing and what follows, until nothing is left on the way to the disk."""
    for now in times(0, 8):
        scene = tracks({1: (0.2 + now / 10, 0.5)}) if now <= 6 else Tracks.empty()
        made.step(scene.detections, media_time=start + now, generation=0, wall_time=1e9 + start + now)


def test_counts_outlive_a_sudden_end(tmp_path: Path) -> None:
    database = EdgeDatabase(tmp_path / "edge.sqlite3")
    running = {"c1": pipeline()}
    memory = RuleMemory(database, lambda: running)
    assert not memory.step()  # nothing seen yet, so nothing that could replace what an earlier run stored
    walk(running["c1"], 0)
    assert memory.step()
    assert not memory.step()
    again = {"c1": pipeline(RuleMemory(EdgeDatabase(tmp_path / "edge.sqlite3"), dict))}
    walk(again["c1"], 100)
    assert again["c1"].numbers()["crossings_a_to_b"] == 2


def test_an_orderly_end_stores_the_last_state_and_the_same_state_is_not_written_twice(tmp_path: Path) -> None:
    memory = RuleMemory(EdgeDatabase(tmp_path / "edge.sqlite3"), lambda: {"c1": made})
    made = pipeline()
    for now in times(0, 3):
        made.step(tracks({1: (0.2, 0.5)}, width=0.3).detections, media_time=now, generation=0, wall_time=1e9 + now)
        assert memory.step() is (now == 0)
    for now in times(3.1, 3.7):  # within a second of the latest snapshot
        made.step(
            tracks({1: (0.2 + now - 3, 0.5)}, width=0.3).detections, media_time=now, generation=0, wall_time=1e9 + now
        )
    assert not memory.step()
    memory.close()
    again = pipeline(memory)
    again.step(Tracks.empty().detections, media_time=0.0, generation=0, wall_time=1e9 + 10)
    assert again.numbers()["crossings_a_to_b"] == made.numbers()["crossings_a_to_b"] == 1


@pytest.mark.parametrize("value", ["{", "[]", "null", '{"version": 9}'])
def test_what_cannot_be_read_is_left(tmp_path: Path, value: str) -> None:
    database = EdgeDatabase(tmp_path / "edge.sqlite3")
    with database.transaction() as db:
        db.execute("INSERT INTO meta VALUES ('rules:c1', ?)", (value,))
    running: dict[str, CameraPipeline] = {}
    memory = RuleMemory(database, lambda: running)
    running["c1"] = pipeline()
    if (kept := memory.recall("c1")) is not None:
        running["c1"].restore(kept)
        assert len(running["c1"].ignored) == 1
    walk(running["c1"], 0)
    assert memory.step()
    assert running["c1"].ignored == []
    assert running["c1"].numbers()["crossings_a_to_b"] == 1


def test_a_camera_that_starts_is_given_what_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_module, "CameraReader", FakeReader)
    asked = []

    def recall(camera_id: str) -> object:
        asked.append(camera_id)
        return {"version": 9}

    runtime = Runtime(
        analyser=Analyser(cast(Any, Detector()), cast(Any, None)), registry=REGISTRY, folder=tmp_path, recall=recall
    )
    runtime.apply(read(**ONE))
    slot = runtime.analyser.slots["vid1"]
    assert asked == []  # not before its first frame: until then another thread or process may know more
    slot.take_up()
    slot.take_up()
    assert asked == ["vid1"]
    assert "unusable state" in slot.pipeline.ignored[0]
