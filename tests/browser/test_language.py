"""The language switch as a person uses it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.fit import expect_to_fit
from tests.servers.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def test_every_page_changes_its_language_and_stays_where_it_is(stack: Stack, visitor: Visitor) -> None:
    page = visitor.log_in(stack.access["user"], stack.access["password"], to="/admin/cameras/schedule/?q=a")
    page.set_viewport_size({"width": 390, "height": 844})
    page.click(".es-language summary")
    page.get_by_role("button", name="简体中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    assert page.url.endswith("/admin/cameras/schedule/?q=a")
    page.goto("/live/")
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    expect_to_fit(page)
    page.locator(".es-language summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert visitor.complaints == []
