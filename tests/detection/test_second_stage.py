"""Second looks: a real (tiny) classifier on crops of real frames, and a box that does not have the model."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from structlog.testing import capture_logs

from cameras.core.algorithms import registry
from detection.core.detections import Detections
from detection.core.rules.base import Binding
from detection.core.scene import View, Want
from detection.inference.classifier import Classifier
from detection.inference.errors import ModelError
from detection.inference.looker import load_looker
from detection.ingest.frame import Frame
from detection.pipeline import CameraPipeline
from detection.plan import Plan
from detection.second_stage import MOST, SecondStage
from tests.detection.onnx_files import FLOAT, averaging, finding, naming, write_model

BLUE, GREEN, RED = (230, 20, 20), (20, 230, 20), (20, 20, 230)
MEANS = {"net": "present", "back": "unknown", "bare": "missing"}  # blue, green, red


def document(**changes: Any) -> dict[str, Any]:
    """Its scores are the mean blue, green and red of the crop, in tenths of full."""
    outputs = {"scores": "mean", "activation": "softmax", "means": MEANS} | changes.pop("outputs", {})
    return {
        "name": "nets", "family": "classifier", "version": "1", "classes": ["net", "back", "bare"],
        "input": {
            "name": "image", "width": 32, "height": 32, "layout": "nchw", "color": "bgr", "letterbox": "stretch",
            "mean": [0, 0, 0], "std": [25.5, 25.5, 25.5],
        },
        "outputs": outputs, "thresholds": {"score": 0.6, "nms_iou": None}, "source": "", "licence": "none",
    } | changes  # fmt: skip


def write(folder: Path, **changes: Any) -> Path:
    folder.mkdir(parents=True)
    return write_model(folder, averaging(("image", FLOAT, (1, 3, 32, 32)), "mean"), document(**changes))


FINDER = ("helmet", "face", "head")  # blue, green, red


def write_finder(folder: Path, **changes: Any) -> Path:
    """A detector that is as sure of a helmet, a face and a head as the picture is blue, green and red."""
    boxes = np.array([[0, 0, 16, 16], [8, 8, 24, 24], [4, 4, 30, 30]], np.float32)
    fixed: dict[str, np.ndarray[Any, Any]] = {"boxes": boxes, "labels": np.arange(3, dtype=np.int64)}
    folder.mkdir(parents=True)
    names = {"boxes": "boxes", "labels": "labels", "scores": "scores", "boxes_are": "pixels"}
    image = document()["input"] | {"std": [255, 255, 255]}
    answers = {"means": {"helmet": "present", "head": "missing"}} | changes.pop("answers", {})
    described = document(family="decoded", classes=FINDER, input=image, answers=answers)
    return write_model(
        folder, finding(("image", FLOAT, (1, 3, 32, 32)), fixed, "scores"), described | {"outputs": names} | changes
    )


def painted(colour: tuple[int, int, int]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.full((40, 30, 3), colour, np.uint8)


def frame() -> Frame:
    """The left third blue, the right third red, grey between."""
    picture = np.full((360, 640, 3), 128, np.uint8)
    picture[:, :213], picture[:, 427:] = BLUE, RED
    return Frame("c1", av.VideoFrame.from_ndarray(picture, format="bgr24"), 1.0, 1_780_000_000.0, 0)


@pytest.mark.parametrize(
    ("colour", "answer"), [(BLUE, "present"), (RED, "missing"), (GREEN, "unknown"), ((128, 128, 128), "unknown")]
)
def test_a_classifier_says_what_its_manifest_says(tmp_path: Path, colour: tuple[int, int, int], answer: str) -> None:
    view = Classifier.load(write(tmp_path / "nets"), provider="cpu").look(painted(colour))
    assert view.answer == answer
    assert not view.absent
    assert (view.score > 0.99) == (colour != (128, 128, 128))


def test_a_blurred_picture_says_nothing(tmp_path: Path) -> None:
    classifier = Classifier.load(write(tmp_path / "nets", outputs={"min_sharpness": 50}), provider="cpu")
    assert classifier.look(painted(RED)) == View("unknown", 0.0)
    striped = painted(RED)
    striped[::2] = 0
    assert classifier.look(np.repeat(striped, 2, axis=0)).answer == "missing"


@pytest.mark.parametrize(
    ("colour", "nothing", "answer"),
    [
        (BLUE, "unknown", "present"),
        (RED, "unknown", "missing"),
        (GREEN, "unknown", "unknown"),  # a class that says nothing is not even looked for
        (GREEN, "missing", "missing"),
        ((128, 128, 128), "present", "present"),  # all below the score
    ],
)
def test_a_detector_says_what_its_manifest_says(
    tmp_path: Path, colour: tuple[int, int, int], nothing: str, answer: str
) -> None:
    looker = load_looker(write_finder(tmp_path / "hats", answers={"nothing": nothing}), provider="cpu")
    view = looker.look(np.full((32, 32, 3), colour, np.uint8))
    assert (view.answer, view.absent) == (answer, False)
    assert view.score == (pytest.approx(230 / 255, abs=0.01) if colour in (BLUE, RED) else 0.0)


def test_the_surest_of_what_a_detector_finds_counts(tmp_path: Path) -> None:
    looker = load_looker(write_finder(tmp_path / "hats"), provider="cpu")
    assert looker.look(np.full((32, 32, 3), (200, 255, 220), np.uint8)).answer == "missing"
    assert looker.look(np.full((32, 32, 3), (220, 255, 200), np.uint8)).answer == "present"


def test_a_blurred_picture_says_nothing_to_a_detector_either(tmp_path: Path) -> None:
    looker = load_looker(write_finder(tmp_path / "hats", answers={"min_sharpness": 50}), provider="cpu")
    assert looker.look(np.full((32, 32, 3), RED, np.uint8)) == View("unknown", 0.0)


def test_a_detector_without_answers_and_a_classifier_with_them_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not say what finding something means"):
        load_looker(_without_answers(write_finder(tmp_path / "hats")), provider="cpu")
    answers = {"means": {"net": "present"}}
    with pytest.raises(ModelError, match="is a classifier: its manifest has no answers"):
        load_looker(write(tmp_path / "nets", answers=answers), provider="cpu")


def _without_answers(folder: Path) -> Path:
    described = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(described | {"answers": None}))
    return folder


def test_the_provider_is_that_of_the_settings(tmp_path: Path, settings: Any) -> None:
    settings.ORT_PROVIDER = "openvino"
    write(tmp_path / "nets")
    want = Want(1, (0.05, 0.2, 0.2, 0.5), "nets")
    with capture_logs() as logs:
        assert SecondStage([tmp_path]).look(frame(), [want])[want].absent
    assert "ORT_PROVIDER asks for openvino" in logs[0]["reason"]
    settings.ORT_PROVIDER = "cpu"
    assert SecondStage([tmp_path]).look(frame(), [want])[want].answer == "present"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"family": "yolox"}, "is of the family 'yolox'"),
        ({"outputs": {"means": {"net": "present"}}}, "must say what each of its classes means"),
        ({"outputs": {"means": MEANS | {"bare": "gone"}}}, "outputs of nets are broken"),
        ({"outputs": {"scores": "other"}}, "has no output 'other'"),
        ({"input": document()["input"] | {"name": "picture"}}, "is not 'picture'"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        Classifier.load(write(tmp_path / "nets", **changes), provider="cpu")


def test_a_classifier_that_gives_texts_is_refused_and_costs_the_camera_nothing(tmp_path: Path) -> None:
    (tmp_path / "nets").mkdir()
    write_model(tmp_path / "nets", naming(("image", FLOAT, (1, 3, 32, 32)), "mean", "bare"), document())
    with pytest.raises(ModelError, match=r"Output 'mean' of nets is tensor\(string\), not one number a class"):
        Classifier.load(tmp_path / "nets", provider="cpu")
    want = Want(1, (0.05, 0.2, 0.2, 0.5), "nets")
    assert SecondStage([tmp_path], provider="cpu").look(frame(), [want]) == {want: View("unknown", 0.0, absent=True)}


def test_each_want_gets_the_view_of_its_crop(tmp_path: Path) -> None:
    write(tmp_path / "nets")
    stage = SecondStage([tmp_path], provider="cpu")
    left, right = Want(1, (0.05, 0.2, 0.2, 0.5), "nets"), Want(2, (0.8, 0.2, 1.3, 0.5), "nets")
    tiny, other = Want(3, (0.1, 0.1, 0.105, 0.2), "nets"), Want(4, (0.05, 0.2, 0.2, 0.5), "masks")
    views = stage.look(frame(), [left, right, tiny, other, left])
    assert {want: (view.answer, view.absent) for want, view in views.items()} == {
        left: ("present", False), right: ("missing", False), tiny: ("unknown", False), other: ("unknown", True),
    }  # fmt: skip
    many = [Want(i, (0.05, 0.2, 0.2, 0.5), "nets") for i in range(MOST + 3)]
    assert len(stage.look(frame(), many)) == MOST


def test_a_model_that_is_missing_is_told_once_and_found_when_it_comes(tmp_path: Path) -> None:
    now = 0.0
    stage = SecondStage([tmp_path / "a", tmp_path / "b"], provider="cpu", monotonic=lambda: now)
    want = Want(1, (0.05, 0.2, 0.2, 0.5), "nets")
    with capture_logs() as logs:
        for moment in (0.0, 1.0, 61.0, 122.0):
            now = moment
            assert stage.look(frame(), [want]) == {want: View("unknown", 0.0, absent=True)}
    assert [(line["event"], line["model"]) for line in logs] == [("no model for second looks", "nets")]
    write(tmp_path / "b" / "nets")
    now = 190.0
    assert stage.look(frame(), [want])[want].answer == "present"


def test_a_model_that_fails_makes_unknown_views_not_errors(tmp_path: Path) -> None:
    (tmp_path / "nets").mkdir()
    want = Want(1, (0.05, 0.2, 0.2, 0.5), "nets")

    class Failing:
        def look(self, picture: object) -> View:
            raise ModelError("out of memory", retryable=True)

    stage = SecondStage([tmp_path], load=lambda folder, provider: Failing())
    assert stage.look(frame(), [want]) == {want: View("unknown", 0.0, absent=True)}
    assert stage.look(frame(), [want]) == {want: View("unknown", 0.0, absent=True)}


@pytest.mark.parametrize(("each_s", "least"), [(2.0, 36), (25.0, 130)])
def test_bindings_share_the_looks_of_a_frame(tmp_path: Path, each_s: float, least: int) -> None:
    """Three bindings, four people, 20 s: twelve looks are wanted at once, and eight taken in a frame."""
    looked: Counter[tuple[str, int]] = Counter()
    stage = SecondStage([tmp_path], load=lambda folder, provider: Bare(folder.name))
    bindings = []
    for name in ("nets", "masks", "gloves"):
        (tmp_path / name).mkdir()
        params = registry.parameters("attribute", {"model": name, "crop": "body", "looks_per_s": each_s})
        shape = ((0.0, 0.0), (1.0, 1.0))
        bindings.append(Binding(name, "r", "c1", "attribute", "critical", 0, "rectangle", shape, params))
    pipeline = CameraPipeline(("person",))
    pipeline.use(Plan("c1", tuple(bindings)))
    boxes = np.array([[x, 0.2, x + 0.1, 0.8] for x in (0.1, 0.3, 0.5, 0.7)], np.float32)
    people, picture = Detections(boxes, np.full(4, 0.9, np.float32), np.zeros(4, np.int32)), frame()

    def look(wants: list[Want]) -> dict[Want, View]:
        views = stage.look(picture, wants)
        assert len(views) <= MOST
        looked.update((want.model, want.track_id) for want in views)
        return views

    for index in range(200):
        pipeline.step(people, media_time=index / 10, generation=0, look=look)
    assert len(looked) == 12
    assert min(looked.values()) >= least
    assert max(looked.values()) <= min(looked.values()) + 4


class Bare:
    """A model to which everybody is without."""

    def __init__(self, name: str) -> None:
        self.name = name

    def look(self, picture: object) -> View:
        return View("missing", 0.9)


@pytest.mark.parametrize("kind", [write, write_finder], ids=["classifier", "detector"])
def test_from_picture_to_alert(tmp_path: Path, kind: Callable[[Path], Path]) -> None:
    """One person in blue, one in red; the rule asks, the stage looks, one alert."""
    kind(tmp_path / "nets")
    stage = SecondStage([tmp_path], provider="cpu")
    params = registry.parameters("attribute", {"model": "nets", "crop": "body"})
    bound = Binding("b", "r", "c1", "attribute", "critical", 0, "rectangle", ((0.0, 0.0), (1.0, 1.0)), params)
    pipeline = CameraPipeline(("person",))
    pipeline.use(Plan("c1", (bound,)))
    boxes = np.array([[0.1, 0.2, 0.2, 0.8], [0.8, 0.2, 0.9, 0.8]], np.float32)
    people = Detections(boxes, np.full(2, 0.9, np.float32), np.zeros(2, np.int32))
    picture, events = frame(), []
    for index in range(50):
        seen = pipeline.step(people, media_time=index / 10, generation=0, look=lambda wants: stage.look(picture, wants))
        events += seen.events
    (event,) = events
    assert (event.severity, event.data["attribute"]) == ("critical", "hairnet")
    assert event.data["box"][0] == pytest.approx(0.8)  # type: ignore[index]
    assert pipeline.numbers() == {"hairnets": 1}
    assert pipeline.progress(5.0)["b"] == {"active": True, "present": 1, "missing": 1, "unknown": 0}
