"""A stored video through the detector's pipeline: what is listed, what rules see, and the same answer every time."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest
from structlog.testing import capture_logs

from cameras.core.document import Document
from cameras.core.strict_json import DocumentError
from detection import offline_rules, offline_watch
from detection.core.detections import Detections
from detection.core.events import AlertEvent
from detection.inference.detector import Detector
from detection.inference.errors import ModelError
from detection.inference.pool import load_detectors
from detection.ingest.frame import Frame
from detection.offline import analyse, choose_camera, read_document
from detection.offline_video import VideoFile
from detection.pipeline import CameraPipeline, Observation
from detection.plan import Plan
from detection.second_stage import SecondStage
from tests.cameras.documents import REGISTRY, content, document
from tests.detection.accelerators import CUDA, OPENVINO, Dying, pretend_accelerator
from tests.detection.rule_scenes import INSIDE, NAMES, binding, tracks
from tests.fakes import FakeDetector
from tests.servers.clips import make_clip

LEFT = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]
Row = tuple[int, float, list[float]]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds at ten pictures a second."""
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", frames=20)


def person(x: float, score: float = 0.9) -> Row:
    return 0, score, [x - 0.05, 0.3, x + 0.05, 0.7]


def scene(number: int) -> list[Row]:
    """Somebody stands on the left, weaker here and there; a car; two who are hardly there."""
    return [
        person(0.25, 0.3 if number in (4, 9) else 0.9),
        (1, 0.6, [0.7, 0.7, 0.9, 0.9]),
        person(0.6, 0.12),
        (1, 0.05, [0.1, 0.1, 0.2, 0.2]),
    ]


def bare(**params: Any) -> Document:
    given = {
        "cameras": [{"camera_id": "vid1", "rtsp_url": "rtsp://10.0.0.5/1"}],
        "rois": [{"roi_id": "r", "camera_id": "vid1", "roi_type": "polygon", "coordinates": LEFT}],
        "binds": [{"bind_id": "b", "roi_id": "r", "algo_code": "intrusion", "params": params}],
    }
    return read_document(json.dumps(given), registry=REGISTRY)


def lines(clip: Path, doc: Document, *, detectors: int = 1, **options: Any) -> list[dict[str, Any]]:
    made = [cast(Detector, FakeDetector(scene, pause=0.005)) for _ in range(detectors)]
    with VideoFile(clip) as video:
        found = analyse(video, detectors=made, document=doc, registry=REGISTRY, **options)
        return [analysed.line(FakeDetector.classes) for analysed in found]


def events_of(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for line in found for event in line["events"]]


def test_every_frame_has_a_line_with_what_the_pipeline_saw(clip: Path) -> None:
    found = lines(clip, bare())
    assert [line["frame"] for line in found] == list(range(20))
    assert [line["t"] for line in found] == pytest.approx([i / 10 for i in range(20)])
    assert found[3] == {
        "frame": 3,
        "t": 0.3,
        "camera_id": "vid1",
        "detections": [
            {"class": "person", "score": 0.9, "box": [0.2, 0.3, 0.3, 0.7], "track_id": 1},
        ],
        "events": [],
    }
    assert [d["track_id"] for d in found[4]["detections"]] == [1]  # the weak person goes on with its track


def test_classes_that_a_rule_names_are_listed_and_no_others(clip: Path) -> None:
    assert {d["class"] for line in lines(clip, bare()) for d in line["detections"]} == {"person"}
    found = lines(clip, bare(classes=["car"]))
    assert [d["class"] for d in found[3]["detections"]] == ["person", "car"]


def test_an_event_is_as_on_the_channel_with_the_file_s_own_time(clip: Path) -> None:
    (event,) = events_of(lines(clip, bare()))
    assert AlertEvent.model_validate({**event, "capture": ""}).timestamp == pytest.approx(1.0)
    assert (event["device_id"], event["camera_id"], event["bind_id"], event["capture"]) == (
        "offline", "vid1", "b", None,
    )  # fmt: skip
    (later,) = events_of(lines(clip, bare(), began_at=1_700_000_000.0))
    assert later["timestamp"] == pytest.approx(1_700_000_001.0)
    assert later["event_id"] == event["event_id"]


def test_any_number_of_detectors_gives_the_same_answer_in_order(clip: Path) -> None:
    """Every second inference is slow, so that with several detectors answers overtake each other."""
    one = json.dumps(lines(clip, bare()))
    assert one == json.dumps(lines(clip, bare()))
    assert one == json.dumps(lines(clip, bare(), detectors=3))


def test_one_core_gives_the_same_answer_without_threads(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline_watch, "usable_cores", lambda: 2)
    several = lines(clip, bare(), detectors=2)
    monkeypatch.setattr(offline_watch, "usable_cores", lambda: 1)
    before = threading.active_count()
    with VideoFile(clip) as video:
        one = cast(Detector, FakeDetector(scene))
        found = analyse(video, detectors=[one], document=bare(), registry=REGISTRY)
        assert next(found).index == 0
        assert threading.active_count() == before
        assert len(cast(FakeDetector, one).limits) == 1  # no frame is taken before its turn
        found.close()
    assert lines(clip, bare()) == several


