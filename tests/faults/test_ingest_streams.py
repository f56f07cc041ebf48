"""What cameras do to a reader: no crash, an honest state, counters that say what happened."""

from __future__ import annotations

import itertools
import random
import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from detection.ingest import stuck
from detection.ingest.frame import Frame
from detection.ingest.reader import CameraReader
from detection.ingest.reader_state import CameraState
from tests.servers.packets import PacketCamera, Sent, access_units, at_rate
from tests.servers.scenes import Scene, Walk, make_scene

pytestmark = [pytest.mark.faults, pytest.mark.timeout(60)]

FPS = 25
DAY = 86_400.0
SMALL = Scene(size=(320, 240), gop=25, noise=0.7)


class Watcher:
    """Takes every frame; keeps its numbers, and only the newest picture. pause_s: after each."""

    def __init__(self, url: str, *, idle: bool = False, max_fps: float = 1000.0, pause_s: float = 0.0) -> None:
        self.pause_s = pause_s
        self.newest: Frame | None = None
        self.times: list[float] = []
        self.generations: list[int] = []
        self.sizes: list[tuple[int, int]] = []
        self.states: list[CameraState] = []
        self._ready = threading.Event()
        self._end = threading.Event()
        self.reader = CameraReader(
            "c1", url, max_fps=max_fps, on_frame=self._ready.set, on_state=lambda _, s: self.states.append(s), idle=idle
        )
        self._thread = threading.Thread(target=self._take, daemon=True)

    def start(self) -> None:
        self.reader.start()
        self._thread.start()

    def stop(self) -> None:
        self.reader.stop()
        self._end.set()
        self._thread.join(5)

    def _take(self) -> None:
        while not self._end.is_set():
            self._ready.wait(0.1)
            self._ready.clear()
            while frame := self.reader.take():
                self.newest = frame
                self.times.append(frame.media_time)
                self.generations.append(frame.generation)
                self.sizes.append((frame.width, frame.height))
                self._end.wait(self.pause_s)

    def wait(self, condition: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not within {seconds} s: {self.states} {self.reader.counters()}"
            time.sleep(0.02)

    def check(self) -> None:
        """What holds whatever a camera does."""
        counters = self.reader.counters()
        assert all(a < b for a, b in pairwise(self.times))
        assert all(a <= b for a, b in pairwise(self.generations))
        assert counters.taken == len(self.times)
        assert counters.decoded == counters.taken + counters.dropped + counters.skipped
        assert counters.missed == 0


@contextmanager
def watched(camera: PacketCamera, *, idle: bool = False, pause_s: float = 0.0) -> Iterator[Watcher]:
    with camera:
        watcher = Watcher(camera.url(), idle=idle, pause_s=pause_s)
        watcher.start()
        try:
            yield watcher
        finally:
            watcher.stop()
        watcher.check()


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[bytes]]:
    folder = tmp_path_factory.mktemp("streams")
    scenes = {
        "small": (SMALL, 4.0),
        "wide": (Scene(size=(640, 352), gop=25, noise=0.7), 2.0),
        "odd": (Scene(size=(322, 182), gop=25, noise=0.7), 2.0),
        "h265": (Scene(size=(320, 240), gop=25, noise=0.7, codec="libx265"), 3.0),
        "4k": (Scene(size=(3840, 2160), gop=10, fps=10, noise=1.0), 2.0),
        "walk": (Scene(size=(640, 360), gop=50, noise=0.7, walks=(Walk(12.7, 0.3),)), 18.0),
    }
    return {name: access_units(make_scene(folder / f"{name}.ts", *made)) for name, made in scenes.items()}


def silence(seconds: float) -> Sent:
    return Sent(b"\x00\x00\x01\x09\x10", seconds, 0.0)


def test_ingest_of_a_camera_that_freezes(units: dict[str, list[bytes]]) -> None:
    camera = PacketCamera(
        lambda: itertools.chain(at_rate(units["small"][:50], FPS), [silence(60)]),
        lambda: at_rate(itertools.cycle(units["small"]), FPS),
    )
    with watched(camera) as watcher:
        watcher.wait(lambda: watcher.reader.counters().decoded >= 48, 6)
        frozen = time.monotonic()
        watcher.wait(lambda: watcher.reader.state.word == "lost", 8)
        assert 4 < time.monotonic() - frozen < 7.5
        assert watcher.reader.state.reason == "no picture for 5 s"
        watcher.wait(lambda: len(watcher.times) > 60, 6)
        assert watcher.reader.counters().reconnects == 1
        assert set(watcher.generations) == {0, 1}


