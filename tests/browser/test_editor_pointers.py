"""Fingers, zoom, other pixel ratios and sizes, the picture beneath, and what the browser's formulas agree with."""

from __future__ import annotations

import random
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, expect

from cameras.core.geometry import GeometryError, validate_shape
from tests.browser.conftest import Visitor
from tests.browser.editor_page import GATE, MODULE, YARD, EditorPage, near, roi
from tests.browser.fit import expect_to_fit

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


VIEW = f"""async ([name, than, sign]) => {{
  const {{ editor }} = await import("{MODULE}");
  return sign * ((name === "zoom" ? editor.stage.view.scale / editor.stage.fitScale : editor.stage.view[name]) - than) > 0;
}}"""


def zoomed_by(editor: EditorPage, times: float) -> None:
    """Waits until the picture is shown larger than this."""
    editor.page.wait_for_function(VIEW, arg=["zoom", times, 1])
    editor.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def touch(session: CDPSession, kind: str, *places: tuple[float, float]) -> None:
    points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)]
    session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_fingers_draw_move_pan_and_pinch(browser: Browser, visitor: Visitor) -> None:
    EditorPage.log_in(visitor, roi("Gate", GATE))
    phone: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "device_scale_factor": 3}
    editor = EditorPage.beside(browser, visitor, **phone)
    page = editor.page
    session = page.context.new_cdp_session(page)
    editor.snap(on=False)
    page.touchscreen.tap(*editor.place(0.3, 0.5))
    assert editor.selected() == ["Gate"]
    x, y = editor.place(0.5, 0.7)
    touch(session, "touchStart", (x + 9, y + 9))  # a finger is not exact
    for share in (0.5, 1.0):
        end = editor.place(0.5 + 0.2 * share, 0.7 + 0.1 * share)
        touch(session, "touchMove", (end[0] + 9, end[1] + 9))
    touch(session, "touchEnd")
    assert near((editor.points("Gate") or [])[2:3], [[0.7, 0.8]], 0.01)

    box = page.locator(".ed-handle").first.bounding_box()
    assert box
    assert min(box["width"], box["height"]) >= 24

    left, right = editor.place(0.4, 0.5), editor.place(0.6, 0.5)
    touch(session, "touchStart", left, right)
    for wider in (20, 40, 60):
        touch(session, "touchMove", (left[0] - wider, left[1]), (right[0] + wider, right[1]))
    touch(session, "touchEnd")
    zoomed_by(editor, 1.8)
    editor.press("Escape", "Escape")
    before = editor.state("editor.stage.view.x")
    start = editor.place(0.5, 0.5)
    touch(session, "touchStart", start)
    touch(session, "touchMove", (start[0] - 40, start[1]))
    touch(session, "touchEnd")
    page.wait_for_function(VIEW, arg=["x", before, -1])  # over what is not selected, a finger moves the picture
    assert editor.selected() == []
    assert near((editor.points("Gate") or [])[2:3], [[0.7, 0.8]], 0.01)  # and no shape
    page.click("#editor-fit")
    page.tap("#editor-tool-line")
    if not editor.state("editor.drawing.active"):  # Chromium may take the first tap after a swipe as the end of a throw
        page.tap("#editor-tool-line")
    for place in ((0.2, 0.9), (0.8, 0.92)):
        page.touchscreen.tap(*editor.place(*place))
    assert near(editor.points("Region 2"), [[0.2, 0.9], [0.8, 0.92]], 0.01)
    expect_to_fit(page)
    page.context.close()