class Accelerator(FakeDetector):
    """Fails in every run of the pictures from `first` on, `times` times each."""

    provider = CUDA

    def __init__(self, first: int, times: int = 1000) -> None:
        super().__init__(self._seen, pause=0.005)
        self.first, self.times = first, times
        self.failed: dict[int, int] = {}

    def _seen(self, number: int) -> list[Row]:
        if number >= self.first and self.failed.get(number, 0) < self.times:
            self.failed[number] = self.failed.get(number, 0) + 1
            raise ModelError("device lost", retryable=True)
        return scene(number)


def on_accelerator(clip: Path, one: Accelerator, **options: Any) -> list[dict[str, Any]]:
    with VideoFile(clip) as video:
        made = [cast(Detector, one)]
        found = analyse(video, detectors=made, document=bare(), registry=REGISTRY, **options)
        return [analysed.line(FakeDetector.classes) for analysed in found]


@pytest.mark.parametrize("cores", [1, 2])
def test_an_accelerator_that_fails_is_left_for_the_cpu_without_a_gap(
    clip: Path, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    monkeypatch.setattr(offline_watch, "usable_cores", lambda: cores)
    one, spare = Accelerator(first=7), [FakeDetector(scene, pause=0.005) for _ in range(2)]
    with capture_logs() as logs:
        found = on_accelerator(clip, one, on_cpu=lambda: [cast(Detector, each) for each in spare])
    assert found == lines(clip, bare())
    assert one.failed == {7: offline_watch.TRIES}
    assert sum(len(each.limits) for each in spare) == 13
    assert [(line["event"], line["provider"], line["reason"]) for line in logs] == [
        ("accelerator fails, going on on the CPU", CUDA, "device lost")
    ]


def test_an_accelerator_that_fails_now_and_then_is_kept(clip: Path) -> None:
    def never() -> list[Detector]:
        raise AssertionError("asked for")

    one = Accelerator(first=5, times=offline_watch.TRIES - 1)
    assert on_accelerator(clip, one, on_cpu=never) == lines(clip, bare())
    assert set(one.failed) == set(range(5, 20))


def test_an_accelerator_ends_the_analysis_where_the_cpu_does_not_take_over(clip: Path) -> None:
    def none() -> list[Detector]:
        raise ModelError("no weights")

    with pytest.raises(ModelError, match="device lost"):
        on_accelerator(clip, Accelerator(first=3), on_cpu=none)
    with pytest.raises(ModelError, match="device lost"):
        on_accelerator(clip, Accelerator(first=3))


def test_after_an_accelerator_the_answer_is_the_cpu_s(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default model: on the CPU alone, and on an accelerator that is lost at the first picture."""
    options: dict[str, Any] = {"document": bare(), "registry": REGISTRY, "min_score": 0.001}

    def told(detectors: list[Detector]) -> list[dict[str, Any]]:
        with VideoFile(clip) as video:
            found = analyse(video, detectors=detectors, on_cpu=lambda: load_detectors(provider="cpu"), **options)
            return [analysed.line(detectors[0].classes) for analysed in found]

    expected = told(load_detectors(provider="cpu"))
    made: list[Dying] = []

    def start(_file: str, on_cpu: Any) -> Any:
        made.append(Dying(on_cpu()))
        return made[-1]

    pretend_accelerator(monkeypatch, OPENVINO, start)
    lost = load_detectors()
    made[-1].bad = True
    assert told(lost) == expected
    assert any(line["detections"] for line in expected)


def test_ids_of_events_tell_documents_apart(clip: Path) -> None:
    (one,), (other,) = events_of(lines(clip, bare())), events_of(lines(clip, bare(min_score=0.5)))
    assert one["event_id"] != other["event_id"]


@pytest.mark.parametrize(("fps", "frames"), [(10, range(20)), (5, range(0, 20, 2)), (4, [0, 3, 5, 8, 10, 13, 15, 18])])
def test_fps_takes_the_frames_that_the_live_gate_takes(clip: Path, fps: float, frames: Any) -> None:
    found = lines(clip, bare(), fps=fps)
    assert [line["frame"] for line in found] == list(frames)
    assert [event["data"]["dwell_s"] for event in events_of(found)] == [1.0]


def test_a_smaller_score_lists_more_and_changes_nothing_else(clip: Path) -> None:
    plain, wide = lines(clip, bare()), lines(clip, bare(), min_score=0.01)
    weak = [d for d in wide[3]["detections"] if d["score"] < 0.25]
    assert weak == [{"class": "person", "score": 0.12, "box": [0.55, 0.3, 0.65, 0.7], "track_id": None}]
    for line in wide:
        line["detections"] = [d for d in line["detections"] if d["score"] >= 0.25]
    assert wide == plain


def test_a_larger_score_narrows_nothing(clip: Path) -> None:
    assert lines(clip, bare(), min_score=0.95) == lines(clip, bare())


def test_a_rule_that_wants_weaker_detections_gets_them_without_being_asked(clip: Path) -> None:
    found = lines(clip, bare(min_score=0.1))
    assert [d["score"] for d in found[0]["detections"]] == pytest.approx([0.9, 0.12])


def test_points_in_pixels_are_shares_of_the_video_s_pictures(clip: Path) -> None:
    given: dict[str, Any] = {
        "cameras": [{"camera_id": 1, "rtsp_url": "rtsp://10.0.0.5/1"}],
        "rois": [{"roi_id": "r", "camera_id": 1, "roi_type": "polygon", "coordinates": [[0, 0], [32, 0], [32, 48]]}],
        "binds": [{"bind_id": "b", "roi_id": "r", "algo_code": "intrusion"}],
    }
    assert events_of(lines(clip, read_document(json.dumps(given), registry=REGISTRY))) == []  # feet below the edge
    given["rois"][0]["coordinates"] = [[8, 10], [30, 10], [30, 46], [8, 46]]
    assert len(events_of(lines(clip, read_document(json.dumps(given), registry=REGISTRY)))) == 1


def test_closing_early_ends_its_threads(clip: Path) -> None:
    made = [cast(Detector, FakeDetector(scene)) for _ in range(2)]
    with VideoFile(clip) as video:
        found = analyse(video, detectors=made, document=bare(), registry=REGISTRY)
        assert next(found).index == 0
        found.close()
        assert sum(len(cast(FakeDetector, d).limits) for d in made) <= 10


def test_a_complete_document_of_any_device_is_verified() -> None:
    text = document()
    assert read_document(text, registry=REGISTRY).header.device_id == "box-1"
    with pytest.raises(DocumentError, match="sha256: does not match"):
        read_document(text.replace("critical", "info"), registry=REGISTRY)


@pytest.mark.parametrize(
    ("camera_id", "answer"), [("vid1", "vid1"), ("vid2", "vid2"), (None, "say which camera"), ("x", "no camera 'x'")]
)
def test_of_several_cameras_one_must_be_named(camera_id: str | None, answer: str) -> None:
    doc = read_document(document(content()), registry=REGISTRY)
    if answer == camera_id:
        assert choose_camera(doc, camera_id) == answer
        return
    with pytest.raises(DocumentError, match=f"{answer}.*vid1, vid2"):
        choose_camera(doc, camera_id)


def test_track_ids_fit_detections_that_look_alike(clip: Path) -> None:
    """Two of equal score: the ids must not be swapped between them."""
    twins = [cast(Detector, FakeDetector(lambda number: [person(0.2), person(0.7), person(0.45, 0.2)]))]
    with VideoFile(clip) as video:
        found = list(analyse(video, detectors=twins, document=bare(), registry=REGISTRY, min_score=0.1))
    for analysed in found:
        assert analysed.track_ids.tolist() == [1, 2, 0]
        assert analysed.detections.boxes[:, 0] == pytest.approx(np.array([0.15, 0.65, 0.4]))


def test_track_ids_are_at_the_detections_they_belong_to(clip: Path) -> None:
    """The followed person scores less than somebody who is not trusted yet."""
    script = [person(0.2, 0.9), person(0.7, 0.45)]
    later = [person(0.2, 0.3), person(0.7, 0.45)]
    one = [cast(Detector, FakeDetector(lambda number: script if number == 0 else later))]
    with VideoFile(clip) as video:
        found = list(analyse(video, detectors=one, document=bare(), registry=REGISTRY))
    assert [analysed.track_ids.tolist() for analysed in found[:3]] == [[1, 0], [0, 1], [0, 1]]


def test_the_pipeline_never_gets_what_only_the_list_is_to_show(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []

    class Noting(CameraPipeline):
        def step(self, detections: Detections, **options: Any) -> Observation:
            given.extend(detections.scores.tolist())
            return CameraPipeline.step(self, detections, **options)

    monkeypatch.setattr(offline_rules, "CameraPipeline", Noting)
    assert min(d["score"] for line in lines(clip, bare(), min_score=0.01) for d in line["detections"]) < 0.2
    assert given
    assert min(given) >= 0.25


def test_what_only_another_configuration_looks_for_uncovers_no_view() -> None:
    """A back-test runs two side by side; the model is asked for what either of them wants."""
    post = Plan("c1", (binding("leave_post", absent_s=8.0),))
    rules, events = offline_rules.OfflineRules(post, NAMES, SecondStage()), []
    car = tracks({1: INSIDE}, class_id=1, score=0.9).detections
    for index in range(200):
        frame = Frame("c1", av.VideoFrame(16, 16, "yuv420p"), index / 10, index / 10, 0)
        _, observation = rules.step(offline_watch.Watched(index, frame, car, np.zeros((30, 52), np.uint8)))
        events += observation.events
    assert events == []
