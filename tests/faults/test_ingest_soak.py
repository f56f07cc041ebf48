"""`make soak`: cameras that drop their line every ten seconds, for `EDGESITE_SOAK_SECONDS` (three minutes by default)."""

from __future__ import annotations

import itertools
import os
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from detection.ingest.reader import CameraReader
from tests.servers.packets import PacketCamera, access_units, at_rate
from tests.servers.scenes import Scene, Walk, make_scene

CAMERAS, LINE_S, FPS = 4, 10, 25
WARM = 0.4  # of the time: pools and heaps fill
MOST_GROWTH_MB = 8.0


def rss() -> float:
    """MB (10^6 bytes)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


@pytest.mark.soak
def test_memory_is_flat_over_reconnects(tmp_path: Path) -> None:
    seconds = float(os.environ.get("EDGESITE_SOAK_SECONDS", "180"))
    scene = Scene(size=(640, 360), gop=50, noise=0.7, walks=(Walk(5.3, 0.5),))
    units = access_units(make_scene(tmp_path / "clip.ts", scene, LINE_S))
    with ExitStack() as stack:
        cameras = [
            stack.enter_context(PacketCamera(lambda: at_rate(itertools.islice(units, LINE_S * FPS), FPS)))
            for _ in range(CAMERAS)
        ]
        readers: list[CameraReader] = []
        for number, camera in enumerate(cameras):
            ready = threading.Event()
            reader = CameraReader(
                f"c{number}", camera.url(), on_frame=ready.set, on_state=lambda *_: None, idle=number % 2 == 0
            )
            reader.start()
            stack.callback(reader.stop)
            readers.append(reader)
        samples: list[tuple[float, float]] = []
        began = time.monotonic()
        while (at := time.monotonic() - began) < seconds:
            for reader in readers:
                while frame := reader.take():
                    frame.scaled_bgr(208, 117)
            samples.append((at, rss()))
            time.sleep(0.05)
        for reader in readers:
            reader.stop()
            while reader.take():
                pass
        counters = [reader.counters() for reader in readers]
    early = [mb for at, mb in samples if WARM * seconds <= at < (WARM + 0.2) * seconds]
    late = [mb for at, mb in samples if at >= 0.8 * seconds]
    growth = sum(late) / len(late) - sum(early) / len(early)
    print(
        f"\n{seconds:.0f} s, {[c.reconnects for c in counters]} reconnects, {max(late):.0f} MB, grew {growth:+.1f} MB"
    )
    expected = seconds / (LINE_S + 3.5) - 1
    for counter in counters:
        assert counter.reconnects >= expected * 0.8
        assert counter.decoded == counter.taken + counter.dropped + counter.skipped
    assert growth < MOST_GROWTH_MB
