"""Memory of real detectors: five minutes in CI, half an hour in `make soak` (`EDGESITE_SOAK_SECONDS` for another time).

Four run at once: with 1, 16 and 60 cameras that stay, and one whose cameras drop their line every ten seconds.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.servers.loaded_box import LoadedBox, growth
from tests.servers.packets import PacketCamera, access_units, at_rate
from tests.servers.redis import RedisServer
from tests.servers.rtsp import RtspServer
from tests.servers.scenes import Scene, Walk, make_scene
from tests.servers.stack import wait_until

COUNTS, DROPPED = (1, 16, 60), "dropped lines"
DROPPERS, LINE_S, FPS = 4, 10, 12
STILL = Scene(size=(640, 360), fps=8, gop=16, noise=0.7)  # small: what leaks does so at any size
MOST_AWAY = 0.1  # of the cameras, on a machine that does much else
BUSY_EVERY = 16  # of so many cameras one shows the street, the others a room in which nothing moves
PAUSE_S = 3.5  # the longest one between two tries, and connecting
MOST_GROWTH_MB, MOST_GROWTH_OF_A_CAMERA_MB = 8.0, 0.2


def wait_for_cameras(box: LoadedBox, name: str, seconds: float) -> None:
    needed = 1.0 if name == DROPPED else (1 - MOST_AWAY) * len(box.cameras)
    wait_until(lambda: box.live() >= needed, seconds=seconds, what="live cameras", every=0.5)


@contextmanager
def loaded_boxes(folder: Path, street: Path) -> Iterator[dict[str, LoadedBox]]:
    """The four boxes by name, when all of their cameras are live."""
    scene = Scene(size=(640, 360), fps=FPS, gop=2 * FPS, noise=0.7, walks=(Walk(5.3, 0.5),))
    units = access_units(make_scene(folder / "dropped.ts", scene, LINE_S))
    still = make_scene(folder / "still.mp4", STILL, 10.0)
    with ExitStack() as stack:
        redis = stack.enter_context(RedisServer())
        room, town = stack.enter_context(RtspServer(still)), stack.enter_context(RtspServer(street))
        droppers = [
            stack.enter_context(PacketCamera(lambda: at_rate(itertools.islice(units, LINE_S * FPS), FPS)))
            for _ in range(DROPPERS)
        ]
        urls = {
            f"{count} camera{'s' if count > 1 else ''}": [
                (room if index % BUSY_EVERY else town).url() for index in range(count)
            ]
            for count in COUNTS
        }
        urls[DROPPED] = [camera.url() for camera in droppers]
        boxes: dict[str, LoadedBox] = {}
        for number, (name, own) in enumerate(urls.items()):
            box = LoadedBox(folder / f"box{number}", redis, own, number=number)
            boxes[name] = stack.enter_context(box)
            # One after the other: what a crowd of starting processes costs is not the matter here.
            wait_for_cameras(box, name, 300)
        yield boxes


def watch(boxes: dict[str, LoadedBox], seconds: float) -> None:
    """Samples all of them once a second, and tells once a minute."""
    for box in boxes.values():
        box.begin()
    began, told = time.monotonic(), 0
    while (since := time.monotonic() - began) < seconds:
        samples = [box.sample() for box in boxes.values()]
        if since // 60 > told:
            told = int(since // 60)
            print(f"  minute {told:>2}: {'  '.join(f'{s.mb:.0f}' for s in samples)} MB", flush=True)
        time.sleep(1.0)


def check(boxes: dict[str, LoadedBox], seconds: float) -> None:
    """Prints what was measured, then holds it to be flat."""
    print(f"\nmemory of one detector process over {seconds:.0f} s, MB")
    print(f"  {'':<16}{'first':>8}{'last':>8}{'most':>8}{'grew':>8}{'threads':>9}{'files':>7}{'losses':>8}")
    for name, box in boxes.items():
        first, last = box.samples[0], box.samples[-1]
        print(
            f"  {name:<16}{first.mb:>8.0f}{last.mb:>8.0f}{max(s.mb for s in box.samples):>8.0f}{growth(box.samples):>+8.1f}"
            f"{last.threads:>9}{last.files:>7}{box.losses():>8}",
            flush=True,
        )
    for name, box in boxes.items():
        count = len(box.cameras)
        assert growth(box.samples) < MOST_GROWTH_MB + MOST_GROWTH_OF_A_CAMERA_MB * count, name
        assert abs(growth(box.samples, "threads")) < 1 + 0.1 * count, name
        assert abs(growth(box.samples, "files")) < 2 + 0.2 * count, name
        assert "Traceback" not in box.stack.log("detector"), name
        wait_for_cameras(box, name, 60)
    dropped = boxes[DROPPED]
    assert dropped.losses() >= 0.8 * DROPPERS * (seconds / (LINE_S + PAUSE_S) - 1)


def soak(folder: Path, street: Path, seconds: float) -> None:
    with loaded_boxes(folder, street) as boxes:
        watch(boxes, seconds)
        check(boxes, seconds)


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_ingest_memory_is_flat_for_five_minutes(street_clip: Path, tmp_path: Path) -> None:
    soak(tmp_path, street_clip, 300)


@pytest.mark.soak
def test_ingest_memory_is_flat_for_half_an_hour(street_clip: Path, tmp_path: Path) -> None:
    soak(tmp_path, street_clip, float(os.environ.get("EDGESITE_SOAK_SECONDS", "1800")))
