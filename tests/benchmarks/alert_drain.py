"""One side of draining an outbox, in a process of its own: prints as JSON what it took.

`python -m tests.benchmarks.alert_drain hub REDIS_URL` takes in until its input ends; `… box REDIS_URL STORE` sends what waits.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

LOOK_S = 0.25


def peak_mb() -> float:
    """The most memory that this process had (VmHWM of proc(5), which is kB)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1000


def hub(url: str) -> dict[str, Any]:
    """The hub's ingest alone, with the time it spends in statements and in commits."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "edgesite.settings")
    import django

    django.setup()
    from django.db import connections

    from detection.hub.ingest import Ingest
    from edgesite.redis_clients import connect

    spent = {"statements_s": 0.0, "commits_s": 0.0, "statements": 0, "commits": 0}
    database: Any = connections["default"]
    commit = database._commit

    def timed(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            spent["statements_s"] += time.perf_counter() - began
            spent["statements"] += 1

    def committed() -> Any:
        began = time.perf_counter()
        try:
            return commit()
        finally:
            spent["commits_s"] += time.perf_counter() - began
            spent["commits"] += 1

    database._commit = committed
    ended = threading.Event()

    def listen() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=listen, daemon=True).start()
    stored: list[int] = []
    ingest = Ingest(client=connect(url), changed=lambda ids: stored.append(len(ids)))
    print("ready", flush=True)
    with database.execute_wrapper(timed):
        while not ended.is_set():
            if not ingest.step():
                time.sleep(0.02)
    return {"stored": sum(stored), "batches": len(stored), "peak_mb": peak_mb(), "cpu_s": time.process_time(), **spent}


def box(url: str, store: str) -> dict[str, Any]:
    """Delivery alone, until the outbox is empty."""
    from edgesite.delivery import Delivery
    from edgesite.edge_store.database import EdgeDatabase
    from edgesite.edge_store.outbox import Outbox
    from edgesite.redis_clients import connect

    outbox = Outbox(EdgeDatabase(Path(store)))
    delivery = Delivery("box-1", connect(url), outbox)
    rows, began, looked = outbox.count(), time.perf_counter(), 0.0
    while time.perf_counter() - looked < LOOK_S or outbox.count():
        if time.perf_counter() - looked >= LOOK_S:
            looked = time.perf_counter()
        delivery.step()
    return {"rows": rows, "seconds": time.perf_counter() - began, "peak_mb": peak_mb(), "cpu_s": time.process_time()}


if __name__ == "__main__":
    print(json.dumps(hub(sys.argv[2]) if sys.argv[1] == "hub" else box(*sys.argv[2:])))
