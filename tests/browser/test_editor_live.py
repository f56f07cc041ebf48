"""Seeing it live while rules are set up: boxes, states and what would fire, of a draft that nobody has saved."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from detection.core.preview import Preview, pack
from edgesite import redis_keys
from edgesite.commands import parse_command
from tests.browser.conftest import Visitor
from tests.browser.editor_page import GATE, EditorPage, roi, rule
from tests.browser.fake_box import FakeBox, picture
from tests.servers.redis import RedisServer
from tests.servers.stack import Stack, installation, wait_until

pytestmark = pytest.mark.browser

STATES: list[dict[str, Any]] = [
    {"word": "counting", "value": 3.2, "target": 10.0, "counts": {"visits": 2}},
    {"word": "cooling", "value": 1.0, "target": 1.0, "left_s": 11.4},
    {"word": "outside_schedule"},
    {"word": "unknown", "why": "covered"},
]
WORDS = ["3.2 of 10 s · 2 inside", "cooling down 12 s", "outside schedule", "unknown: view covered"]
DEMO = ("street-pavement", "street-crossing")  # the rules that are published from the start
OBJECT = {"id": 5, "word": "counting", "value": 3.2, "target": 10.0}


class LiveBox:
    """A box that shows the newest draft that it was told of, some times a second. told: more of each message."""

    def __init__(self, box: FakeBox, *can: str) -> None:
        self.box, self.told, self.commands = box, dict[str, Any](), list[dict[str, Any]]()
        box.commands = list(can)
        self.stop, self.last = threading.Event(), "0"
        box.redis.delete(redis_keys.commands(box.device_id))
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self) -> None:
        while not self.stop.wait(0.1):
            self.box.report({"vid1": "live"})
            read: Any = self.box.redis.xread({redis_keys.commands(self.box.device_id): self.last})
            for _, entries in read:
                for entry_id, fields in entries:
                    self.last = entry_id
                    command = parse_command({key.decode(): value.decode() for key, value in fields.items()})
                    if command.kind == "watch":
                        self.commands.append(dict(command.body))
            if self.commands:
                self.show()

    def show(self) -> None:
        newest = self.commands[-1]
        binds = next(body for body in reversed(self.commands) if body["content"])["content"]["binds"]
        states = [{"bind_id": bind["bind_id"], **STATES[n % len(STATES)]} for n, bind in enumerate(binds)]
        if states:
            states[0] |= {"objects": [OBJECT]}
        seen = [
            {"id": 5, "name": "person", "score": 0.87, "box": [0.3, 0.4, 0.4, 0.7]},
            {"id": 6, "name": "person", "score": 0.51, "box": [0.7, 0.1, 0.8, 0.4]},
        ]
        head = {
            "watch_id": newest["watch_id"], "camera_id": "vid1", "draft": newest["draft"], "camera": "live", "age_s": 0.2,
            "width": 640, "height": 360, "seen": seen, "states": states,
        }  # fmt: skip
        message = pack(Preview.model_validate(head | self.told), picture((60, 120, 60), "moving"))
        self.box.redis.publish(redis_keys.preview_channel(self.box.device_id, newest["watch_id"]), message)

    def close(self) -> None:
        self.stop.set()
        self.thread.join()


@pytest.fixture
def live_box(box: FakeBox) -> Iterator[LiveBox]:
    made = LiveBox(box, "watch")
    yield made
    made.close()


def chip(page: Page) -> Any:
    return page.locator("#editor-live-state")


def row(page: Page, number: int) -> Any:
    return page.locator(".ed-bind-live").nth(number)


def see_it_live(editor: EditorPage) -> Page:
    editor.page.click("#editor-live")
    expect(editor.page.locator("#editor-live")).to_have_attribute("aria-pressed", "true")
    return editor.page


def hearing(page: Page) -> Callable[[], list[str]]:
    """From now on: everything that is said to who does not see it, in order."""
    page.evaluate(
        """() => {
          window.heard = [];
          for (const region of document.querySelectorAll("#editor-says-1, #editor-says-2"))
            new MutationObserver(() => window.heard.push(region.textContent))
              .observe(region, { childList: true, characterData: true, subtree: true });
        }"""
    )
    return lambda: list(page.evaluate("window.heard"))


def test_boxes_and_each_rules_state_are_drawn_while_one_edits(visitor: Visitor, live_box: LiveBox) -> None:
    editor = EditorPage.log_in(visitor, roi("Gate", GATE, binds=[rule(priority=9 - n) for n in range(4)]))
    page = see_it_live(editor)
    editor.choose("Gate")
    expect(chip(page)).to_have_text("live", timeout=15_000)
    expect(page.locator(".ed-live-box")).to_have_count(2)
    for number, words in enumerate(WORDS):
        expect(row(page, number)).to_have_text(words)
        expect(page.locator(".ed-live-region .ed-live-text").nth(number)).to_have_text(f"Intrusion: {words}")
    expect(page.locator(".ed-live [data-word=counting] .ed-live-text")).to_have_text("3.2 of 10 s")
    expect(page.locator(".ed-live [data-word=none] .ed-live-text")).to_have_text("person 51 %")
    expect(page.locator("#editor-live-rate")).to_contain_text("pictures/s · 0.")
    assert page.evaluate("document.getElementById('editor-live-picture').width") == 640

    # A region is moved with the mouse, while the picture moves beneath: the draft follows, nothing is saved.
    editor.drag((0.25, 0.5), (0.28, 0.5))
    assert editor.points("Gate") != GATE

    def newest() -> dict[str, Any]:
        return next(body["content"] for body in reversed(live_box.commands) if body["content"])

    def moved() -> bool:  # a draft may be of a moment within the drag
        return bool(newest()["rois"][0]["coordinates"][0][0] > 0.2)

    wait_until(moved, seconds=5, what="newer draft")
    assert editor.stored()["Gate"]["coordinates"] == GATE

    heard = hearing(page)  # on a busy machine the next thing is said before anybody looks
    live_box.told = {"fired": [{"bind_id": newest()["binds"][0]["bind_id"], "phase": "started", "at": 1.0}]}
    expect(page.locator("#editor-live-log li").first).to_contain_text("Intrusion in Gate would raise an alert")
    wait_until(lambda: "Intrusion in Gate would raise an alert" in heard(), seconds=5, what="spoken words")
    expect(row(page, 0)).to_contain_text("would raise an alert")

    page.keyboard.press("Escape")
    page.click("#editor-live")
    expect(page.locator("#editor-live-picture")).to_be_hidden()
    expect(page.locator(".ed-live-box")).to_have_count(0)
    expect(row(page, 0)).to_be_hidden()
    assert visitor.complaints == []


def test_what_cannot_be_tried_says_so_at_its_rule_and_the_rest_goes_on(visitor: Visitor, live_box: LiveBox) -> None:
    editor = EditorPage.log_in(visitor, roi("Gate", GATE, binds=[rule(priority=2), rule("loitering", priority=1)]))
    editor.choose("Gate")
    page = see_it_live(editor)
    expect(row(page, 0)).to_have_text(WORDS[0], timeout=15_000)
    page.locator("#editor-bind-0").click()
    page.get_by_label("Dwell").first.fill("-4")
    expect(row(page, 0)).to_contain_text("not tried:", timeout=10_000)
    expect(row(page, 1)).to_have_text(WORDS[0])
    page.get_by_label("Dwell").first.fill("4")
    expect(row(page, 0)).to_have_text(WORDS[0])
    wait_until(
        lambda: [b["content"]["binds"][0]["params"] for b in live_box.commands if b["content"]][-1] == {"dwell_s": 4},
        seconds=5, what="changed setting on its way to the box",
    )  # fmt: skip


def test_by_keys_alone_and_a_hidden_tab_pauses(visitor: Visitor, live_box: LiveBox) -> None:
    editor = EditorPage.log_in(visitor, roi("Gate", GATE, binds=[rule()]))
    editor.page.focus("#editor-shapes")
    editor.press("w")
    page = editor.page
    editor.says("Live: the moving picture, and what the rules would do")
    expect(chip(page)).to_have_text("live", timeout=15_000)
    hide = """(hidden) => { Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange")); }"""
    page.evaluate(hide, True)
    expect(chip(page)).to_have_text("paused while this tab is hidden")
    channel = redis_keys.preview_channel(live_box.box.device_id, live_box.commands[-1]["watch_id"])
    wait_until(
        lambda: live_box.box.redis.pubsub_numsub(channel)[0][1] == 0,
        seconds=5, what="channel that nobody listens to",
    )  # fmt: skip
    page.evaluate(hide, False)
    expect(chip(page)).to_have_text("live", timeout=15_000)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"camera": "lost", "reason": "connection refused"}, "The camera is lost: connection refused"),
        ({"view": "covered"}, "The camera's view is covered: nothing can be said"),
        ({"problem": "The draft cannot be used: x"}, "The draft cannot be used: x"),
    ],
)
def test_what_keeps_one_from_seeing_is_said(
    visitor: Visitor, live_box: LiveBox, told: dict[str, Any], words: str
) -> None:
    editor = EditorPage.log_in(visitor, roi("Gate", GATE, binds=[rule()]))
    page = see_it_live(editor)
    expect(chip(page)).to_have_text("live", timeout=15_000)
    live_box.told = told
    expect(chip(page)).to_have_text(words)
    live_box.told = {}
    expect(chip(page)).to_have_text("live")
    live_box.close()
    expect(chip(page)).to_have_text(re.compile("Nothing comes from the box"), timeout=8_000)


