"""What a schedule's page is told while somebody draws: how the text reads, what it means at the site, and to whom."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import translation

from cameras import services
from cameras.admin.schedule_words import meaning
from cameras.core.holidays import document_holidays
from cameras.core.schedule import ScheduleEntry
from cameras.core.schedule_text import parse
from cameras.models import Site
from cameras.publish import Outcome
from cameras.schedules import Schedule
from tests.cameras.pages import browser, path, text, two_sites, visible

VIENNA = "Europe/Vienna"
PREVIEW = "/admin/cameras/schedule/preview"


def said(written: str, *at: int, zone: str = VIENNA) -> list[str]:
    """Every sentence, in order, about a text at that time of the site."""
    given = parse(written)
    entry = ScheduleEntry(
        schedule_id="s", weekly=given.weekly, holidays=document_holidays(given.weekly, given.holidays)
    )
    now = datetime(*at, tzinfo=ZoneInfo(zone)).timestamp()  # type: ignore[misc, arg-type]
    found = meaning(entry, given.holidays, zone, now)
    return [line for sentence in found for line in (sentence.text, *sentence.more)]


def test_it_says_whether_it_runs_and_until_when() -> None:
    work = "Mon-Fri 08:00-18:00"
    assert said(work, 2026, 11, 23, 9)[0] == "active now, until 18:00"
    assert said(work, 2026, 11, 23, 19)[0] == "not active now, from Tuesday 08:00"
    assert said(work, 2026, 11, 20, 18)[0] == "not active now, from Monday 08:00"
    assert said("Mon-Sun 00:00-24:00", 2026, 11, 20, 18)[0] == "always active"
    assert said("", 2026, 11, 20, 18)[0] == "never active: it has no hours to come"
    assert said("2027-02-01 10:00-11:00", 2026, 11, 20)[0] == "not active now, from Monday 2027-02-01 10:00"


def test_it_says_which_holiday_comes_next() -> None:
    days = "Sun 10:00-14:00\n2026-12-26 like Sun  # Boxing Day\n2026-12-25 closed  # Christmas\n2026-10-01 closed"
    assert said(days, 2026, 11, 23)[1] == "Christmas on Friday 2026-12-25: closed"
    assert said(days, 2026, 12, 25)[1] == "today is Christmas: closed"
    assert said(days, 2026, 12, 26)[1] == "today is Boxing Day: 10:00-14:00"
    assert said("2026-12-25 closed", 2026, 12, 1)[1] == "holiday on Friday 2026-12-25: closed"
    assert not any("holiday" in line for line in said(days, 2026, 12, 27))


def test_days_on_which_the_clock_is_changed_are_told_in_words() -> None:
    lines = said("Sat 22:00-06:00\nSun 02:15-02:45, 02:30-04:00", 2026, 11, 22, 12)[1:]
    assert lines == [
        "On Sunday 2027-03-28 the clock is put forward at 02:00: 02:00 to 03:00 does not exist that day.",
        "Saturday 22:00–06:00 lasts 7 h instead of 8 h.",
        "Sunday 02:15–02:45 does not occur.",
        "02:30 does not exist: Sunday 02:30–04:00 begins at 03:00 and lasts 1 h instead of 1 h 30 min.",
        "On Sunday 2027-10-31 the clock is put back at 03:00: 02:00 to 03:00 comes twice that day.",
        "Saturday 22:00–06:00 lasts 9 h instead of 8 h.",
        "Sunday 02:15–02:45 comes twice.",
        "Sunday 02:30–04:00 lasts 2 h instead of 1 h 30 min.",
    ]
    assert said("Sun 01:30-02:30", 2027, 3, 1)[2] == (
        "02:30 does not exist: Sunday 01:30–02:30 ends at 02:00 and lasts 30 min instead of 1 h."
    )
    assert said("Mon 08:00-12:00", 2027, 3, 1)[2] == "No hours of this schedule are concerned."
    assert said("Mon 08:00-12:00", 2027, 3, 1, zone="Asia/Shanghai")[1:] == [
        "The clock of Asia/Shanghai is not changed in the coming year."
    ]


# Over HTTP


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(services, "write_document", lambda *args, **values: Outcome.WRITTEN)
    found = two_sites()
    Site.objects.filter(pk=found.pk).update(time_zone=VIENNA)
    return found


def ask(client: Client, **body: Any) -> Any:
    return client.post(PREVIEW, body, content_type="application/json")


@pytest.mark.django_db
def test_a_text_is_read_and_its_meaning_told_at_the_site(site: Site) -> None:
    answer = ask(browser("operator"), text="Mon 8:00-12:00\n2026-12-25 closed  # Christmas", site=str(site.pk)).json()
    assert answer["error"] is None
    assert answer["weekly"] == [{"day": "mon", "start": "08:00", "end": "12:00"}]
    assert answer["holidays"] == [{"date": "2026-12-25", "intervals": [], "name": "Christmas"}]
    assert answer["zone"] == VIENNA
    assert answer["now"]["day"] == datetime.now(ZoneInfo(VIENNA)).weekday()
    assert answer["meaning"][0]["kind"] in ("good", "off")
    with translation.override("en"):
        assert answer["meaning"][0]["text"].startswith(("active now", "not active now"))


@pytest.mark.django_db
def test_a_mistake_is_told_with_its_place(site: Site) -> None:
    client = browser("operator")
    assert ask(client, text="Mon 08:00-12:00\nFunday closed", site="").json() == {
        "error": {
            "line": 2, "column": 1, "message": "a day such as Mon or a date such as 2026-12-25 is missing here",
        }
    }  # fmt: skip
    for wrong in ({"text": 5}, {"site": "1"}, {"text": "x" * 200_001}, {"text": "", "more": 1}):
        assert ask(client, **wrong).status_code == 422


@pytest.mark.django_db
def test_nothing_of_a_foreign_site_is_told(site: Site) -> None:
    other = Site.objects.get(name="Warehouse")
    client = browser("operator", sites=[site])
    for key in (str(other.pk), "999999", "", "²", "9" * 30, "-1"):
        answer = ask(client, text="Mon 08:00-12:00", site=key).json()
        assert (answer["zone"], answer["meaning"], answer["now"]) == ("", [], None), key


@pytest.mark.django_db
def test_who_may_not_edit_schedules_asks_nothing_and_reads_what_it_means(site: Site) -> None:
    viewer = browser("viewer")
    assert ask(viewer, text="", site="").status_code == 403
    assert ask(Client(), text="", site="").status_code == 401
    assert viewer.get(PREVIEW).status_code == 405
    page = visible(viewer, path(Schedule, "change", Schedule.objects.get(schedule_id="shift-1")))
    assert 'id="schedule"' not in page
    assert "the clock is put forward" in page


@pytest.mark.django_db
def test_the_list_says_what_runs_now_and_an_empty_one_what_it_will_show(site: Site) -> None:
    client = browser("superuser")
    Schedule.objects.filter(schedule_id="shift-1").update(
        weekly=[{"day": d, "start": "00:00", "end": "24:00"} for d in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")]
    )
    page = visible(client, path(Schedule))
    assert "always active" in page
    Schedule.objects.filter(schedule_id="shift-1").update(weekly=[])
    assert "never active: it has no hours to come" in visible(client, path(Schedule))
    Schedule.objects.all().delete()
    empty = text(client.get(path(Schedule)))
    assert "Schedules show here" in empty
    assert path(Schedule, "add") in empty