def test_fingers_select_several_and_move_them(browser: Browser, visitor: Visitor) -> None:
    EditorPage.log_in(visitor, roi("Gate", GATE), roi("Yard", YARD, color=1))
    phone: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "device_scale_factor": 3}
    editor = EditorPage.beside(browser, visitor, **phone)
    page = editor.page
    session = page.context.new_cdp_session(page)
    editor.snap(on=False)
    page.touchscreen.tap(*editor.place(0.3, 0.5))
    page.tap("#editor-several")
    expect(page.locator("#editor-several")).to_have_attribute("aria-pressed", "true")
    page.touchscreen.tap(*editor.place(0.75, 0.7))
    assert sorted(editor.selected()) == ["Gate", "Yard"]
    touch(session, "touchStart", editor.place(0.75, 0.7))
    touch(session, "touchMove", editor.place(0.75, 0.65))
    touch(session, "touchMove", editor.place(0.75, 0.6))
    touch(session, "touchEnd")
    assert near(editor.points("Gate"), [[x, y - 0.1] for x, y in GATE], 0.01)
    assert near(editor.points("Yard"), [[x, y - 0.1] for x, y in YARD], 0.01)
    editor.choose("Gate")
    assert editor.selected() == ["Yard"]  # once more: not that one
    page.click("#editor-several")
    editor.choose("Gate")
    assert editor.selected() == ["Gate"]
    page.context.close()


def test_a_pen_moves_a_point_and_adds_one(visitor: Visitor) -> None:
    editor = EditorPage.log_in(visitor, roi("Gate", GATE))
    editor.snap(on=False)
    session = editor.page.context.new_cdp_session(editor.page)

    def pen(kind: str, x: float, y: float, buttons: int = 1) -> None:
        left, top = editor.place(x, y)
        given = {"x": left + 9, "y": top, "button": "left", "buttons": buttons, "clickCount": 1, "pointerType": "pen"}
        session.send("Input.dispatchMouseEvent", {"type": kind, **given})

    def stroke(*places: tuple[float, float]) -> None:
        pen("mousePressed", *places[0])
        for place in places[1:]:
            pen("mouseMoved", *place)
        pen("mouseReleased", *places[-1], 0)

    editor.click(0.3, 0.5)
    stroke((0.5, 0.7), (0.55, 0.75), (0.6, 0.8))
    assert near((editor.points("Gate") or [])[2:3], [[0.6, 0.8]], 0.01)
    stroke((0.35, 0.3))  # on the middle of an edge
    assert len(editor.points("Gate") or []) == 5


