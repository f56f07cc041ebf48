"""The model on the disk against the one that runs: what is told of changes, and that nothing is read in vain."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from detection import model_watch
from detection.model_choice import known_classes, model_mark
from detection.model_watch import CHANGED, NONE, UNUSABLE, ModelWatch
from tests.detection.model_families import CASES, load_family


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.VAR_DIR, settings.DETECTION_MODEL, settings.ORT_PROVIDER = tmp_path, "forklifts", "cpu"
    return build(tmp_path / "models" / "forklifts")


def build(folder: Path, **changes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    load_family(folder, CASES["ssd"], CASES["ssd"].made(), **changes)
    return folder


def edit(folder: Path, **changes: Any) -> None:
    file = folder / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_the_mark_tells_one_model_from_another(folder: Path, settings: Any) -> None:
    mark = model_mark()
    assert mark.startswith("forklifts, cpu, ")
    assert model_mark() == mark
    settings.ORT_PROVIDER = "openvino"
    assert model_mark() == mark.replace("cpu", "openvino")
    settings.ORT_PROVIDER = "cpu"
    edit(folder, version="2")
    assert model_mark() != mark
    (folder / "manifest.json").unlink()
    assert model_mark() == "forklifts, cpu, no manifest"
    settings.DETECTION_MODEL = ""
    assert model_mark().startswith("nanodet-g, cpu, ")


def test_another_model_is_told_and_its_return_too(folder: Path) -> None:
    before = (folder / "manifest.json").read_text()
    watch = ModelWatch()
    assert (watch.mark, watch.notice) == (model_mark(), "")
    edit(folder, version="2")
    with capture_logs() as logs:
        assert watch.step()
        assert watch.notice == f"{CHANGED}: {model_mark()}" == f"{CHANGED}: {watch.mark}"
        assert not watch.step()
        (folder / "manifest.json").write_text(before)
        assert watch.step()
    assert watch.notice == ""
    assert [line["event"] for line in logs] == [
        "detection model on the disk",
        "detection model on the disk is the one that runs",
    ]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "manifest.json").write_text("{"), r"manifest.json is broken: document: Invalid JSON"),
        (lambda folder: edit(folder, colour="red"), "manifest.json is broken: colour: Extra inputs are not permitted"),
        (lambda folder: edit(folder, family="guess"), "of the family 'guess'; known are nanodet"),
        (lambda folder: edit(folder, outputs={}), "outputs"),
        (lambda folder: (folder / "a.onnx").unlink(), "a.onnx is missing. Copy it beside its manifest again"),
        (lambda folder: (folder / "a.onnx").write_bytes(b"x"), "1 bytes instead of"),
        (shutil.rmtree, "No model manifest at"),
    ],
)
def test_a_model_that_was_spoilt_is_told_with_what_to_do(folder: Path, spoil: Any, said: str) -> None:
    watch = ModelWatch()
    spoil(folder)
    assert watch.step()
    assert watch.notice.startswith(f"{UNUSABLE}: ")
    assert said in watch.notice
    assert watch.mark == ""  # nobody is replaced for it


def test_a_model_that_was_wrong_from_the_beginning_is_taken_for_the_running_one_once_it_is_right(folder: Path) -> None:
    content = (folder / "a.onnx").read_bytes()
    (folder / "a.onnx").write_bytes(content[:10])
    watch = ModelWatch()
    assert watch.notice.startswith(f"{NONE}: ")
    assert watch.mark == ""
    (folder / "a.onnx").write_bytes(content)
    assert watch.step()
    assert (watch.mark, watch.notice) == (model_mark(), "")


def test_files_are_read_again_only_when_one_changed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    monkeypatch.setattr(model_watch, "check_folder", read.append)
    watch = ModelWatch()
    for _ in range(3):
        watch.step()
    assert len(read) == 1
    os.utime(folder / "a.onnx", (1, 1))
    watch.step()
    assert len(read) == 2


def test_forms_know_the_classes_of_a_manifest_that_changed_under_them(folder: Path) -> None:
    assert known_classes() == ("person", "car", "dog")
    edit(folder, classes=["forklift", "person", "pallet"])
    assert known_classes() == ("forklift", "person", "pallet")
