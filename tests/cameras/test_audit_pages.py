"""The audit in the admin: a row's history and the list of all changes, by whom, for whom, and in how many queries."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from cameras.admin.audit import PER_PAGE
from cameras.audit import acting
from cameras.audit_log import history_of
from cameras.models import ROI, Binding, Camera, Device, Site, SiteAccess
from tests.cameras.pages import browser, path, save, visible
from tests.rows import PASSWORD, make_all, make_camera, make_person, make_roi, make_site

pytestmark = pytest.mark.django_db

LIST = "/admin/cameras/auditentry/"


@pytest.fixture
def site() -> Site:
    """Two sites with everything in them; the first is answered."""
    for number, name in ((1, "Kitchen"), (2, "Warehouse")):
        with acting(author="setup"):
            make_all(f"box-{number}", site=name, number=number)
    return Site.objects.get(name="Kitchen")


def words(page: str) -> str:
    """What stands in the page's content, without markup."""
    content = page.partition('id="content"')[2].partition("</main>")[0]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", content)))


def seen(client: Client, url: str) -> str:
    return words(visible(client, url))


def change(row: Any, author: str = "kim", reason: str = "", **values: Any) -> None:
    for name, value in values.items():
        setattr(row, name, value)
    with acting(author=author, reason=reason):
        row.save()


# A row's history


def test_who_changed_what_from_what_to_what(site: Site) -> None:
    client = browser("operator")
    save(client, path(Camera, "change", Camera.objects.get(pk="vid1")), name="Line 9", analyse=None)
    page = seen(client, path(Camera, "history", Camera.objects.get(pk="vid1")))
    assert "changed by the operator" in page
    assert "Name Line 1 → Line 9" in page
    assert "Analyse yes → no" in page
    assert "added by setup" in page
    assert page.index("the operator") < page.index("setup")


def test_parameters_shapes_choices_and_rows_are_told_as_people_know_them(site: Site) -> None:
    gate = make_roi("roi-9", camera=Camera.objects.get(pk="vid1"), name="Gate")
    binding = Binding.objects.get(bind_id="bind-1")
    change(binding, params={"dwell_s": 3, "max_people": 2}, severity="critical", roi=gate)
    change(binding, params={"dwell_s": 10}, reason="night shift")
    page = seen(browser("viewer"), path(Binding, "history", binding))
    assert "Parameters · dwell_s 3 → 10" in page
    assert "Parameters · max_people 2 → default" in page
    assert "Parameters · dwell_s default → 3" in page
    assert "Severity Warning → Critical" in page
    assert "ROI Door 1 → Gate" in page
    assert "· night shift" in page
    change(gate, coordinates=[[0, 0], [1, 0], [1, 1.0]])
    shown = seen(browser("operator"), path(ROI, "history", gate))
    assert "Coordinates (0.1, 0.1) (0.6, 0.1) (0.6, 0.6) (0.1, 0.6) → (0, 0) (1, 0) (1, 1)" in shown


def test_a_stream_url_is_told_to_have_changed_without_its_value(site: Site) -> None:
    camera = Camera.objects.get(pk="vid1")
    change(camera, rtsp_url="rtsp://u:hunter2@10.9.9.9/x")
    for url in (path(Camera, "history", camera), LIST):
        page = visible(browser(f"{'viewer' if url == LIST else 'admin'}"), url)
        assert "Stream URL changed (its value is not kept here)" in words(page)
        for secret in ("hunter2", "10.9.9.9", PASSWORD):
            assert secret not in page


def test_text_of_people_is_escaped(site: Site) -> None:
    change(Camera.objects.get(pk="vid1"), name="<b>x</b>", author="<i>kim</i>", reason="<u>why</u>")
    page = visible(browser("viewer"), LIST)
    for given in ("<b>x", "<i>kim", "<u>why"):
        assert given not in page
    assert "&lt;b&gt;x" in page


