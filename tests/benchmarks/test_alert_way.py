"""`make bench`: how long an alert takes from the rule to the browser, idle and at a rate, and how fast an outbox drains.

On a busy machine: `WAY_IDLE=10 WAY_RATE=20 WAY_SECONDS=5 DRAIN_ROWS=5000 pytest tests/benchmarks -k alert_way -m bench -s`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from edgesite.edge_store.database import EdgeDatabase
from edgesite.edge_store.outbox import NewAlert, Outbox
from tests.benchmarks.alert_way import CAMERAS, Times, Way, percentile, raw_layer, raw_stream
from tests.detection.alerts import AT, alert_body
from tests.servers.process import end_process
from tests.servers.redis import RedisServer
from tests.servers.stack import ROOT, Stack

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1200)]

IDLE = int(os.environ.get("WAY_IDLE", "60"))
RATE = int(os.environ.get("WAY_RATE", "200"))  # alerts a second
SECONDS = int(os.environ.get("WAY_SECONDS", "20"))
ROWS = int(os.environ.get("DRAIN_ROWS", "50000"))
PAUSE_S = 0.37  # between two alerts of an idle installation: no multiple of any loop's wait
MOST_IDLE_MS, MOST_LOADED_MS = 500.0, 2000.0  # to the browser, for 99 of 100
CHUNK = 1000


def test_from_the_rule_to_the_browser(redis_server: RedisServer, tmp_path: Path) -> None:
    with Stack(tmp_path, redis_server.url) as stack:
        stack.prepare("file:///nothing.mp4")
        stack.start("web", "hub")
        way = Way(stack, tmp_path, redis_server.url())
        found: dict[str, list[Times]] = {}
        with way.running():
            way.run(5, every_s=PAUSE_S)  # connections and first imports
            for name, count, every_s in (("idle", IDLE, PAUSE_S), (f"{RATE}/s", RATE * SECONDS, 1 / RATE)):
                times, took = way.run(count, every_s=every_s)
                body, few = json.dumps(way.message), min(count, 2000)
                bare = [
                    raw_stream(redis_server.url(3), body, few, every_s=every_s / 4 if name == "idle" else every_s),
                    raw_layer(
                        redis_server.url(4), way.message, few, every_s=every_s / 4 if name == "idle" else every_s
                    ),
                ]
                print(f"\n{count} alerts in {took:.1f} s ({name}), each some {len(body)} bytes")
                print(f"  {'ms':<46}{'p50':>9}{'p99':>9}{'most':>9}")
                for each in [*times, *bare]:
                    print(each.line())
                found[name] = times
        fired = len(way.shown.seen)
        assert len(stack.alerts()) == fired == 5 + IDLE + RATE * SECONDS
    assert percentile(found["idle"][1].ms, 0.99) < MOST_IDLE_MS
    assert percentile(found[f"{RATE}/s"][1].ms, 0.99) < MOST_LOADED_MS


def fill(store: Path, rows: int) -> float:
    """Seconds that it took."""
    outbox = Outbox(EdgeDatabase(store))
    began = time.perf_counter()
    for start in range(0, rows, CHUNK):
        numbers = range(start, min(start + CHUNK, rows))
        bodies = [
            alert_body(
                f"e{n:06}", camera_id=f"cam{n % CAMERAS}", bind_id=f"b{n % 40}", timestamp=AT + 30 * n, capture=""
            )
            for n in numbers
        ]
        outbox.add_alerts([NewAlert(b["event_id"], b["camera_id"], b) for b in bodies], now=1.0)
    return time.perf_counter() - began


def test_an_outbox_of_days_drains(redis_server: RedisServer, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.benchmarks.alert_drain"]
    with Stack(tmp_path, redis_server.url) as stack:
        stack.prepare("file:///nothing.mp4")
        store = tmp_path / "filled.sqlite3"
        filled_s = fill(store, ROWS)
        hub = subprocess.Popen(
            [*command, "hub", redis_server.url()],
            cwd=ROOT,
            env=stack.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            assert hub.stdout
            assert hub.stdout.readline() == b"ready\n"
            done = subprocess.run(
                [*command, "box", redis_server.url(), str(store)],
                cwd=ROOT, env=stack.env, capture_output=True, text=True, check=True,
            )  # fmt: skip
            said, _ = hub.communicate(timeout=60)
        finally:
            end_process(hub)
        sent: dict[str, Any] = json.loads(done.stdout)
        took: dict[str, Any] = json.loads(said)
        count = int(
            stack.manage("shell", "-v0", "-c", "from detection.models import Alert; print(Alert.objects.count())")
        )
    print(
        f"\n{ROWS:,} rows of {CAMERAS} cameras (written in {filled_s:.1f} s) drained in {sent['seconds']:.1f} s: "
        f"{ROWS / sent['seconds']:,.0f} rows/s\n"
        f"  hub: {took['statements_s']:.1f} s in {took['statements']:,} statements, {took['commits_s']:.1f} s in "
        f"{took['commits']:,} commits, {took['cpu_s']:.1f} s of CPU, {took['batches']:,} batches, "
        f"{took['peak_mb']:.0f} MB at most\n"
        f"  box: {sent['cpu_s']:.1f} s of CPU, {sent['peak_mb']:.0f} MB at most"
    )
    assert (took["stored"], count) == (ROWS, ROWS)
