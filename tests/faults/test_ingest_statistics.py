"""What a box publishes about its cameras agrees with what the cameras sent, whatever they do."""

from __future__ import annotations

import itertools
import json
import random
import statistics
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast

import numpy as np
import pytest

from detection.analyser import Analyser, CameraSlot
from detection.broadcast import Broadcast
from detection.core.detections import Detections
from detection.ingest.reader import CameraReader
from detection.ingest.reader_state import ReaderCounters
from detection.pipeline import CameraPipeline
from detection.plan import Plan
from edgesite.redis_clients import connect
from edgesite.worker import Loop
from tests.servers.packets import PacketCamera, Sent, access_units, at_rate
from tests.servers.redis import RedisServer
from tests.servers.scenes import Scene, make_scene

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

FPS, SECONDS, DAY = 25, 15.0, 86_400.0
SLOW_S = 0.12  # of a model that cannot keep up
EDGE = 3.0  # pictures that may count into the second before or after
LAG_S = 3.0  # a busy machine decodes so late
SETTLED = 5  # messages until every camera has been live for two seconds

Script = Callable[[], Iterable[Sent]]


class Model:
    """Sees nothing, in a given time."""

    classes = ("person",)

    def __init__(self, pause: float = 0.0) -> None:
        self.pause = pause

    def fit(self, width: int, height: int) -> tuple[int, int]:
        return 64, 36

    def detect(self, scaled: object, *, min_score: object) -> Detections:
        time.sleep(self.pause)
        return Detections(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))


@dataclass(slots=True)
class Told:
    """A camera's messages and counters, and the moments (Unix seconds) at which it had sent a picture."""

    sent: list[float] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    data: list[dict[str, Any]] = field(default_factory=list)
    counters: ReaderCounters = field(default_factory=ReaderCounters)
    waiting: bool = False  # one that nobody had taken at the end

    def noted(self, script: Script) -> Script:
        def play() -> Iterator[Sent]:
            for picture in script():
                yield picture  # the camera comes back for the next one when it has sent this one
                if len(picture.unit) > 10 and not picture.raw:
                    self.sent.append(time.time())

        return play

    def rates(self) -> list[tuple[dict[str, Any], float]]:
        """Each message with the pictures that were sent a second, over the same two seconds; without those at the start."""
        counts = [bisect_right(self.sent, moment) for moment in self.at]
        sent = [(b - a) / (t - s) for (a, b), (s, t) in zip(pairwise(counts), pairwise(self.at), strict=True)]
        found = []
        for number in range(SETTLED, len(self.at)):
            said = self.data[number]
            # A window of two seconds holds two readings, or three when they came a little early.
            means = [statistics.mean(sent[number - many : number]) for many in (2, 3)]
            found.append((said, min(means, key=lambda mean: abs(mean - said["decode_fps"]))))
        return found

    def sent_after_the_last(self) -> int:
        """Pictures that no message can tell of any more."""
        return len(self.sent) - bisect_right(self.sent, self.at[-1])

    def total(self, name: str) -> float:
        """Pictures by a rate's messages."""
        return float(sum(d[name] * (b - a) for d, (a, b) in zip(self.data[1:], pairwise(self.at), strict=True)))


def run(
    scripts: dict[str, Script], url: str, *, pause: float = 0.0, codecs: dict[str, str] | None = None
) -> dict[str, Told]:
    """All these cameras on one box for some seconds: readers, analyser and broadcast as in `run_detector`."""
    told = {name: Told() for name in scripts}
    stop, client = threading.Event(), connect(url)
    with ExitStack() as stack:
        analyser = Analyser(cast(Any, Model(pause)), cast(Any, None))
        for name, script in scripts.items():
            camera = stack.enter_context(PacketCamera(told[name].noted(script), codec=(codecs or {}).get(name, "H264")))
            reader = CameraReader(
                name, camera.url(), max_fps=1000.0, on_frame=analyser.frame_ready, on_state=lambda *_: None
            )
            analyser.slots[name] = CameraSlot(reader, Plan(name), CameraPipeline(Model.classes))
            stack.callback(reader.stop)
        live = stack.enter_context(client.pubsub(ignore_subscribe_messages=True))  # type: ignore[no-untyped-call]
        live.subscribe("hbd:stats")
        live.get_message(timeout=1)
        broadcast = Broadcast(device_id="box-1", client=connect(url), analyser=analyser)
        loops = [Loop("analyse", analyser.step, stop, 0.0), Loop("broadcast", broadcast.step, stop, 0.02)]
        for slot in analyser.slots.values():
            slot.reader.start()
        threads = [loop.start() for loop in loops]
        stop.wait(SECONDS)
        stop.set()
        for thread in threads:
            thread.join(10)
        for name, slot in analyser.slots.items():
            slot.reader.stop()
            told[name].counters, told[name].waiting = slot.reader.counters(), slot.reader.waiting
        while message := live.get_message(timeout=0.2):
            body = json.loads(message["data"])
            told[body["camera_id"]].at.append(body["timestamp"])
            told[body["camera_id"]].data.append(body["data"])
    client.close()
    return told


def frozen(units: list[bytes]) -> Iterator[Sent]:
    yield from at_rate(units[:125], FPS)
    yield Sent(b"\x00\x00\x01\x09\x10", 3.2, 5.0)  # a camera that is silent for 5 s counts as lost
    yield from at_rate(itertools.cycle(units), FPS, start=8.2)


def garbage(units: list[bytes]) -> Iterator[Sent]:
    rng = random.Random(4)
    for number, sent in enumerate(at_rate(itertools.cycle(units), FPS)):
        yield sent
        if number % 10 == 0:
            yield Sent(rng.randbytes(rng.randrange(1, 300)), 0.0, sent.stamp, raw=True)


