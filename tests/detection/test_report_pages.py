"""The page of reports and its file: numbers that match the alerts, rights by role and site, and what is told of wrong input."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cameras.models import Binding, Camera, Device, Site
from detection.alert_life.models import AlertExport
from detection.models import Alert
from detection.reports.models import CoverageHour
from tests.cameras.pages import browser, text
from tests.detection.alerts import make_alert
from tests.detection.coverage import make_hour
from tests.rows import make_all, make_binding, make_person

pytestmark = pytest.mark.django_db

PAGE, EXPORT = "/admin/detection/coveragehour/", "/admin/detection/coveragehour/export/"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
WEEK = "?since=2026-11-16&until=2026-11-22"
VIENNA = ZoneInfo("Europe/Vienna")


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOON)


@pytest.fixture
def sites() -> list[Site]:
    for number, name in ((1, "Kitchen"), (2, "Warehouse")):
        make_all(f"box-{number}", site=name, number=number)
    return list(Site.objects.order_by("name"))


def alert(event_id: str, at: datetime, bind: int = 1, **values: Any) -> Alert:
    given = {"roi_id": f"roi-{bind}", "roi_name": f"Door {bind}", "bind_id": f"bind-{bind}"}
    return make_alert(event_id, device_id=f"box-{bind}", camera_id=f"vid{bind}", timestamp=at, **given | values)


def context(client: Client, query: str = "") -> Any:
    answer = client.get(PAGE + query)
    assert answer.status_code == 200, re.findall(r"reports-error[^>]*>([^<]*)", text(answer))
    return answer.context


def rows(client: Client, query: str = WEEK) -> list[dict[str, str]]:
    answer = client.get(EXPORT + query)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    body = text(answer)
    assert body.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(body.removeprefix("\ufeff"))))


def wrong(client: Client, query: str) -> list[str]:
    answer = client.get(PAGE + query)
    assert answer.status_code == 400
    assert client.get(EXPORT + query).status_code == 400
    return [html.unescape(t) for t in re.findall(r'class="reports-error"[^>]*>([^<]*)<', text(answer))]


# Numbers


def test_violations_are_the_alerts_without_the_false_ones(sites: list[Site]) -> None:
    """Counted anew, by hand, from the rows."""
    zone = "Europe/Vienna"
    Site.objects.update(time_zone=zone)
    start = datetime(2026, 11, 8, 23, 30, tzinfo=UTC)
    for n in range(400):
        alert(f"e{n}", start + timedelta(minutes=53 * n), 1 + n % 2, verdict=("", "true", "false")[n % 3])
    client = browser("viewer")
    report = context(client, WEEK)["report"]
    in_week = [
        a for a in Alert.objects.all()
        if datetime(2026, 11, 16, tzinfo=VIENNA) <= a.timestamp < datetime(2026, 11, 23, tzinfo=VIENNA)
    ]  # fmt: skip
    before = [
        a for a in Alert.objects.all()
        if datetime(2026, 11, 9, tzinfo=VIENNA) <= a.timestamp < datetime(2026, 11, 16, tzinfo=VIENNA)
    ]  # fmt: skip

    def counted(found: list[Alert]) -> tuple[int, int]:
        return sum(a.verdict != "false" for a in found), sum(a.verdict == "false" for a in found)

    assert (report.total.now.violations, report.total.now.false) == counted(in_week)
    assert (report.total.before.violations, report.total.before.false) == counted(before)
    for number in (1, 2):
        line = report.lines[f"bind-{number}"]
        assert (line.total.now.violations, line.total.now.false) == counted(
            [a for a in in_week if a.bind_id == line.bind_id]
        )
    for day, figures in report.days.items():
        here = [a for a in in_week if a.timestamp.astimezone(VIENNA).date() == day]
        assert (figures.violations, figures.false) == counted(here)
    for shift, hours in enumerate([range(6, 14), range(14, 22), [*range(6), 22, 23]]):
        here = [a for a in in_week if a.timestamp.astimezone(VIENNA).hour in hours]
        assert (report.shifts[shift].now.violations, report.shifts[shift].now.false) == counted(here)
    file = rows(client)
    assert sum(int(row["violations"]) for row in file) == report.total.now.violations
    assert sum(int(row["before_violations"]) for row in file) == report.total.before.violations
    assert sum(figures.now.violations for figures in report.sites.values()) == report.total.now.violations


@pytest.mark.parametrize(
    ("day", "hours", "night"), [("2026-10-25", 25, 9), ("2026-03-29", 23, 7), ("2026-11-22", 24, 8)]
)
def test_the_days_on_which_the_clock_is_changed(day: str, hours: int, night: int) -> None:
    make_all()
    Site.objects.update(time_zone="Europe/Vienna")
    midnight = datetime.fromisoformat(day).replace(tzinfo=VIENNA).astimezone(UTC)
    for n in range(-2, hours + 2):
        make_hour(midnight + timedelta(hours=n), zone="Europe/Vienna", seen_s=1800.0)
        alert(f"e{n}", midnight + timedelta(hours=n, minutes=59))
    client = browser("viewer")
    found = context(client, f"?since={day}&until={day}")["report"]
    assert found.total.now.wanted_s == hours * 3600
    assert found.total.now.coverage == 0.5
    assert found.total.now.violations == hours
    assert found.shifts[2].now.wanted_s == night * 3600
    assert found.shifts[2].now.violations == night
    only = context(client, f"?since={day}&until={day}&shift=2")
    assert (only["report"].total.now.violations, list(only["report"].shifts)) == (night, [2])
    assert [f.violations for f in only["report"].days.values()] == [night]


def test_rate_coverage_and_trend(sites: list[Site]) -> None:
    for n in range(10):
        make_hour(NOON - timedelta(hours=n), seen_s=2700.0, person_s=7200.0, alerts=2)
        make_hour(NOON - timedelta(days=7, hours=n), person_s=3600.0, alerts=1)
    for n in range(300):
        alert(f"e{n}", NOON - timedelta(minutes=n))
    for n in range(100):
        alert(f"p{n}", NOON - timedelta(days=7, minutes=n))
    alert("f", NOON, verdict="false")
    shown = context(browser("viewer"), WEEK)
    assert shown["total"]["rate"] == "1,500.0"
    assert "75 %" in shown["total"]["coverage"]
    assert shown["low"]
    assert "50 % more" in shown["total"]["trend"]
    assert "100 violations, 1,000.0 per 100 person-hours" in shown["total"]["trend"]
    assert shown["total"]["minutes"] == "1,200"
    assert shown["false"] == "1"
    assert not shown["missing"]
    CoverageHour.objects.filter(start=NOON).update(alerts=400)
    assert context(browser("operator"), WEEK)["missing"] == "117"
    Alert.objects.filter(event_id__in=[f"e{n}" for n in range(70, 300)]).delete()
    Alert.objects.filter(event_id__in=[f"p{n}" for n in range(30, 100)]).delete()
    assert "17 % more, may be chance" in context(browser("admin"), WEEK)["total"]["trend"]


def test_repeats_are_told_by_themselves_and_the_list_shows_as_many_alerts(sites: list[Site]) -> None:
    for n in range(5):
        alert(f"e{n}", NOON + timedelta(minutes=n))
    for n in range(3):
        alert(f"r{n}", NOON + timedelta(seconds=n), part_of_id="e0", verdict="false" if n else "")
    make_hour(NOON, alerts=8)
    client = browser("viewer")
    found = context(client, WEEK)
    total = found["report"].total.now
    assert (total.violations, total.false, total.repeats, found["missing"]) == (5, 0, 3, "")
    assert "There were 3." in text(client.get(PAGE + WEEK))
    listed = client.get("/admin/detection/alert/").context["alerts"]
    assert len(listed) == total.violations
    assert sum(int(row["repeats"]) for row in rows(client)) == 3


def test_violations_from_before_the_box_told_are_in_no_rate(sites: list[Site]) -> None:
    for n in range(4):
        make_hour(NOON - timedelta(hours=n))
        alert(f"new-{n}", NOON - timedelta(hours=n))
        alert(f"old-{n}", NOON - timedelta(hours=3, minutes=1 + n))
        alert(f"other-{n}", NOON, 2)  # of a box that never told
    found = context(browser("viewer"), WEEK)["report"].total.now
    assert (found.violations, found.rate) == (12, 100.0)


def test_a_box_that_tells_nothing_stands_there_without_numbers(sites: list[Site]) -> None:
    """An older box: its alerts count, and nobody pretends to know against how many people."""
    alert("e1", NOON)
    page = text(browser("viewer").get(PAGE))
    assert "No box has told yet" in page
    [first, second] = [r for r in rows(browser("operator")) if r["shift"] == "06:00–14:00"]
    assert (first["zone"], first["violations"], first["coverage"], first["person_minutes"]) == ("Door 1", "1", "", "")
    assert (second["zone"], second["violations"]) == ("Door 2", "0")


def test_a_zone_an_algorithm_and_a_site(sites: list[Site]) -> None:
    make_binding("bind-3", roi=Binding.objects.get(bind_id="bind-1").roi, algo_code="loitering")
    alert("e1", NOON)
    alert("e2", NOON, algo_code="loitering", bind_id="bind-3")
    alert("e3", NOON, 2)
    client = browser("viewer")

    def found(query: str) -> tuple[int, list[str]]:
        report = context(client, query)["report"]
        return report.total.now.violations, sorted(report.lines)

    assert found("") == (3, ["bind-1", "bind-2", "bind-3"])
    assert found("?zone=roi-1") == (2, ["bind-1", "bind-3"])
    assert found("?algorithm=loitering") == (1, ["bind-3"])
    assert found(f"?site={sites[1].pk}") == (1, ["bind-2"])
    assert found(f"?site={sites[0].pk}&zone=roi-1&algorithm=intrusion&shift=0") == (1, ["bind-1"])


def test_a_box_that_names_anothers_binding_changes_nothing_there(sites: list[Site]) -> None:
    alert("e1", NOON)
    for n in range(3):
        alert(f"x{n}", NOON, 2, bind_id="bind-1")
    report = context(browser("viewer"))["report"]
    lines = {(line.box.site, line.bind_id): line.total.now.violations for line in report.lines.values()}
    assert lines == {("Kitchen", "bind-1"): 1, ("Warehouse", "bind-1"): 3, ("Warehouse", "bind-2"): 0}
    assert {name: pair.now.violations for name, pair in report.sites.items()} == {"Kitchen": 1, "Warehouse": 3}
    assert report.total.now.violations == 4


def test_bindings_that_do_not_run_stand_there_only_with_what_they_did(sites: list[Site]) -> None:
    Binding.objects.filter(bind_id="bind-1").update(enabled=False)
    Camera.objects.filter(pk="vid2").update(analyse=False)
    client = browser("viewer")
    assert "Nothing to report yet" in text(client.get(PAGE))
    alert("e1", NOON)
    assert sorted(context(client)["report"].lines) == ["bind-1"]


def test_a_binding_that_was_deleted_stays_in_the_report(sites: list[Site]) -> None:
    make_hour(NOON)
    alert("e1", NOON)
    Binding.objects.all().delete()
    client = browser("viewer")
    [line] = context(client)["report"].lines.values()
    assert (line.roi, line.camera, line.total.now.violations, line.total.now.person_s) == ("Door 1", "Line 1", 1, 3600)
    assert not context(client, "?zone=roi-2")["report"].lines


# Shifts


def test_shifts_are_those_of_the_sites_counters(sites: list[Site]) -> None:
    client = browser("viewer")
    assert context(client)["form"]["shifts"].value() == "06:00, 14:00, 22:00"
    roi = Binding.objects.get(bind_id="bind-1").roi
    for n, begins in enumerate((["05:00", "17:00"], ["05:00", "17:00"], ["08:00"], ["05:30", "17:30"], "x", [7])):
        make_binding(f"line-{n}", roi=roi, algo_code="line_crossing", params={"reset_at": begins})
    assert context(client)["form"]["shifts"].value() == "05:00, 17:00"
    assert context(client, f"?site={sites[1].pk}")["form"]["shifts"].value() == "06:00, 14:00, 22:00"
    assert [row["name"] for row in context(client, "?shifts=08:00,20:00")["shifts"]] == ["08:00–20:00", "20:00–08:00"]


# What is wrong


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("?since=2026-13-45", "This is no day. Write it like 2026-11-22."),
        ("?since=yesterday", "This is no day. Write it like 2026-11-22."),
        ("?until=%00", "This is no day. Write it like 2026-11-22."),
        ("?since=0001-01-01", "A day of the years 2000 to 2099."),
        ("?until=9999-12-31", "A day of the years 2000 to 2099."),
        ("?since=2026-11-22&until=2026-11-21", "The last day lies before the first."),
        ("?since=2026-08-01&until=2026-11-21", "At most 92 days at once."),
        ("?site=99999", "Select a valid choice. 99999 is not one of the available choices."),
        ("?site=x", "Select a valid choice. x is not one of the available choices."),
        ("?zone=nowhere", "Select a valid choice. nowhere is not one of the available choices."),
        ("?algorithm=magic", "Select a valid choice. magic is not one of the available choices."),
        ("?shift=7", "Select a valid choice. 7 is not one of the available choices."),
        ("?shifts=06:30", "“06:30” is no full hour. Write full hours with commas, such as 06:00, 14:00, 22:00."),
        ("?shifts=%3Cb%3E", "“<b>” is no full hour. Write full hours with commas, such as 06:00, 14:00, 22:00."),
        ("?shifts=06:00,06:00", "06:00 stands twice."),
    ],
)
def test_wrong_input_is_told_beside_its_field(sites: list[Site], query: str, told: str) -> None:
    assert wrong(browser("viewer"), query) == [told]


def test_the_longest_report_is_92_days(sites: list[Site]) -> None:
    assert len(context(browser("viewer"), "?since=2026-08-23&until=2026-11-22")["report"].days) == 92


def test_taking_the_file_is_noted_with_its_days_and_what_it_was_narrowed_to(sites: list[Site]) -> None:
    client = browser("viewer")
    assert client.get(PAGE + WEEK).status_code == 200
    assert not AlertExport.objects.exists()
    found = rows(client, f"?site={sites[0].pk}&shift=0")
    [row] = AlertExport.objects.all()
    assert (row.kind, row.author, row.at, row.rows) == ("report", "the viewer", NOON, len(found))
    assert row.query == (
        f"since=2026-11-16&until=2026-11-22&site={sites[0].pk}&shifts=06%3A00%2C+14%3A00%2C+22%3A00&shift=0"
    )
    assert client.get(f"{EXPORT}?since=yesterday").status_code == 400
    assert AlertExport.objects.count() == 1
    shown = html.unescape(text(browser("admin").get("/admin/detection/alert/audit/")))
    assert f'href="{PAGE}?{row.query}"' in shown
    assert rows(client, f"?{row.query}") == found


# Rights


@pytest.mark.parametrize("role", ["viewer", "operator", "admin", "superuser"])
def test_every_role_sees_reports_and_nobody_changes_them(sites: list[Site], role: str) -> None:
    client = browser(role)
    assert "private, no-store" in client.get(PAGE)["Cache-Control"]
    assert rows(client)
    for path in (PAGE, EXPORT):
        assert client.post(path).status_code == 405
    row = make_hour(NOON)
    assert client.get(f"{PAGE}add/").status_code == 404
    assert client.get(f"{PAGE}{row.pk}/change/").status_code == 404
    assert '<a href="/admin/detection/coveragehour/"' in text(client.get("/admin/"))


def test_without_the_right_there_is_no_report(sites: list[Site]) -> None:
    client = Client()
    assert client.get(PAGE).status_code == 302
    client.force_login(make_person("nobody"))
    for path in (PAGE, EXPORT):
        assert client.get(path).status_code == 403
    assert "coveragehour" not in text(client.get("/admin/"))


def test_who_may_see_one_site_learns_nothing_of_another(sites: list[Site]) -> None:
    kitchen, warehouse = sites
    for bind in (1, 2):
        make_hour(NOON, bind=bind)
        alert(f"e{bind}", NOON, bind)
    client = browser("operator", sites=[kitchen])
    page = text(client.get(PAGE))
    assert "Door 1" in page
    for foreign in ("Warehouse", "Door 2", "Line 2", "box-2", "vid2", "bind-2"):
        assert foreign not in page
    assert {row["site"] for row in rows(client)} == {"Kitchen"}
    assert context(client)["report"].total.now.violations == 1
    refused = "Select a valid choice. {} is not one of the available choices."
    assert wrong(client, f"?site={warehouse.pk}") == [refused.format(warehouse.pk)]
    assert wrong(client, "?zone=roi-2") == [refused.format("roi-2")]
    nowhere = browser("viewer", sites=[])
    assert "Nothing to report yet" in text(nowhere.get(PAGE))
    assert rows(nowhere) == []


def test_who_may_not_see_alerts_gets_no_number_of_them(sites: list[Site]) -> None:
    person = make_person("counts")
    person.user_permissions.add(
        *_permissions("cameras.view_device", "cameras.view_camera", "detection.view_coveragehour")
    )
    client = Client()
    client.force_login(person)
    make_hour(NOON)
    alert("e1", NOON)
    report = context(client)["report"]
    assert (report.total.now.violations, report.total.now.person_s) == (0, 3600)


def _permissions(*names: str) -> list[Any]:
    split = [name.split(".") for name in names]
    return [Permission.objects.get(content_type__app_label=app, codename=code) for app, code in split]


# Page and file


def test_the_number_of_queries_does_not_grow(sites: list[Site]) -> None:
    client = browser("operator", sites=sites)
    counts = []
    for round_ in range(2):
        for n in range(1 + 9 * round_):
            make_hour(NOON - timedelta(hours=n + 20 * round_), bind=1 + n % 2)
            alert(f"e{round_}-{n}", NOON - timedelta(hours=n), 1 + n % 2)
            make_binding(f"more-{round_}-{n}", roi=Binding.objects.get(bind_id="bind-1").roi)
        client.get(PAGE)
        with CaptureQueriesContext(connection) as made:
            client.get(PAGE + WEEK)
        counts.append(len(made))
    assert counts[0] == counts[1] <= 25


def test_a_cell_is_no_formula_and_no_markup(sites: list[Site]) -> None:
    Camera.objects.filter(pk="vid1").update(name="=cmd|' /C calc'!A0")
    Site.objects.filter(name="Kitchen").update(name="<script>alert(1)</script>")
    alert("e1", NOON, bind_id="+1+1", roi_name="@SUM(A1)")
    client = browser("viewer")
    found = {row["binding"]: row for row in rows(client)}
    assert found["bind-1"]["camera"] == "'=cmd|' /C calc'!A0"
    assert found["'+1+1"]["zone"] == "'@SUM(A1)"
    assert "<script>alert(1)" not in text(client.get(PAGE))
    assert client.get(EXPORT + WEEK)["Content-Disposition"] == 'attachment; filename="report-20261116-20261122.csv"'


def test_charts_say_in_words_what_they_show(sites: list[Site]) -> None:
    make_hour(NOON, person_s=5400.0)
    for n in range(3):
        alert(f"e{n}", NOON)
    page = text(browser("viewer").get(PAGE + WEEK))
    told = re.findall(r'<svg[^>]*role="img" aria-label="([^"]*)"', page)
    assert told == [
        "Violations a day, Mon 16 Nov to Sun 22 Nov: from 0 on Mon 16 Nov to 3 on Sun 22 Nov.",
        "Observed person-hours a day, Mon 16 Nov to Sun 22 Nov: from 1.5 on Sun 22 Nov to 1.5 on Sun 22 Nov.",
        "Coverage a day, Mon 16 Nov to Sun 22 Nov: from 100 % on Sun 22 Nov to 100 % on Sun 22 Nov.",
    ]
    assert page.count('class="is-unknown"') == 12
    assert " style=" not in page


def test_a_fresh_installation_is_told_what_to_do() -> None:
    page = text(browser("operator").get(PAGE))
    assert "Nothing to report yet" in page
    assert 'href="/admin/cameras/camera/"' in page
    assert Device.objects.count() == 0
