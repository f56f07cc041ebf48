"""`analyse_video` as a process of its own, with the real model on the street clip: no Redis, no database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import av
import pytest

from tests.servers.stack import ROOT, wait_until

DOCUMENT = {
    "cameras": [{"camera_id": "vid1", "rtsp_url": "rtsp://10.0.0.5/1"}],
    "rois": [{"roi_id": "r", "camera_id": "vid1", "roi_type": "rectangle", "coordinates": [[0.3, 0.3], [1, 1]]}],
    "binds": [{"bind_id": "b", "roi_id": "r", "algo_code": "intrusion"}],
}


@pytest.fixture
def place(tmp_path: Path, street_clip: Path) -> Path:
    """A folder with the first six seconds of the clip and a document."""
    with av.open(str(street_clip)) as source, av.open(str(tmp_path / "clip.mp4"), "w") as target:
        copy = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None and packet.pts is not None and packet.pts * packet.time_base < 6:
                packet.stream = copy
                target.mux(packet)
    (tmp_path / "doc.json").write_text(json.dumps(DOCUMENT))
    return tmp_path


def command(place: Path, out: str, *more: str, clip: Path | None = None) -> list[str]:
    video = str(clip or place / "clip.mp4")
    return [
        sys.executable, "manage.py", "analyse_video", video, "--document", str(place / "doc.json"),
        "--out", str(place / out), *more,
    ]  # fmt: skip


def environment(place: Path) -> dict[str, str]:
    """Where neither a Redis nor a database can be: the command must not need them."""
    nowhere = dict.fromkeys(("CLOUD_REDIS_URL", "LOCAL_REDIS_URL", "CHANNEL_REDIS_URL"), "redis://127.0.0.1:1/0")
    return {**os.environ, **nowhere, "VAR_DIR": str(place / "var"), "DATABASE_URL": "", "DEBUG": "1"}


def analysed(place: Path, out: str, *more: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        command(place, out, *more), cwd=ROOT, env=environment(place), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in (place / out).read_text().splitlines()]


@pytest.mark.integration
def test_people_of_the_street_are_found_followed_and_reported(place: Path) -> None:
    found = analysed(place, "one.jsonl")
    assert [line["frame"] for line in found] == list(range(60))
    assert [line["t"] for line in found] == pytest.approx([i / 10 for i in range(60)])
    people = [[d for d in line["detections"] if d["class"] == "person" and d["track_id"]] for line in found]
    assert sum(map(len, people)) / 60 > 3
    assert {d["track_id"] for d in people[10]} & {d["track_id"] for d in people[59]}  # somebody was there all the time
    events = [event for line in found for event in line["events"]]
    assert events
    assert all(event["data"]["dwell_s"] >= 1 and event["data"]["class"] == "person" for event in events)
    assert not (place / "var" / "edge.sqlite3").exists()
    analysed(place, "two.jsonl")
    assert (place / "two.jsonl").read_bytes() == (place / "one.jsonl").read_bytes()


@pytest.mark.integration
def test_a_small_score_gives_a_whole_curve_and_the_same_events(place: Path) -> None:
    plain, wide = (
        analysed(place, "plain.jsonl", "--fps", "5"),
        analysed(place, "w.jsonl", "--fps", "5", "--min-score", "0.01"),
    )
    assert [line["frame"] for line in wide] == list(range(0, 60, 2))
    weakest = [min(d["score"] for d in line["detections"] if d["class"] == "person") for line in wide]
    assert max(weakest) < 0.015
    for line in wide:
        line["detections"] = [d for d in line["detections"] if d["score"] >= 0.25]
    assert wide == plain


@pytest.mark.integration
def test_ended_in_the_middle_it_leaves_nothing(place: Path, street_clip: Path) -> None:
    process = subprocess.Popen(
        command(place, "out.jsonl", clip=street_clip), cwd=ROOT, env=environment(place), stderr=subprocess.PIPE
    )
    with process:
        parts = wait_until(lambda: list(place.glob(".out.jsonl.*.part")), seconds=30, what="unfinished file")
        wait_until(lambda: parts[0].stat().st_size > 0, seconds=30, what="line in it")
        asked = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 130
        assert time.monotonic() - asked < 5
        assert b"Interrupted" in (process.stderr.read() if process.stderr else b"")
    assert [path.name for path in place.iterdir() if "out" in path.name] == []
