"""CPU milliseconds of each stage of the pipeline, beside the least that the same work could cost, measured in turns."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from cameras.core.algorithms import registry
from cameras.core.document import parse_content
from cameras.core.geometry import points_inside
from detection.core.detections import Detections, limits_by_class
from detection.core.rules.registry import register_all
from detection.core.tracking import OverlapTracker
from detection.inference.detector import Detector
from detection.ingest.frame import Frame
from detection.ingest.pictures import video_stream
from detection.pipeline import CameraPipeline, make_plan
from tests.benchmarks import loops

ROUNDS, TIMES = 9, 30
QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 85]
Work = Callable[[], object]


def measure_stages(clip: Path) -> dict[str, tuple[float, float, str]]:
    """By stage: our milliseconds, those of the bare limit, and what that is; the least of the rounds each."""
    cv2.setNumThreads(1)
    register_all(registry)
    picture = _tenth(clip)
    stages = _image_stages(picture) | _decode_stages(picture) | _object_stages()
    least: dict[str, list[float]] = {name: [np.inf, np.inf] for name in stages}
    for _ in range(ROUNDS):
        for name, (ours, bare, _what) in stages.items():
            for place, work in enumerate((ours, bare)):
                least[name][place] = min(least[name][place], _timed(work))
    return {name: (least[name][0], least[name][1], what) for name, (_ours, _bare, what) in stages.items()}


def _timed(work: Work) -> float:
    began = time.process_time()
    for _ in range(TIMES):
        work()
    return 1000 * (time.process_time() - began) / TIMES


def _tenth(clip: Path) -> VideoFrame:
    with av.open(str(clip)) as container:
        for number, picture in enumerate(container.decode(video_stream(container))):
            if number == 10:
                return picture
    raise ValueError(f"{clip} is too short")


def _image_stages(picture: VideoFrame) -> dict[str, tuple[Work, Work, str]]:
    frame, scaler, detector = Frame("vid1", picture, 0.0, 0.0, 0), VideoReformatter(), Detector.load(provider="cpu")
    size = (loops.WIDTH, loops.HEIGHT)
    scaled, whole = frame.scaled_bgr(*size), frame.scaled_bgr(1920, 1080)
    blob = np.empty((1, 3, loops.BLOB_HEIGHT, loops.WIDTH), np.float32)
    planes = [np.empty(size[::-1], np.uint8) for _ in range(3)]

    def scale() -> object:
        kind = Interpolation.AREA
        return scaler.reformat(
            picture, width=size[0], height=size[1], format="bgr24", interpolation=kind, threads=1
        ).to_ndarray()

    return {
        "scale 1080p to the model": (lambda: frame.scaled_bgr(*size), scale, "swscale AREA alone"),
        "normalise": (lambda: detector.prepare(scaled), lambda: loops.fill(blob, planes, scaled), "into used memory"),
        "JPEG 1080p, quality 85": (
            lambda: frame.jpeg(quality=85),
            lambda: cv2.imencode(".jpg", whole, QUALITY),
            "OpenCV from BGR, no conversion",
        ),
    }


def _decode_stages(picture: VideoFrame) -> dict[str, tuple[Work, Work, str]]:
    detector = Detector.load(provider="cpu")
    size = (loops.WIDTH, loops.HEIGHT)
    outputs = detector.run(detector.prepare(Frame("vid1", picture, 0.0, 0.0, 0).scaled_bgr(*size)))
    persons, grid = limits_by_class(detector.classes, frozenset({"person"}), loops.SCORE), loops.centres()
    bare, what = lambda: loops.persons(outputs, grid), "persons, filter first"
    return {
        "decode + NMS, all classes": (lambda: detector.postprocess(outputs, *size, loops.SCORE), bare, what),
        "decode + NMS, persons": (lambda: detector.postprocess(outputs, *size, persons), bare, what),
    }


def _walkers(number: int, moment: float) -> Detections:
    """People on a lawn, each on a small circle."""
    turn = moment + np.arange(number)
    x = 0.05 + 0.9 * (np.arange(number) % 10) / 10 + 0.02 * np.cos(turn)
    y = 0.1 + 0.8 * (np.arange(number) // 10) / max(number // 10, 1) + 0.02 * np.sin(turn)
    boxes = np.stack((x, y, x + 0.04, y + 0.12), axis=1).clip(0, 1).astype(np.float32)
    return Detections(boxes, np.full(number, 0.8, np.float32), np.zeros(number, np.int32))


def _object_stages() -> dict[str, tuple[Work, Work, str]]:
    return {
        **{f"tracker, {number} objects": _tracking(number) for number in (10, 50)},
        "20 bindings, 10 objects": _rules(),
    }


def _tracking(number: int) -> tuple[Work, Work, str]:
    tracker, clock = OverlapTracker(), count()
    scenes = [_walkers(number, 0.04 * step) for step in range(50)]

    def track() -> object:
        step = next(clock)
        return tracker.update(scenes[step % 50], 0.04 * step)

    one, other = scenes[0].boxes, scenes[1].boxes

    def bare() -> object:
        sides = np.minimum(one[:, None, 2:], other[None, :, 2:]) - np.maximum(one[:, None, :2], other[None, :, :2])
        shared = np.maximum(sides, 0).prod(axis=2)
        areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (one, other)]
        return (shared / (areas[0][:, None] + areas[1] - shared)).argmax(axis=1)

    return track, bare, "one matrix of overlaps"


def _rules() -> tuple[Work, Work, str]:
    corners = [[0.1, 0.1], [0.9, 0.2], [0.8, 0.9], [0.2, 0.8]]
    rois = [{"roi_id": f"r{n}", "camera_id": "vid1", "roi_type": "polygon", "coordinates": corners} for n in range(20)]
    content: dict[str, Any] = {
        "cameras": [{"camera_id": "vid1", "rtsp_url": "file:///street.mp4"}],
        "rois": rois,
        "binds": [{"bind_id": f"b{n}", "roi_id": f"r{n}", "algo_code": "intrusion"} for n in range(20)],
    }
    pipeline, tracker, clock = CameraPipeline(("person",)), OverlapTracker(), count()
    pipeline.use(make_plan(parse_content(content, registry), "vid1", registry))
    scenes = [tracker.update(_walkers(10, 0.04 * step), 0.04 * step) for step in range(50)]
    ring, feet = np.array(corners), scenes[0].anchors.astype(np.float64)

    def ours() -> object:
        step = next(clock)
        moment, tracks = 0.04 * step, scenes[step % 50]
        return [rule.step(tracks, ("person",), moment, moment) for rule in pipeline._rules]

    return ours, lambda: points_inside(ring, np.tile(feet, (20, 1))), "one test of 200 points"
