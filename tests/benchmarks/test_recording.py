"""`make bench`: what recording costs beside bare `ffmpeg -c copy`, and how long a clip takes from its stop.

RECORD_CAMERAS, RECORD_SECONDS, RECORD_ROUNDS, CLIP_SECONDS change the sizes.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import av
import pytest

from edgesite.edge_store.database import EdgeDatabase
from recordings.core.segments import Segment, segment_path
from recordings.recorder.segment_store import SegmentStore
from tests.benchmarks.pipeline import make_hd
from tests.benchmarks.recording import PIECES, bare_copies, cpu_of, recording_box
from tests.integration.recordings import Camera, begins_with_its_index
from tests.servers.redis import RedisServer
from tests.servers.rtsp import RtspServer
from tests.servers.stack import Stack, installation, wait_until

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

CAMERAS = int(os.environ.get("RECORD_CAMERAS", "16"))
SECONDS = float(os.environ.get("RECORD_SECONDS", "30"))
CLIP_SECONDS = int(os.environ.get("CLIP_SECONDS", "600"))
ROUNDS, SETTLE_S = int(os.environ.get("RECORD_ROUNDS", "3")), 5.0
MOST_RATIO = 1.1
FRAMES = 250  # ten seconds, which the camera repeats
SAMPLES = 4  # segments that are recorded to make many of


@pytest.fixture(scope="module")
def street(street_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1080p25 at 4 Mbit/s, a key frame every two seconds."""
    return make_hd(street_clip, tmp_path_factory.mktemp("street") / "street.mp4", frames=FRAMES)


def spent(pids: Sequence[int], server: RtspServer) -> list[float]:
    """CPU milliseconds a camera-second over SECONDS, of these processes, of what they started, and of the camera's server."""
    time.sleep(SETTLE_S)
    before, fed, began = [cpu_of(pid) for pid in pids], server.cpu_seconds(), time.monotonic()
    time.sleep(SECONDS)
    after, fed = [cpu_of(pid) for pid in pids], server.cpu_seconds() - fed
    share = 1000 / (CAMERAS * (time.monotonic() - began))
    return [
        share * sum(b[part] - a[part] for a, b in zip(before, after, strict=True)) for part in (0, 1)
    ] + [share * fed]  # fmt: skip


def test_recording_beside_bare_copies(street: Path, redis_server: RedisServer, tmp_path: Path) -> None:
    names = [f"cam{n}" for n in range(CAMERAS)]
    runs: dict[str, list[list[float]]] = {"copy": [], "pieces": [], "product": []}
    with RtspServer(street, *names) as server:
        urls = [server.url(name) for name in names]
        for turn in range(ROUNDS):  # in turn, because a shared machine's speed drifts
            with bare_copies(tmp_path / f"copy{turn}", urls, ["-f", "mp4"], "{n}.mp4") as pids:
                runs["copy"].append(spent(pids, server))
            with bare_copies(tmp_path / f"pieces{turn}", urls, PIECES, "{n}_%05d.mp4") as pids:
                runs["pieces"].append(spent(pids, server))
            with recording_box(tmp_path / f"box{turn}", redis_server, urls) as stack:
                runs["product"].append(spent([stack.pid("recorder")], server))
    print(f"\n{CAMERAS} cameras, 1080p25 at 4 Mbit/s over RTSP/TCP: CPU ms of one camera-second, median of {ROUNDS}")
    middle = {name: [statistics.median(axis) for axis in zip(*of, strict=True)] for name, of in runs.items()}
    for name, what in (("copy", "bare ffmpeg -c copy, one MP4"), ("pieces", "bare ffmpeg -c copy, MP4s of 4 s")):
        print(f"  {what:<44}{middle[name][0]:>8.2f}   (camera's server {middle[name][2]:.2f})")
    own, ffmpegs, fed = middle["product"]
    print(f"  {'run_recorder with its ffmpegs':<44}{own + ffmpegs:>8.2f}   (camera's server {fed:.2f})")
    print(f"    of it run_recorder itself {own:.2f}, ffmpegs {ffmpegs:.2f}")
    ratio = statistics.median(
        (ours[0] + ours[1]) / sum(bare[:2]) for ours, bare in zip(runs["product"], runs["copy"], strict=True)
    )
    print(f"  ratio to one MP4 {ratio:.2f} (at most {MOST_RATIO})")
    assert ratio <= MOST_RATIO


