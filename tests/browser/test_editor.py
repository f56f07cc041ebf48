"""Drawing and editing regions with mouse and keys, and taking everything back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.editor_page import GATE, YARD, EditorPage, near, roi

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def test_three_kinds_are_drawn_saved_and_there_again(visitor: Visitor) -> None:
    editor = EditorPage.log_in(visitor)
    page = editor.page
    expect(page.locator("#editor-hint")).to_contain_text("Draw where a rule should watch")
    editor.tool("polygon")
    for point in ((0.1, 0.1), (0.4, 0.15), (0.35, 0.5), (0.12, 0.4)):
        editor.click(*point)
    editor.click(0.1, 0.1)  # the first one again
    page.fill("#editor-name", "门口 entrance")
    editor.tool("rectangle")
    editor.drag((0.6, 0.2), (0.8, 0.45))
    page.fill("#editor-name", "Desk")
    page.locator("#editor-colors label").nth(6).click()
    page.check("#editor-mask")
    expect(page.locator("#editor-list")).to_contain_text("rectangle · privacy mask")
    editor.tool("line")
    editor.click(0.55, 0.8)
    editor.click(0.9, 0.7)
    page.fill("#editor-name", "Door")
    expect(page.locator("#editor-mask")).to_be_disabled()  # a line hides nothing
    expect(page.locator(".ed-letter:visible")).to_have_text(["A", "B"])
    expect(page.locator("#editor-unsaved")).to_have_text("3 regions not saved")
    editor.save()

    stored = editor.stored()
    assert set(stored) == {"门口 entrance", "Desk", "Door"}
    assert near(stored["门口 entrance"]["coordinates"], [[0.1, 0.1], [0.4, 0.15], [0.35, 0.5], [0.12, 0.4]])
    assert near(stored["Desk"]["coordinates"], [[0.6, 0.2], [0.8, 0.45]])
    assert (stored["Desk"]["roi_type"], stored["Desk"]["color"]) == ("rectangle", 6)
    assert [name for name, row in stored.items() if row["mask"]] == ["Desk"]
    assert near(stored["Door"]["coordinates"], [[0.55, 0.8], [0.9, 0.7]])
    page.click("#editor-swap")
    editor.save()
    assert near(editor.stored()["Door"]["coordinates"], [[0.9, 0.7], [0.55, 0.8]])
    editor.reload()
    assert sorted(editor.names()) == ["Desk", "Door", "门口 entrance"]
    expect(page.locator(".ed-shape .ed-name:not(.ed-words)")).to_have_text(editor.names())
    assert visitor.complaints == []


def edits(editor: EditorPage) -> Iterator[str]:
    """One edit of every kind, each as a person makes it; yields what was done."""
    page = editor.page
    editor.drag((0.2, 0.3), (0.15, 0.2))
    yield "a point moved"
    editor.drag((0.35, 0.5), (0.4, 0.55))
    yield "the region moved"
    (ax, ay), (bx, by) = (editor.points("Gate") or [])[1:3]
    middle = ((ax + bx) / 2, (ay + by) / 2)
    editor.drag(middle, (middle[0] + 0.04, middle[1]))
    assert len(editor.points("Gate") or []) == 5
    yield "a point drawn out of an edge"
    editor.press("Delete")
    assert len(editor.points("Gate") or []) == 4
    yield "that point deleted"
    page.click("#editor-duplicate")
    assert editor.names() == ["Gate", "Gate (copy)", "Yard"]
    yield "duplicated"
    page.click("[aria-label='Move Gate (copy) down']")
    assert editor.names() == ["Gate", "Yard", "Gate (copy)"]
    yield "reordered"
    page.locator("#editor-colors label").nth(4).click()
    yield "coloured"
    page.uncheck("#editor-enabled")
    yield "switched off"
    page.fill("#editor-name", "Fence")
    yield "named"
    page.locator("#editor-points input").first.fill("0.25")
    page.locator("#editor-points input").first.press("Enter")
    yield "a number entered"
    page.click("#editor-delete")
    assert editor.names() == ["Gate", "Yard"]
    yield "deleted"


def test_everything_is_undone_and_done_again(visitor: Visitor) -> None:
    editor = EditorPage.log_in(visitor, roi("Gate", GATE, priority=1), roi("Yard", YARD, color=1))
    page = editor.page
    editor.snap(on=False)
    editor.click(0.3, 0.5)
    now = "JSON.stringify(editor.model.state.rois)"
    seen = [editor.state(now)]
    for done in edits(editor):
        seen.append(editor.state(now))
        assert seen[-1] != seen[-2], done
    for wanted in reversed(seen[:-1]):
        page.click("#editor-undo")
        assert editor.state(now) == wanted
    assert editor.selected() == ["Gate"]
    assert page.get_attribute("#editor-undo", "aria-disabled") == "true"
    assert page.is_disabled("#editor-save")  # nothing is left to save
    assert near(editor.points("Gate"), GATE)
    for wanted in seen[1:]:
        page.click("#editor-redo")
        assert editor.state(now) == wanted
    page.click("#editor-discard")
    assert near(editor.points("Gate"), GATE)
    page.click("#editor-undo")  # even this
    assert not near(editor.points("Gate"), GATE)
    assert visitor.complaints == []


def test_several_are_chosen_and_moved_together(visitor: Visitor) -> None:
    editor = EditorPage.log_in(visitor, roi("Gate", GATE), roi("Yard", YARD, color=1))
    editor.snap(on=False)
    editor.drag((0.1, 0.1), (0.97, 0.97))
    assert sorted(editor.selected()) == ["Gate", "Yard"]
    editor.drag((0.3, 0.5), (0.3, 0.4))
    assert near(editor.points("Gate"), [[x, y - 0.1] for x, y in GATE])
    assert near(editor.points("Yard"), [[x, y - 0.1] for x, y in YARD])
    editor.drag((0.3, 0.4), (0.3, -0.5))  # no further than the picture
    assert min(y for _, y in editor.points("Gate") or []) == 0
    editor.click(0.05, 0.95)
    assert editor.selected() == []
    editor.click(0.3, 0.2)
    editor.page.keyboard.down("Shift")
    editor.click(0.75, 0.4)
    editor.page.keyboard.up("Shift")
    assert sorted(editor.selected()) == ["Gate", "Yard"]
    editor.press("Escape", "Escape", "m")  # without holding a key
    editor.says("Each choice adds to what is selected")
    editor.click(0.3, 0.2)
    editor.click(0.75, 0.4)
    assert sorted(editor.selected()) == ["Gate", "Yard"]
    editor.press("m", "Delete")
    assert editor.names() == []
    editor.press("Control+z", "Control+z", "Control+z")
    assert near(editor.points("Yard"), YARD)


def test_points_snap_to_points_edges_and_straight_lines(visitor: Visitor) -> None:
    editor = EditorPage.log_in(visitor, roi("Gate", GATE), roi("Yard", YARD, color=1))
    editor.click(0.3, 0.5)
    editor.drag((0.5, 0.7), (0.602, 0.894))
    assert (editor.points("Gate") or [])[2] == [0.6, 0.9]  # exactly Yard's point
    editor.drag((0.6, 0.9), (0.603, 0.62))
    x, y = (editor.points("Gate") or [])[2]
    assert x == 0.6
    assert 0.6 < y < 0.64  # on Yard's edge
    editor.drag((0.2, 0.7), (0.204, 0.8))
    assert (editor.points("Gate") or [])[3][0] == 0.2  # straight below its neighbour
    editor.page.keyboard.down("Alt")
    editor.drag((0.2, 0.8), (0.204, 0.85))
    editor.page.keyboard.up("Alt")
    assert (editor.points("Gate") or [])[3][0] != 0.2


def test_a_region_is_made_and_shaped_by_keys_alone(visitor: Visitor) -> None:
    editor = EditorPage.log_in(visitor)
    page = editor.page
    page.locator("#editor-tool-select").focus()
    page.locator("#editor-tool-polygon").focus()
    editor.press("Enter")
    editor.press("Space", *["ArrowRight"] * 5, "Space", *["ArrowDown"] * 5, "Space")
    editor.says("Point 3 placed at x 0.55, y 0.55")
    editor.press("Backspace", "Control+y", "Enter")
    editor.says("Region 1 drawn")
    corner = [[0.5, 0.5], [0.55, 0.5], [0.55, 0.55]]
    assert editor.points("Region 1") == corner
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Region 1, polygon, 3 points"
    editor.press("Enter")  # selected already: to its points
    assert page.evaluate("document.activeElement.dataset.handle") == "0"
    editor.press("Tab", "Tab", "Insert")
    editor.says("Point 4 added")
    editor.press("Shift+ArrowLeft", "Shift+ArrowLeft", "ArrowUp")
    width, height = editor.state("editor.stage.picture.width"), editor.state("editor.stage.picture.height")
    assert near(editor.points("Region 1"), [*corner, [0.525 - 20 / width, 0.525 - 1 / height]], 1e-5)
    editor.press("Control+z")  # three presses in a row are one step
    assert near(editor.points("Region 1"), [*corner, [0.525, 0.525]], 1e-5)
    editor.press("Delete")
    assert len(editor.points("Region 1") or []) == 3
    editor.press("Delete")  # the least a polygon can be
    editor.says("a polygon needs three or more points")
    editor.press("Escape", "Shift+ArrowDown")
    assert near(editor.points("Region 1"), [[x, y + 10 / height] for x, y in corner], 1e-5)
    editor.press("Control+s")
    expect(page.locator("#editor-unsaved")).to_have_text("All saved", timeout=20_000)
    assert list(editor.stored()) == ["Region 1"]
    page.keyboard.press("?")
    expect(page.locator("#editor-keys")).to_be_visible()
    editor.press("Escape")
    page.locator(".ed-line").focus()
    editor.press("Delete")
    editor.says("Region 1 deleted")
    assert editor.names() == []
    assert visitor.complaints == []


def test_numbers_are_the_way_without_dragging(visitor: Visitor) -> None:
    editor = EditorPage.log_in(visitor)
    page = editor.page
    page.click("[data-add=rectangle]")
    fields = page.locator("#editor-points input")
    expect(fields).to_have_count(4)
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "x of point 1"
    for field, value in zip(fields.all(), ("0.1", "0,2", "0.3", "0.4"), strict=True):
        field.fill(value)
        field.press("Tab")
    assert editor.points("Region 1") == [[0.1, 0.2], [0.3, 0.4]]
    editor.drag((0.3, 0.2), (0.45, 0.1))  # the corner that is not stored
    expect(fields.nth(1)).to_have_value("0.1")
    assert near(editor.points("Region 1"), [[0.1, 0.1], [0.45, 0.4]])
    fields.nth(0).press("ArrowUp")
    assert (editor.points("Region 1") or [])[0][0] == 0.101
    page.click("#editor-to-polygon")
    expect(fields).to_have_count(8)
    page.click("[aria-label='Add a point after point 4']")
    expect(fields).to_have_count(10)
    editor.save()
    assert len(editor.stored()["Region 1"]["coordinates"]) == 5


def test_the_list_orders_hides_and_copies_nothing_by_accident(visitor: Visitor) -> None:
    editor = EditorPage.log_in(visitor, *[roi(name, YARD, priority=p) for name, p in (("a", 30), ("b", 20), ("c", 10))])
    page = editor.page
    grip, target = page.locator(".ed-grip").nth(2).bounding_box(), page.locator(".ed-grip").nth(0).bounding_box()
    assert grip
    assert target
    page.mouse.move(grip["x"] + 8, grip["y"] + 20)
    page.mouse.down()
    page.mouse.move(target["x"] + 8, target["y"] + 2, steps=5)
    page.mouse.up()
    assert editor.names() == ["c", "a", "b"]
    editor.save()
    assert {name: row["priority"] for name, row in editor.stored().items()} == {"c": 30, "a": 20, "b": 10}
    page.click("[aria-label='Hide a']")
    expect(page.locator(".ed-shape:visible")).to_have_count(2)
    expect(page.locator("#editor-unsaved")).to_have_text("All saved")
    page.click("[aria-label='Show a']")
    expect(page.locator(".ed-shape:visible")).to_have_count(3)
