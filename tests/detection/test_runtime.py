"""Applying documents to running cameras: only what changed restarts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from cameras.core.document import Document, parse_document
from detection import runtime as module
from detection.analyser import Analyser
from detection.ingest.reader_state import CameraState
from detection.runtime import Runtime
from tests.cameras.documents import DEVICE, REGISTRY, content, document
from tests.fakes import FakeReader


class Detector:
    classes = ("person",)


def read(**changes: Any) -> Document:
    return parse_document(document(content(**changes)), device_id=DEVICE, registry=REGISTRY)


def cameras(**urls: str) -> list[dict[str, Any]]:
    return [{"camera_id": name, "rtsp_url": url} for name, url in urls.items()]


ONE = {"cameras": cameras(vid1="webcam:1"), "rois": [], "binds": []}
TWO = ONE | {"cameras": cameras(vid1="webcam:1", vid2="webcam:2")}


@pytest.fixture(autouse=True)
def _readers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CameraReader", FakeReader)
    FakeReader.made.clear()


def make(folder: Path, *only: str) -> Runtime:
    return Runtime(
        analyser=Analyser(cast(Any, Detector()), cast(Any, None)), registry=REGISTRY,
        only=frozenset(only), folder=folder,
    )  # fmt: skip


def acts() -> list[tuple[str, str, list[str]]]:
    return [(r.camera_id, r.url, r.acts) for r in FakeReader.made]


def test_what_is_enabled_and_analysed_runs(tmp_path: Path) -> None:
    runtime = make(tmp_path)
    rows = cameras(vid1="webcam:1", vid2="webcam:2", vid3="webcam:3")
    rows[1]["enabled"], rows[2]["analyse"] = False, False
    runtime.apply(read(**ONE | {"cameras": rows}))
    assert acts() == [("vid1", "webcam:1", ["start"])]
    health = runtime.health()
    assert health["cameras"] == {"vid1": "connecting", "vid2": "disabled", "vid3": "off"}
    assert health["camera_details"] == {"vid1": {"since": 1000.0, "reason": "", "last_frame_at": None, "view": "clear"}}
    assert health["disk_free"] > 0


def test_only_the_cameras_that_were_asked_for(tmp_path: Path) -> None:
    make(tmp_path, "vid2").apply(read(**TWO))
    assert [r.camera_id for r in FakeReader.made] == ["vid2"]


def test_an_edit_of_regions_restarts_nothing(tmp_path: Path) -> None:
    runtime = make(tmp_path)
    runtime.apply(read())
    slot = runtime.analyser.slots["vid1"]
    runtime.apply(read(binds=[]))
    assert runtime.analyser.slots["vid1"] is slot
    assert slot.plan.bindings == ()
    assert acts() == [("vid1", "rtsp://u:hunter2@10.0.0.5/1", ["start"])]


def test_another_url_restarts_that_camera_only(tmp_path: Path) -> None:
    runtime = make(tmp_path)
    runtime.apply(read(**TWO))
    picture = object()
    runtime.analyser.slots["vid1"].newest = cast(Any, picture)
    runtime.apply(read(**TWO | {"cameras": cameras(vid1="webcam:9", vid2="webcam:2")}))
    assert acts() == [
        ("vid1", "webcam:1", ["start", "stop"]),
        ("vid2", "webcam:2", ["start"]),
        ("vid1", "webcam:9", ["start"]),
    ]
    assert runtime.analyser.slots["vid1"].newest is picture  # the tile is not empty meanwhile


def test_a_camera_that_is_gone_stops(tmp_path: Path) -> None:
    runtime = make(tmp_path)
    runtime.apply(read(**TWO))
    runtime.apply(read(**ONE))
    assert [r.acts for r in FakeReader.made] == [["start"], ["start", "stop"]]
    assert list(runtime.analyser.slots) == ["vid1"]
    assert list(runtime.health()["cameras"]) == ["vid1"]


def test_a_document_that_cannot_run_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = make(tmp_path)
    runtime.apply(read(**ONE))
    before = dict(runtime.analyser.slots)

    def refuse(*args: Any) -> None:
        raise ValueError("no such rule")

    monkeypatch.setattr("detection.core.rules.registry.make_rule", refuse)
    with pytest.raises(ValueError, match="no such rule"):
        runtime.apply(read())
    assert runtime.analyser.slots == before
    assert acts() == [("vid1", "webcam:1", ["start"])]


def test_a_camera_that_cannot_be_analysed_is_unhealthy_and_one_that_is_away_is_not(tmp_path: Path) -> None:
    runtime = make(tmp_path)
    runtime.apply(read(**TWO))
    FakeReader.made[0].state = CameraState("lost", 1000.0, "no route")
    assert runtime.unhealthy() == ""
    runtime.analyser.slots["vid2"].broken = "ValueError: x"
    assert runtime.unhealthy() == "camera vid2: ValueError: x"
    assert runtime.health()["camera_details"]["vid1"]["reason"] == "no route"
    assert runtime.health()["camera_details"]["vid2"]["reason"] == "ValueError: x"


def test_a_new_document_is_not_blamed_for_the_one_before(tmp_path: Path) -> None:
    runtime = make(tmp_path)
    runtime.apply(read(**ONE))
    runtime.analyser.slots["vid1"].broken = "ValueError: x"
    runtime.apply(read(**ONE | {"site": {"name": "repaired"}}))
    assert runtime.unhealthy() == ""


def test_the_end_stops_every_reader(tmp_path: Path) -> None:
    runtime = make(tmp_path)
    runtime.apply(read(**TWO))
    runtime.close()
    assert [r.acts for r in FakeReader.made] == [["start", "stop"]] * 2


class Slow(FakeReader):
    """A reader whose camera is silent: it ends some time after it was told to."""

    LASTS_S = 0.3
    log: ClassVar[list[str]] = []

    def start(self) -> None:
        self.log.append(f"start {self.url}")

    def stop(self, timeout: float = 3.0) -> None:
        self.ends = getattr(self, "ends", time.monotonic() + self.LASTS_S)
        self.log.append(f"told {self.url}")
        left = self.ends - time.monotonic()
        if left > 0 and timeout > 0:
            time.sleep(min(left, timeout))
            self.log.append(f"waited for {self.url}")


def test_new_readers_start_before_those_that_end_slowly_are_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CameraReader", Slow)
    Slow.log.clear()
    runtime = make(tmp_path)
    names = [f"vid{number}" for number in range(8)]
    runtime.apply(read(**ONE | {"cameras": cameras(**dict.fromkeys(names, "webcam:1"))}))
    Slow.log.clear()
    began = time.monotonic()
    runtime.apply(read(**ONE | {"cameras": cameras(**dict.fromkeys(names, "webcam:2"))}))
    assert time.monotonic() - began < 3 * Slow.LASTS_S
    assert Slow.log[:16] == ["told webcam:1"] * 8 + ["start webcam:2"] * 8
    Slow.log.clear()
    began = time.monotonic()
    runtime.close()
    assert time.monotonic() - began < 3 * Slow.LASTS_S
    assert Slow.log[:8] == ["told webcam:2"] * 8


def test_all_that_end_slowly_share_one_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CameraReader", Slow)
    monkeypatch.setattr(Slow, "LASTS_S", 60.0)
    monkeypatch.setattr(module, "STOP_S", 0.3)
    runtime = make(tmp_path)
    runtime.apply(read(**TWO))
    began = time.monotonic()
    runtime.apply(read(**ONE | {"cameras": []}))
    assert 0.2 < time.monotonic() - began < 0.6


def test_the_same_camera_opened_anew_waits_until_it_was_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A webcam can be open only once."""
    monkeypatch.setattr(module, "CameraReader", Slow)
    runtime = make(tmp_path)
    runtime.apply(read(**ONE))
    Slow.log.clear()
    runtime.apply(read(**ONE | {"cameras": [{**cameras(vid1="webcam:1")[0], "max_fps": 3.0}]}))
    assert Slow.log[:3] == ["told webcam:1", "told webcam:1", "waited for webcam:1"]
    assert Slow.log[3] == "start webcam:1"
