"""`manage.py check_model`, and the system check: what a person is told who brings a model."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from django.core.management import CommandError, call_command

from detection.checks import model_is_there
from tests.detection.model_families import CASES, load_family
from tests.detection.test_second_stage import GREEN, write

CLASSES = ("forklift", "person", "pallet")


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.VAR_DIR, settings.DETECTION_MODEL, settings.ORT_PROVIDER = tmp_path, "forklifts", "cpu"
    made = tmp_path / "models" / "forklifts"
    made.mkdir(parents=True)
    load_family(made, CASES["ssd"], CASES["ssd"].made(), classes=CLASSES)
    return made


def edit(folder: Path, **changes: Any) -> None:
    file = folder / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def said(*words: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("check_model", *words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.mark.parametrize("named", [True, False])
def test_a_model_that_is_right(folder: Path, *, named: bool) -> None:
    out, err = said(*(["forklifts"] if named else []))
    assert f"small 1 (decoded, 3 classes, MIT) in {folder}" in out
    assert "fp32: a.onnx runs on CPU, " in out
    assert "a detector takes fp32; rules may name: forklift, person, pallet" in out
    assert err == ""
    assert model_is_there(None) == []


def test_what_it_finds_in_a_picture(folder: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "picture.png"), np.zeros((64, 64, 3), np.uint8))
    out, _ = said(str(folder), "--picture", str(tmp_path / "picture.png"))
    assert sum(" at " in line and line.startswith(CLASSES) for line in out.splitlines()) >= 3
    with pytest.raises(CommandError, match=r"manifest\.json is no picture that can be read"):
        said("--picture", str(folder / "manifest.json"))


def test_weights_that_are_left_out_are_told_beside_those_that_run(folder: Path) -> None:
    files = json.loads((folder / "manifest.json").read_text())["files"]
    edit(folder, files=files | {"int8": files["fp32"] | {"file": "b.onnx"}})
    out, err = said()
    assert "int8: The model file" in err
    assert "b.onnx is missing. Copy it beside its manifest again." in err
    assert "a detector takes fp32" in out


def test_what_is_wrong_ends_it_with_what_to_do(folder: Path) -> None:
    (folder / "a.onnx").write_bytes(b"not a network")
    with pytest.raises(CommandError, match=r"a\.onnx is not the one its manifest names .*Copy it again, or correct"):
        said()
    edit(folder, colour="red")
    with pytest.raises(CommandError, match=r"broken: colour: Extra inputs are not permitted\. docs/models\.md"):
        said()
    [warning] = model_is_there(None)
    assert warning.msg.startswith("DETECTION_MODEL: The model manifest ")
    (folder / "manifest.json").unlink()
    with pytest.raises(CommandError, match=r"No model manifest at .*Put the model's folder there or name another one"):
        said()
    assert "No model manifest" in model_is_there(None)[0].msg


def test_a_classifier_for_second_looks(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "models" / "nets")
    cv2.imwrite(str(tmp_path / "picture.png"), np.full((64, 64, 3), GREEN, np.uint8))
    out, _ = said("nets", "--picture", str(tmp_path / "picture.png"))
    assert "fit for second looks" in out
    assert out.splitlines()[-1].startswith("unknown 0.9")
