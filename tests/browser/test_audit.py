"""Who changed what, as a person finds it: edit a camera, read its history, find it in the list of all changes."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.fit import expect_to_fit
from tests.servers.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

SECRET = "hunter2-pw"


def test_an_edit_stands_in_the_cameras_history_and_in_the_list(stack: Stack, visitor: Visitor) -> None:
    page = visitor.log_in(stack.access["user"], stack.access["password"], to="/admin/cameras/camera/vid1/change/")
    page.fill("#id_location", "roof")
    page.fill("#id_rtsp_url", f"rtsp://u:{SECRET}@127.0.0.1:9/other")
    page.click("input[name=_save]")
    expect(page.locator(".messagelist .success")).to_be_visible()

    page.goto("/admin/cameras/camera/vid1/change/")
    page.get_by_role("link", name="History").click()
    newest = page.locator(".audit-entry").first
    expect(newest).to_contain_text("changed by admin")
    expect(newest).to_contain_text("Location – → roof")
    expect(newest).to_contain_text("Stream URL changed")
    assert SECRET not in page.content()

    page.goto("/admin/")
    page.locator("#content-main").get_by_role("link", name="Changes", exact=True).click()
    expect(page.locator(".audit-entry").first).to_contain_text("Camera Street vid1 changed by admin")
    page.select_option("#id_kind", "roi")
    page.click("button:has-text('Show')")
    expect(page.locator(".audit-entry").first).to_contain_text("ROI")
    expect(page.locator(".audit")).not_to_contain_text("Camera Street vid1")
    expect_to_fit(page, (390, 844))
    assert visitor.complaints == []
