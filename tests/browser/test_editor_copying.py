"""Regions for other cameras, and the ways between a camera's pages."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.browser.editor_page import GATE, YARD, EditorPage, roi, rule

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def second_camera(page: Page, code: str) -> None:
    page.goto("/admin/cameras/camera/add/")
    page.fill("#id_camera_id", code)
    page.fill("#id_name", "Back door")
    page.select_option("#id_device", index=1)
    page.fill("#id_rtsp_url", "rtsp://127.0.0.1:9/back")
    page.click("input[name=_save]")
    expect(page.locator(".messagelist .success")).to_be_visible()


def test_regions_are_copied_to_other_cameras_with_their_rules(visitor: Visitor) -> None:
    editor = EditorPage.log_in(
        visitor, roi("Gate", GATE, binds=[rule(params={"dwell_s": 5})]), roi("Yard", YARD, color=1)
    )
    page = editor.page
    second_camera(page, "vid_2")
    editor.reload()
    editor.choose("Gate")
    page.fill("#editor-name", "Front gate")  # not saved yet: that comes first
    page.click("#editor-copy")
    dialog = page.locator("#editor-copy-dialog")
    expect(dialog).to_contain_text("Front gate")
    expect(dialog).to_contain_text("Your changes are saved first.")
    go = dialog.get_by_role("button", name="Copy")
    expect(go).to_be_disabled()
    dialog.get_by_label("Find a camera").fill("nowhere")
    expect(dialog.locator("li:visible")).to_have_count(0)
    dialog.get_by_label("Find a camera").fill("back")
    dialog.get_by_label("Back door").check()
    go.click()
    expect(page.locator("#editor-banner")).to_have_text("1 region copied")
    expect(page.locator("#editor-unsaved")).to_have_text("All saved")
    assert sorted(editor.stored()) == ["Front gate", "Yard"]
    there = editor.ask("GET", "/admin/cameras/camera/vid_2/regions/data")["data"]["rois"]
    assert [row["name"] for row in there] == ["Front gate"]
    assert there[0]["binds"][0]["params"] == {"dwell_s": 5}
    assert there[0]["roi_id"] != editor.stored()["Front gate"]["roi_id"]

    page.goto("/admin/cameras/camera/")  # each camera's regions are one click away
    cell = page.locator("#result_list tr", has_text="vid_2").locator(".field-regions a")
    expect(cell).to_have_accessible_name("1 region")
    cell.click()
    editor.ready()
    assert editor.names() == ["Front gate"]
    tabs = page.locator(".ed-tabs")
    tabs.get_by_role("link", name="Settings").click()
    page.wait_for_url("**/change/")
    expect(page.locator("#id_name")).to_have_value("Back door")
    expect(tabs.get_by_role("link", name="Settings")).to_have_attribute("aria-current", "page")
    tabs.get_by_role("link", name="Regions").click()
    editor.ready()
    assert visitor.complaints == []