def test_ingest_of_a_camera_that_drops(units: dict[str, list[bytes]]) -> None:
    camera = PacketCamera(lambda: at_rate(units["small"][:40], FPS))
    with watched(camera) as watcher:
        watcher.wait(lambda: camera.connections >= 3 and watcher.reader.counters().decoded > 90, 15)
        counters = watcher.reader.counters()
        assert 2 <= counters.reconnects <= counters.errors <= camera.connections
        assert watcher.generations[-1] == camera.connections - 1
    assert {s.word for s in watcher.states} == {"live", "lost"}


def test_ingest_of_a_stream_that_changes_its_size(units: dict[str, list[bytes]]) -> None:
    streams = [*units["small"][:50], *units["wide"], *units["odd"], *units["small"]]
    with watched(PacketCamera(lambda: itertools.chain(at_rate(streams, FPS), [silence(60)]))) as watcher:
        watcher.wait(lambda: watcher.reader.counters().decoded >= len(streams) - 4, 14)
        seen = [size for size, _ in itertools.groupby(watcher.sizes)]
        assert seen == [(320, 240), (640, 352), (322, 182), (320, 240)]
        assert watcher.newest is not None
        assert watcher.newest.scaled_bgr(104, 78).shape == (78, 104, 3)
        assert watcher.reader.counters().reconnects == 0


def test_ingest_of_garbage(units: dict[str, list[bytes]]) -> None:
    rng = random.Random(4)

    def script() -> Iterator[Sent]:
        for number, sent in enumerate(at_rate(itertools.cycle(units["small"]), FPS)):
            if 30 <= number < 90:
                unit = bytearray(sent.unit)
                for _ in range(20):
                    unit[rng.randrange(6, len(unit))] = rng.randrange(256)
                yield Sent(bytes(unit), sent.after, sent.stamp)
                yield Sent(rng.randbytes(rng.randrange(1, 300)), 0.0, sent.stamp, raw=True)
            else:
                yield sent

    camera = PacketCamera(script)
    with watched(camera, idle=True) as watcher:
        watcher.wait(lambda: camera.sent > 60 + 2 * 60 and watcher.reader.state.word == "live", 15)
        seen = len(watcher.times)
        watcher.wait(lambda: len(watcher.times) > seen + 25, 6)  # whole pictures again
        counters = watcher.reader.counters()
        assert counters.errors > 0
        assert counters.decoded <= camera.sent


def test_ingest_of_time_stamps_that_jump_a_day_back(units: dict[str, list[bytes]]) -> None:
    def script() -> Iterator[Sent]:
        yield from at_rate(units["small"][:75], FPS, start=2 * DAY)
        yield from at_rate(itertools.cycle(units["small"]), FPS, start=DAY)

    with watched(PacketCamera(script)) as watcher:
        watcher.wait(lambda: len(watcher.times) > 130, 10)
        assert [g for g, _ in itertools.groupby(watcher.generations)] == [0, 1]
        assert max(b - a for a, b in pairwise(watcher.times)) < 0.5
        assert watcher.reader.counters().reconnects == 0
        assert [s.word for s in watcher.states] == ["live"]


def test_ingest_at_rates_that_change(units: dict[str, list[bytes]]) -> None:
    def script() -> Iterator[Sent]:
        yield from at_rate(units["small"][:75], 25)
        yield from at_rate(units["small"][:25], 5, start=3.0)
        yield from at_rate(units["small"][:90], 30, start=8.0)
        yield silence(60)

    with watched(PacketCamera(script)) as watcher:
        watcher.wait(lambda: watcher.reader.counters().decoded >= 188, 15)
        steps = [round(b - a, 2) for a, b in pairwise(watcher.times)]
        assert steps.count(0.04) >= 60
        assert steps.count(0.2) >= 22
        assert steps.count(0.03) >= 75
        assert set(watcher.generations) == {0}


