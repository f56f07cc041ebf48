"""A staged publish from the list of devices to its end, on a page that renews itself."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.servers.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

EDIT = """
from cameras.models import Camera, Device
Device.objects.update(publish_on_save=False)
Camera.objects.update(max_fps=3)
"""
STOP = """
from cameras.rollouts.models import Rollout
from cameras.rollouts.services import stop_rollout
stop_rollout(rollout_id=Rollout.objects.latest("pk").pk, author="a colleague", reason="wrong day")
"""


def test_choosing_starting_and_watching(stack: Stack, visitor: Visitor) -> None:
    stack.manage("shell", "-v0", "-c", EDIT)
    page = visitor.log_in(stack.access["user"], stack.access["password"], to="/admin/cameras/device/")
    page.check("input[name=_selected_action]")
    page.select_option("select[name=action]", "publish_in_stages")
    page.click("button[name=index]")
    page.click("summary:has-text('change')")
    expect(page.locator(".changes")).to_contain_text("analyses per second")
    page.click("button:has-text('Publish to the canaries')")
    expect(page.locator("#content")).to_contain_text("choose at least one canary")
    page.check("input[name=canary]")
    page.fill("#id_reason", "fewer frames")
    page.click("button:has-text('Publish to the canaries')")
    expect(page.locator("#rollout-waits")).to_contain_text("waits for box-1 to come online", timeout=30_000)
    page.focus("#rollout-stop")

    stack.manage("shell", "-v0", "-c", STOP)
    live = page.locator("#rollout-live")
    expect(live).to_contain_text("Stopped: stopped by a colleague: wrong day", timeout=30_000)
    expect(live.get_by_text("the staged publish stopped before its turn")).to_be_visible()
    expect(live).not_to_have_attribute("data-refresh", "2")
    assert visitor.complaints == []
