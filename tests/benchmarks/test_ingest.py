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

CAMERAS, FEWER, SECONDS = 60, 20, 12
FPS = 25
# What a camera sends that spends its whole rate on its sensor's noise, and one that spends what the picture needs.
STILL = {
    "4 Mbit/s": Scene(size=(1920, 1080), noise=3.0, bitrate=4_000_000),
    "constant quality": Scene(size=(1920, 1080), noise=1.0),
}
MOST_RATIO, MOST_CLEAR_RATIO, MOST_MB = 1.2, 1.0, 20.0
DURATIONS, PHASE_S, APART_S = (0.3, 0.5, 1.0, 2.0), 0.2, 8.0
NOISY_DURATIONS = (0.3, 1.0, 2.0)


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
def still(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("still")
    return {
        name: without_beginning(make_scene(folder / f"{index}.mp4", scene, 44.0), 14.0)
        for index, (name, scene) in enumerate(STILL.items())
    }


def test_stages_of_ingest(still: dict[str, Path]) -> None:
    cost = measure("stages", still["4 Mbit/s"])
    print("\n1080p25 at 4 Mbit/s: CPU ms")
    for name, milliseconds in cost.items():
        print(f"  {name:<34} {milliseconds:8.3f}")
    assert cost["weigh a packet"] < cost["decode a key frame"] / 20
    assert cost["weigh a packet"] < cost["decode a picture"] / 10
    assert cost["demultiplex a packet"] < cost["decode a picture"] / 4
    assert cost["scale to the small grey picture"] < cost["decode a key frame"] / 4
    assert cost["decode a packet for comparing only"] < cost["decode a picture"]


def still_runs(server: RtspServer, cameras: int) -> dict[str, dict[str, Any]]:
    """What receiving, key frames and the product's readers cost; prints it, and what the server beside them cost."""
    runs: dict[str, dict[str, Any]] = {}
    for mode in ("receive", "keys", "reader"):
        before = server.cpu_seconds()
        runs[mode] = run = measure("idle", server.url("cam{n}"), cameras, SECONDS, mode)
        took = server.cpu_seconds() - before
        print(
            f"  {mode:<8} {run['cores']:.4f} core {run['mb']:6.1f} MB {run['fps']:6.1f} pictures/s; server {took:.1f} CPU s"
        )
        if run["fps"] < 0.95 * FPS:
            break
    return runs


@pytest.mark.parametrize(("name", "most"), [("4 Mbit/s", MOST_RATIO), ("constant quality", MOST_CLEAR_RATIO)])
def test_still_cameras_beside_bare_loops(still: dict[str, Path], name: str, most: float) -> None:
    for cameras in (CAMERAS, FEWER):
        print(f"\n{cameras} still 1080p25 cameras over RTSP/TCP, {name}; of one camera")
        with RtspServer(still[name], *(f"cam{n}" for n in range(cameras))) as server:
            runs = still_runs(server, cameras)
        if fed := all(run["fps"] >= 0.95 * FPS for run in runs.values()):
            break
        print(f"  the RTSP server on the same machine cannot feed {cameras} cameras at {FPS} pictures/s")
    assert fed, "the machine has no time for this measurement"
    reader = runs["reader"]
    ratio = reader["cores"] / runs["keys"]["cores"]
    print(f"  reader / (receive and key frames) {ratio:.2f} (at most {most}); {reader['watch']}")
    assert reader["live"] == cameras
    assert ratio <= most
    assert reader["mb"] <= MOST_MB


def events(seconds: float) -> Iterator[Walk]:
    """One at every phase of a group of two seconds, each after the camera had time to fall asleep again."""
    for step in range(round(2.0 / PHASE_S)):
        yield Walk(start=12.0 + step * APART_S + step * PHASE_S, seconds=seconds)


def shows(walks: list[Walk], picture: Decoded) -> bool:
    return any(walk.start <= (picture.stamp or 0) < walk.start + walk.seconds for walk in walks)


def seen_of(walks: list[Walk], clip: Path, cores: float, label: str) -> int:
    """Plays the clip; prints and returns how many of the walks were seen."""
    # The model sees whoever is there: without that, what wakes a camera twice at one phase would be learned.
    played = Replay(clip, WatchBudget(cores), partial(shows, walks)).run()
    delays = [played.delay(walk.start, walk.seconds) for walk in walks]
    seen = sorted(delay for delay in delays if delay is not None)
    times = f"{statistics.median(seen):.2f} / {seen[-1]:.2f} s" if seen else "-"
    print(f"  {walks[0].seconds} s  {label:<16} {len(seen)}/{len(walks)}  {times}   wakes {played.attention.wakes}")
    return len(seen)


@pytest.mark.parametrize("seconds", DURATIONS)
def test_short_events_at_every_phase_wake_a_camera(seconds: float, tmp_path: Path) -> None:
    walks = list(events(seconds))
    clip = make_scene(tmp_path / "walks.mp4", Scene(noise=1.0, walks=walks), walks[-1].start + 8)
    print("\nevents at every phase of a 2 s group: seen, delay p50 / p99")
    assert seen_of(walks, clip, 0.0, "weighed") == len(walks)


@pytest.mark.parametrize("seconds", NOISY_DURATIONS)
def test_short_events_in_the_noise_of_a_rate_that_is_held(seconds: float, tmp_path: Path) -> None:
    walks = list(events(seconds))
    scene = Scene(noise=3.0, bitrate=1_000_000, walks=walks)  # of a quarter of the pixels: 4 Mbit/s for 1080p
    clip = make_scene(tmp_path / "walks.mp4", scene, walks[-1].start + 8)
    print("\nevents at every phase of a 2 s group, noisy: seen, delay p50 / p99")
    watched = seen_of(walks, clip, 10.0, "watched")
    unwatched = seen_of(walks, clip, 0.0, "beyond budget")
    assert watched == len(walks)
    if seconds >= 2.0:  # a key frame lies within it
        assert unwatched == len(walks)


@pytest.mark.parametrize(
    ("name", "scene"),
    [
        ("noise", Scene(noise=1.0)),
        ("strong noise", Scene(noise=3.0)),
        ("rain", Scene(noise=1.0, rain=True)),
        ("light", Scene(noise=1.0, lights=(40.0, 70.0))),
    ],
)
def test_false_wakes(name: str, scene: Scene, tmp_path: Path) -> None:
    seconds = 90.0
    played = Replay(make_scene(tmp_path / "nothing.mp4", scene, seconds), WatchBudget(10.0)).run()
    wakes = played.attention.wakes
    print(f"\nfalse wakes, {name}: {wakes} in {seconds:.0f} s, {wakes * 3600 / seconds:.0f} a camera-hour")
    assert wakes <= 2 * (1 + len(scene.lights))