def test_ingest_of_h265(units: dict[str, list[bytes]]) -> None:
    camera = PacketCamera(lambda: at_rate(itertools.cycle(units["h265"]), FPS), codec="H265")
    with watched(camera) as watcher:
        watcher.wait(lambda: len(watcher.times) > 100, 10)
        assert watcher.sizes[-1] == (320, 240)
        assert watcher.reader.counters().errors == 0


def test_ingest_of_a_4k_stream(units: dict[str, list[bytes]]) -> None:
    camera = PacketCamera(lambda: at_rate(itertools.cycle(units["4k"]), 10))
    with watched(camera) as watcher:
        watcher.wait(lambda: len(watcher.times) > 20, 20)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        watcher.wait(lambda: len(watcher.times) > 60, 20)
        assert watcher.sizes[-1] == (3840, 2160)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # kB: a few pictures of 12 MB


def test_ingest_asleep_wakes_for_what_is_shorter_than_a_group_of_pictures(units: dict[str, list[bytes]]) -> None:
    camera = PacketCamera(lambda: itertools.chain(at_rate(units["walk"], FPS), [silence(60)]))
    with watched(camera, idle=True) as watcher:
        # After the seconds in which the stream is learned.
        watcher.wait(lambda: watcher.reader.watch == "idle" and watcher.reader.counters().decoded > 2 * FPS, 20)
        assert watcher.reader.counters().decoded < camera.sent + 1
        asleep = len(watcher.times)
        watcher.wait(lambda: watcher.reader.watch == "awake", 10)
        watcher.wait(lambda: len(watcher.times) > asleep + 30, 5)
        # From the last look on, which was at 12 s, every picture up to the event at 12.7 s and through it.
        steps = [b - a for a, b in pairwise(watcher.times)]
        woken = max(index for index, step in enumerate(steps) if step > 1) + 1
        assert woken >= asleep - 1
        assert steps[woken : woken + 22] == pytest.approx([0.04] * 22, abs=0.002)
        assert watcher.reader.counters().wakes == 1


def test_ingest_asleep_shows_what_led_to_the_loss_of_a_camera(units: dict[str, list[bytes]]) -> None:
    """Who cuts the cable is in the last pictures; an analyser of ten pictures a second has not taken them all by then."""
    walk = units["walk"]
    cut = 13 * FPS  # the walk begins at 12.7 s
    camera = PacketCamera(lambda: at_rate(walk[:cut], FPS), lambda: [silence(60)])
    with watched(camera, idle=True, pause_s=0.1) as watcher:
        watcher.wait(lambda: bool(watcher.states) and watcher.states[-1].word == "lost", 30)
        watcher.wait(lambda: not watcher.reader.waiting, 5)
        steps = [round(b - a, 2) for a, b in pairwise(watcher.times)]
        assert watcher.reader.counters().wakes == 1
        assert steps[-24:] == [0.04] * 24  # all of them, from the key frame at 12 s on


def test_ingest_of_a_camera_that_sends_and_sends_but_no_picture(
    units: dict[str, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No socket is ever silent, no packet ever whole: FFmpeg would read on for ever."""
    monkeypatch.setattr(stuck, "STUCK_S", 2.0)

    def script() -> Iterator[Sent]:
        yield from at_rate(units["small"][:50], FPS)
        yield Sent(b"$\x00\xff\xff", 0.04, 0.0, bare=True)
        for _ in range(2000):
            yield Sent(b"\x00", 0.02, 0.0, bare=True)

    camera = PacketCamera(script, lambda: at_rate(itertools.cycle(units["small"]), FPS))
    with watched(camera) as watcher:
        watcher.wait(lambda: [s.word for s in watcher.states] == ["live", "lost", "live"], 15)
        assert "data comes, but no picture" in watcher.states[1].reason
        assert camera.connections == 2


def test_ingest_that_is_stopped_ends_at_once_though_the_camera_is_frozen(units: dict[str, list[bytes]]) -> None:
    camera = PacketCamera(lambda: itertools.chain(at_rate(units["small"][:50], FPS), [silence(60)]))
    with watched(camera) as watcher:
        watcher.wait(lambda: len(watcher.times) > 45, 10)
        time.sleep(0.3)
        began = time.monotonic()
        watcher.reader.stop(4.0)
        assert time.monotonic() - began < 1.5