def test_a_box_that_is_too_old_is_told_so(visitor: Visitor, box: FakeBox) -> None:
    made = LiveBox(box, "snapshot")
    try:
        editor = EditorPage.log_in(visitor, roi("Gate", GATE, binds=[rule()]))
        old = "The program of the camera's box is too old to show this. Update it."
        expect(chip(see_it_live(editor))).to_have_text(old, timeout=15_000)
        assert made.commands == []
    finally:
        made.close()


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory, street_clip: Path) -> Iterator[Stack]:
    """Everything real, on the street clip."""
    with (
        RedisServer() as server,
        installation(
            tmp_path_factory.mktemp("street"), server.url, f"file://{street_clip}", "web", "hub", "detector"
        ) as running,
    ):
        yield running


def test_a_rule_that_nobody_saved_is_seen_to_fire_on_the_street(browser: Browser, street: Stack) -> None:
    visitor = Visitor(browser, street)
    try:
        editor = EditorPage.log_in(visitor)
        page = editor.page
        editor.tool("rectangle")
        editor.drag((0.02, 0.02), (0.98, 0.98))
        editor.add_rule("Intrusion")
        page = see_it_live(editor)
        expect(chip(page)).to_have_text("live", timeout=40_000)
        expect(page.locator(".ed-live-box").first).to_be_visible()
        expect(row(page, 0)).to_contain_text("of 1 s")
        expect(page.locator("#editor-live-log li").first).to_contain_text("would raise an alert", timeout=20_000)
        assert editor.stored() == {}
        assert {alert["roi_id"] for alert in street.alerts()} <= set(DEMO)
        assert visitor.complaints == []
    finally:
        visitor.context.close()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (4429, "Too many cameras are being watched live. Close one in another tab"),
        (4503, "The hub cannot reach its Redis"),
        (4500, "The hub does not answer. Trying again."),
    ],
)
def test_why_no_moving_picture_comes_is_said_in_words(visitor: Visitor, code: int, words: str) -> None:
    visitor.page.route_web_socket(re.compile("/ws/preview/"), lambda socket: socket.close(code=code))
    editor = EditorPage.log_in(visitor)
    editor.page.click("#editor-live")
    expect(chip(editor.page)).to_contain_text(words)
