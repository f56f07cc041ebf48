"""A vertex is dragged among 60 shapes of 20 points: frames per second as the browser paints them, beside an empty page."""

from __future__ import annotations

import itertools
import math
import statistics

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Visitor
from tests.browser.editor_page import EditorPage, roi

pytestmark = [pytest.mark.bench, pytest.mark.timeout(240)]

WATCH = """() => { window.frames_ = []; const note = (t) => { window.frames_.push(t); requestAnimationFrame(note); };
  requestAnimationFrame(note); }"""
# Moves come from inside the page, one a frame, so that this process's own pace is not what is measured.
DRAG = """([x, y]) => new Promise((done) => {
  const target = document.elementFromPoint(x, y);
  const send = (type, dx, dy) => target.dispatchEvent(new PointerEvent(type, {bubbles: true, cancelable: true, pointerId: 1,
    pointerType: "mouse", button: type === "pointermove" ? -1 : 0, buttons: 1, clientX: x + dx, clientY: y + dy}));
  let n = 0, work = 0;
  Element.prototype.setPointerCapture = () => {};
  send("pointerdown", 0, 0);
  const step = () => {
    const begin = performance.now();
    send("pointermove", 40 * Math.sin(n / 9), 30 * Math.cos(n / 7));
    work += performance.now() - begin;
    n += 1;
    if (n < 180) requestAnimationFrame(step);
    else { send("pointerup", 0, 0); done(work / n); }
  };
  requestAnimationFrame(step);
})"""


def rate(page: Page) -> tuple[float, float]:
    """Frames per second on average, and the rate of the slowest twentieth."""
    times: list[float] = page.evaluate("window.frames_")
    gaps = sorted(b - a for a, b in itertools.pairwise(times))
    return 1000 / statistics.fmean(gaps), 1000 / gaps[int(len(gaps) * 0.95)]


def ring(n: int) -> list[list[float]]:
    """Twenty points around one of sixty places."""
    x, y = 0.06 + 0.098 * (n % 10), 0.1 + 0.16 * (n // 10)
    turns = [2 * math.pi * i / 20 for i in range(20)]
    return [[round(x + 0.045 * math.cos(t), 5), round(y + 0.07 * math.sin(t), 5)] for t in turns]


def test_a_drag_among_sixty_shapes_stays_above_fifty_frames(visitor: Visitor) -> None:
    editor = EditorPage.log_in(visitor, *[roi(f"Shape {n}", ring(n), color=n % 8) for n in range(60)])
    page = editor.page
    editor.click(0.06 + 0.098 * 4, 0.1 + 0.16 * 2)
    page.locator(".ed-handle").nth(19).wait_for()
    before = editor.points("Shape 24")
    page.evaluate(WATCH)
    x, y = editor.place(*ring(24)[10])
    page.evaluate("window.frames_.length = 0")
    page.evaluate(DRAG, [x, y])
    dragging = rate(page)
    assert editor.points("Shape 24") != before

    empty = visitor.context.new_page()
    empty.goto("about:blank")
    empty.evaluate(WATCH)
    empty.wait_for_timeout(3000)
    beside = rate(empty)
    print(
        f"drag {dragging[0]:.1f} frames/s (slow {dragging[1]:.1f}), empty page {beside[0]:.1f} (slow {beside[1]:.1f})"
    )
    assert dragging[0] > 50