@pytest.mark.parametrize("model", [Site, Device, Camera, ROI, Binding, SiteAccess])
def test_every_kind_has_its_page_which_cannot_be_posted_to_anything(site: Site, model: Any) -> None:
    SiteAccess.objects.create(user=make_person("somebody")).sites.set([site])
    client = browser("superuser")
    row = model._default_manager.first()
    url = path(model, "history", row)
    assert "added" in seen(client, url)
    assert f'href="{url}"' in visible(client, path(model, "change", row))
    before = history_of(model).objects.count()
    client.post(url, {"_save": "Save", "name": "x", "_change_history": "1"})
    assert history_of(model).objects.count() == before
    assert client.get(f"{url}1/").status_code in (302, 404)


def test_what_a_deleted_row_went_through_stays(site: Site) -> None:
    roi = ROI.objects.get(roi_id="roi-1")
    change(roi, name="Gate")
    url = path(ROI, "history", roi)
    with acting(author="lee"):
        Camera.objects.get(pk="vid1").delete()
    client = browser("viewer", sites=[site])
    page = seen(client, url)
    assert "It was deleted." in page
    assert "deleted by lee" in page
    assert "Name Door 1 → Gate" in page
    assert f'href="{url}"' in visible(client, LIST)
    assert "deleted by lee" in seen(client, "/admin/cameras/camera/vid1/history/")


def test_a_row_that_came_back_has_one_history(site: Site) -> None:
    roi = ROI.objects.get(roi_id="roi-1")
    camera = roi.camera
    roi.delete()
    again = make_roi("roi-1", camera=camera, name="Again")
    assert again.pk != roi.pk
    page = seen(browser("viewer"), path(ROI, "history", again))
    assert page.count("added") == 2
    assert "deleted" in page


def test_a_page_of_nothing_says_so_and_of_no_row_sends_away(site: Site) -> None:
    history_of(Camera).objects.all().delete()
    client = browser("viewer")
    assert "Nothing is recorded yet" in seen(client, path(Camera, "history", Camera.objects.get(pk="vid1")))
    for url in (
        "/admin/cameras/camera/none/history/",
        "/admin/cameras/roi/x/history/",
        "/admin/cameras/roi/9/history/",
    ):
        assert client.get(url).status_code == 302


# The list


def test_the_list_tells_of_all_kinds_newest_first(site: Site) -> None:
    change(Camera.objects.get(pk="vid1"), location="roof")
    change(Site.objects.get(name="Kitchen"), time_zone="Asia/Shanghai")
    page = seen(browser("viewer"), LIST)
    assert page.index("Site Kitchen") < page.index("Camera Line 1")
    assert "Time zone UTC → Asia/Shanghai" in page
    assert "12 changes" in page


@pytest.mark.parametrize(
    ("query", "there", "gone"),
    [
        ("person=kim", "Line 9", "by setup"),
        ("kind=camera", "Camera", "Door 1"),
        ("kind=roi&person=setup", "Door 1", "by kim"),
        ("since=2000-01-01&until=2999-12-31", "Line 9", "No change matches"),
        ("until=2000-01-01", "No change matches", "by setup"),
        ("since=2999-01-01", "No change matches", "by setup"),
        ("person=nobody&kind=x&site=x&since=x", "Line 9", "No change matches"),
    ],
)
def test_the_list_is_narrowed_by_its_url(site: Site, query: str, there: str, gone: str) -> None:
    change(Camera.objects.get(pk="vid1"), name="Line 9")
    page = seen(browser("operator"), f"{LIST}?{query}").partition("Show all")[2]
    assert there in page
    assert gone not in page


def test_the_list_of_one_site(site: Site) -> None:
    client = browser("viewer")
    page = seen(client, f"{LIST}?site={site.pk}")
    assert "Line 1" in page
    assert "Line 2" not in page
    assert f'href="{LIST}?site={site.pk}"' in visible(client, path(Site, "change", site))


def test_long_lists_have_pages_that_keep_the_filter(site: Site) -> None:
    camera = Camera.objects.get(pk="vid1")
    for number in range(PER_PAGE + 2):
        change(camera, location=str(number))
    page = visible(browser("viewer"), f"{LIST}?person=kim")
    assert "?person=kim&amp;page=2" in page
    older = seen(browser("operator"), f"{LIST}?person=kim&page=2")
    assert "Location – → 0" in older
    assert "Location 0 → 1" in older
    assert "Location 1 → 2" not in older


