"""Measures many cameras in a process of its own, composed as `run_detector` does it; prints lines of JSON.

`python -m tests.benchmarks.fleet run REDIS_URL` obeys lines on its standard input, each ``{"urls": […], "settle": seconds,
"seconds": seconds, "beside": [pid, …]}``: it analyses just these cameras, waits, measures and answers with one line.
`python -m tests.benchmarks.fleet stages CLIP URL` gives the cost of each stage, one after the other in one thread.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import av
import django
import numpy as np

from cameras.core.algorithms import registry
from cameras.core.document import Document
from detection.analyser import CameraSlot
from detection.core.detections import limits_by_class
from detection.core.motion import MotionMeter
from detection.core.rules.registry import register_all
from detection.core.statistics import StatsWindow
from detection.core.view import Lens, shrunk
from detection.inference.detector import Detector
from detection.inference.pool import DetectorPool
from detection.ingest.frame import Frame
from detection.ingest.pictures import video_stream
from detection.offline import read_document
from detection.pipeline import CameraPipeline
from detection.plan import make_plan
from edgesite.worker import Loop
from tests.benchmarks.ingest import idle
from tests.benchmarks.pipeline import AREAS

RATE, FPS = 5.0, 25  # analyses and pictures a second
RECEIVERS, RECEIVE_S = 6, 5.0
APART_S = 0.73  # between two cameras' first pictures; no part of a group of two seconds
COUNTED = ("decoded", "skipped", "dropped", "taken", "shed")
KINDS = {"camera": "cameras", "analyse": "analysis"}  # by the first word of a thread's name
Made = TypeVar("Made")


def make_document(urls: Sequence[str]) -> Document:
    """Cameras named like the ends of their URLs, every one with two regions and a rule in each."""
    names = [url.rsplit("/", 1)[1] for url in urls]
    content: dict[str, Any] = {
        "cameras": [
            {"camera_id": name, "rtsp_url": url, "max_fps": RATE} for name, url in zip(names, urls, strict=True)
        ],
        "rois": [
            {"roi_id": f"{name}-{area}", "camera_id": name, "roi_type": kind, "coordinates": points}
            for name in names
            for area, (kind, points) in AREAS.items()
        ],
        "binds": [
            {"bind_id": f"x-{name}-{area}", "roi_id": f"{name}-{area}", "algo_code": "intrusion"}
            for name in names
            for area in AREAS
        ],
    }
    return read_document(json.dumps(content), registry=registry)


@dataclass(slots=True, eq=False)
class Recorder(StatsWindow):
    """A camera's statistics that remember every result: when it was there, its age, and its picture's two moments."""

    slot: CameraSlot | None = None
    results: list[tuple[float, float, float, float]] = field(default_factory=list)

    def analysed(self, now: float, *, latency_s: float, persons: int) -> None:
        StatsWindow.analysed(self, now, latency_s=latency_s, persons=persons)
        if self.slot is not None and (frame := self.slot.newest) is not None:
            self.results.append((now, latency_s, frame.timestamp, frame.media_time))

    def between(self, start: float, end: float) -> list[tuple[float, float]]:
        """Of the results in that time: the age that the product tells, and that since the camera sent the picture.

        The second goes by the stream's own stamps, which tell what waited in a socket too; the promptest picture of the
        time is taken to have been read as soon as it was sent.
        """
        found = [result for result in self.results if start <= result[0] < end]
        least = min((read - media for _, _, read, media in found), default=0.0)
        return [(age, age + read - media - least) for _, age, read, media in found]


class Usage:
    """CPU seconds until now: of this process, by kind of thread, of others, and of the whole machine."""

    def __init__(self, beside: Sequence[int]) -> None:
        self.at, self.own = time.monotonic(), time.process_time()
        self.beside = sum(_ticks(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1], (11, 12)) for pid in beside)
        self.machine = _ticks(Path("/proc/stat").read_text().splitlines()[0], (1, 2, 3, 6, 7, 8))
        self.kinds = dict.fromkeys((*KINDS.values(), "rest"), 0.0)
        for thread in threading.enumerate():
            try:
                spent = Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text()
            except OSError:  # it ended
                continue
            self.kinds[KINDS.get(thread.name.split()[0], "rest")] += int(spent.split()[0]) / 1e9

    def since(self, before: Usage) -> dict[str, Any]:
        """Cores used since then. others: by whoever has nothing to do with this."""
        took = self.at - before.at
        own, beside = (self.own - before.own) / took, (self.beside - before.beside) / took
        machine = (self.machine - before.machine) / took
        kinds = {kind: (self.kinds[kind] - before.kinds[kind]) / took for kind in self.kinds}
        return {"own": own, "beside": beside, "others": max(0.0, machine - own - beside), "kinds": kinds}


def _ticks(line: str, places: Sequence[int]) -> float:
    values = line.split()
    return sum(int(values[place]) for place in places) / os.sysconf("SC_CLK_TCK")


class Fleet:
    """What a `run_detector` process runs, but for taking the configuration from a hub and delivering alerts to it."""

    def __init__(self, redis_url: str, folder: Path) -> None:
        from detection.analysis import Analysis  # models: only after `django.setup`
        from edgesite.edge_store.database import EdgeDatabase

        store, stop = folder / "edge.sqlite3", threading.Event()
        self.analysis = Analysis(
            device_id="fleet",
            store=store,
            cloud_redis_url=redis_url,
            transport="tcp",
            detector=DetectorPool.load(provider="cpu"),
            database=EdgeDatabase(store),
            stop=stop,
        )
        for name, step, idle_s in self.analysis.loops:
            Loop(name, step, stop, idle_s).start()

    def _use(self, urls: list[str]) -> None:
        """One after the other: the tests' cameras begin with a key frame when they are opened; real ones are not in step."""
        there = self.analysis.analyser.slots.keys()
        kept = [url for url in urls if url.rsplit("/", 1)[1] in there]
        for url in urls:
            if url not in kept:
                kept.append(url)
                self.analysis.runtime.apply(make_document(kept))
                time.sleep(APART_S)
        self.analysis.runtime.apply(make_document(urls))

    def measure(self, *, urls: list[str], settle: float, seconds: float, beside: list[int]) -> dict[str, Any]:
        self._use(urls)
        slots = self.analysis.analyser.slots
        recorders = {name: _recorder(slot) for name, slot in slots.items()}
        time.sleep(settle)
        before, usage = {name: slot.reader.counters() for name, slot in slots.items()}, Usage(beside)
        time.sleep(seconds)
        cores, end = Usage(beside).since(usage), time.monotonic()
        after = {name: slot.reader.counters() for name, slot in slots.items()}
        cameras = {
            name: {
                "ages": recorder.between(usage.at, end),
                "watch": slots[name].reader.watch,
                "state": slots[name].reader.state.word,
                **{word: getattr(after[name], word) - getattr(before[name], word) for word in COUNTED},
            }
            for name, recorder in recorders.items()
        }
        for recorder in recorders.values():
            recorder.results.clear()
        return {"seconds": end - usage.at, "cores": cores, "cameras": cameras}


