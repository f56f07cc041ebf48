"""The form of a binding, made from the schema of its algorithm's parameters: what is wrong stands at its field."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.editor_page import GATE, EditorPage, Points, field, problem, roi, rule
from tests.browser.fit import expect_to_fit

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

DOOR: Points = [[0.1, 0.9], [0.4, 0.85]]
SINK: Points = [[0.05, 0.05], [0.15, 0.05], [0.15, 0.2], [0.05, 0.2]]


@pytest.mark.parametrize(
    ("label", "typed", "told"),
    [
        ("Dwell", "86401", "must be 0 to 86400"), ("Dwell", "-1", "must be 0 to 86400"), ("Dwell", "soon", "is not a number"),
        ("Most", "2.5", "must be a whole number"), ("Classes", f"person, {'x' * 65}", "has more than 64 characters"),
    ],
)  # fmt: skip
def test_what_is_out_of_range_is_told_at_its_field_and_cannot_be_saved(
    visitor: Visitor, label: str, typed: str, told: str
) -> None:
    editor = EditorPage.log_in(visitor, roi("Gate", GATE))
    page = editor.choose("Gate")
    form = editor.add_rule("Occupancy")
    control = field(form, label)
    control.fill(typed)
    expect(control).to_have_attribute("aria-invalid", "true")
    described = (control.get_attribute("aria-describedby") or "").split()[-1]
    expect(page.locator(f"#{described}")).to_have_text(told)
    expect(page.locator("#editor-unsaved")).to_contain_text(f"Cannot be saved: Gate: Occupancy, {label}: {told}")
    assert page.is_disabled("#editor-save")
    page.locator("#editor-bind-0").click()  # closed, the list says it
    expect(page.locator(".ed-bind .ed-bad")).to_contain_text(told)
    editor.press("Control+s")  # goes to the field instead
    expect(control).to_be_focused()
    assert control.input_value() == typed
    control.fill("")
    expect(control).not_to_have_attribute("aria-invalid", "true")
    field(form, "Most").fill("4")
    editor.save()
    assert editor.rule("Gate")["params"] == {"max_persons": 4}


def test_what_the_server_refuses_stands_at_its_field(visitor: Visitor) -> None:
    editor = EditorPage.log_in(visitor, roi("Door", DOOR, "line"))
    page = editor.choose("Door")
    form = editor.add_rule("Line crossing")
    field(form, "Reset at").fill("06:00, 25:00")
    page.click("#editor-save")
    told = problem(form, "reset_at")
    expect(told).to_have_text("is not a time of day such as 08:30")
    expect(page.locator("#editor-banner")).to_contain_text("Not saved")
    expect(field(form, "Reset at")).to_have_attribute("aria-invalid", "true")
    field(form, "Reset at").fill("06:00")
    expect(told).to_be_hidden()
    field(form, "Alert").select_option(label="over the limit")
    page.click("#editor-save")
    expect(form.locator("[id$='-form-problem']")).to_contain_text("give “Limit”")  # about more than one field
    field(form, "Limit").fill("20")
    editor.save()
    assert editor.rule("Door")["params"] == {"reset_at": ["06:00"], "alert": "limit", "limit": 20}


def test_every_control_has_a_name_and_room_also_on_a_phone(visitor: Visitor) -> None:
    editor = EditorPage.log_in(visitor, roi("Gate", GATE), roi("Sink", SINK, color=1))
    page = editor.choose("Gate")
    form = editor.add_rule("Procedure")
    form.get_by_role("button", name="Add a step").click()
    form.locator("summary").click()
    small = """(nodes) => nodes.filter((n) => n.checkVisibility()).map((n) => [n.id || n.className,
      (n.closest("label") ?? n).getBoundingClientRect()]).filter(([, r]) => r.height < 24 || r.width < 24).map(([id]) => id)"""
    nameless = """(nodes) => nodes.filter((n) => !n.labels?.length && !n.getAttribute("aria-label") && !n.textContent.trim())
      .map((n) => n.id)"""
    lost = """(nodes) => nodes.flatMap((n) => (n.getAttribute("aria-describedby") ?? "").split(" ")).filter((id) => id
      && !document.getElementById(id))"""
    for width, height in ((1440, 900), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        controls = page.locator("#editor-binds :is(button, input, select, summary)")
        assert controls.count() > 20
        assert controls.evaluate_all(small) == []
        assert controls.evaluate_all(nameless) == []
        assert controls.evaluate_all(lost) == []
        expect_to_fit(page)
    assert visitor.complaints == []


def test_who_may_only_look_sees_the_settings(visitor: Visitor) -> None:
    editor = EditorPage.log_in(visitor, roi("Gate", GATE, binds=[rule(params={"dwell_s": 5})]))
    page = editor.choose("Gate")
    editor.state("editor.ui.set({ readonly: true })")
    page.locator("#editor-bind-0").click()
    form = page.locator(".ed-bind-form")
    expect(field(form, "Dwell")).to_have_value("5")
    controls = form.locator("input, select, textarea")
    expect(form.locator(":is(input, select, textarea):disabled")).to_have_count(controls.count())
    expect(page.locator("#editor-binds button:visible")).to_have_count(1)  # which opens and closes


FORM = """async ([schema, params]) => {
  const { BindForm } = await import("/static/edgesite/editor/bind-form.js");
  let bind = { algo_code: "new", params, severity: "info", schedule_id: null, enabled: true };
  const change = (changed) => { bind = changed(bind); form.update(bind, []); window.params = bind.params; };
  const algorithm = { label: "New", sentence: "New.", schema };
  const form = new BindForm({ id: "try", bind, algorithm, schedules: [], readonly: false, change, areas: () => new Map() });
  document.getElementById("editor-binds").replaceChildren(form.element);
  form.update(bind, []);
}"""
SCHEMA = {
    "properties": {
        "strict": {"type": "boolean", "default": True, "title": "Strict"},
        "share": {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": 0.5, "title": "Share"},
        "word": {"type": "string", "pattern": "^[a-z]+$", "default": "abc", "title": "Word"},
        "shape": {"type": "object", "title": "Shape"},
        "kind": {"enum": ["near_by", "far"], "title": "Kind"},
    },
    "required": ["kind"],
}


def test_a_form_is_made_of_any_schema(visitor: Visitor) -> None:
    page = EditorPage.log_in(visitor).page
    page.evaluate(FORM, [SCHEMA, {"old": [1, 2]}])
    form = page.locator("#try")
    kind = field(form, "Kind")
    expect(kind.locator("option")).to_have_text(["choose", "near by", "far"])
    expect(problem(form, "kind")).to_have_text("is needed")
    expect(field(form, "Strict")).to_be_checked()
    expect(field(form, "old")).to_have_value("[\n 1,\n 2\n]")  # which the algorithm does not know
    field(form, "old: back").click()
    field(form, "Strict").uncheck()
    field(form, "Share").fill("0")
    expect(problem(form, "share")).to_have_text("must be more than 0, up to 1")
    field(form, "Word").fill("Abc")
    expect(problem(form, "word")).to_contain_text("not allowed")
    shape = field(form, "Shape")
    shape.fill('{"a": ')
    expect(problem(form, "shape")).to_have_text("is not valid JSON")
    shape.fill('{"a": 1}')
    expect(problem(form, "shape")).to_be_hidden()
    field(form, "Share").fill("0.25")
    field(form, "Word").fill("")
    kind.select_option("far")
    assert page.evaluate("window.params") == {"strict": False, "share": 0.25, "shape": {"a": 1}, "kind": "far"}
    expect(form.locator("[aria-invalid=true]")).to_have_count(0)
