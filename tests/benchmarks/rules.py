"""CPU milliseconds that rules cost in one frame, beside a bare limit: one test of the same points against as many polygons.

`python -m tests.benchmarks.rules` prints one JSON object: by rule and number of tracks what 20 bindings cost, by count of
persons what second looks at them cost.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import av
import numpy as np

from cameras.core.algorithms import registry
from cameras.core.document import parse_content
from cameras.core.geometry import points_inside
from detection.core.detections import Detections
from detection.core.rules.registry import register_all
from detection.core.scene import View, Want
from detection.core.tracking import OverlapTracker, Tracks
from detection.ingest.frame import Frame
from detection.pipeline import CameraPipeline
from detection.plan import make_plan
from detection.second_stage import SecondStage, crop_of
from edgesite.logging import configure_logging
from tests.detection.onnx_files import FLOAT, averaging, write_model

BINDINGS, ROUNDS, TIMES = 20, 15, 20
FRAME_S, SCENES = 0.1, 50
CORNERS = ((0.1, 0.1), (0.9, 0.2), (0.8, 0.9), (0.2, 0.8))
NAMES = ("person",)
Work = Callable[[], object]
RULES: dict[str, dict[str, Any]] = {
    "intrusion": {},
    "loitering": {},
    "intrusion by overlap": {"anchor": "overlap"},
    "leave_post": {},
    "occupancy": {"max_persons": 5},
    "line_crossing": {},
    "procedure": {"steps": [{"roi_id": "step-1"}, {"roi_id": "step-2"}]},
    "attribute": {"model": "nets", "min_height": 0.05},
}


def walkers(number: int, moment: float) -> Detections:
    """People on a lawn, each on a small circle."""
    turn = moment + np.arange(number)
    x = 0.05 + 0.9 * (np.arange(number) % 10) / 10 + 0.02 * np.cos(turn)
    y = 0.1 + 0.8 * (np.arange(number) // 10) / max(number // 10, 1) + 0.02 * np.sin(turn)
    boxes = np.stack((x, y, x + 0.04, y + 0.12), axis=1).clip(0, 1).astype(np.float32)
    return Detections(boxes, np.full(number, 0.8, np.float32), np.zeros(number, np.int32))


def polygon(number: int) -> list[list[float]]:
    """Each binding has a region of its own, so that they share no work that others would not."""
    return [[x * (1 - 0.003 * number) + 0.001 * number, y * (1 - 0.002 * number)] for x, y in CORNERS]


def content(code: str, params: dict[str, Any]) -> dict[str, Any]:
    line = code == "line_crossing"
    rois = [
        {
            "roi_id": f"r{number}",
            "camera_id": "vid1",
            "roi_type": "line" if line else "polygon",
            "coordinates": [[0.1, 0.2 + 0.03 * number], [0.9, 0.8 - 0.03 * number]] if line else polygon(number),
        }
        for number in range(BINDINGS)
    ]
    steps = [{**rois[0], "roi_id": f"step-{n}", "roi_type": "polygon", "coordinates": polygon(n)} for n in (1, 2)]
    binds = [{"bind_id": f"b{n}", "roi_id": f"r{n}", "algo_code": code, "params": params} for n in range(BINDINGS)]
    return {"cameras": [{"camera_id": "vid1", "rtsp_url": "file:///street.mp4"}], "rois": rois + steps, "binds": binds}


class Followed:
    """A tracker that was asked before, so that rules alone are measured."""

    def __init__(self, scenes: list[Tracks]) -> None:
        self._scenes, self._next = scenes, count()

    def update(self, detections: Detections, media_time: float) -> Tracks:
        return self._scenes[next(self._next) % SCENES]

    def reset(self) -> None:
        """Ids stay: the scenes go round."""

    def start_at(self, score: float) -> None:
        """Nothing starts."""


def frame_of(code: str, params: dict[str, Any], number: int) -> Work:
    """One frame through all bindings, as the pipeline does it: second looks are answered at once."""
    tracker = OverlapTracker()
    given = [walkers(number, FRAME_S * step) for step in range(SCENES)]
    followed = Followed([tracker.update(each, FRAME_S * step) for step, each in enumerate(given)])
    pipeline, clock = CameraPipeline(NAMES, tracker=followed), count()
    pipeline.use(make_plan(parse_content(content(code.split(maxsplit=1)[0], params), registry), "vid1", registry))
    present = View("present", 0.9)

    def look(wants: list[Want]) -> dict[Want, View]:
        return dict.fromkeys(wants, present)

    def ours() -> object:
        step = next(clock)
        moment = FRAME_S * step
        return pipeline.step(given[step % SCENES], media_time=moment, generation=0, wall_time=moment, look=look)

    return ours


def bare(number: int) -> Work:
    """The same points against twenty polygons of four corners, in one piece of array arithmetic."""
    ring, feet = np.array(CORNERS), np.random.default_rng(1).random((number, 2))
    return lambda: points_inside(ring, np.tile(feet, (BINDINGS, 1)))


def second_looks(folder: Path, number: int) -> tuple[Work, Work]:
    """Looks at `number` heads of a 1080p frame with a tiny classifier; and the picture and the crops alone."""
    model = {
        "name": "nets", "family": "classifier", "version": "1", "classes": ["net", "back", "bare"],
        "input": {
            "name": "image", "width": 32, "height": 32, "layout": "nchw", "color": "bgr", "letterbox": "stretch",
            "mean": [0, 0, 0], "std": [25.5, 25.5, 25.5],
        },
        "outputs": {
            "scores": "mean", "activation": "softmax", "means": {"net": "present", "back": "unknown", "bare": "missing"},
        },
        "thresholds": {"score": 0.6, "nms_iou": None}, "source": "", "licence": "none",
    }  # fmt: skip
    if not (folder / "nets").exists():
        (folder / "nets").mkdir()
        write_model(folder / "nets", averaging(("image", FLOAT, (1, 3, 32, 32)), "mean"), model)
    stage = SecondStage([folder], provider="cpu")
    pixels = np.random.default_rng(1).integers(0, 255, (1080 * 3 // 2, 1920), dtype=np.uint8)
    frame = Frame("vid1", av.VideoFrame.from_ndarray(pixels, format="yuv420p"), 1.0, 1.0, 0)
    wants = [Want(n, (0.1 * n + 0.01, 0.2, 0.1 * n + 0.05, 0.3), "nets") for n in range(number)]

    def crops() -> object:
        picture = frame.scaled_bgr(1920, 1080)
        return [crop_of(picture, want) for want in wants]

    return lambda: stage.look(frame, wants), crops


def timed(work: Work, times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        work()
    return 1000 * (time.process_time() - began) / times


def least_of(works: dict[str, Work], times: int = TIMES) -> dict[str, float]:
    """The least of the rounds; they take turns, because machines drift."""
    least = dict.fromkeys(works, float("inf"))
    for _ in range(ROUNDS):
        for name, work in works.items():
            least[name] = min(least[name], timed(work, times))
    return least


def measure() -> dict[str, Any]:
    """rules: by number of tracks, then by rule, with `bare`. looks: by persons, the looks and the crops alone."""
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:1]))
    register_all(registry)
    found: dict[str, Any] = {"rules": {}, "looks": {}}
    for number in (10, 50):
        works = {code: frame_of(code, params, number) for code, params in RULES.items()}
        nothing = frame_of("intrusion", {"classes": ["car"]}, number)
        found["rules"][number] = least_of({"bare": bare(number), "nobody counts": nothing, **works})
    with tempfile.TemporaryDirectory() as folder:
        for persons in (1, 4, 8):
            looks, crops = second_looks(Path(folder), persons)
            found["looks"][persons] = least_of({"looks": looks, "crops": crops}, times=4)
    return found


if __name__ == "__main__":
    configure_logging()  # to stderr: stdout is the result
    json.dump(measure(), sys.stdout)
