"""Simulated boxes in one process: `python -m tests.benchmarks.boxes REDIS_URL COUNT CAMERAS`.

They follow the hints, read their documents, verify the hash, and report as DESIGN 5.3 says: at once when a version is applied,
again when it is confirmed, and every two seconds. Prints a JSON line whenever all of them run the same new version: `version`,
`at` (Unix seconds), `read_s`, `verify_s` and `report_s` (what each kind of work took in all).
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from typing import Any, cast

from cameras.core.document import content_hash, content_of
from cameras.reporting import RENEW_SECONDS, Report
from edgesite import redis_keys
from edgesite.redis_clients import connect, get_texts, last_entry, read_streams

CHUNK = 100
CONFIRM_SECONDS = 5.0


class Boxes:
    """Every device `box-0000` … of the fleet."""

    def __init__(self, url: str, count: int, cameras: int) -> None:
        self.client = connect(url)
        self.reports = {f"box-{n:04}": Report(device_id=f"box-{n:04}") for n in range(count)}
        self.cameras = cameras
        self.applied_at: dict[str, float] = {}
        self.spent = dict.fromkeys(("read_s", "verify_s", "report_s"), 0.0)

    def _health(self, device_id: str) -> dict[str, Any]:
        states = {f"{device_id}-c{n}": "live" for n in range(self.cameras)}
        links = dict.fromkeys(("cloud_redis_connected", "local_redis_connected", "stream_listener_active"), True)
        return {**links, "outbox": 0, "disk_free": 10**11, "cameras": states}

    def send(self, device_ids: list[str]) -> None:
        """Writes their reports."""
        began, now = time.perf_counter(), datetime.now(UTC)
        with self.client.pipeline(transaction=False) as pipe:
            for device_id in device_ids:
                message = self.reports[device_id].message(at=now, health=self._health(device_id))
                pipe.set(redis_keys.report(device_id), json.dumps(message))
            pipe.execute()
        self.spent["report_s"] += time.perf_counter() - began

    def take(self, device_ids: list[str]) -> None:
        """Reads, verifies, applies and reports."""
        for start in range(0, len(device_ids), CHUNK):
            some = device_ids[start : start + CHUNK]
            began = time.perf_counter()
            texts = get_texts(self.client, [redis_keys.config(d) for d in some])
            read = time.perf_counter()
            for device_id, text in zip(some, texts, strict=True):
                self._apply(device_id, text)
            self.spent["read_s"] += read - began
            self.spent["verify_s"] += time.perf_counter() - read
            self.send(some)

    def _apply(self, device_id: str, text: str | None) -> None:
        report = self.reports[device_id]
        raw = json.loads(text) if text else {}
        if not raw or (raw["epoch"], raw["version"]) <= (report.epoch, report.applied):
            return
        assert content_hash(content_of(raw)) == raw["sha256"]
        report.epoch, report.sha256 = raw["epoch"], raw["sha256"]
        report.observed = report.applied = raw["version"]
        report.become(state="applied")
        self.applied_at[device_id] = time.monotonic()

    def confirm(self, now: float) -> None:
        due = [d for d, at in self.applied_at.items() if now - at >= CONFIRM_SECONDS]
        for device_id in due:
            del self.applied_at[device_id]
            self.reports[device_id].confirmed = self.reports[device_id].applied
        self.send(due)

    def run(self) -> None:
        position = last_entry(self.client, redis_keys.HINT_STREAM)
        self.take(list(self.reports))
        told, turn, names = 0, 0, list(self.reports)
        slices = [names[n::10] for n in range(10)]
        due = time.monotonic()
        while True:
            streams = read_streams(self.client, {redis_keys.HINT_STREAM: position}, count=2000, block_ms=50)
            entries = streams.get(redis_keys.HINT_STREAM, [])
            self.take([d for d in dict.fromkeys(fields["device_id"] for _, fields in entries) if d in self.reports])
            position = entries[-1][0] if entries else position
            now = time.monotonic()
            self.confirm(now)
            if now >= due:  # a tenth of the boxes at a time
                self.send(slices[turn % 10])
                turn, due = turn + 1, max(due + RENEW_SECONDS / 10, now)
            versions = {report.applied for report in self.reports.values()}
            if len(versions) == 1 and (newest := versions.pop()) > told:
                told = newest
                sys.stdout.write(json.dumps({"version": told, "at": time.time(), **self.spent}) + "\n")
                sys.stdout.flush()
                self.spent = dict.fromkeys(self.spent, 0.0)


def raw_cost(url: str, count: int) -> dict[str, float]:
    """Seconds for reading that many documents one after another and writing that many reports: what Redis itself takes."""
    client = connect(url)
    names = [f"box-{n:04}" for n in range(count)]
    began = time.perf_counter()
    for name in names:
        client.get(redis_keys.config(name))
    read = time.perf_counter()
    text = cast(str, client.get(redis_keys.report(names[0])))
    for name in names:
        client.set(f"raw:{name}", text)
    written = time.perf_counter()
    client.delete(*[f"raw:{name}" for name in names])
    client.close()
    return {"read_s": read - began, "write_s": written - read}


if __name__ == "__main__":
    Boxes(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])).run()
