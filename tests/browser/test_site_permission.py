"""An operator of one site walks through every page: nothing shows that another site exists."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.editor_page import PATH, EditorPage
from tests.servers.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

SECOND_SITE = """
from django.contrib.auth.models import Group, User
from cameras.models import Camera, Device, Site, SiteAccess
mine = Site.objects.get()
other = Site.objects.create(name="Zanzibar depot", time_zone="UTC")
box = Device.objects.create(device_id="box-zanzibar", name="Zanzibar box", site=other)
Camera.objects.create(camera_id="zanzibar-1", name="Zanzibar gate", device=box, rtsp_url="rtsp://10.9.9.9/1")
lee = User.objects.create_user("lee", password="pass-word-1", is_staff=True)
lee.groups.set(Group.objects.filter(name="operator"))
SiteAccess.objects.create(user=lee).sites.set([mine])
"""
PAGES = (
    "/live/", "/admin/", "/admin/cameras/camera/", "/admin/cameras/camera/?q=gate", "/admin/cameras/camera/add/",
    "/admin/cameras/device/", "/admin/cameras/site/", "/admin/cameras/roi/", "/admin/cameras/schedule/add/",
    "/admin/cameras/auditentry/", "/admin/cameras/configversion/", "/admin/detection/alert/", "/admin/detection/coveragehour/",
    "/admin/recordings/timeline/",
)  # fmt: skip
ELSEWHERE = "/admin/cameras/camera/zanzibar-1/"


def test_an_operator_of_one_site_never_meets_the_other(stack: Stack, visitor: Visitor) -> None:
    stack.manage("shell", "-v0", "-c", SECOND_SITE)
    page = visitor.log_in("lee", "pass-word-1", to="/admin/")
    for path in PAGES:
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        assert "anzibar" not in page.content(), path
    page.goto(PATH)
    editor = EditorPage(page).ready()
    page.click("[data-add=rectangle]")
    page.click("#editor-copy")
    expect(page.locator("#editor-copy-dialog")).to_be_visible()
    assert "anzibar" not in page.content()
    assert visitor.complaints == []
    for method, path in (("GET", "data"), ("GET", "publish"), ("POST", "frame"), ("PUT", "data")):
        assert editor.ask(method, f"{ELSEWHERE}regions/{path}", {} if method != "GET" else None)["status"] == 404
    for path in ("regions/", "clone/", "test/x"):
        assert page.request.get(f"{ELSEWHERE}{path}").status == 404, path
    visitor.complaints.clear()  # the browser's notes of those
    page.goto(f"{ELSEWHERE}change/")
    assert "Zanzibar" not in page.content()  # no more than the address says itself
