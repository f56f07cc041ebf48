"""A newcomer's walk: from the login to a published rule that fires on a camera which was not there before, counted.

A box analyses the street clip. Clicks and keys are counted and cost what they cost a person (keystroke-level model: S. K. Card,
T. P. Moran, A. Newell, CACM 23(7), 1980); beside that stands the time that passed here, which is all waiting.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import Visitor
from tests.servers.redis import RedisServer
from tests.servers.stack import Stack

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

YARD = ((0.12, 0.3), (0.9, 0.3), (0.95, 0.9), (0.12, 0.9))
MOST_CLICKS = 25
MOST_SECONDS = 180.0
KEY_S, POINT_S, PRESS_S, THINK_S, HAND_S = 0.28, 1.1, 0.2, 1.35, 0.4  # K (who does not type for a living), P, BB, M, H
CLICK_S = THINK_S + POINT_S + PRESS_S


@pytest.fixture
def running(redis_server: RedisServer, street_clip: Path, tmp_path: Path) -> Iterator[Stack]:
    with Stack(tmp_path, redis_server.url) as stack:
        stack.prepare(street_clip.as_uri())
        stack.manage("shell", "-v0", "-c", "from cameras.models import Camera; Camera.objects.all().delete()")
        stack.start("web", "hub", "detector")
        yield stack


class Walk:
    """Counts what a person does, and says after how many seconds each step was done."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clicks = self.keys = 0
        self.person_s = 0.0
        self.began = time.monotonic()
        self.log: list[str] = []

    def click(self, target: Locator | str) -> None:
        self.clicks += 1
        self.person_s += CLICK_S
        (self.page.locator(target) if isinstance(target, str) else target).click()

    def link(self, name: str | re.Pattern[str]) -> None:
        self.click(self.page.get_by_role("link", name=name).first)

    def type(self, label: str, text: str) -> None:
        """Into the field of this label, by a click as a person does, or where the page has put the cursor."""
        field = self.page.get_by_label(label).first
        if not field.evaluate("(field) => field === document.activeElement"):
            self.click(field)
        field.press_sequentially(text)
        self.keys += len(text)
        self.person_s += 2 * HAND_S + KEY_S * len(text)

    def pick(self, x: float, y: float) -> None:
        """A click on the picture, at shares of it."""
        box = self.page.locator("#editor-picture").bounding_box()
        assert box
        self.clicks += 1
        self.person_s += CLICK_S
        self.page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])

    @property
    def seconds(self) -> float:
        """What a person needs, and what passed meanwhile."""
        return self.person_s + time.monotonic() - self.began

    def done(self, what: str) -> None:
        waited = time.monotonic() - self.began
        self.log.append(
            f"  {self.clicks:3} clicks {self.keys:4} keys {self.person_s:6.1f} s + {waited:5.1f} s waited   {what}"
        )


def test_from_login_to_a_firing_rule_in_under_25_clicks(running: Stack, street_clip: Path, browser: Browser) -> None:
    visitor = Visitor(browser, running)
    walk = Walk(visitor.page)
    try:
        log_in(walk, running)
        add_camera(walk, street_clip.as_uri())
        draw_and_bind(walk)
        until_it_fires(walk)
    finally:
        print("\n" + "\n".join(walk.log))
        visitor.page.screenshot(path=str(running.folder / "last.png"))
    print(f"  {walk.clicks} clicks, {walk.keys} keys, {walk.seconds:.0f} s in all")
    assert walk.clicks < MOST_CLICKS
    assert walk.seconds < MOST_SECONDS
    assert visitor.complaints == []
    visitor.context.close()


def log_in(walk: Walk, stack: Stack) -> None:
    walk.page.goto("/")
    walk.type("Username", stack.access["user"])
    walk.type("Password", stack.access["password"])
    walk.click("input[type=submit]")
    expect(walk.page.locator("#no-cameras")).to_be_visible()
    walk.done("logged in; the live page is empty and says what to do")


def add_camera(walk: Walk, url: str) -> None:
    page = walk.page
    walk.link("Add a camera")
    walk.type("Camera ID", "gate-1")
    walk.type("Name", "Gate")
    expect(page.locator("#id_device option:checked")).to_have_text(re.compile("Demo box"))  # the only one is chosen
    walk.type("Stream URL", url)
    walk.click("#connection-test")
    expect(page.locator("#connection-state")).to_contain_text("The stream comes.", timeout=30_000)
    walk.done("typed the camera in; its connection is tested")
    walk.click("input[name=_save]")
    walk.link("Next: draw regions on the picture of Gate")
    expect(page.locator("#editor-picture")).to_be_visible(timeout=60_000)
    expect(page.locator("#editor-frame-state")).to_have_attribute("data-tone", "good", timeout=30_000)
    walk.done("saved; a picture of now to draw on")


def draw_and_bind(walk: Walk) -> None:
    page = walk.page
    walk.click("#editor-tool-polygon")
    for x, y in YARD:
        walk.pick(x, y)
    walk.click("#editor-finish")
    walk.click("#editor-bind-add")
    walk.click(page.locator("#editor-pick").get_by_role("button", name="Intrusion", exact=True))
    walk.click("#editor-save")
    expect(page.locator("#editor-unsaved")).to_have_text("All saved", timeout=20_000)
    expect(page.locator("#editor-publish-state")).to_have_attribute("data-tone", "good", timeout=30_000)
    walk.done("drawn, bound, saved; the box has confirmed it")


def until_it_fires(walk: Walk) -> None:
    walk.link("Live")
    alert = walk.page.locator("#feed .alert").first
    expect(alert).to_be_visible(timeout=60_000)
    expect(alert).to_contain_text("Intrusion")
    expect(alert).to_contain_text("Gate")
    walk.done("the rule has fired")
