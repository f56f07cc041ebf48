"""A schedule as a person makes it: hours as text, a mistake, the week, a binding that follows it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.fit import expect_to_fit
from tests.servers.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def test_a_schedule_is_written_corrected_and_followed(stack: Stack, visitor: Visitor) -> None:
    page = visitor.log_in(stack.access["user"], stack.access["password"], to="/admin/cameras/schedule/add/")
    page.fill("#id_schedule_id", "shifts")
    page.fill("#id_name", "早班 and night shift")
    page.select_option("#id_site", index=1)
    page.fill("#id_hours", "Mon-Fri 08:00-12:00, 13:00-17:00\nSat 25:00-06:00")
    page.click("input[name=_save]")
    expect(page.locator(".errorlist").last).to_have_text(
        "Line 2, column 5: a time of day such as 08:30 is missing here."
    )
    page.fill("#id_hours", "Mon-Fri 08:00-12:00, 13:00-17:00\nSat 22:00-06:00\n2026-12-25 closed")
    page.click("input[name=_continue]")
    expect(page.locator(".messagelist .success")).to_be_visible()
    rows = page.locator(".field-week tbody tr")
    expect(rows).to_have_count(7)
    expect(rows.nth(0)).to_contain_text("08:00-12:00, 13:00-17:00")
    expect(rows.nth(0).locator("rect")).to_have_count(3)
    expect(rows.nth(6)).to_contain_text("until 06:00")
    expect(rows.nth(6).locator("rect")).to_have_count(2)  # the rest of Saturday's night
    expect_to_fit(page, (390, 844))
    page.set_viewport_size({"width": 1440, "height": 900})

    page.goto("/admin/cameras/binding/")
    page.locator("#result_list tbody th a").first.click()
    page.select_option("#id_schedule", label="早班 and night shift")
    page.click("input[name=_save]")
    expect(page.locator(".messagelist")).to_contain_text("Published to")
    page.goto("/admin/cameras/schedule/")
    expect(page.locator("#result_list")).to_contain_text("Mon-Fri 08:00-12:00, 13:00-17:00; Sat 22:00-06:00")
    expect(page.locator("#result_list .field-bindings_count")).to_have_text("1")
    assert visitor.complaints == []