def _recorder(slot: CameraSlot) -> Recorder:
    if not isinstance(slot.stats, Recorder):
        slot.stats = Recorder(slot=slot)
    return slot.stats


class Stopwatch:
    """CPU seconds and calls by name; of one thread."""

    def __init__(self) -> None:
        self.spent: dict[str, list[float]] = {}

    def of(self, name: str, work: Callable[[], Made]) -> Made:
        began = time.thread_time()
        result = work()
        self.spent.setdefault(name, []).append(time.thread_time() - began)
        return result


def stages(clip: str, url: str) -> dict[str, tuple[float, float]]:
    """By stage: its CPU milliseconds, and how often a second a camera needs it."""
    watch, meter, view = Stopwatch(), MotionMeter(), Lens()
    detector = Detector.load(provider="cpu", threads=1)
    document = make_document([url])
    plan = make_plan(document.content, document.content.cameras[0].camera_id, registry)
    pipeline = CameraPipeline(detector.classes)
    pipeline.use(plan)
    limits = limits_by_class(tuple(detector.classes), plan.classes, plan.lowest_score)
    number = 0

    def analyse(picture: av.VideoFrame) -> None:
        frame = Frame(plan.camera_id, picture, number / FPS, number / FPS, 0)
        width, height = detector.fit(frame.width, frame.height)
        scaled = watch.of("scale", lambda: frame.scaled_bgr(width, height))
        small = shrunk(scaled)
        watch.of(
            "motion, view", lambda: (meter.update(small), view.step(small, number / FPS, generation=0, recognised=True))
        )
        blob = watch.of("normalise", lambda: detector.prepare(scaled))
        outputs = watch.of("model", lambda: detector.run(blob))
        found = watch.of("boxes", lambda: detector.postprocess(outputs, width, height, limits))
        watch.of("track, rules", lambda: pipeline.step(found, media_time=frame.media_time, generation=0))

    with av.open(clip) as container:
        for packet in container.demux(video_stream(container)):
            for picture in watch.of("decode", packet.decode):
                number += 1
                if number % (FPS // RATE) == 0:
                    analyse(picture)
    result = {
        name: (1000 * float(np.mean(spent)), FPS if name == "decode" else RATE) for name, spent in watch.spent.items()
    }
    return {"receive": (1000 * _receiving(url), 1.0), **result}


def _receiving(url: str) -> float:
    """Cores that demultiplexing one camera over RTSP/TCP takes."""
    bare = idle(url, RECEIVERS, RECEIVE_S, "receive")
    if bare["fps"] < 0.9 * FPS:
        raise RuntimeError(f"the camera sends {bare['fps']:.1f} pictures a second")
    return float(bare["cores"])


def answer(result: object) -> None:
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    django.setup()
    register_all(registry)
    match sys.argv[1:]:
        case ["stages", clip, url]:
            answer(stages(clip, url))
        case ["run", redis_url]:
            with tempfile.TemporaryDirectory() as name:
                fleet = Fleet(redis_url, Path(name))
                for line in sys.stdin:
                    answer(fleet.measure(**json.loads(line)))
    os._exit(0)  # readers are inside FFmpeg
