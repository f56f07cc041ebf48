"""The live page in Chromium, on real servers: what a person sees when something happens."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Visitor
from tests.browser.fake_box import FakeBox, picture
from tests.servers.redis import RedisServer
from tests.servers.stack import Stack, wait_until

pytestmark = pytest.mark.browser

CAMERA = "vid1"
NEW_USER = """
from django.contrib.auth.models import Group, User
user = User.objects.create_user({name!r}, password="pass-word-1", is_staff=True)
user.groups.set(Group.objects.filter(name={group!r}))
"""
LEAVE = "from django.contrib.auth.models import User; User.objects.get(username='leaver').groups.clear()"


@pytest.fixture
def working_box(box: FakeBox) -> Iterator[FakeBox]:
    """A box whose camera is live: report, still and numbers, once a second."""
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            box.report({CAMERA: "live"})
            box.still(CAMERA, picture((80, 60, 40), "street"))
            box.stats(CAMERA, fps=15.2, persons=2, latency_ms=48, dropped=3, watch="idle")
            stop.wait(1)

    thread = threading.Thread(target=work)
    thread.start()
    yield box
    stop.set()
    thread.join()


def add_user(stack: Stack, name: str, group: str) -> None:
    stack.manage("shell", "-v0", "-c", NEW_USER.format(name=name, group=group))


def log_in(visitor: Visitor) -> Page:
    page = visitor.log_in(visitor.stack.access["user"], visitor.stack.access["password"])
    connected(page)
    return page


def connected(page: Page, *, seconds: float = 15) -> None:
    expect(page.locator("#connection")).to_have_attribute("data-tone", "good", timeout=seconds * 1000)


def loaded(page: Page, selector: str) -> None:
    """Waits until the picture shows pixels."""
    page.wait_for_function("s => document.querySelector(s)?.naturalWidth > 0", arg=selector, timeout=10_000)


def test_login_live_page_alert_and_its_picture(visitor: Visitor, working_box: FakeBox) -> None:
    page = log_in(visitor)
    page.evaluate("window.notReloaded = true")

    tile = page.locator(f'[data-camera="{CAMERA}"]')
    expect(tile.locator(".tile-name")).to_have_text("Street")
    expect(tile.locator(".tile-state")).to_have_text("live", timeout=10_000)
    expect(tile.locator('[data-number="fps"]')).to_have_text("15.2", timeout=10_000)
    expect(tile.locator(".tile-numbers")).to_have_text("15.2 fps 2 persons 48 ms 3 dropped asleep")
    loaded(page, f'[data-camera="{CAMERA}"] .tile-picture')

    alert = working_box.alert(CAMERA, roi_id="street-crossing", severity="critical")
    item = page.locator(f'[data-event="{alert["event_id"]}"]')
    expect(item).to_be_visible(timeout=5000)
    expect(item.locator(".alert-what")).to_have_text("Intrusion Crossing")
    expect(item.locator(".alert-severity")).to_have_text("critical")
    expect(item.locator("time")).to_have_attribute("title", re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$"))
    expect(item.locator(".alert-blank")).to_have_text("Picture is on its way")
    expect(tile).to_have_attribute("data-cue", "bad")

    working_box.evidence(alert, picture((40, 60, 160), "evidence"))
    loaded(page, f'[data-event="{alert["event_id"]}"] img')
    expect(item.locator(".alert-blank")).to_be_hidden()
    expect(item).to_have_count(1)

    item.locator(".alert-picture").click()
    expect(page.locator("#viewer")).to_be_visible()
    loaded(page, "#viewer img")
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    assert page.evaluate("window.notReloaded") is True
    assert visitor.complaints == []


def test_a_dropped_socket_comes_back_with_what_happened_meanwhile(
    visitor: Visitor, stack: Stack, working_box: FakeBox
) -> None:
    page = log_in(visitor)
    page.evaluate("window.notReloaded = true")
    before = working_box.alert(CAMERA)
    expect(page.locator(f'[data-event="{before["event_id"]}"]')).to_be_visible(timeout=5000)

    stack.end("web", signal.SIGKILL)
    expect(page.locator("#connection")).to_contain_text("reconnecting since", timeout=5000)
    expect(page.locator("#problem")).to_contain_text("has not answered since")
    missed = [working_box.alert(CAMERA) for _ in range(3)]
    numbers = page.locator(f'[data-camera="{CAMERA}"] .tile-numbers')
    expect(numbers).to_have_class("tile-numbers is-stale", timeout=15_000)

    stack.start("web")
    connected(page)
    for alert in [*missed, before]:
        expect(page.locator(f'[data-event="{alert["event_id"]}"]')).to_have_count(1)
    newest = page.locator(".alert").evaluate_all("items => items.slice(0, 4).map((item) => item.dataset.event)")
    assert newest == [alert["event_id"] for alert in [*reversed(missed), before]]
    expect(page.locator("#problem")).to_be_hidden()
    expect(numbers).to_have_class("tile-numbers", timeout=5000)
    assert page.evaluate("window.notReloaded") is True


FEED = """async (alert) => {
  const feed = await import("/static/edgesite/live/feed.js");
  const told = (id, at) => ({...alert, event_id: id, timestamp: at, received_at: at, occurrences: 1, last_at: null});
  const shown = () => [...document.querySelectorAll("#feed > *")].map((each) => each.dataset.event);
  const [a, b, c] = [told("a", 100), told("b", 200), told("c", 300)];
  const seen = [];
  feed.showAll([c, b], true);
  seen.push(feed.put(a), shown());                                          // somebody acknowledged an old one
  seen.push(feed.put({...b, occurrences: 2, last_at: 310}), shown());
  seen.push(feed.put({...b, occurrences: 2, last_at: 310, state: "acknowledged"}));
  seen.push(feed.put({...a, occurrences: 2, last_at: 320}), shown());       // an old one happens again
  seen.push(feed.showAll([c, {...b, occurrences: 3, last_at: 330}, a], true).map((each) => each.event_id), shown());
  feed.showAll([c, b], true);
  seen.push(feed.showAll([c, a], true).map((each) => each.event_id), shown());  // b was deleted
  return seen;
}"""


def test_what_happens_again_is_told_wherever_its_alert_stands(visitor: Visitor, working_box: FakeBox) -> None:
    page = log_in(visitor)
    working_box.alert(CAMERA)
    expect(page.locator(".alert").first).to_be_visible(timeout=5000)
    alert = page.request.get("/api/alerts").json()["items"][0]
    assert page.evaluate(FEED, alert) == [
        False, ["c", "b"],
        True, ["c", "b"],
        False,
        True, ["a", "c", "b"],
        ["b"], ["c", "b", "a"],
        ["a"], ["c", "a"],
    ]  # fmt: skip
    assert visitor.complaints == []


def test_an_account_without_the_permission_gets_words_and_nothing_else(visitor: Visitor, stack: Stack) -> None:
    add_user(stack, "guest", "nobody")
    page = visitor.log_in("guest", "pass-word-1")
    expect(page.locator("h1")).to_have_text("Your account may not see this page")
    assert "Street" not in page.content()
    code = page.evaluate(
        """() => new Promise((done) => {
             const socket = new WebSocket(`ws://${location.host}/ws/live`);
             socket.onclose = (event) => done(event.code);
             socket.onmessage = (event) => done(event.data);
           })"""
    )
    assert code == 4403
    assert page.request.get(f"/live/stills/{CAMERA}.jpg").status == 404


def test_a_withdrawn_permission_empties_the_open_page(visitor: Visitor, stack: Stack, working_box: FakeBox) -> None:
    add_user(stack, "leaver", "viewer")
    page = visitor.log_in("leaver", "pass-word-1")
    connected(page)
    expect(page.locator(".tile")).to_have_count(1)
    stack.manage("shell", "-v0", "-c", LEAVE)
    expect(page.locator("#problem")).to_contain_text("may no longer see cameras", timeout=6000)
    expect(page.locator(".tile")).to_have_count(0)
    expect(page.locator(".alert")).to_have_count(0)


def test_a_lost_camera_says_since_when_and_why(visitor: Visitor, box: FakeBox) -> None:
    box.still(CAMERA, picture((80, 60, 40), "street"))
    page = log_in(visitor)
    box.report({CAMERA: "lost"}, **{CAMERA: {"since": 1_790_000_000.0, "reason": "connection refused"}})
    tile = page.locator(f'[data-camera="{CAMERA}"]')
    expect(tile.locator(".tile-state")).to_have_text("lost", timeout=5000)
    expect(tile.locator(".tile-why")).to_contain_text("since 2026-09-21 14:13 · connection refused")
    loaded(page, f'[data-camera="{CAMERA}"] .tile-picture')
    assert visitor.complaints == []


def test_the_hub_gone_is_said(visitor: Visitor, stack: Stack) -> None:
    page = log_in(visitor)
    stack.end("hub", signal.SIGKILL)
    try:
        expect(page.locator("#problem")).to_contain_text("run_hub", timeout=25_000)
    finally:
        stack.start("hub")
    expect(page.locator("#problem")).to_be_hidden(timeout=15_000)


def test_redis_gone_is_said_and_survived(visitor: Visitor, stack_redis: RedisServer, box: FakeBox) -> None:
    page = log_in(visitor)
    stack_redis.kill()
    expect(page.locator("#problem")).to_contain_text("cannot reach its Redis", timeout=15_000)
    stack_redis.restart()
    connected(page, seconds=30)
    alert = box.alert(CAMERA)
    expect(page.locator(f'[data-event="{alert["event_id"]}"]')).to_be_visible(timeout=20_000)
    expect(page.locator("#problem")).to_be_hidden(timeout=15_000)


def test_pages_fit_a_phone(browser: Browser, stack: Stack, working_box: FakeBox) -> None:
    phone = Visitor(browser, stack, width=390, height=844)
    page = log_in(phone)
    for path in ("/live/", "/admin/", "/admin/cameras/camera/", f"/admin/cameras/camera/{CAMERA}/change/"):
        page.goto(path)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{path} is {wide} px wider than the screen"
    phone.context.close()


def test_the_page_speaks_chinese(browser: Browser, stack: Stack, working_box: FakeBox) -> None:
    visitor = Visitor(browser, stack, language="zh-CN")
    page = log_in(visitor)
    alert = working_box.alert(CAMERA)
    item = page.locator(f'[data-event="{alert["event_id"]}"]')
    expect(item.locator(".alert-severity")).to_have_text("警告", timeout=5000)
    expect(page.locator("#connection")).to_have_text("实时")
    expect(page.locator(f'[data-camera="{CAMERA}"] .tile-numbers')).to_contain_text("人")
    assert visitor.complaints == []
    visitor.context.close()


PAGES = (
    "/live/", "/admin/", "/admin/password_change/", "/api/docs",
    "/admin/cameras/site/", "/admin/cameras/device/", "/admin/cameras/device/box-1/change/", "/admin/cameras/camera/",
    "/admin/cameras/camera/add/", "/admin/cameras/camera/vid1/change/", "/admin/cameras/camera/vid1/history/",
    "/admin/cameras/camera/vid1/delete/", "/admin/cameras/roi/", "/admin/cameras/binding/", "/admin/cameras/binding/add/",
    "/admin/cameras/configversion/", "/admin/detection/alert/", "/admin/auth/user/", "/admin/auth/user/add/",
    "/admin/auth/group/",
)  # fmt: skip


def test_no_page_breaks_its_own_security_policy(visitor: Visitor, stack: Stack, working_box: FakeBox) -> None:
    page = visitor.page
    page.goto("/admin/login/")
    assert visitor.complaints == []
    log_in(visitor)
    for path in PAGES:
        answer = page.goto(path, wait_until="networkidle" if path != "/live/" else "load")
        assert answer is not None
        assert answer.status == 200, path
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy, policy
    assert visitor.complaints == []


def test_too_many_failed_logins_get_words(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/admin/login/")
    for _ in range(8):
        page.fill("#id_username", "stranger")
        page.fill("#id_password", "wrong")
        page.click("input[type=submit]")
        if page.locator("h1", has_text="Too many failed logins").count():
            break
    expect(page.locator("h1")).to_have_text("Too many failed logins")
    assert wait_until(page.title, seconds=2, what="title") == "Login locked · edgesite"