def test_zoom_keeps_what_lies_under_the_pointer_and_edits_stay_exact(browser: Browser, visitor: Visitor) -> None:
    EditorPage.log_in(visitor, roi("Gate", GATE))
    editor = EditorPage.beside(browser, visitor, viewport={"width": 1200, "height": 800}, device_scale_factor=2)
    page = editor.page
    editor.snap(on=False)
    place = tuple(round(part) for part in editor.place(0.5, 0.7))  # a wheel tells whole pixels
    corner = "document.getElementById('editor-stage').getBoundingClientRect()"
    under = f"(({{ left, top }}) => editor.stage.toShare([{place[0]} - left, {place[1]} - top]))({corner})"
    before = editor.state(under)
    page.mouse.move(*place)
    for _ in range(6):
        page.mouse.wheel(0, -200)
    zoomed_by(editor, 5)
    assert near([editor.state(under)], [before], 1e-6)
    editor.click(0.48, 0.68)
    editor.drag((0.5, 0.7), (0.51, 0.71))
    assert near((editor.points("Gate") or [])[2:3], [[0.51, 0.71]], 0.0005)  # zoomed in, it is finer
    picture = page.locator("#editor-sheet").bounding_box()
    handle = page.locator("[data-handle='2']").bounding_box()
    assert picture
    assert handle
    x = picture["x"] + 0.51 * picture["width"]
    assert abs(handle["x"] + handle["width"] / 2 - x) < 1.5  # shapes and picture stay together

    coordinates = editor.points("Gate")
    editor.press("Escape", "Escape")
    before = editor.state("editor.stage.view.x")
    editor.press("ArrowRight")  # nothing is selected: the picture moves
    page.wait_for_function(VIEW, arg=["x", before, -1])
    assert editor.points("Gate") == coordinates
    editor.choose("Gate")
    for width, height in ((820, 1180), (390, 844), (1440, 900)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(300)
        assert editor.points("Gate") == coordinates
        expect_to_fit(page)
    editor.tool("select")
    page.click("#editor-fit")
    page.wait_for_timeout(200)
    assert page.inner_text("#editor-zoom") == "whole"
    x = editor.place(0.51, 0.71)[0]
    handle = page.locator("[data-handle='2']").bounding_box()
    assert handle
    assert abs(handle["x"] + handle["width"] / 2 - x) < 1.5
    page.context.close()


LABELS = """async ([wanted, size]) => (await import("/static/edgesite/editor/labels.js")).apart(wanted, 18, size)"""


def test_labels_of_people_close_together_are_all_readable(visitor: Visitor) -> None:
    page = EditorPage.log_in(visitor).page
    chance = random.Random(5)
    size = {"width": 600, "height": 400}
    for count in (1, 2, 8, 20):
        wanted = [
            {"left": chance.uniform(-40, 620), "top": chance.uniform(-30, 420), "width": chance.uniform(40, 120)}
            for _ in range(count)
        ]
        places = page.evaluate(LABELS, [wanted, size])
        for n, (x, y) in enumerate(places):
            assert 0 <= x <= 600 - wanted[n]["width"] + 1e-6
            assert 0 <= y <= 400 - 18
            for m in range(n):
                side = x < places[m][0] + wanted[m]["width"] and places[m][0] < x + wanted[n]["width"]
                assert not side or abs(y - places[m][1]) >= 18 - 1e-6
    alone = [{"left": 100, "top": 50, "width": 80}]
    assert page.evaluate(LABELS, [alone, size]) == [[100, 50]]


def test_without_a_picture_there_is_a_grid_and_a_reason(visitor: Visitor) -> None:
    editor = EditorPage.log_in(visitor, roi("Gate", GATE))
    page = editor.page
    expect(page.locator("#editor-frame-state")).not_to_have_text("asking for a picture", timeout=20_000)
    expect(page.locator("#editor-frame-state")).to_have_attribute("data-tone", "bad")
    expect(page.locator("#editor-no-picture")).to_contain_text("No picture of this camera yet")
    expect(page.locator(".ed-stage.ed-empty")).to_have_count(1)
    page.click("#editor-refresh")
    expect(page.locator("#editor-says-1, #editor-says-2").filter(has_text="box")).not_to_have_count(0, timeout=20_000)


def test_the_browser_and_the_server_judge_shapes_alike(visitor: Visitor) -> None:
    editor = EditorPage.log_in(visitor, roi("Yard", YARD))
    dice = random.Random(5)
    shapes: list[tuple[str, list[list[float]]]] = []
    for _ in range(600):
        kind = dice.choice(("polygon", "polygon", "polygon", "rectangle", "line"))
        n = {
            "polygon": dice.randint(1, 8),
            "rectangle": dice.choice((1, 2, 2, 3, 4)),
            "line": dice.choice((1, 2, 2, 3)),
        }[kind]
        step = dice.choice((4, 10, 1000))  # coarse grids make points meet
        shapes.append((kind, [[dice.randint(0, step) / step, dice.randint(0, step) / step] for _ in range(n)]))
    shapes += [("polygon", [[0.1, 0.1], [1.2, 0.1], [0.5, 0.5]]), ("line", [[0.1, 0.1], [0.10001, 0.1]])]
    expected = []
    for kind, points in shapes:
        try:
            validate_shape(kind, points)
            expected.append(True)
        except GeometryError:
            expected.append(False)
    judge = "({ problems }) => shapes.map(([kind, points]) => problems(kind, points).length === 0)"
    found = editor.page.evaluate(f"(shapes) => import('/static/edgesite/editor/geometry.js').then({judge})", shapes)
    assert 100 < sum(expected) < 500
    differing = [(shape, ok) for shape, ok, own in zip(shapes, expected, found, strict=True) if ok != own]
    assert differing == []
