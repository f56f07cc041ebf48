"""Measures ingest in a process of its own; prints one JSON object.

`python -m tests.benchmarks.ingest idle URL CAMERAS SECONDS MODE` reads so many RTSP cameras at once; `{n}` in the URL is the
camera's number. Without it all read the same one, and who reads slowly then keeps all others waiting.
MODE: `receive` (demultiplexing only) and `keys` (and every key frame decoded) are bare PyAV loops, the limits; `full` decodes
everything in such a loop; `reader` are the product's readers with what each hands out taken and scaled as for the model.
`python -m tests.benchmarks.ingest stages CLIP` gives the cost of the stages of one picture, from a file.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av

from detection.core.wake import SizeMeter
from detection.ingest import adaptive
from detection.ingest.attention import WatchBudget
from detection.ingest.backlog import Backlog
from detection.ingest.frame import Frame, small_grey
from detection.ingest.pictures import video_stream
from detection.ingest.reader import CameraReader
from edgesite import heap

MODEL_SIZE = (416, 234)
SETTLE_S, CALM_S, KNOWN_S = 6.0, 15.0, 150.0  # until all run, nobody awake for so long, waited for that at most
OPTIONS = {"rtsp_transport": "tcp", "analyzeduration": "500000", "fpsprobesize": "0", "allowed_media_types": "video"}


def rss() -> float:
    """MB (10^6 bytes) that the process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def bare(url: str, mode: str, end: threading.Event, received: list[int], index: int) -> None:
    with av.open(url, options=OPTIONS, timeout=(10, None)) as container:
        stream = video_stream(container)
        for packet in container.demux(stream):
            received[index] += 1
            if mode == "full" or (mode == "keys" and packet.is_keyframe):
                packet.decode()
            if end.is_set():
                return


class CountingMeter(SizeMeter):
    """Every packet of every reader goes through one; how many did."""

    packets = 0

    def add(self, size: int, *, key: bool) -> bool:
        CountingMeter.packets += 1
        return super().add(size, key=key)


class Taker:
    """One thread for all readers, as the analyser is."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.readers: list[CameraReader] = []
        self.frames: list[Frame | None] = []
        self.taken = 0

    def run(self, end: threading.Event) -> None:
        while not end.is_set():
            self.ready.wait(0.2)
            self.ready.clear()
            for index, reader in enumerate(self.readers):
                while frame := reader.take():
                    if frame.same_as is None:
                        frame.scaled_bgr(*MODEL_SIZE)
                    self.frames[index] = frame  # the live page shows the newest
                    self.taken += 1


def until_asleep(readers: list[CameraReader]) -> None:
    """Waits until nobody was awake or learning for a while: at first all of them are, and the machine has too much to do."""
    last, since = time.monotonic() + KNOWN_S, time.monotonic()
    while time.monotonic() < min(last, since + CALM_S):
        if any(reader.watch in ("awake", "learning") for reader in readers):
            since = time.monotonic()
        time.sleep(0.5)


def idle(url: str, cameras: int, seconds: float, mode: str) -> dict[str, Any]:
    """CPU cores, MB and pictures received a second per camera, once all sleep."""
    end, empty = threading.Event(), rss()
    urls = [url.replace("{n}", str(n)) for n in range(cameras)]
    taker = Taker()
    threads: list[threading.Thread] = []
    received = [0] * cameras
    if mode == "reader":
        heap.keep_flat()  # as run_detector does
        adaptive.SizeMeter = CountingMeter  # type: ignore[attr-defined]
        taker.frames, budget = [None] * cameras, WatchBudget()
        taker.readers = [
            CameraReader(f"c{n}", urls[n], on_frame=taker.ready.set, on_state=lambda *_: None, idle=True, budget=budget)
            for n in range(cameras)
        ]
        threads = [threading.Thread(target=taker.run, args=(end,), daemon=True)]
        for reader in taker.readers:
            reader.start()
    else:
        threads = [
            threading.Thread(target=bare, args=(urls[n], mode, end, received, n), daemon=True) for n in range(cameras)
        ]
    for thread in threads:
        thread.start()
    time.sleep(SETTLE_S)
    if mode == "reader":
        until_asleep(taker.readers)
    cpu, began, before = time.process_time(), time.monotonic(), sum(received) + CountingMeter.packets
    time.sleep(seconds)
    took = time.monotonic() - began
    cores = (time.process_time() - cpu) / took / cameras
    result = {
        "cores": cores,
        "fps": (sum(received) + CountingMeter.packets - before) / took / cameras,
        "mb": (rss() - empty) / cameras,
        "watch": dict(Counter(r.watch for r in taker.readers)),
        "wakes": sum(r.counters().wakes for r in taker.readers),
        "live": sum(r.state.word == "live" for r in taker.readers),
        "taken": taker.taken,
    }
    end.set()
    return result


def timed(work: Callable[[], object], times: int) -> float:
    """CPU milliseconds of one call."""
    began = time.thread_time()
    for _ in range(times):
        work()
    return 1000 * (time.thread_time() - began) / times


def stages(clip: str) -> dict[str, float]:
    """CPU milliseconds for each picture or packet."""
    with av.open(clip) as container:
        packets = [p for p in container.demux(video_stream(container)) if p.size]
    result: dict[str, float] = {}
    with av.open(clip) as container:
        stream = video_stream(container)
        began = time.thread_time()
        read = [p for p in container.demux(stream) if p.size]
        result["demultiplex a packet"] = 1000 * (time.thread_time() - began) / len(read)
        context = stream.codec_context
        began = time.thread_time()
        pictures = [f for p in read[:100] for f in context.decode(p)]
        result["decode a picture"] = 1000 * (time.thread_time() - began) / len(pictures)
        context.flush_buffers()
        keys = [p for p in read if p.is_keyframe]
        began = time.thread_time()
        for packet in keys:
            context.decode(packet)
            context.flush_buffers()
        result["decode a key frame"] = 1000 * (time.thread_time() - began) / len(keys)
    light = Backlog(context, lambda: None)
    light.renew(light=True)
    began = time.thread_time()
    for packet in read[:100]:
        light.context.decode(packet)
    result["decode a packet for comparing only"] = 1000 * (time.thread_time() - began) / 100
    frame = Frame("c1", pictures[0], 0.0, 0.0, 0)
    result["scale for the model"] = timed(lambda: frame.scaled_bgr(*MODEL_SIZE), 50)
    result["scale to the small grey picture"] = timed(lambda: small_grey(pictures[0]), 50)
    meter, sizes = SizeMeter(), [(p.size, p.is_keyframe) for p in packets] * 5
    began = time.thread_time()
    for size, key in sizes:
        meter.add(size, key=key)
    result["weigh a packet"] = 1000 * (time.thread_time() - began) / len(sizes)
    return result


if __name__ == "__main__":
    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    match sys.argv[1:]:
        case ["idle", url, cameras, seconds, mode]:
            sys.stdout.write(json.dumps(idle(url, int(cameras), float(seconds), mode)))
        case ["stages", clip]:
            sys.stdout.write(json.dumps(stages(clip)))
