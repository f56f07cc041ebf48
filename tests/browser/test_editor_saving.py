"""What can be saved, what the server refuses, two people at once, and leaving with unsaved work."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Dialog, expect

from tests.browser.conftest import Visitor
from tests.browser.editor_page import GATE, PATH, YARD, EditorPage, near, roi

SHED = [[0.7, 0.1], [0.9, 0.1], [0.9, 0.3]]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def test_an_invalid_shape_is_marked_in_words_and_not_saved(visitor: Visitor) -> None:
    editor = EditorPage.log_in(visitor, roi("Gate", GATE))
    page = editor.page
    editor.snap(on=False)
    editor.click(0.3, 0.5)
    editor.drag((0.5, 0.3), (0.3, 0.9))  # over the edge below
    words = page.locator(".ed-shape .ed-words").first
    expect(words).to_contain_text("crosses itself near 0.")
    expect(page.locator(".ed-fault:visible")).to_have_count(1)
    expect(page.locator("#editor-unsaved")).to_contain_text("Cannot be saved: Gate: crosses itself near")
    expect(page.locator("#editor-list .ed-bad")).to_contain_text("crosses itself")
    assert page.is_disabled("#editor-save")
    editor.press("Control+z")
    expect(words).to_have_text("")
    fields = page.locator("#editor-points input")
    for value, text in (("1.2", "x of point 1 lies outside the picture"), ("left", "x of point 1 is not a number")):
        fields.first.fill(value)
        fields.first.press("Enter")
        expect(page.locator("#editor-points-problem")).to_contain_text(text)
        expect(fields.first).to_have_attribute("aria-invalid", "true")
        assert page.is_disabled("#editor-save")
    page.click("#editor-undo")
    page.click("#editor-undo")
    page.click("[data-add=rectangle]")
    for index in (2, 3):
        fields.nth(index).fill(fields.nth(index - 2).input_value())
        fields.nth(index).press("Enter")
    expect(page.locator("#editor-unsaved")).to_contain_text("a rectangle needs two corners or four points")
    assert near(editor.stored()["Gate"]["coordinates"], GATE)


def test_drawing_says_at_once_when_it_crosses(visitor: Visitor) -> None:
    editor = EditorPage.log_in(visitor)
    page = editor.page
    editor.tool("polygon")
    for point in ((0.2, 0.2), (0.6, 0.2), (0.6, 0.6)):
        editor.click(*point)
    page.mouse.move(*editor.place(0.4, 0.1))
    note = page.locator(".ed-shapes > .ed-wrong .ed-words")
    expect(note).to_contain_text(re.compile(r"crosses itself near 0\.4[34]"))
    page.mouse.move(*editor.place(0.3, 0.7))
    expect(note).to_have_count(0)
    editor.press("Escape")
    editor.tool("polygon")
    for point in ((0.2, 0.2), (0.6, 0.2)):
        editor.click(*point)
    editor.press("Enter")
    editor.says("a polygon needs three or more points")
    editor.press("Escape")
    assert editor.names() == []


def test_what_the_server_refuses_is_shown_at_the_shape(visitor: Visitor) -> None:
    editor = EditorPage.log_in(visitor, roi("Gate", GATE), roi("Yard", YARD))
    page = editor.page
    editor.click(0.75, 0.7)
    page.evaluate("document.getElementById('editor-name').removeAttribute('maxlength')")
    page.fill("#editor-name", "y" * 300)
    page.click("#editor-save")
    expect(page.locator("#editor-name-problem")).not_to_be_empty()
    expect(page.locator("#editor-banner")).to_contain_text("Not saved")
    expect(page.locator("#editor-list .ed-bad")).to_have_count(1)
    assert sorted(editor.stored()) == ["Gate", "Yard"]
    page.fill("#editor-name", "Yard 2")
    expect(page.locator("#editor-name-problem")).to_be_hidden()
    editor.save()
    expect(page.locator("#editor-banner")).to_be_hidden()
    assert sorted(editor.stored()) == ["Gate", "Yard 2"]


def test_two_people_save_and_neither_loses_work(visitor: Visitor) -> None:
    editor = EditorPage.log_in(visitor, roi("Gate", GATE, priority=3), roi("Yard", YARD, priority=2, color=1))
    page = editor.page
    theirs = {name: dict(row) for name, row in editor.stored().items()}
    editor.snap(on=False)
    editor.click(0.3, 0.5)
    editor.drag((0.2, 0.3), (0.1, 0.2))
    mine = editor.points("Gate")
    page.fill("#editor-name", "Front gate")
    theirs["Gate"]["coordinates"] = [[0.25, 0.35], *GATE[1:]]
    theirs["Gate"]["color"] = 5
    theirs["Yard"]["name"] = "Back yard"
    editor.store(theirs["Gate"], theirs["Yard"], roi("Door", [[0.1, 0.9], [0.3, 0.95]], "line", priority=1))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # as who comes back to the tab
    expect(page.locator("#editor-banner")).to_contain_text("Somebody else changed this camera's regions meanwhile")

    page.click("#editor-save")
    dialog = page.locator("#editor-conflict")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("Back yard: their change is taken over")
    expect(dialog).to_contain_text("Door: added by them")
    question = dialog.locator(".ed-question")
    expect(question).to_have_count(1)
    expect(question).to_contain_text("Both of you changed: shape")
    question.get_by_label("Keep both, mine as a copy").check()
    dialog.get_by_role("button", name="Put together and save").click()
    expect(page.locator("#editor-unsaved")).to_have_text("All saved", timeout=20_000)
    stored = editor.stored()
    assert sorted(stored) == ["Back yard", "Door", "Front gate", "Front gate (copy)"]
    assert near(stored["Front gate"]["coordinates"], [[0.25, 0.35], *GATE[1:]], 1e-9)
    assert stored["Front gate"]["color"] == 5
    assert mine == stored["Front gate (copy)"]["coordinates"]
    assert stored["Front gate"]["roi_id"] == theirs["Gate"]["roi_id"]


def test_undo_after_putting_together_leaves_what_others_did(visitor: Visitor) -> None:
    editor = EditorPage.log_in(visitor, roi("Gate", GATE), roi("Yard", YARD), roi("Shed", SHED))
    page, theirs = editor.page, editor.stored()
    editor.choose("Gate")
    page.fill("#editor-name", "Front gate")
    editor.choose("Shed")
    page.click("#editor-delete")
    theirs["Yard"]["name"] = "Back yard"
    editor.store(theirs["Gate"], theirs["Yard"], theirs["Shed"], roi("Door", [[0.1, 0.9], [0.3, 0.95]], "line"))
    page.click("#editor-save")
    page.locator("#editor-conflict").get_by_role("button", name="Put together and save").click()
    expect(page.locator("#editor-unsaved")).to_have_text("All saved", timeout=20_000)
    assert sorted(editor.stored()) == ["Back yard", "Door", "Front gate"]
    for names in (["Back yard", "Door", "Front gate", "Shed"], ["Back yard", "Door", "Gate", "Shed"]):
        page.click("#editor-undo")
        assert sorted(editor.names()) == names
    expect(page.locator("#editor-undo")).to_have_attribute("aria-disabled", "true")
    editor.save()
    assert sorted(editor.stored()) == ["Back yard", "Door", "Gate", "Shed"]
    page.click("#editor-redo")
    page.click("#editor-redo")
    assert sorted(editor.names()) == ["Back yard", "Door", "Front gate"]


def test_undo_goes_back_over_a_save(visitor: Visitor) -> None:
    editor = EditorPage.log_in(visitor, roi("Gate", GATE))
    page = editor.page
    code = editor.stored()["Gate"]["roi_id"]
    page.click("[data-add=line]")
    editor.save()
    made = editor.stored()["Region 2"]["roi_id"]
    page.fill("#editor-name", "Door")
    editor.save()
    assert editor.stored()["Door"]["roi_id"] == made  # the same row, under its new name
    page.locator(".ed-choose", has_text="Gate").click()
    page.click("#editor-delete")
    editor.save()
    assert list(editor.stored()) == ["Door"]
    page.click("#editor-undo")
    editor.save()
    assert near(editor.stored()["Gate"]["coordinates"], GATE)
    assert editor.stored()["Gate"]["roi_id"] != code  # it was deleted: this is a new row
    for _ in range(3):
        if page.get_attribute("#editor-undo", "aria-disabled") != "true":
            page.click("#editor-undo")
    editor.save()
    assert list(editor.stored()) == ["Gate"]


def test_a_hub_that_is_gone_or_a_login_that_ended_costs_no_work(visitor: Visitor) -> None:
    editor = EditorPage.log_in(visitor, roi("Gate", GATE))
    page = editor.page
    editor.click(0.3, 0.5)
    page.fill("#editor-name", "Gate 2")
    visitor.context.set_offline(True)
    page.click("#editor-save")
    expect(page.locator("#editor-banner")).to_contain_text("The hub does not answer")
    visitor.context.set_offline(False)
    cookies = visitor.context.cookies()
    visitor.context.clear_cookies(name="sessionid")
    page.click("#editor-save")
    expect(page.locator("#editor-banner")).to_contain_text("not logged in any more")
    visitor.context.add_cookies(cookies)  # type: ignore[arg-type]  # as given
    editor.save()
    assert list(editor.stored()) == ["Gate 2"]


def test_leaving_with_unsaved_work_asks(visitor: Visitor) -> None:
    editor = EditorPage.log_in(visitor, roi("Gate", GATE))
    page = editor.page
    editor.click(0.3, 0.5)
    page.fill("#editor-name", "Gate 2")
    page.click(".ed-tabs a:first-child")
    leave = page.locator("#editor-leave")
    expect(leave).to_be_visible()
    leave.get_by_role("button", name="Stay").click()
    assert page.url.endswith(PATH)
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.once("dialog", stay)
    page.evaluate("setTimeout(() => location.assign('/live/'))")
    page.wait_for_timeout(1000)
    assert asked == ["beforeunload"]
    assert page.input_value("#editor-name") == "Gate 2"
    page.click(".ed-tabs a:first-child")
    leave.get_by_role("button", name="Save and leave").click()
    page.wait_for_url("**/change/")
    editor.reload()
    assert editor.names() == ["Gate 2"]
    page.click(".ed-tabs a:first-child")  # nothing unsaved: nobody asks
    page.wait_for_url("**/change/")


def test_without_javascript_the_page_leads_to_the_coordinates(visitor: Visitor) -> None:
    EditorPage.log_in(visitor, roi("Gate", GATE))
    browser = visitor.context.browser
    assert browser
    cookies = visitor.context.storage_state()
    plain = browser.new_context(base_url=visitor.stack.url, java_script_enabled=False, storage_state=cookies)
    page = plain.new_page()
    page.goto(PATH)
    assert page.locator("#editor").is_hidden()
    page.click("noscript a")
    assert "0.2" in page.locator("textarea[name$=coordinates]").first.input_value()
    plain.close()
