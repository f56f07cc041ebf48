"""A back-test in a browser: the upload, a bar that moves by itself, two sides beside each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.fit import expect_to_fit
from tests.servers.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

DRAFT = """
from cameras.models import Binding, Device
Device.objects.update(publish_on_save=False)
Binding.objects.update(params={"dwell_s": 6.0})
"""


def test_from_the_camera_to_the_result(stack: Stack, visitor: Visitor, street_clip: Path) -> None:
    stack.manage("shell", "-v0", "-c", DRAFT)
    page = visitor.log_in(stack.access["user"], stack.access["password"], to="/admin/cameras/camera/")
    page.click("#result_list tbody th a")
    page.click("text=Back-test on a video…")
    page.set_input_files("#id_video", {"name": "notes.mp4", "mimeType": "video/mp4", "buffer": b"no video"})
    page.click("button:has-text('Start the back-test')")
    expect(page.locator(".errorlist")).to_have_text("notes.mp4 is not a video that can be played.")

    page.set_input_files("#id_video", street_clip)
    page.fill("#id_fps", "2")
    page.click("button:has-text('Start the back-test')")
    expect(page.locator("#backtest-chip")).to_contain_text("Running", timeout=30_000)
    expect(page.locator("#backtest-summary")).to_contain_text("The draft raises", timeout=90_000)  # by itself
    picture = page.locator(".backtest-picture").first
    expect(picture.locator("img")).to_have_js_property("complete", True)
    assert picture.locator("img").evaluate("image => image.naturalWidth") == 768
    frame, overlay = picture.locator("img").bounding_box(), picture.locator("svg").bounding_box()
    assert frame == overlay
    expect(page.locator(".backtest-none").first).to_contain_text("Only published")
    expect_to_fit(page, (1440, 900), (390, 844))

    page.click("text=Delete…")
    page.click("button:has-text('Delete the back-test')")
    expect(page.locator("#content")).to_contain_text("Choose a camera")
    assert list((stack.folder / "media" / "backtests").iterdir()) == []
    assert visitor.complaints == []
