"""Schedules in the admin."""

from __future__ import annotations

import pytest

from cameras import services
from cameras.admin.schedules import week_bars
from cameras.models import ROI, Binding, Site
from cameras.publish import Outcome
from cameras.schedules import Schedule
from tests.cameras.pages import browser, field_error, path, save, text, two_sites, versions, visible
from tests.servers.stack import Form

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(services, "write_document", lambda *args, **values: Outcome.WRITTEN)
    return two_sites()


def shift(number: int = 1) -> Schedule:
    return Schedule.objects.get(schedule_id=f"shift-{number}")


def test_hours_are_written_as_text_and_publish_the_devices_that_follow_them(site: Site) -> None:
    Binding.objects.filter(bind_id="bind-1").update(schedule=shift())
    services.publish_edit(device_ids=["box-1"], author="setup")
    client, before = browser("operator"), (versions("box-1"), versions("box-2"))
    page = path(Schedule, "change", shift())
    assert Form(visible(client, page)).fields["hours"][0].strip() == "Mon 22:00-06:00"
    save(client, page)
    assert (versions("box-1"), versions("box-2")) == before
    response = save(client, page, hours="Mon-Tue 21:00-06:00\n2026-12-25 closed")
    assert "Published to box-1 as version" in text(response)
    assert (versions("box-1"), versions("box-2")) == (before[0] + 1, before[1])
    assert shift().weekly == [{"day": day, "start": "21:00", "end": "06:00"} for day in ("mon", "tue")]
    assert shift().holidays == [{"date": "2026-12-25", "intervals": []}]
    assert "Mon-Tue 21:00-06:00" in visible(client, path(Schedule, "history", shift()))


def test_the_same_hours_in_another_order_are_no_change(site: Site) -> None:
    unordered = [{"day": day, "start": "08:00", "end": "12:00"} for day in ("tue", "mon", "sat")]
    Schedule.objects.filter(pk=shift().pk).update(weekly=unordered)
    save(browser("operator"), path(Schedule, "change", shift()), hours="Mon-Tue 08:00-12:00\r\nSat 8:00-12:00\r\n")
    assert shift().weekly == unordered


def test_a_mistake_is_shown_beside_the_field_and_the_text_stays(site: Site) -> None:
    client = browser("operator")
    response = save(client, path(Schedule, "change", shift()), hours="Mon 08:00-12:00\nFunday closed")
    assert field_error(response, "hours").startswith("Line 2, column 1: a day such as Mon")
    assert "Funday closed" in text(response)
    assert shift().weekly == [{"day": "mon", "start": "22:00", "end": "06:00"}]


def test_a_schedule_is_added(site: Site) -> None:
    response = save(
        browser("operator"), path(Schedule, "add"), schedule_id="day", site=str(site.pk), hours="Sat 8:00-9:00"
    )
    assert response.status_code == 200
    assert Schedule.objects.get(schedule_id="day").weekly == [{"day": "sat", "start": "08:00", "end": "09:00"}]


def test_the_week_is_drawn_without_styles_and_a_viewer_may_look(site: Site) -> None:
    for role in ("operator", "viewer"):
        page = visible(browser(role), path(Schedule, "change", shift()))
        assert '<rect x="1320" width="120" height="12" fill="currentColor"/>' in page
        assert '<rect x="0" width="360" height="12" fill="currentColor"/>' in page
        week = page[page.index("field-week") :]
        week = week[week.index("<table>") : week.index("</table>")]
        assert "style" not in week
        assert "until 06:00" in week
    nights = week_bars(
        [{"day": "sun", "start": "22:00", "end": "06:00"}, {"day": "fri", "start": "23:00", "end": "00:00"}]
    )
    assert {day: found for day, found in nights.items() if found} == {
        "mon": [(0, 360)], "fri": [(1380, 1440)], "sun": [(1320, 1440)],
    }  # fmt: skip


def test_only_the_schedules_of_the_bindings_site_are_offered(site: Site) -> None:
    limited, unlimited = browser("operator", sites=[site]), browser("superuser")
    for client in (limited, unlimited):
        for page in (
            path(Binding, "change", Binding.objects.get(bind_id="bind-1")),
            path(ROI, "change", ROI.objects.get(roi_id="roi-1")),
        ):
            html = visible(client, page)
            assert "Shift 1" in html
            assert "Shift 2" not in html
    assert "Shift 2" not in visible(limited, path(Binding, "add"))
    assert "Shift 2" not in visible(limited, path(ROI, "add"))
    assert "shift-2" not in visible(limited, path(Schedule))
    assert limited.get(path(Schedule, "change", shift(2))).status_code == 302


def test_a_schedule_of_another_site_is_refused_also_where_it_was_offered(site: Site) -> None:
    page = path(Binding, "change", Binding.objects.get(bind_id="bind-1"))
    assert field_error(save(browser("superuser"), page, schedule="shift-2"), "schedule")
    form = {"roi": "roi-1", "algo_code": "intrusion", "params": "{}", "severity": "info", "priority": "0"}
    client = browser("operator")
    response = client.post(path(Binding, "add"), form | {"bind_id": "b9", "schedule": "shift-2"}, follow=True)
    assert "belongs to another site" in field_error(response, "schedule")
    inline = {
        "TOTAL_FORMS": "1",
        "INITIAL_FORMS": "0",
        "0-algo_code": "intrusion",
        "0-params": "{}",
        "0-severity": "info",
    }
    inline |= {"0-priority": "0", "0-schedule": "shift-2"}
    roi = {"roi_id": "r9", "camera": "vid1", "roi_type": "rectangle", "coordinates": "[[0,0],[1,1]]", "priority": "0"}
    response = client.post(path(ROI, "add"), roi | {f"bindings-{name}": value for name, value in inline.items()})
    assert "belongs to another site" in text(response)
    assert not Binding.objects.exclude(schedule=None).exists()


def test_a_schedule_that_is_followed_is_not_deleted(site: Site) -> None:
    Binding.objects.filter(bind_id="bind-1").update(schedule=shift())
    client = browser("operator")
    page = visible(client, path(Schedule, "delete", shift()))
    assert "protected" in page
    client.post(path(Schedule, "delete", shift()), {"post": "yes"})
    client.post(path(Schedule), {"action": "delete_selected", "_selected_action": [shift().pk], "post": "yes"})
    assert shift().pk
    client.post(path(Schedule, "delete", shift(2)), {"post": "yes"})
    assert not Schedule.objects.filter(schedule_id="shift-2").exists()