# Who sees what


OTHER = ("Warehouse", "box-2", "vid2", "roi-2", "bind-2", "Line 2", "Door 2", "elsewhere")


@pytest.mark.parametrize("role", ["viewer", "admin"])
def test_nothing_of_another_site_is_shown(site: Site, role: str) -> None:
    change(Camera.objects.get(pk="vid2"), name="elsewhere", author="elsewhere")
    with acting(author="elsewhere"):
        Binding.objects.get(bind_id="bind-2").delete()
        SiteAccess.objects.create(user=make_person("x")).sites.set([Site.objects.get(name="Warehouse")])
    client = browser(role, sites=[site])
    page = visible(client, LIST)
    assert [word for word in OTHER if word in page] == []
    assert "Line 1" in page
    other = Site.objects.get(name="Warehouse")
    assert "Line 2" not in seen(client, f"{LIST}?site={other.pk}")
    for row in (Camera.objects.get(pk="vid2"), other):
        assert client.get(path(type(row), "history", row)).status_code == 302


def test_of_a_row_that_moved_each_side_sees_its_own(site: Site) -> None:
    other = Site.objects.get(name="Warehouse")
    camera = Camera.objects.get(pk="vid1")
    change(camera, device=Device.objects.get(pk="box-2"), location="secret hall")
    change(camera, name="renamed there")
    left, took = browser("viewer", sites=[site]), browser("operator", sites=[other])
    page = seen(left, LIST)
    assert "moved to another site" in page
    assert [word for word in (*OTHER, "secret hall", "renamed there") if word in page] == []
    page = seen(took, path(Camera, "history", camera))
    assert "moved here from another site" in page
    assert "Name Line 1 → renamed there" in page
    assert [word for word in ("Kitchen", "box-1", "roof") if word in page] == []
    assert "added" not in page
    everything = seen(browser("superuser"), path(Camera, "history", camera))
    assert "Device box-1 → box-2" in everything
    assert "Location – → secret hall" in everything


def test_site_access_is_for_those_who_administer_it(site: Site) -> None:
    access = SiteAccess.objects.create(user=make_person("somebody"))
    access.sites.set([site])
    assert "Sites – → Kitchen" in seen(browser("admin"), f"{LIST}?kind=siteaccess")
    for client in (browser("viewer"), browser("operator", sites=[site])):
        assert "somebody" not in seen(client, LIST)
        assert client.get(path(SiteAccess, "history", access)).status_code == 403


def test_who_may_see_nothing_has_no_list(site: Site) -> None:
    assert browser("").get(LIST).status_code == 403
    assert f'href="{LIST}"' in visible(browser("viewer"), "/admin/")
    assert Client().get(LIST).status_code == 302


# Cost


def _queries(client: Client, url: str) -> int:
    client.get(url)  # content types and permissions are asked once a process
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


@pytest.mark.parametrize("limited", [False, True])
def test_more_entries_cost_no_more_queries(site: Site, limited: bool) -> None:
    client = browser("admin", sites=[site] if limited else None)
    urls: list[Callable[[], str]] = [
        lambda: LIST,
        lambda: path(Binding, "history", Binding.objects.get(bind_id="bind-1")),
    ]
    before = [_queries(client, url()) for url in urls]
    device = Device.objects.get(pk="box-1")
    for number in range(10):
        roi = make_roi(f"r{number}", camera=make_camera(f"c{number}", device=device), name=str(number))
        change(Binding.objects.get(bind_id="bind-1"), roi=roi)
        change(make_site(f"Site {number}"), name=f"Plant {number}")
    after = [_queries(client, url()) for url in urls]
    assert [a <= b for a, b in zip(after, before, strict=True)] == [
        True,
        True,
    ]  # a kind that is not on the page is not asked
    assert max(before) < 25
