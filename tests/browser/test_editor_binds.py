"""The bindings beside the picture: chosen by card, filled in by a form made from the algorithm's schema, saved and refused."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.editor_page import GATE, YARD, EditorPage, Points, field, roi, rule

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

DOOR: Points = [[0.1, 0.9], [0.4, 0.85]]
SINK: Points = [[0.05, 0.05], [0.15, 0.05], [0.15, 0.2], [0.05, 0.2]]


def test_a_rule_is_added_by_card_filled_in_and_stored(visitor: Visitor) -> None:
    editor = EditorPage.log_in(visitor, roi("Gate", GATE))
    page = editor.choose("Gate")
    expect(page.locator("#bindings-title")).to_have_text("Rules of Gate")
    expect(page.locator("#editor-binds")).to_contain_text("No rule watches Gate yet.")
    page.click("#editor-bind-add")
    cards = page.locator("#editor-pick button.ed-algorithm")
    expect(cards.locator("svg.ag")).to_have_count(cards.count())
    expect(cards.filter(has_text="Line crossing")).to_have_count(0)  # which watches lines only
    page.locator("#editor-pick").get_by_role("button", name="Cancel").click()
    expect(page.locator("#editor-bind-add")).to_be_focused()
    form = editor.add_rule("Intrusion")
    expect(form).to_contain_text("longer than the dwell time")
    dwell = field(form, "Dwell (s)")
    expect(dwell).to_have_attribute("placeholder", "1")
    expect(form.locator("[id$='-dwell_s-help']")).to_contain_text("Allowed: 0 to 86400 s.")
    dwell.fill("2.5")
    field(form, "Classes").fill("person, car")
    field(form, "Severity").select_option("critical")
    form.locator("summary").click()
    field(form, "Anchor").select_option(label="centre of the box")
    expect(page.locator(".ed-bind .ed-list-meta")).to_contain_text("Dwell 2.5 s")
    expect(page.locator(".ed-bind .chip:not(.ed-bind-live)")).to_have_text("critical")
    editor.save()
    stored = editor.rule("Gate")
    assert stored["params"] == {"dwell_s": 2.5, "classes": ["person", "car"], "anchor": "center"}
    assert (stored["algo_code"], stored["severity"], stored["enabled"]) == ("intrusion", "critical", True)
    assert stored["bind_id"]
    dwell.fill("3")  # the same row, not another one
    field(form, "Classes: back to the default, person").click()
    expect(field(form, "Classes")).to_have_value("")
    field(form, "Switched on").uncheck()
    editor.save()
    assert editor.rule("Gate") == stored | {"params": {"dwell_s": 3, "anchor": "center"}, "enabled": False}
    dwell.fill("")
    dwell.fill("3")
    expect(page.locator("#editor-unsaved")).to_have_text("All saved")  # it is again as stored
    assert visitor.complaints == []


def test_rules_are_undone_and_done_again_also_over_a_save(visitor: Visitor) -> None:
    editor = EditorPage.log_in(visitor, roi("Gate", GATE, binds=[rule(params={"dwell_s": 5})]))
    page = editor.choose("Gate")
    code = editor.rule("Gate")["bind_id"]

    def now() -> Any:
        return editor.state("editor.model.state.rois[0].binds.map((b) => [b.algo_code, b.params, b.severity])")

    form = editor.add_rule("Loitering")
    seen = [[["intrusion", {"dwell_s": 5}, "warning"]], now()]
    field(form, "Dwell").press_sequentially("75")
    seen.append(now())
    field(form, "Severity").select_option("info")
    seen.append(now())
    page.locator("#editor-bind-1-up").click()
    seen.append(now())
    assert [row[0] for row in seen[-1]] == ["loitering", "intrusion"]
    page.locator("#editor-bind-1-bin").click()
    seen.append(now())
    assert seen[-1] == [["loitering", {"dwell_s": 75}, "info"]]
    for step in reversed(seen[:-1]):
        page.click("#editor-undo")
        assert now() == step
    expect(page.locator("#editor-unsaved")).to_have_text("All saved")
    for step in seen[1:]:
        page.click("#editor-redo")
        assert now() == step
    editor.says("Done again: rules changed")
    editor.save()
    page.click("#editor-undo")  # the deleted one comes back: the hub has it no more
    editor.save()
    assert [row["algo_code"] for row in editor.stored()["Gate"]["binds"]] == ["loitering", "intrusion"]
    back = editor.rule("Gate", 1)
    assert (back["params"], back["bind_id"] != code) == ({"dwell_s": 5}, True)
    priorities = [row["priority"] for row in editor.stored()["Gate"]["binds"]]
    assert priorities == sorted(priorities, reverse=True)
    assert len(set(priorities)) == 2
    loitering = editor.rule("Gate")["bind_id"]
    for button in ("undo", "undo", "redo", "redo"):
        page.click(f"#editor-{button}")
    editor.save()
    assert editor.rule("Gate")["bind_id"] == loitering  # the same row: nothing was made twice


def test_the_steps_of_a_procedure_are_rows(visitor: Visitor) -> None:
    editor = EditorPage.log_in(
        visitor, roi("Kitchen", YARD, priority=3), roi("Sink", SINK, priority=2, color=1),
        roi("Gate", GATE, priority=1, color=2), roi("Door", DOOR, "line", color=3),
    )  # fmt: skip
    page = editor.choose("Kitchen")
    form = editor.add_rule("Procedure")
    expect(form).to_contain_text("at least one step is needed")
    form.get_by_role("button", name="Add a step").click()
    first = field(form, "Region of step 1")
    expect(first).to_be_focused()
    expect(first.locator("option")).to_have_text(["Choose a region", "Sink", "Gate"])  # no line, not itself
    expect(form.locator(".ed-step")).to_contain_text("choose a region")
    first.select_option(label="Gate")
    form.get_by_role("button", name="Add a step").click()
    field(form, "Region of step 2").select_option(label="Gate")
    expect(form.locator(".ed-step").nth(1)).to_contain_text("this region stands twice")
    field(form, "Region of step 2").select_option(label="Sink")
    field(form, "Seconds of step 2").fill("3601")
    expect(form.locator(".ed-step").nth(1)).to_contain_text("must be 0 to 3600")
    field(form, "Seconds of step 2").fill("15")
    field(form, "Move step 2 up").click()
    expect(field(form, "Move step 1 up")).to_be_focused()
    editor.save()
    stored = editor.stored()
    sink, gate = stored["Sink"]["roi_id"], stored["Gate"]["roi_id"]
    steps = [{"roi_id": sink, "min_s": 15}, {"roi_id": gate}]
    assert [step | {} for step in editor.rule("Kitchen")["params"]["steps"]] == steps
    editor.choose("Gate")
    page.click("#editor-delete")  # what a step is done in
    expect(page.locator("#editor-unsaved")).to_contain_text(f"there is no region “{gate}” on this camera")
    editor.choose("Kitchen")
    page.locator("#editor-bind-0").click()
    field(form, "Delete step 2").click()
    expect(form.locator(".ed-step")).to_have_count(1)
    editor.save()
    assert editor.rule("Kitchen")["params"]["steps"] == steps[:1]


def test_a_rule_is_made_by_keys_alone(visitor: Visitor) -> None:
    editor = EditorPage.log_in(visitor, roi("Gate", GATE))
    page = editor.page
    page.locator("#editor-list .ed-choose").focus()
    editor.press("Enter")
    page.locator("#editor-bind-add").focus()
    editor.press("Enter")
    expect(page.locator("#editor-pick .ed-algorithm").first).to_be_focused()
    editor.press("Tab", "Enter")  # Attribute missing, Intrusion
    expect(page.locator("[id$='-classes']")).to_be_focused()
    editor.says("Intrusion added")
    editor.press("Tab")
    expect(page.locator("[id$='-dwell_s']")).to_be_focused()
    page.keyboard.type("2,5")  # a comma does as well
    for _ in range(12):
        if page.evaluate("document.activeElement.id.endsWith('-severity')"):
            break
        editor.press("Tab")
    page.keyboard.type("crit")
    editor.press("Control+s")
    expect(page.locator("#editor-unsaved")).to_have_text("All saved", timeout=20_000)
    stored = editor.rule("Gate")
    assert (stored["params"], stored["severity"]) == ({"dwell_s": 2.5}, "critical")
    expect(page.locator("[id$='-severity']")).to_be_focused()  # a save takes nobody's place
    page.locator("#editor-bind-0-bin").focus()
    editor.press("Enter")
    expect(page.locator("#editor-bind-add")).to_be_focused()
    editor.says("Intrusion deleted")
    editor.press("Control+z")
    expect(page.locator(".ed-bind")).to_have_count(1)


def test_a_rule_follows_a_schedule(visitor: Visitor) -> None:
    editor = EditorPage.log_in(visitor, roi("Gate", GATE, binds=[rule()]))
    page = editor.page
    page.goto("/admin/cameras/schedule/add/")
    page.fill("#id_schedule_id", "night")
    page.fill("#id_name", "Night shift")
    page.select_option("#id_site", index=1)
    page.fill("#id_hours", "Mon-Fri 22:00-06:00")
    page.click("input[name=_save]")
    editor.reload()
    editor.choose("Gate")
    page.locator("#editor-bind-0").click()
    form = page.locator(".ed-bind-form")
    link = form.get_by_role("link", name="Open the schedule")
    expect(link).to_be_hidden()
    field(form, "Schedule").select_option(label="Night shift")
    editor.save()
    assert editor.rule("Gate")["schedule_id"] == "night"
    expect(page.locator(".ed-bind .ed-list-meta")).to_contain_text("Night shift")
    link.click()
    page.wait_for_url("**/admin/cameras/schedule/*/change/")
    expect(page.locator("#id_name")).to_have_value("Night shift")
