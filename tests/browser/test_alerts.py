"""The operator's way in Chromium: an alert appears, is opened, acknowledged, judged and resolved, and others are told."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Visitor
from tests.browser.fake_box import FakeBox, picture
from tests.browser.fit import expect_to_fit
from tests.servers.stack import Stack

pytestmark = pytest.mark.browser

LIST, REPORT = "/admin/detection/alert/", "/admin/detection/coveragehour/"
CAMERA = "vid1"
PASSWORD = "pass-word-1"
OPERATOR = """
from django.contrib.auth.models import Group, User
user, _ = User.objects.get_or_create(username={name!r}, defaults={{"is_staff": True}})
user.set_password({password!r})
user.save()
user.groups.set(Group.objects.filter(name="operator"))
"""


@pytest.fixture
def lee(browser: Browser, stack: Stack) -> Iterator[Visitor]:
    """Another operator at another screen."""
    stack.manage("shell", "-v0", "-c", OPERATOR.format(name="lee", password=PASSWORD))
    other = Visitor(browser, stack)
    yield other
    other.context.close()


def signed_in(visitor: Visitor, to: str = LIST) -> Page:
    return visitor.log_in(visitor.stack.access["user"], visitor.stack.access["password"], to=to)


def open_it(page: Page, event_id: str) -> None:
    """With the keys, from the list."""
    row = page.locator(f'[data-event="{event_id}"]')
    page.keyboard.press("j")
    expect(row).to_have_class(re.compile("is-current"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/change/")


def look_at_the_overlay(page: Page) -> None:
    """On, off and on again."""
    expect(page.locator("#alert-picture")).to_have_js_property("complete", True)
    assert page.locator("#alert-picture").bounding_box() == page.locator("#alert-overlay").bounding_box()
    expect(page.locator(".alert-box")).to_have_count(1)
    expect(page.locator(".alert-roi")).to_have_count(1)
    page.keyboard.press("o")
    expect(page.locator("#alert-overlay")).to_be_hidden()
    expect(page.locator("#overlay-toggle")).to_have_attribute("aria-pressed", "false")
    page.click("#overlay-toggle")
    expect(page.locator("#alert-overlay")).to_be_visible()
    expect_to_fit(page, (390, 844), (820, 1180), (1440, 900))


def look_at_the_full_picture(page: Page) -> None:
    """It came by itself, later and larger: its boxes fill it as they do the first one, and each picture has its own switch."""
    full, first = page.locator("#alert-full"), page.locator("#alert-picture")
    expect(full).to_have_js_property("naturalWidth", 1280)
    expect(page.locator("#alert-full-later")).to_have_text("0.8 s later")
    full.scroll_into_view_if_needed()
    assert full.bounding_box() == page.locator("#alert-full-overlay").bounding_box()
    one, other = (
        page.locator(f"{name} .alert-box").bounding_box() for name in ("#alert-overlay", "#alert-full-overlay")
    )
    assert one is not None
    assert other is not None
    assert [round(one[side]) for side in ("x", "width", "height")] == [
        round(other[side]) for side in ("x", "width", "height")
    ]
    page.click("#full-overlay-toggle")
    expect(page.locator("#alert-full-overlay")).to_be_hidden()
    expect(page.locator("#alert-overlay")).to_be_visible()
    page.keyboard.press("o")
    for name in ("#alert-overlay", "#alert-full-overlay"):
        expect(page.locator(name)).to_be_visible()
    first.scroll_into_view_if_needed()


def false_alarms(page: Page) -> int:
    """As the report of these days tells them."""
    page.goto(REPORT)
    found = re.search(r"Left out: (\d+)", page.locator(".reports-words").inner_text())
    return int(found[1]) if found else 0


def test_the_operators_way(visitor: Visitor, lee: Visitor, box: FakeBox) -> None:
    first = box.alert(CAMERA, roi_id="street-crossing")
    page = signed_in(visitor)
    before = false_alarms(page)
    page.goto(LIST)
    row = page.locator(f'[data-event="{first["event_id"]}"]')
    expect(row).to_be_visible()
    alert = box.alert(CAMERA, roi_id="street-crossing", severity="critical", data={"box": [0.2, 0.2, 0.5, 0.8]})
    expect(page.locator("#alerts-newer")).to_have_text("New alerts: 1. Show them", timeout=5000)
    page.click("#alerts-newer")
    row = page.locator(f'[data-event="{alert["event_id"]}"]')
    expect(row.locator(".alert-severity")).to_contain_text("Critical")
    box.evidence(alert, picture((60, 120, 40), "evidence"))
    expect(row.locator("img")).to_be_visible(timeout=5000)  # by itself
    expect_to_fit(page, (390, 844), (820, 1180), (1440, 900))

    open_it(page, alert["event_id"])
    look_at_the_overlay(page)
    box.full_picture(alert, picture((60, 120, 40), "full", width=1280, height=720), later_s=0.8)
    look_at_the_full_picture(page)

    theirs = lee.log_in("lee", PASSWORD, to=LIST)
    other_row = theirs.locator(f'[data-event="{alert["event_id"]}"]')
    other_row.locator(".alert-what a").click()
    theirs.wait_for_url("**/change/")
    expect(theirs.locator("#act-ack")).to_be_visible()
    theirs.fill("#act-note", "half a sentence")
    page.fill("#act-note", "on my way")
    page.click("#act-ack")
    expect(page.locator(".messagelist")).to_have_text("Acknowledged.")

    who = visitor.stack.access["user"]
    expect(theirs.locator("#alerts-banner")).to_have_text(f"Acknowledged by {who} just now.", timeout=5000)
    expect(theirs.locator("#alert-state")).to_contain_text(f"Acknowledged {who}")
    expect(theirs.locator("#alert-steps")).to_contain_text("on my way")
    expect(theirs.locator("#act-ack")).to_have_count(0)
    assert theirs.input_value("#act-note") == "half a sentence"

    page.keyboard.press("r")
    page.check("#resolve input[value=false]")
    page.fill("#act-reason", "a cat")
    page.click("#act-resolve")
    expect(page.locator("#alert-state")).to_contain_text(f"Resolved {who}")
    expect(page.locator("#alert-verdict")).to_have_text("○ False alarm a cat")
    expect(theirs.locator("#alerts-banner")).to_have_text(f"Resolved by {who} just now.", timeout=5000)
    page.goto(f"/alerts/{alert['event_id']}")
    expect(page.locator("#alert-steps li")).to_have_count(3)
    assert false_alarms(page) == before + 1
    assert (visitor.complaints, lee.complaints) == ([], [])


def test_a_list_follows_what_others_do_and_the_keyboard_acts(visitor: Visitor, lee: Visitor, box: FakeBox) -> None:
    alerts = [box.alert(CAMERA) for _ in range(3)]
    page = signed_in(visitor)
    rows = [page.locator(f'[data-event="{alert["event_id"]}"]') for alert in alerts]
    for row in rows:
        expect(row).to_be_visible()
    theirs = lee.log_in("lee", PASSWORD, to=LIST)
    theirs.keyboard.press("j")
    theirs.keyboard.press("j")  # the second newest
    expect(theirs.locator(".is-current")).to_have_attribute("data-event", alerts[1]["event_id"])
    theirs.keyboard.press("a")
    expect(rows[1].locator(".alert-state")).to_contain_text("Acknowledged lee", timeout=5000)
    expect(page.locator("#alerts-banner")).to_have_text("Intrusion: Acknowledged by lee just now.")
    expect(theirs.locator(".is-current .alert-state")).to_contain_text("Acknowledged lee", timeout=5000)

    theirs.keyboard.press("a")  # again: it is too late, and says so
    expect(theirs.locator("#alerts-banner")).to_contain_text("The alert was acknowledged by lee at")
    theirs.keyboard.press("x")
    expect(theirs.locator("#alerts-chosen")).to_have_text("1")
    theirs.keyboard.press("k")
    theirs.keyboard.press("x")
    expect(theirs.locator("#alerts-chosen")).to_have_text("2")
    theirs.click("button[value=resolve]")
    expect(theirs.locator("h1")).to_have_text("Resolve 2 alerts?")
    theirs.click("button.default")
    expect(theirs.locator(".messagelist")).to_have_text("2 alerts resolved.")
    for row in (rows[1], rows[2]):
        expect(row.locator(".alert-state")).to_contain_text("Resolved lee", timeout=5000)
    expect(rows[0].locator(".alert-state")).to_have_text("▲ Open")
    assert visitor.complaints == []
    assert [c for c in lee.complaints if "409" not in c] == []
