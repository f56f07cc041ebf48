"""An operator's way through the configuration page, with a real box that refuses a document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Visitor
from tests.servers.redis import RedisServer
from tests.servers.stack import Stack, installation, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

PAGE = "/admin/cameras/device/box-1/configuration/"
DRAFTS = "from cameras.models import Device; Device.objects.update(publish_on_save=False)"


@pytest.fixture
def running(redis_server: RedisServer, street_clip: Path, tmp_path: Path) -> Iterator[Stack]:
    with installation(tmp_path, redis_server.url, street_clip.as_uri(), "web", "hub", "old_box") as stack:
        stack.manage("shell", "-v0", "-c", DRAFTS)
        yield stack


def set_dwell(page: Page, stack: Stack, seconds: int) -> None:
    page.goto("/admin/cameras/binding/?q=street-crossing")
    page.click("#result_list tbody th a")
    page.fill("#id_params", f'{{"dwell_s": {seconds}}}')
    page.click("input[name=_save]")
    expect(page.locator(".messagelist .success")).to_be_visible()


def until_state(page: Page, text: str) -> None:
    """Reloads until the state section says it: the page is one of record, not a live one."""

    def shown() -> bool:
        page.goto(PAGE)
        return re.search(text, page.locator(".facts").inner_text()) is not None

    wait_until(shown, seconds=30, what=f"state {text!r} on the page", every=0.5)


def test_edit_publish_refuse_and_roll_back(running: Stack, browser: Browser) -> None:
    visitor = Visitor(browser, running)
    page = visitor.log_in(running.access["user"], running.access["password"], to=PAGE)
    until_state(page, "in sync")
    expect(page.get_by_text("Changes that you save wait here")).to_be_visible()

    set_dwell(page, running, 20)
    page.goto(PAGE)
    expect(page.locator(".changes")).to_contain_text("parameter dwell_s")
    expect(page.locator(".changes")).to_contain_text("→ 20")
    page.fill("#reason", "longer at the crossing")
    page.click("button:has-text('Publish')")
    expect(page.locator(".messagelist")).to_contain_text("Issued version 2")
    until_state(page, "in sync")

    set_dwell(page, running, 600)
    page.goto(PAGE)
    page.click("button:has-text('Publish')")
    until_state(page, "refused")
    expect(page.locator(".facts")).to_contain_text("dwell_s")
    expect(page.locator(".facts")).to_contain_text("must be 60 or less")
    assert "version=3" not in "".join(re.findall(r"configuration applied.*", running.log("old_box")))

    row = page.locator("tbody tr", has_text="longer at the crossing")
    row.get_by_role("link", name="Roll back to this").click()
    expect(page.locator("#content")).to_contain_text("dwell_s 600 → 20")
    page.fill("#reason", "the box cannot do ten minutes")
    page.click("button:has-text('Roll back to version 2')")
    expect(page.locator(".messagelist")).to_contain_text("Issued version 4", timeout=15_000)
    until_state(page, "in sync")
    expect(page.locator(".configuration tbody")).to_contain_text("rollback to 2")
    assert visitor.complaints == []
    visitor.context.close()
