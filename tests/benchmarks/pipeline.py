"""Measures the pipeline on the street clip, on one core with one thread, beside bare `session.run` in the same process.

`python -m tests.benchmarks.pipeline CLIP` prints one JSON object. Rounds of the pipeline and of bare inference alternate, so
that a machine whose speed drifts slows both. Pre- and post-processing are timed inside the pipeline's own rounds.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

from cameras.core.algorithms import registry
from cameras.core.document import parse_content
from detection.core.rules.registry import register_all
from detection.inference.detector import Detector
from detection.ingest.frame import Frame
from detection.ingest.pictures import video_stream
from detection.pipeline import CONTINUE_SCORE, CameraPipeline, make_plan
from edgesite.logging import configure_logging

ROUNDS, FRAMES = 6, 120
CONTENT = {
    "cameras": [{"camera_id": "vid1", "rtsp_url": "file:///street.mp4"}],
    "rois": [
        {
            "roi_id": "a",
            "camera_id": "vid1",
            "roi_type": "polygon",
            "coordinates": [[0.1, 0.5], [0.5, 0.5], [0.3, 0.95]],
        },
        {"roi_id": "b", "camera_id": "vid1", "roi_type": "rectangle", "coordinates": [[0.5, 0.3], [0.95, 0.95]]},
    ],
    "binds": [{"bind_id": f"x{r}", "roi_id": r, "algo_code": "intrusion"} for r in ("a", "b")],
}


def frames(clip: Path) -> Iterator[Frame]:
    """Every frame of the clip, decoded as the reader does, over and over."""
    generation = 0
    while True:
        with av.open(str(clip)) as container:
            for picture in container.decode(video_stream(container)):
                yield Frame("vid1", picture, float(picture.time or 0.0), 0.0, generation)
        generation += 1


def timed(work: Callable[[], object], times: int) -> float:
    """Seconds for that many calls."""
    began = time.perf_counter()
    for _ in range(times):
        work()
    return time.perf_counter() - began


class Stages:
    """The analyser's way of one frame, stage by stage, with the seconds of each."""

    def __init__(self, detector: Detector, clip: Path) -> None:
        self.detector = detector
        self.frames = frames(clip)
        self.pipeline = CameraPipeline(detector.classes)
        self.pipeline.use(make_plan(parse_content(CONTENT, registry), "vid1", registry))
        self.seconds = dict.fromkeys(("decode", "scale", "prepare", "run", "postprocess", "track+rules"), 0.0)
        self.count = self.events = 0

    def step(self) -> None:
        marks = [time.perf_counter()]
        frame = next(self.frames)
        marks.append(time.perf_counter())
        scaled = frame.scaled_bgr(*self.detector.fit(frame.width, frame.height))
        marks.append(time.perf_counter())
        blob = self.detector.prepare(scaled)
        marks.append(time.perf_counter())
        outputs = self.detector.run(blob)
        marks.append(time.perf_counter())
        height, width = scaled.shape[:2]
        detections = self.detector.postprocess(outputs, width, height, CONTINUE_SCORE)
        marks.append(time.perf_counter())
        seen = self.pipeline.step(detections, media_time=frame.media_time, generation=frame.generation)
        marks.append(time.perf_counter())
        for name, begin, end in zip(self.seconds, marks, marks[1:], strict=False):
            self.seconds[name] += end - begin
        self.count += 1
        self.events += len(seen.events)


def measure(clip: Path) -> dict[str, Any]:
    """Rates in 1/s, stages in ms per frame, memory in MB (10^6 bytes)."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    register_all(registry)
    int8, fp32 = (Detector.load(weights=w, provider="cpu", threads=1) for w in ("int8", "fp32"))
    stages = Stages(int8, clip)
    sample = next(frames(clip))
    scaled = sample.scaled_bgr(*int8.fit(sample.width, sample.height))
    blobs = {d: np.array(d.prepare(scaled)) for d in (int8, fp32)}
    rates: dict[str, list[float]] = {"pipeline_int8": [], "run_int8": [], "run_fp32": []}
    for _ in range(20):
        stages.step()
    stages.seconds = dict.fromkeys(stages.seconds, 0.0)
    stages.count = 0
    for _ in range(ROUNDS):
        rates["pipeline_int8"].append(FRAMES / timed(stages.step, FRAMES))
        rates["run_int8"].append(FRAMES / timed(lambda: int8.run(blobs[int8]), FRAMES))
        rates["run_fp32"].append(FRAMES / 2 / timed(lambda: fp32.run(blobs[fp32]), FRAMES // 2))
    ratios = [p / r for p, r in zip(rates["pipeline_int8"], rates["run_int8"], strict=True)]
    return {
        "rates": {name: statistics.median(values) for name, values in rates.items()},
        "ratio": statistics.median(ratios),
        "stages_ms": {name: 1000 * s / stages.count for name, s in stages.seconds.items()},
        "events": stages.events,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
    }


if __name__ == "__main__":
    configure_logging()  # to stderr: stdout is the result
    sys.stdout.write(json.dumps(measure(Path(sys.argv[1]))))
