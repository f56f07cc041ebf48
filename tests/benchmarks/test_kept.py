"""`make bench`: a million segments on a box, and a week of recording in fake time.

KEPT_SEGMENTS, WEEK_DAYS, WEEK_SEGMENT_SECONDS change the sizes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.servers.stack import ROOT

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

SEGMENTS = int(os.environ.get("KEPT_SEGMENTS", "1000000"))
CAMERAS = 16
DAYS = int(os.environ.get("WEEK_DAYS", "7"))
SEGMENT_SECONDS = float(os.environ.get("WEEK_SEGMENT_SECONDS", "20"))
MOST_RATIO = 3.0
MOST_CAMERA_S = 2.0  # so long nothing else of the recorder goes on
MOST_LOOK_S = 0.1
MOST_GROWTH_MB = 5.0
MEMORY = Path("/dev/shm")  # where it is, syncing costs nothing: a week is a matter of minutes


def measure(what: str, *arguments: object, inside: Path | None = None) -> dict[str, Any]:
    """In a folder that is removed at once: a million files are not kept for somebody to look at."""
    with tempfile.TemporaryDirectory(prefix="edgesite-bench-", dir=inside) as folder:
        env = os.environ | {"DJANGO_SETTINGS_MODULE": "edgesite.settings", "VAR_DIR": folder, "DEVICE_ID": "box-1"}
        command = [sys.executable, "-m", "tests.benchmarks.kept", what, folder, *map(str, arguments)]
        done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 0
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found


def test_a_million_segments_are_compared() -> None:
    found = measure("reconcile", SEGMENTS, CAMERAS)
    ratio = found["sweep_cpu_s"] / found["bare_cpu_s"]
    print(f"\n{SEGMENTS:,} segments of {CAMERAS} cameras, made in {found['fill_s']:.0f} s")
    print(f"  start: everything compared             {found['sweep_s']:>9.2f} s, {found['more_mb']:.0f} MB")
    print(f"    its CPU time                         {found['sweep_cpu_s']:>9.2f} s")
    print(
        f"  bare: list files, read names: CPU time {found['bare_cpu_s']:>9.2f} s   ratio {ratio:.2f} (at most {MOST_RATIO})"
    )
    print(f"  the minute's look at one camera        {found['camera_s']:>9.2f} s at most")
    print(f"  retention's look, every 10 s           {found['look_s']:>9.3f} s")
    print(f"  which cameras there are                {found['cameras_s']:>9.4f} s")
    assert (found["gone"], found["taken_in"]) == (5, 1)
    assert ratio <= MOST_RATIO
    assert found["camera_s"] <= MOST_CAMERA_S
    assert found["look_s"] <= MOST_LOOK_S


def test_a_week_in_fake_time_is_flat() -> None:
    found = measure("week", DAYS, SEGMENT_SECONDS, inside=MEMORY if MEMORY.is_dir() else None)
    mb, rows, store = found["mb"], found["rows"], found["store_kb"]
    print(
        f"\n{DAYS} days of two cameras in segments of {SEGMENT_SECONDS:g} s, {found['clips']} steps of clips, ", end=""
    )
    print(f"one day kept; took {found['took_s']:.0f} s\n  day       MB   segments   edge store kB")
    for day, values in enumerate(zip(mb, rows, store, strict=True), start=1):
        print("  {:>3} {:>8.1f} {:>10} {:>15.0f}".format(day, *values))
    assert found["clips"] >= 2 * DAYS * 24
    assert max(rows[1:]) - min(rows[1:]) <= 4
    assert mb[-1] - mb[1] <= MOST_GROWTH_MB
    assert store[-1] <= 1.2 * store[1]