# -- from stop to clip -------------------------------------------------------------------------------------------------


def lengthen(stack: Stack, seconds: int) -> float:
    """Puts so many seconds of copied segments before what the camera's first task recorded; when they begin, Unix seconds."""
    folder = stack.folder / "recordings" / "segments"
    with closing(EdgeDatabase(stack.folder / "edge.sqlite3")) as database:
        store = SegmentStore(database)
        wait_until(lambda: len(store.of_camera("vid1")) >= SAMPLES, seconds=60, what="segments", every=0.5)
        first, *samples = store.of_camera("vid1")[:SAMPLES]  # the first may be short
        begin, made = first.start, list[Segment]()
        while first.start - begin < seconds:
            sample = samples[len(made) % len(samples)]
            begin -= sample.end - sample.start
            run = f"copied{len(made):05}"
            path = segment_path(camera_id="vid1", run=run, name="x_000000.part", start=begin)
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / sample.path, folder / path)
            made.append(replace(sample, path=path, run=run, start=begin, end=begin + sample.end - sample.start))
        store.add(made)
        return begin


def begin_at(stack: Stack, begin: float) -> None:
    """The task that runs has recorded since then."""
    with closing(EdgeDatabase(stack.folder / "edge.sqlite3")) as database, database.transaction() as db:
        assert db.execute("UPDATE tasks SET started_at = ? WHERE state = 'recording'", (begin,)).rowcount == 1


def files_since(stack: Stack, begin: float) -> list[Path]:
    """The segments, in their order."""
    with closing(EdgeDatabase(stack.folder / "edge.sqlite3")) as database:
        found = SegmentStore(database).between("vid1", start=begin, end=time.time())
    return [stack.folder / "recordings" / "segments" / s.path for s in found]


def bare_clip(files: Sequence[Path], folder: Path) -> float:
    """Seconds that ffmpeg takes to copy the files into one MP4 whose index stands first."""
    listing = folder / "list.txt"
    listing.write_text("".join(f"file '{file}'\n" for file in files))
    command = [
        "ffmpeg",
        "-nostdin",
        "-loglevel",
        "error",
        "-f",
        "concat",
        "-safe",
        "0",
        "-i",
        str(listing),
        "-c",
        "copy",
    ]
    began = time.perf_counter()
    subprocess.run([*command, "-movflags", "+faststart", "-y", str(folder / "bare.mp4")], check=True)
    return time.perf_counter() - began


def length_of(clip: Path) -> float:
    """Seconds of its video; its first group of pictures is decoded, the rest only read."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        assert next(container.decode(stream)).width == 1920
        container.seek(0)
        times = [float(p.pts * p.time_base) for p in container.demux(stream) if p.pts is not None]
    return max(times) - min(times)


def test_from_stop_to_a_clip_that_plays(street: Path, redis_server: RedisServer, tmp_path: Path) -> None:
    ours, bare, begin = [], [], 0.0
    with (
        installation(tmp_path, redis_server.url, street.as_uri(), "web", "hub", "recorder") as stack,
        closing(Camera(stack)) as vid1,
    ):
        vid1.ready()
        for _ in range(ROUNDS):
            vid1.ok("start_task")
            vid1.wait_for("recording")
            begin = begin or lengthen(stack, CLIP_SECONDS)
            begin_at(stack, begin)
            began = time.perf_counter()
            vid1.ok("stop_task")
            wait_until(lambda: vid1.status()["status"] in ("completed", "failed"), seconds=120, what="clip", every=0.02)
            ours.append(time.perf_counter() - began)
            clip = Path(vid1.wait_for("completed")["local_file"])
            with clip.open("rb") as file:
                assert begins_with_its_index(file.read(16_000_000))
            assert length_of(clip) > CLIP_SECONDS
            files = files_since(stack, begin)
            bare.append(bare_clip(files, tmp_path))
            size = clip.stat().st_size / 1e6
            clip.unlink()
    print(f"\n{CLIP_SECONDS} s of 1080p25, {size:.0f} MB in {len(files)} segments, median of {ROUNDS}")
    print(f"  bare ffmpeg -c copy of the same files     {statistics.median(bare):>8.2f} s")
    print(f"  stop_task to a verified clip with a URL   {statistics.median(ours):>8.2f} s")