def day_back(units: list[bytes]) -> Iterator[Sent]:
    yield from at_rate(units[:150], FPS, start=2 * DAY)
    yield from at_rate(itertools.cycle(units), FPS, start=DAY)


def three_rates(units: list[bytes]) -> Iterator[Sent]:
    yield from at_rate(units[:125], 25)
    yield from at_rate(units[:25], 5, start=5.0)
    yield from at_rate(itertools.cycle(units), 30, start=10.0)


NAMES = ("steady", "freeze", "drop", "size", "garbage", "day back", "rates", "h265", "4k")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    scene = Scene(size=(320, 240), gop=25, noise=0.7)
    return access_units(make_scene(tmp_path_factory.mktemp("small") / "small.ts", scene, 6.0))


@pytest.fixture(scope="module")
def told(small: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Told]:
    """All cameras at once."""
    folder = tmp_path_factory.mktemp("statistics")
    wide, h265, uhd = (
        access_units(make_scene(folder / f"{name}.ts", scene, seconds))
        for name, scene, seconds in (
            ("wide", Scene(size=(640, 352), gop=25, noise=0.7), 3.0),
            ("h265", Scene(size=(320, 240), gop=25, noise=0.7, codec="libx265"), 3.0),
            ("4k", Scene(size=(3840, 2160), gop=9, fps=3, noise=0.7), 3.0),
        )
    )
    scripts: dict[str, Script] = {
        "steady": lambda: at_rate(itertools.cycle(small), FPS),
        "freeze": lambda: frozen(small),
        "drop": lambda: at_rate(small[:75], FPS),
        "size": lambda: at_rate(itertools.cycle([*small[:75], *wide]), FPS),
        "garbage": lambda: garbage(small),
        "day back": lambda: day_back(small),
        "rates": lambda: three_rates(small),
        "h265": lambda: at_rate(itertools.cycle(h265), FPS),
        "4k": lambda: at_rate(itertools.cycle(uhd), 3),
    }
    assert tuple(scripts) == NAMES
    with RedisServer() as server:
        return run(scripts, server.url(), codecs={"h265": "H265"})


@pytest.mark.parametrize("name", NAMES)
def test_ingest_statistics_agree_with_what_was_sent(told: dict[str, Told], name: str) -> None:
    camera = told[name]
    counters, last = camera.counters, camera.data[-1]
    lost = 4 * (1 + counters.reconnects) + EDGE  # a decoder keeps some until more comes, and loses them with its line
    damaged = 0.15 * len(camera.sent) if name == "garbage" else 0.0
    in_time = bisect_right(camera.sent, camera.sent[-1] - LAG_S)
    assert in_time - lost - damaged <= counters.decoded <= len(camera.sent) + EDGE
    assert counters.decoded == counters.taken + counters.dropped + counters.skipped + camera.waiting
    assert last["dropped"] <= counters.dropped <= last["dropped"] + camera.sent_after_the_last() + FPS
    # Every decoded picture is in the rates, but for a part of the first and of the last second.
    told_of = counters.decoded - camera.sent_after_the_last()
    assert abs(camera.total("decode_fps") - told_of) <= 2 * FPS * max(b - a for a, b in pairwise(camera.at))
    off = [abs(said["decode_fps"] - sent) - (0.15 * sent if damaged else 0.0) for said, sent in camera.rates()]
    assert len(off) >= 5
    assert statistics.median(off) <= 1.0
    assert sum(one <= EDGE for one in off) >= 0.6 * len(off)
    left_out = statistics.mean(said["decode_fps"] - said["fps"] for said, _ in camera.rates())
    assert left_out == pytest.approx(counters.dropped / SECONDS, abs=3.0)


def test_ingest_statistics_of_a_frozen_camera_fall(told: dict[str, Told]) -> None:
    camera = told["freeze"]
    said, sent = min(camera.rates(), key=lambda rate: rate[1])
    assert sent < FPS / 2
    assert said["decode_fps"] == pytest.approx(sent, abs=EDGE)
    assert said["fps"] <= sent + EDGE
    assert camera.data[-1]["decode_fps"] > 15
    assert camera.counters.reconnects == 0


@pytest.mark.parametrize("rate", [25, 5, 30])
def test_ingest_statistics_follow_the_rate(told: dict[str, Told], rate: float) -> None:
    camera = told["rates"]
    then = [said for said, sent in camera.rates() if abs(sent - rate) < 0.1 * rate]
    assert then
    assert statistics.median(d["decode_fps"] for d in then) == pytest.approx(rate, abs=0.1 * rate + 0.5)


def test_ingest_statistics_count_what_a_slow_model_leaves_out(small: list[bytes], redis_server: RedisServer) -> None:
    [camera] = run({"steady": lambda: at_rate(itertools.cycle(small), FPS)}, redis_server.url(), pause=SLOW_S).values()
    counters, last = camera.counters, camera.data[-1]
    assert counters.decoded == counters.taken + counters.dropped + counters.skipped + camera.waiting
    assert counters.skipped == 0
    assert 0 <= counters.dropped - last["dropped"] <= camera.sent_after_the_last() + FPS
    assert counters.dropped > 0.5 * counters.decoded
    assert statistics.median(abs(said["decode_fps"] - sent) for said, sent in camera.rates()) <= 1.0
    said = statistics.median(said["fps"] for said, _ in camera.rates())
    assert said == pytest.approx(counters.taken / (camera.at[-1] - camera.sent[0]), abs=1.0)
    assert said <= 1 / SLOW_S + 0.5
