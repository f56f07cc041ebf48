"""What storing an alert asks of the database stays the same, however many alerts a binding and its camera had before."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from detection.hub.store import store_event
from detection.models import Alert
from tests.detection.alerts import AT, alert_body, entry
from tests.rows import make_all

pytestmark = pytest.mark.django_db


def test_looking_for_what_an_alert_repeats_walks_through_no_index_of_a_camera() -> None:
    make_all("box-1", site="Kitchen", number=1)
    for number in range(25):  # with so many candidates SQLite would rather walk through all of the device
        store_event(entry(alert_body(f"e{number}", timestamp=AT + 100 * number)), device_id="box-1")
    assert not Alert.objects.exclude(part_of=None)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        store_event(entry(alert_body("e25", timestamp=AT + 2410)), device_id="box-1")
    assert Alert.objects.get(event_id="e25").part_of_id == "e24"
    table = Alert._meta.db_table
    reads = [q["sql"] for q in asked if q["sql"].startswith("SELECT") and table in q["sql"]]
    plans = []
    for sql in reads:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            plans += [row[3] for row in cursor.fetchall()]
    walks = [
        plan for plan in plans if "alert_by_camera" in plan or "alert_by_device" in plan or plan.startswith("SCAN")
    ]
    assert len(plans) > 3
    assert walks == []
    assert any("alert_by_binding" in plan for plan in plans)
