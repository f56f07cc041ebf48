"""`make bench`: what a still camera costs beside the least that it can cost, and what wakes one."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import av
import pytest

from detection.ingest.attention import WatchBudget
from detection.ingest.pictures import Decoded
from tests.servers.replay import Replay
from tests.servers.rtsp import RtspServer
from tests.servers.scenes import Scene, Walk, make_scene
from tests.servers.stack import ROOT

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

CAMERAS, SECONDS = 20, 20
STILL = Scene(size=(1920, 1080), noise=1.0)
MOST_RATIO, MOST_MB = 1.2, 20.0
DURATIONS, PHASE_S, APART_S = (0.3, 0.5, 1.0, 2.0), 0.2, 8.0


def measure(*arguments: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.ingest", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def without_beginning(clip: Path, seconds: float) -> Path:
    """The clip from a key frame on: an encoder's first groups of pictures are unlike all others, which a loop would repeat."""
    cut = clip.with_stem(clip.stem + "-cut")
    with av.open(str(clip)) as source, av.open(str(cut), "w") as target:
        stream = source.streams.video[0]
        copy, first = target.add_stream_from_template(stream), None
        for packet in source.demux(stream):
            if packet.dts is None or packet.pts is None or float(packet.pts * packet.time_base) < seconds:
                continue
            first = packet.dts if first is None else first
            packet.pts, packet.dts, packet.stream = packet.pts - first, packet.dts - first, copy
            target.mux(packet)
    return cut


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("still")
    return without_beginning(make_scene(folder / "still.mp4", STILL, 10.0), 4.0)


def test_stages_of_ingest(still: Path) -> None:
    print(f"\n1080p25, noise {STILL.noise}: CPU ms")
    for name, milliseconds in measure("stages", still).items():
        print(f"  {name:<34} {milliseconds:8.3f}")


def test_still_cameras_beside_bare_loops(still: Path) -> None:
    with RtspServer(still, "cam") as server:
        runs = {mode: measure("idle", server.url("cam"), CAMERAS, SECONDS, mode) for mode in ("receive", "keys")}
        runs["reader"] = measure("idle", server.url("cam"), CAMERAS, SECONDS, "reader")
    print(f"\n{CAMERAS} still 1080p25 cameras over RTSP/TCP; of one camera")
    for mode, run in runs.items():
        print(f"  {mode:<10} {run['cores']:.4f} core   {run['mb']:6.1f} MB")
    reader = runs["reader"]
    ratio = reader["cores"] / runs["keys"]["cores"]
    print(f"  reader / (receive and key frames) {ratio:.2f} (at most {MOST_RATIO}); asleep {reader['asleep']}")
    assert reader["live"] == CAMERAS
    assert ratio <= MOST_RATIO
    assert reader["mb"] <= MOST_MB


def events(seconds: float) -> Iterator[Walk]:
    """One at every phase of a group of two seconds, each after the camera had time to fall asleep again."""
    for step in range(round(2.0 / PHASE_S)):
        yield Walk(start=12.0 + step * APART_S + step * PHASE_S, seconds=seconds)


def shows(walks: list[Walk], picture: Decoded) -> bool:
    return any(walk.start <= (picture.stamp or 0) < walk.start + walk.seconds for walk in walks)


@pytest.mark.parametrize(("noise", "budget"), [(1.0, 0.0), (3.0, 10.0)], ids=["clean", "noisy"])
def test_short_events_at_every_phase_wake_a_camera(noise: float, budget: float, tmp_path: Path) -> None:
    print(f"\nevents at every phase of a 2 s group, noise {noise}: seen, delay p50 / p99")
    for seconds in DURATIONS:
        walks = list(events(seconds))
        clip = make_scene(tmp_path / "walks.mp4", Scene(noise=noise, walks=walks), walks[-1].start + 8)
        # The model sees whoever is there: without that, what wakes a camera twice at one phase would be learned.
        played = Replay(clip, WatchBudget(budget), partial(shows, walks)).run()
        delays = [played.delay(walk.start, walk.seconds) for walk in walks]
        seen = sorted(delay for delay in delays if delay is not None)
        p50, p99 = statistics.median(seen), seen[-1]
        print(f"  {seconds} s  {len(seen)}/{len(walks)}  {p50:.2f} / {p99:.2f} s   wakes {played.attention.wakes}")
        assert len(seen) == len(walks)


@pytest.mark.parametrize(
    ("name", "scene"),
    [
        ("noise", Scene(noise=1.0)),
        ("strong noise", Scene(noise=3.0)),
        ("rain", Scene(noise=1.0, rain=True)),
        ("light", Scene(noise=1.0, lights=(40.0, 70.0, 100.0))),
    ],
)
def test_false_wakes(name: str, scene: Scene, tmp_path: Path) -> None:
    seconds = 120.0
    played = Replay(make_scene(tmp_path / "nothing.mp4", scene, seconds), WatchBudget(10.0)).run()
    wakes = played.attention.wakes
    print(f"\nfalse wakes, {name}: {wakes} in {seconds:.0f} s, {wakes * 3600 / seconds:.0f} a camera-hour")
    assert wakes <= 2 * (1 + len(scene.lights))
