"""Alerts on a camera's timeline: one mark for an alert with its repeats, as list and report count it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from cameras.models import Site
from detection.alert_life.marks import alert_marks
from detection.hub.store import store_event
from detection.models import Alert
from recordings.timeline.marks import Mark
from tests.cameras.pages import browser, text
from tests.detection.alerts import AT, alert_body, entry
from tests.rows import make_all, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _box() -> None:
    make_all("box-1", site="Kitchen", number=1)
    Site.objects.update(time_zone="Europe/Vienna")


def store(event_id: str, after_s: float = 0, **changes: Any) -> None:
    store_event(entry(alert_body(event_id, timestamp=AT + after_s, **changes)), device_id="box-1")


def ended(of: str, after_s: float, **changes: Any) -> None:
    store(f"{of}-end", after_s, phase="ended", capture="", data={"started_event_id": of}, **changes)


def marks(from_s: float = -3600, to_s: float = 3600) -> list[Mark]:
    begin, end = (datetime.fromtimestamp(AT + s, UTC) for s in (from_s, to_s))
    kim = User.objects.filter(username="kim").first() or make_person("kim", "viewer")
    return list(alert_marks(kim, "vid1", begin, end).marks)


def test_thirty_events_of_two_alerts_are_two_marks() -> None:
    for n in range(29):
        store(f"a{n:02}", 30 * n)
    store("b", 1200, severity="critical")
    one, other = marks()
    assert (one.url, one.kind) == ("/alerts/a00", "warn")
    assert (round(one.at - AT), round((one.until or 0) - AT)) == (0, 840)
    clock = datetime.fromtimestamp(AT + 840, UTC) + timedelta(hours=1)
    assert one.title == f"Intrusion, Door 1: 29 times, last {clock:%H:%M}"
    assert (other.url, other.kind, other.until, other.title) == ("/alerts/b", "bad", None, "Intrusion, Door 1")
    assert Alert.objects.filter(part_of=None).count() == 2


def test_a_mark_ends_with_the_last_of_its_ends() -> None:
    store("a", algo_code="leave_post")
    store("b", 5, algo_code="leave_post")
    [going_on] = marks()
    assert round((going_on.until or 0) - AT) == 3600  # as far as the line reaches
    ended("a", 90, algo_code="leave_post")
    ended("b", 60, algo_code="leave_post")
    [over] = marks()
    assert (round(over.at - AT), round((over.until or 0) - AT)) == (0, 90)


def test_what_began_the_day_before_and_still_goes_on_is_there_until_it_is_over() -> None:
    store("a", algo_code="leave_post")
    store("plain", 5, bind_id="other")  # its rule tells of no end
    [going_on] = marks(1000, 2000)
    assert (going_on.url, round((going_on.until or 0) - AT)) == ("/alerts/a", 2000)
    store("b", 50, algo_code="leave_post")
    ended("a", 90, algo_code="leave_post")
    assert [m.url for m in marks(1000, 2000)] == ["/alerts/a"]  # its repeat is not over
    Alert.objects.filter(algo_code="leave_post").update(state="resolved")
    assert marks(1000, 2000) == []
    Alert.objects.filter(algo_code="leave_post").update(state="open")
    ended("b", 120, algo_code="leave_post")
    assert marks(1000, 2000) == []
    assert marks(-2000, -1000) == []


def test_a_repeat_that_reaches_into_the_day_brings_its_alert() -> None:
    store("a")
    store("b", 40)
    assert [m.url for m in marks(20)] == ["/alerts/a"]
    assert marks(41) == []
    assert marks(-3600, -1) == []
    store("c", -30)  # told late: it began before
    assert [round(m.at - AT) for m in marks(-3600, -1)] == [-30]


def test_the_alerts_page_leads_to_its_moment_on_the_timeline() -> None:
    store("a")
    shown = text(browser("viewer").get(f"/admin/detection/alert/{Alert.objects.get().pk}/change/"))
    [link] = re.findall(r'id="alert-timeline" href="([^"]+)"', shown)
    assert link == f"/admin/recordings/timeline/vid1/?at={AT:.3f}"
    assert browser("operator").get(link).context["page"]["at"] == AT
    Alert.objects.update(camera_id="gone")
    shown = text(browser("admin").get(f"/admin/detection/alert/{Alert.objects.get().pk}/change/"))
    assert "alert-timeline" not in shown
