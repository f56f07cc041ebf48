"""`analyse_video --gate`: still stretches are left out, what happens in between is not, and the answer is always the same."""

from __future__ import annotations

import itertools
import json
import time
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from cameras.core.document import Document
from detection.core.detections import Detections
from detection.core.heartbeat import HEARTBEAT_S
from detection.core.motion import REUSED_S
from detection.core.stillness import HOLD_S, SAMPLE_S, StillGate
from detection.inference.detector import Detector
from detection.offline import analyse, read_document
from detection.offline_video import VideoFile
from tests.cameras.documents import REGISTRY

RATE, SECONDS, WIDTH, HEIGHT = 10, 36, 160, 96
COMES, STANDS, LEAVES, GONE = 12.0, 13.0, 20.0, 21.0  # seconds: somebody walks in, stands, walks out


def place_at(t: float) -> float | None:
    """Where the person's left side is at that second, in pixels; None when nobody is there."""
    if not COMES <= t < GONE:
        return None
    if t < STANDS:
        return 4 + 70 * (t - COMES)
    return 74.0 if t < LEAVES else 74 + 60 * (t - LEAVES)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A yard, lighter to the right, in which somebody, a light block, is for nine of 36 seconds."""
    path = tmp_path_factory.mktemp("gate") / "yard.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"preset": "ultrafast", "bf": "0", "crf": "10"}
        for number in range(RATE * SECONDS):
            picture = np.tile(np.linspace(30, 90, WIDTH), (HEIGHT, 1)).astype(np.uint8)
            if (left := place_at(number / RATE)) is not None:
                picture[40:80, round(left) : round(left) + 12] = 220
            frame = av.VideoFrame.from_ndarray(
                np.vstack([picture, np.full((HEIGHT // 2, WIDTH), 128, np.uint8)]), format="yuv420p"
            )
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


class BlockDetector:
    """Sees the light block. Each second answer is late, so that several detectors overtake each other."""

    classes = ("person",)
    provider = "CPUExecutionProvider"

    def __init__(self) -> None:
        self.asked = 0

    def fit(self, width: int, height: int) -> tuple[int, int]:
        return width, height

    def detect(self, scaled: NDArray[np.uint8], *, min_score: Any) -> Detections:
        self.asked += 1
        time.sleep(0.004 * (self.asked % 2))
        (columns,) = np.nonzero((scaled[40:80, :, 1] > 160).mean(axis=0) > 0.5)
        if len(columns) < 6:
            return Detections.empty()
        box = [columns[0] / WIDTH, 40 / HEIGHT, (columns[-1] + 1) / WIDTH, 80 / HEIGHT]
        return Detections(np.array([box], np.float32), np.array([0.9], np.float32), np.zeros(1, np.int32))


def given() -> Document:
    roi = {"camera_id": "vid1", "roi_type": "rectangle", "coordinates": [[0.3, 0.5], [0.7, 1.0]]}
    binds = [
        {"bind_id": "in", "roi_id": "r1", "algo_code": "intrusion"},
        {"bind_id": "post", "roi_id": "r1", "algo_code": "leave_post", "params": {"absent_s": 5.0, "cooldown_s": 0.0}},
    ]
    document = {
        "cameras": [{"camera_id": "vid1", "rtsp_url": "rtsp://10.0.0.5/1"}],
        "rois": [{"roi_id": "r1", **roi}],
        "binds": binds,
    }
    return read_document(json.dumps(document), registry=REGISTRY)


def run(clip: Path, *, detectors: int = 1, **options: Any) -> tuple[list[dict[str, Any]], int]:
    """The lines, and how often the model was asked."""
    made = [BlockDetector() for _ in range(detectors)]
    with VideoFile(clip) as video:
        found = analyse(
            video, detectors=[cast(Detector, each) for each in made], document=given(), registry=REGISTRY, **options
        )
        return [each.line(BlockDetector.classes) for each in found], sum(each.asked for each in made)


def events(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for line in lines for event in line["events"]]


def told(lines: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(event["bind_id"], event["phase"]) for event in events(lines)]


def test_still_stretches_are_not_analysed_and_nothing_is_missed(clip: Path) -> None:
    every, all_of_them = run(clip)
    some, asked = run(clip, gate=True)
    assert all_of_them == len(every) == RATE * SECONDS
    assert told(some) == told(every) == [
        ("post", "started"), ("in", "started"), ("post", "ended"), ("post", "started"),
    ]  # fmt: skip
    for with_gate, without in zip(events(some), events(every), strict=True):
        late = HEARTBEAT_S if with_gate["bind_id"] == "post" and with_gate["phase"] == "started" else SAMPLE_S
        assert 0 <= with_gate["timestamp"] - without["timestamp"] <= late + 0.11
    there = [line for line in every if line["detections"]]
    also = [line for line in some if line["detections"]]
    assert len(also) >= len(there) - 2
    busy = GONE - COMES + HOLD_S
    assert busy * RATE * 0.9 < asked < (busy + (SECONDS - busy) / REUSED_S * 2 + 2) * RATE
    assert asked < 0.5 * all_of_them


def test_in_between_rules_get_pictures_as_often_as_live_and_the_model_sees_fewer(clip: Path) -> None:
    lines, asked = run(clip, gate=True)
    moments = [line["t"] for line in lines]
    assert max(b - a for a, b in itertools.pairwise(moments)) <= HEARTBEAT_S + 1 / RATE
    assert len(lines) > asked  # a picture that shows the same has the answer of the one before
    still = [t for t in moments if t < COMES - 1]
    assert 3 <= len(still) <= 8


@pytest.mark.parametrize("options", [{}, {"fps": 5.0}])
def test_any_number_of_detectors_gives_the_same_answer(clip: Path, options: dict[str, Any]) -> None:
    one = json.dumps(run(clip, gate=True, **options)[0])
    assert one == json.dumps(run(clip, gate=True, detectors=3, **options)[0])


def test_events_that_go_on_name_the_alert_that_they_continue(clip: Path) -> None:
    first, _, end, _ = events(run(clip, gate=True)[0])
    assert "started_event_id" not in first["data"]
    assert end["data"]["started_event_id"] == first["event_id"]
    assert end["data"]["reason"] == "back"


YARD = np.full((90, 160), 60, np.uint8)


def busy_yard() -> NDArray[np.uint8]:
    picture = YARD.copy()
    picture[40:60, 50:60] = 220
    return picture


def looks(gate: StillGate, start: float, end: float, picture: NDArray[np.uint8], generation: int = 0) -> list[str]:
    found: list[str] = []
    for number in range(round(start * 10), round(end * 10)):
        gate.sample(lambda: picture, number / 10, generation)
        found.append(gate.look(number / 10))
    return found


def test_it_sleeps_from_the_start_and_wakes_for_what_moves() -> None:
    gate = StillGate()
    still = looks(gate, 0, 5, YARD)
    assert still[0] == "new"
    assert set(still[1:]) == {"skip", "same"}
    assert still.count("same") == 1
    assert looks(gate, 5, 5.2, busy_yard())[-1] == "awake"
    assert set(looks(gate, 5.2, 9, busy_yard())) == {"awake"}
    assert "awake" not in looks(gate, 9.3, 12, busy_yard())


def test_who_stands_still_keeps_it_awake_while_he_is_tracked() -> None:
    gate = StillGate()
    looks(gate, 0, 5, YARD)
    for second in range(5, 30):
        gate.wanted(float(second))
        assert set(looks(gate, second, second + 1, YARD)) == {"awake"}
    assert set(looks(gate, 30, 29 + HOLD_S, YARD)) == {"awake"}
    assert "awake" not in looks(gate, 29 + HOLD_S, 40, YARD)


def test_another_scene_wakes_it_and_is_no_repetition() -> None:
    gate = StillGate()
    looks(gate, 0, 2, YARD)
    assert gate.reference_time == 0.0
    assert set(looks(gate, 2, 3, YARD, generation=1)) == {"awake"}
    assert gate.reference_time == 2.0
