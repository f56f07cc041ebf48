"""The setting DETECTION_MODEL: everything that detects takes that model, and forms know its classes."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any, cast

import pytest
from django.core.management import CommandError, call_command

from cameras.core.algorithms import RegionParameters, registry
from detection.backtest import work
from detection.edge_settings import EdgeSettings
from detection.executors.group_worker import GroupWorker, Lifeline
from detection.executors.seat import Seat
from detection.inference.manifest import DEFAULT_MODEL
from detection.inference.pool import DetectorPool
from detection.management.commands import run_detector
from detection.model_choice import detection_model, known_classes, model_mark
from tests.detection.model_families import CASES, load_family
from tests.servers.clips import make_clip

CLASSES = ("forklift", "person", "pallet")


@pytest.fixture
def chosen(tmp_path: Path, settings: Any) -> Path:
    """A model of one's own below VAR_DIR, and the setting that names it."""
    settings.VAR_DIR, settings.DETECTION_MODEL, settings.ORT_PROVIDER = tmp_path, "forklifts", "cpu"
    folder = tmp_path / "models" / "forklifts"
    folder.mkdir(parents=True)
    load_family(folder, CASES["ssd"], CASES["ssd"].made(), classes=CLASSES)
    return folder


def test_without_the_setting_it_is_the_default_model(settings: Any) -> None:
    settings.DETECTION_MODEL = ""
    assert detection_model() == DEFAULT_MODEL
    assert "person" in known_classes()
    settings.DETECTION_MODEL = DEFAULT_MODEL.name
    assert detection_model() == DEFAULT_MODEL


def test_forms_know_the_classes_of_the_chosen_model(chosen: Path) -> None:
    assert (detection_model(), known_classes()) == (chosen, CLASSES)
    assert registry.strange_class(RegionParameters(classes=["forklift"])) is None
    strange = registry.strange_class(RegionParameters(classes=["bicycle"]))
    assert strange is not None
    assert strange.name == "bicycle"


def test_detectors_and_back_tests_run_the_chosen_model(chosen: Path) -> None:
    assert run_detector.load().classes == CLASSES
    assert {detector.classes for detector in work._load()} == {CLASSES}


class FoundError(Exception):
    """Ends a construction at the point that the test is about."""


def found(folder: Path, **options: object) -> None:
    raise FoundError(folder)


def test_analysis_processes_take_it_too(chosen: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nowhere = "redis://127.0.0.1:1/0"
    given = EdgeSettings("box", tmp_path / "edge.sqlite3", nowhere, nowhere, executor="processes")

    class NoOrder:
        def order(self) -> None:
            return None

    monkeypatch.setattr(DetectorPool, "load", found)
    with pytest.raises(FoundError, match="forklifts"):
        GroupWorker(given, "cpu", threading.Event(), cast("Any", NoOrder()))


def test_a_process_that_waits_for_its_model_tells_which_one(chosen: Path, tmp_path: Path) -> None:
    seat = Seat(tmp_path / "run", "g1")
    assert seat.take()
    life = Lifeline(seat, threading.Event())
    life.trouble = "the model is broken"
    life.step()
    status = seat.folder.status("g1")
    seat.release()
    assert status is not None
    assert (status.report.waiting, status.report.model) == ("the model is broken", model_mark())


def test_analyse_video_lists_what_the_chosen_model_finds(chosen: Path, tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mp4", frames=3)
    document = {
        "cameras": [{"camera_id": "vid1", "rtsp_url": "rtsp://10.0.0.5/1"}],
        "rois": [{"roi_id": "r", "camera_id": "vid1", "roi_type": "rectangle", "coordinates": [[0, 0], [1, 1]]}],
        "binds": [{"bind_id": "b", "roi_id": "r", "algo_code": "intrusion", "params": {"classes": ["forklift"]}}],
    }
    (tmp_path / "doc.json").write_text(json.dumps(document))
    out = tmp_path / "out.jsonl"
    order = ["analyse_video", str(tmp_path / "clip.mp4"), "--document", str(tmp_path / "doc.json"), "--out", str(out)]
    call_command(*order)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [{each["class"] for each in line["detections"]} for line in lines] == [{"forklift", "person"}] * 3
    (chosen / "manifest.json").unlink()
    with pytest.raises(CommandError, match=rf"No model manifest at {chosen}/manifest\.json"):
        call_command(*order)
