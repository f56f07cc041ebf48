"""Measures every frame of a 1080p25 H.264 file: the pipeline of `analyse_video` beside bare loops, in one process.

`python -m tests.benchmarks.pipeline every-frame CLIP CORES` and `… stages CLIP` print one JSON object each. The variants take
turns, each with the whole clip, so that a machine whose speed drifts slows all of them. Each variant's own time inside
`session.run` is subtracted frame by frame: what is left is what a pipeline costs over its model.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import PictureType

from cameras.core.algorithms import registry
from detection.core.rules.registry import register_all
from detection.inference.pool import load_detectors
from detection.offline import analyse, read_document
from detection.offline_video import VideoFile
from edgesite.logging import configure_logging
from tests.benchmarks import loops
from tests.benchmarks.stages import measure_stages

ROUNDS, FRAMES, RATE = 6, 250, 25  # so many frames that opening the file and its last frame weigh nothing
AREAS = {
    "a": ("polygon", [[0.1, 0.5], [0.5, 0.5], [0.3, 0.95]]),
    "b": ("rectangle", [[0.5, 0.3], [0.95, 0.95]]),
}
DOCUMENT = {
    "cameras": [{"camera_id": "vid1", "rtsp_url": "file:///street.mp4"}],
    "rois": [
        {"roi_id": name, "camera_id": "vid1", "roi_type": kind, "coordinates": points}
        for name, (kind, points) in AREAS.items()
    ],
    "binds": [{"bind_id": f"x{name}", "roi_id": name, "algo_code": "intrusion"} for name in AREAS],
}


def make_hd(street: Path, target: Path, *, frames: int = FRAMES) -> Path:
    """The first pictures of the street clip as 1080p, 25 a second, 4 Mbit/s."""
    with av.open(str(street)) as given, av.open(str(target), "w") as made:
        stream = made.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        stream.options = {"preset": "veryfast", "bf": "0", "maxrate": "4M", "bufsize": "4M"}
        stream.codec_context.bit_rate, stream.codec_context.gop_size = 4_000_000, 2 * RATE
        for number, picture in enumerate(given.decode(video=0)):
            if number == frames:
                break
            frame = picture.reformat(width=1920, height=1080, format="yuv420p")
            frame.pict_type, frame.pts, frame.time_base = PictureType.NONE, number, Fraction(1, RATE)
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))
    return target


class Model:
    """Counts the CPU seconds inside `run`; each call stays in its own thread, so its clock sees all of it."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def timed(self, run: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*values: Any) -> Any:
            began = time.thread_time()
            try:
                return run(*values)
            finally:
                self.seconds.append(time.thread_time() - began)

        return counted


Variant = Callable[[], int]  # analyses the clip; how many frames it had


def _ours(clip: Path, model: Model) -> Variant:
    register_all(registry)
    document = read_document(json.dumps(DOCUMENT), registry=registry)
    detectors = load_detectors(provider="cpu")
    for detector in detectors:
        detector.run = model.timed(detector.run)  # type: ignore[method-assign]

    def run() -> int:
        with VideoFile(clip) as video:
            return sum(1 for _ in analyse(video, detectors=detectors, document=document, registry=registry))

    return run


def _bare(runs: list[loops.Run], blob: Any) -> Variant:
    """Nothing but `run`, by as many threads as there are sessions."""

    def some(run: loops.Run) -> None:
        for _ in range(FRAMES // len(runs)):
            run(None, {"image": blob})

    def all_of_them() -> int:
        threads = [threading.Thread(target=some, args=(run,)) for run in runs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return FRAMES // len(runs) * len(runs)

    return all_of_them


def every_frame(clip: Path, cores: int) -> dict[str, Any]:
    """By variant: frames/s, CPU ms a frame, and CPU ms over the model, medians of the rounds; and ratios of rounds."""
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:cores]))
    model = Model()
    blob = np.zeros((1, 3, loops.BLOB_HEIGHT, loops.WIDTH), np.float32)
    optimum = model.timed(loops.bare_run(1))
    plain = model.timed(loops.bare_run(1) if cores == 1 else loops.default_run())
    variants: dict[str, Variant] = {
        "pipeline": _ours(clip, model),
        "optimum": lambda: sum(1 for _ in loops.optimum(clip, optimum)),
        "plain loop": lambda: sum(1 for _ in loops.plain(clip, plain)),
        f"session.run, {cores} × 1 thread": _bare([loops.bare_run(1) for _ in range(cores)], blob),
    }
    if cores > 1:
        variants[f"session.run, 1 × {cores} threads"] = _bare([loops.bare_run(cores)], blob)
    rounds: dict[str, list[tuple[float, float, float]]] = {name: [] for name in variants}
    for number in range(ROUNDS + 1):
        for name, variant in variants.items():
            model.seconds.clear()
            cpu, wall = time.process_time(), time.perf_counter()
            frames = variant()
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            if number:  # the first warms up
                rounds[name].append((frames / wall, 1000 * cpu / frames, 1000 * (cpu - sum(model.seconds)) / frames))
    return {
        "cores": cores,
        "variants": {name: [statistics.median(axis) for axis in zip(*of, strict=True)] for name, of in rounds.items()},
        "over_model": _ratio(rounds, "optimum", 2),
        "speed": _ratio(rounds, "plain loop", 0),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
    }


def _ratio(rounds: dict[str, list[tuple[float, float, float]]], other: str, axis: int) -> float:
    """The pipeline's number over another variant's, the median of what the rounds gave."""
    pairs = zip(rounds["pipeline"], rounds[other], strict=True)
    return statistics.median(mine[axis] / theirs[axis] for mine, theirs in pairs)


if __name__ == "__main__":
    configure_logging()  # to stderr: stdout is the result
    match sys.argv[1:]:
        case ["every-frame", clip, cores]:
            sys.stdout.write(json.dumps(every_frame(Path(clip), int(cores))))
        case ["stages", clip]:
            sys.stdout.write(json.dumps(measure_stages(Path(clip))))
