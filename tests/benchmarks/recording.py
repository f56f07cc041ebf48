"""A box that does nothing but record, configured by a document in Redis, and what it and bare ffmpeg take of the machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from tests.cameras.documents import DEVICE, content, document
from tests.servers.process import end_process
from tests.servers.redis import RedisServer
from tests.servers.stack import Stack, wait_until

TICK = os.sysconf("SC_CLK_TCK")
BARE = ["ffmpeg", "-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp", "-i"]
PIECES = ["-f", "segment", "-segment_time", "4", "-segment_format", "mp4", "-reset_timestamps", "1"]


def _stat(pid: int) -> tuple[int, float]:
    """The parent of a process, and its CPU seconds with those of its children that ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[1]), sum(map(int, fields[11:15])) / TICK


def cpu_of(root: int) -> tuple[float, float]:
    """CPU seconds so far of a process, and of all that it started, those that ended included (in the first)."""
    found: dict[int, tuple[int, float]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found[int(folder.name)] = _stat(int(folder.name))
        except (OSError, IndexError):
            continue
    below, reached = 0.0, {root}
    while more := {pid for pid, (parent, _) in found.items() if parent in reached and pid not in reached}:
        below += sum(found[pid][1] for pid in more)
        reached |= more
    return found[root][1], below


@contextmanager
def recording_box(folder: Path, server: RedisServer, urls: Sequence[str]) -> Iterator[Stack]:
    """One `run_recorder` that records each of these all the time; every one of them is being recorded."""
    folder.mkdir(parents=True, exist_ok=True)
    cameras = [
        {"camera_id": f"c{n}", "rtsp_url": url, "analyse": False, "recording": {"always": True}}
        for n, url in enumerate(urls)
    ]
    with redis.Redis.from_url(server.url(), protocol=2) as client, Stack(folder, server.url, device_id=DEVICE) as stack:
        client.set(f"device:{DEVICE}:config", document(content(cameras=cameras, rois=[], binds=[])))
        client.set(f"device:{DEVICE}:version", "1")
        stack.start("recorder")

        def all_record() -> bool:
            states = [one["state"] for one in told(stack).get("cameras", {}).values()]
            return states == ["recording"] * len(urls)

        wait_until(all_record, seconds=90, what="recordings", every=0.5)
        yield stack
        assert stack.end("recorder", signal.SIGTERM) == 0


def told(stack: Stack) -> dict[str, Any]:
    """What the recorder says of itself."""
    for file in (stack.folder / "run").glob("recorder-*.json"):
        return dict(json.loads(file.read_text())["health"])
    return {}


@contextmanager
def bare_copies(folder: Path, urls: Sequence[str], how: Sequence[str], name: str) -> Iterator[list[int]]:
    """`ffmpeg -c copy` of each; the processes' pids. name: of the files, with `{n}` for the camera's number."""
    folder.mkdir(parents=True, exist_ok=True)
    running: list[subprocess.Popen[bytes]] = []
    try:
        for n, url in enumerate(urls):
            target = str(folder / name.format(n=n))
            running.append(subprocess.Popen([*BARE, url, "-map", "0:v:0", "-c", "copy", *how, target]))
        wait_until(
            lambda: sum(p.stat().st_size > 0 for p in folder.iterdir()) >= len(urls),
            seconds=60,
            what="copies",
            every=0.5,
        )
        yield [process.pid for process in running]
        assert all(process.poll() is None for process in running)
    finally:
        for process in running:
            end_process(process, signal.SIGTERM)
