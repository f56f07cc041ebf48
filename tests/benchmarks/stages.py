"""CPU milliseconds of each stage of the pipeline, beside the least that the same work could cost, measured in turns."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from cameras.core.algorithms import registry
from cameras.core.document import parse_content
from detection.core.detections import limits_by_class
from detection.core.rules.registry import register_all
from detection.core.scene import Scene
from detection.core.tracking import OverlapTracker
from detection.inference.detector import Detector
from detection.ingest.frame import Frame
from detection.ingest.pictures import video_stream
from detection.pipeline import CameraPipeline
from detection.plan import make_plan
from tests.benchmarks import loops, rules

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


def _object_stages() -> dict[str, tuple[Work, Work, str]]:
    return {
        **{f"tracker, {number} objects": _tracking(number) for number in (10, 50)},
        "20 bindings, 10 objects": _rules(),
    }


def _tracking(number: int) -> tuple[Work, Work, str]:
    tracker, clock = OverlapTracker(), count()
    scenes = [rules.walkers(number, 0.04 * step) for step in range(50)]

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
    """Bindings with a region each, as the pipeline steps them: all of them see one scene."""
    pipeline, tracker, clock = CameraPipeline(("person",)), OverlapTracker(), count()
    pipeline.use(make_plan(parse_content(rules.content("intrusion", {}), registry), "vid1", registry))
    scenes = [tracker.update(rules.walkers(10, 0.04 * step), 0.04 * step) for step in range(50)]

    def ours() -> object:
        step = next(clock)
        moment, scene = 0.04 * step, Scene.of(scenes[step % 50], pipeline.class_names)
        return [rule.step(scene, pipeline.class_names, moment, moment) for rule in pipeline._rules]

    return ours, rules.bare(10), "one test of 200 points"
