"""The list of alerts over a million rows, in a process of its own: prints milliseconds and queries as JSON.

Run as `python -m tests.benchmarks.alert_list ROWS` with the environment of an installation that is migrated.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "edgesite.settings")

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext, setup_test_environment  # noqa: E402

from cameras.models import ROI, Binding, Camera, Device, Site  # noqa: E402
from tests.rows import SQUARE, make_person  # noqa: E402

BOXES, CAMERAS, SITES, TRIES = 50, 8, 10, 7
END = datetime(2026, 11, 22, 12, tzinfo=UTC)
# One alert in 50 is open, one in 200 critical, one in 100 has a verdict; times are spread over 90 days.
INSERT = """
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {rows} - 1)
INSERT INTO detection_alert (event_id, device_id, camera_id, roi_id, roi_name, bind_id, algo_code, phase, severity, timestamp,
  data, capture, capture_ready, capture_problem, state, received_at, started_event_id, ended_event_id, end_data, updates,
  acknowledged_by, resolved_by, assignee, verdict, verdict_reason)
SELECT printf('e%09d', i), printf('box-%d', i * 7 % {boxes}), printf('cam-%d-%d', i * 7 % {boxes}, i / {boxes} % {cameras}),
  printf('roi-%d-%d', i * 7 % {boxes}, i / {boxes} % {cameras}), printf('Door %d', i % 100),
  printf('bind-%d-%d', i * 7 % {boxes}, i / {boxes} % {cameras}),
  CASE WHEN i / {boxes} % 5 THEN 'intrusion' ELSE 'loitering' END, 'started',
  CASE WHEN i / {boxes} % 200 = 0 THEN 'critical' WHEN i / {boxes} % 3 = 0 THEN 'info' ELSE 'warning' END,
  strftime('%Y-%m-%d %H:%M:%S', {end} - ({rows} - i) * 7776000.0 / {rows}, 'unixepoch'),
  '{{"track_id": 7, "class": "person", "score": 0.81, "box": [0.21, 0.35, 0.33, 0.78], "dwell_s": 1.2}}',
  printf('captures/20261122/cam_%09d.jpg', i), 1, '', CASE WHEN i / {boxes} % 50 = 0 THEN 'open' ELSE 'resolved' END,
  strftime('%Y-%m-%d %H:%M:%S', {end} - ({rows} - i) * 7776000.0 / {rows}, 'unixepoch'), '', '', '{{}}', 0,
  '', CASE WHEN i / {boxes} % 50 = 0 THEN '' ELSE 'kim' END, CASE WHEN i / {boxes} % 1000 = 0 THEN 'the operator' ELSE '' END,
  CASE WHEN i / {boxes} % 100 = 1 THEN 'false' ELSE '' END, ''
FROM n
"""


def make_rows(rows: int) -> float:
    """Seconds that it took."""
    sites = [Site.objects.create(name=f"Site {n}") for n in range(SITES)]
    devices = [Device(device_id=f"box-{n}", name=f"Box {n}", site=sites[n % SITES]) for n in range(BOXES)]
    Device.objects.bulk_create(devices)
    for box in range(BOXES):
        for n in range(CAMERAS):
            key = f"{box}-{n}"
            Camera.objects.bulk_create(
                [Camera(camera_id=f"cam-{key}", device_id=f"box-{box}", name=f"Line {key}", rtsp_url="webcam:0")]
            )
            ROI.objects.bulk_create(
                [ROI(roi_id=f"roi-{key}", camera_id=f"cam-{key}", name=f"Door {key}", coordinates=SQUARE)]
            )
            Binding.objects.bulk_create([Binding(bind_id=f"bind-{key}", roi_id=f"roi-{key}", algo_code="intrusion")])
    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA cache_size = -800000")
        cursor.execute(INSERT.format(rows=rows, boxes=BOXES, cameras=CAMERAS, end=int(END.timestamp())))
    return time.perf_counter() - began


def measured(client: Client, url: str) -> dict[str, Any]:
    """Milliseconds of a whole request (median, most) and its queries."""
    seconds, counts = [], []
    for _ in range(TRIES):
        with CaptureQueriesContext(connection) as queries:
            began = time.perf_counter()
            answer = client.get(url)
            seconds.append(1000 * (time.perf_counter() - began))
        if answer.status_code != 200:
            raise RuntimeError(f"{url}: {answer.status_code}")
        counts.append(len(queries))
    slow = max(queries.captured_queries, key=lambda q: float(q["time"]))
    sql = sum(float(q["time"]) for q in queries.captured_queries)
    shown = str(answer.context.get("count", ""))
    return {
        "ms": statistics.median(seconds), "most_ms": max(seconds), "queries": max(counts), "count": shown,
        "sql_ms": 1000 * sql,
        "slowest_ms": 1000 * float(slow["time"]), "slowest": slow["sql"][:160],
    }  # fmt: skip


def main(rows: int) -> None:
    setup_test_environment()
    settings.MIDDLEWARE = [m for m in settings.MIDDLEWARE if not m.startswith("servestatic.")]
    insert_s = make_rows(rows)
    site = Site.objects.get(name="Site 3").pk
    people = {
        "all sites": make_person("the operator", "operator"),
        "one site": make_person("of one site", "operator", sites=[Site.objects.get(name="Site 3")]),
    }
    old = END - timedelta(days=80)
    asks = {
        "first page": "", "page in the middle": "?after=" + _cursor(rows // 2), "open": "?state=open",
        "critical": "?severity=critical", "open and critical": "?state=open&severity=critical", "a site": f"?site={site}",
        "a camera": "?camera=cam-7-3", "an algorithm": "?algorithm=loitering", "mine": "?assignee=me",
        "false alarms": "?verdict=false", "a week long ago": f"?since={old:%Y-%m-%d}&until={old + timedelta(days=7):%Y-%m-%d}",
        "search: a camera": "?q=Line+7-3", "search: every camera": "?q=Line", "search: an event": "?q=e000012345",
        "search: nothing": "?q=nowhere",
    }  # fmt: skip
    found = {}
    for who, person in people.items():
        client = Client()
        client.force_login(person)
        for what, query in asks.items():
            found[f"{what} ({who})"] = measured(client, f"/admin/detection/alert/{query}")
    client = Client()
    client.force_login(people["all sites"])
    found["verdicts by binding"] = measured(client, "/admin/detection/alert/precision/")
    found["an alert's page"] = measured(client, f"/admin/detection/alert/{rows // 2}/change/")
    print(json.dumps({"rows": rows, "insert_s": insert_s, "asks": found}))


def _cursor(number: int) -> str:
    from edgesite.core.cursor import encode_place

    return encode_place("a", str(number))


if __name__ == "__main__":
    main(int(sys.argv[1]))
