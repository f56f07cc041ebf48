"""The manifest: what is accepted, and what every refusal says."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from detection.inference.errors import ModelError
from detection.inference.families import make_adapter
from detection.inference.manifest import DEFAULT_MODEL, ModelManifest, checked_file, load_manifest


def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((DEFAULT_MODEL / "manifest.json").read_bytes())
    return document


def test_the_default_model_is_complete() -> None:
    manifest = load_manifest(DEFAULT_MODEL)
    assert (manifest.name, manifest.family, manifest.licence) == ("nanodet-g", "nanodet", "Apache-2.0")
    assert len(manifest.classes) == 80
    assert (manifest.classes[0], manifest.classes[2], manifest.classes[79]) == ("person", "car", "toothbrush")
    assert (manifest.input.width, manifest.input.height) == (416, 416)
    for weights in ("fp32", "fp16", "int8"):
        assert checked_file(DEFAULT_MODEL, manifest, weights).is_file()
    assert {path.name for path in DEFAULT_MODEL.iterdir()} >= {"LICENSE", "README.md"}


def test_a_manifest_is_found_by_its_folder_or_its_own_path() -> None:
    assert load_manifest(DEFAULT_MODEL) == load_manifest(DEFAULT_MODEL / "manifest.json")


def test_a_missing_manifest_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=rf"No model manifest at {tmp_path}/manifest.json"):
        load_manifest(tmp_path / "manifest.json")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"name": 3}', '"text"'])
def test_what_is_no_manifest_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ModelError, match=r"manifest\.json is broken: .*docs/models\.md") as caught:
        load_manifest(tmp_path)
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        (("extra",), 1, "extra: Extra inputs are not permitted"),
        (("input", "extra"), 1, "input.extra: Extra inputs are not permitted"),
        (("classes",), [], "classes: "),
        (("classes",), ["person", "person"], "classes: Value error, class names must differ"),
        (("input", "layout"), "nhcw", "input.layout: "),
        (("input", "width"), 400, "input: Value error, width and height must be multiples of trim_to"),
        (("input", "letterbox"), "stretch", "input: Value error, a stretched picture has no filling, so trim_to"),
        (("input", "type"), "uint8", "input: Value error, with type uint8 pixels stay as they are"),
        (("input", "fill"), 256, "input.fill: "),
        (("input", "std"), [1, 0, 1], "input.std.1: "),
        (("input", "batch"), 33, "input.batch: "),
        (("answers",), {"means": {}}, "answers.means: "),
        (("answers",), {"means": {"person": "yes"}}, "answers.means.person: "),
        (("answers",), {"means": {"hat": "present"}}, "answers.means names no class of the model: hat"),
        (("input", "mean"), [1, 2], "input.mean.2: "),
        (("thresholds", "score"), 1.5, "thresholds.score: "),
        (("files",), {}, "files: "),
        (("files", "fp64"), {"file": "a.onnx", "sha256": "0" * 64, "bytes": 1}, "files.fp64"),
        (("files", "int8", "file"), "../other.onnx", "files.int8.file: "),
        (("files", "int8", "file"), "/etc/passwd", "files.int8.file: "),
        (("files", "int8", "sha256"), "abc", "files.int8.sha256: "),
    ],
)
def test_a_rule_that_is_broken_is_named_with_its_path(
    tmp_path: Path, where: tuple[str, ...], value: object, said: str
) -> None:
    document = _document()
    place = document
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = value
    (tmp_path / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(ModelError) as caught:
        load_manifest(tmp_path)
    assert said in str(caught.value)


def test_an_unknown_family_names_the_known_ones() -> None:
    manifest = ModelManifest.model_validate(_document() | {"family": "guess"})
    with pytest.raises(ModelError, match="of the family 'guess'; known are nanodet"):
        make_adapter(manifest)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"strides": []}, "outputs.strides"),
        ({"bins": 1}, "outputs.bins"),
        ({"scores_are": "votes"}, "outputs.scores_are"),
        ({"more": 1}, "outputs.more"),
    ],
)
def test_outputs_are_checked_by_the_family(change: dict[str, object], said: str) -> None:
    document = _document()
    document["outputs"] |= change
    with pytest.raises(ModelError) as caught:
        make_adapter(ModelManifest.model_validate(document))
    assert said in str(caught.value)


def _folder(tmp_path: Path, content: bytes) -> tuple[Path, ModelManifest]:
    (tmp_path / "a.onnx").write_bytes(content)
    entry = {"file": "a.onnx", "sha256": hashlib.sha256(b"right").hexdigest(), "bytes": len(b"right")}
    return tmp_path, ModelManifest.model_validate(_document() | {"files": {"fp32": entry}})


def test_the_right_file_is_accepted(tmp_path: Path) -> None:
    folder, manifest = _folder(tmp_path, b"right")
    assert checked_file(folder, manifest, "fp32") == tmp_path / "a.onnx"


@pytest.mark.parametrize(
    ("content", "said", "retryable"),
    [
        (b"wrong", "another SHA-256", False),
        (b"rig", "3 bytes instead of 5", True),  # perhaps still being copied
        (b"right and more", "14 bytes instead of 5", False),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: bytes, said: str, retryable: bool) -> None:
    folder, manifest = _folder(tmp_path, content)
    with pytest.raises(ModelError, match=rf"{tmp_path}/a\.onnx is not the one .*{said}.*Copy it again") as caught:
        checked_file(folder, manifest, "fp32")
    assert caught.value.retryable is retryable


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    folder, manifest = _folder(tmp_path, b"right")
    (tmp_path / "a.onnx").unlink()
    with pytest.raises(ModelError, match=rf"{tmp_path}/a\.onnx is missing"):
        checked_file(folder, manifest, "fp32")


def test_weights_that_a_model_does_not_have_are_refused_with_those_it_has(tmp_path: Path) -> None:
    folder, manifest = _folder(tmp_path, b"right")
    with pytest.raises(ModelError, match="has no int8 weights, only fp32"):
        checked_file(folder, manifest, "int8")
