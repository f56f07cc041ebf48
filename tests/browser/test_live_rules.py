"""What rules tell on the live page in Chromium: how far they are, and that an alert is over."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.fake_box import FakeBox, picture

pytestmark = pytest.mark.browser

CAMERA = "vid1"
BINDINGS: dict[str, Any] = {
    "a": {"algo_code": "intrusion", "roi": "Night door", "active": False},
    "b": {"algo_code": "loitering", "roi": "<b>Yard</b>", "active": True, "value": 3.21, "target": 10.0},
    "c": {
        "algo_code": "intrusion",
        "roi": "Quiet",
        "active": True,
        "value": 0.0,
        "target": 1.0,
        "cooldown_left_s": 0.0,
    },
    "d": {
        "algo_code": "intrusion",
        "roi": "Gate",
        "active": True,
        "value": 0.0,
        "target": 1.0,
        "cooldown_left_s": 11.4,
    },
    "e": {"algo_code": "leave_post", "roi": "Desk", "active": True, "value": 60.0, "target": 60.0, "alerting": True},
}


@pytest.fixture
def told() -> dict[str, Any]:
    return {"bindings": BINDINGS}


@pytest.fixture
def working_box(box: FakeBox, told: dict[str, Any]) -> Iterator[FakeBox]:
    """A box whose camera is live and tells `told`, twice a second."""
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            box.report({CAMERA: "live"})
            box.still(CAMERA, picture((80, 60, 40)))
            box.stats(CAMERA, fps=5.0, persons=1, latency_ms=40, dropped=0, **told)
            stop.wait(0.5)

    box.still(CAMERA, picture((80, 60, 40)))
    thread = threading.Thread(target=work)
    thread.start()
    yield box
    stop.set()
    thread.join()


def test_the_tile_says_what_rules_are_at_and_the_feed_when_an_alert_ended(
    visitor: Visitor, working_box: FakeBox, told: dict[str, Any]
) -> None:
    page = visitor.log_in(visitor.stack.access["user"], visitor.stack.access["password"])
    rules = page.locator(f'[data-camera="{CAMERA}"] .tile-rules')
    expect(rules).to_have_text(
        "Post left, Desk: alert goes on\nLoitering, <b>Yard</b>: 3.2 of 10 s\nIntrusion, Gate: cooling down 12 s",
        timeout=15_000,
    )
    told["bindings"] = {"a": BINDINGS["a"]}
    expect(rules).to_have_text("Intrusion, Night door: outside schedule", timeout=5000)
    told["bindings"] = {"c": BINDINGS["c"]}
    expect(rules).to_be_hidden(timeout=5000)

    started = working_box.alert(CAMERA, algo_code="leave_post", timestamp=time.time() - 65)
    item = page.locator(f'[data-event="{started["event_id"]}"]')
    expect(item).to_be_visible(timeout=5000)
    expect(item.locator(".alert-end")).to_be_hidden()
    data = {"started_event_id": started["event_id"], "reason": "back"}
    ended = {"bind_id": started["bind_id"], "phase": "ended", "capture": "", "data": data}
    working_box.alert(CAMERA, algo_code="leave_post", **ended)
    expect(item.locator(".alert-end")).to_have_text(re.compile(r"^ended \d\d:\d\d, after 1 min$"), timeout=5000)
    expect(page.locator(".alert")).to_have_count(1)
    assert visitor.complaints == []
