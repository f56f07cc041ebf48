"""Every page as axe-core sees it: no serious or critical finding, light and dark, on a desktop and on a phone.

axe-core (Deque, MPL-2.0) comes with a package of the development requirements; it only reads the page. It runs in a world of
its own, which the page's content security policy does not bind and whose names the page does not see.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.browser.conftest import Visitor
from tests.browser.editor_page import GATE, YARD, EditorPage, roi, rule
from tests.browser.fake_box import FakeBox, picture
from tests.servers.stack import Stack, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}  # what the theme can change
# Colours that fade from one theme to the other are in neither.
SETTLED = """new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))).then(() => Promise.race([
  Promise.allSettled(document.getAnimations().map((one) => one.finished)), new Promise((done) => setTimeout(done, 1000))]))"""
ADMIN = "/admin/cameras/"


class Audit:
    """What axe-core finds on pages, gathered until the end of a test."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.found: list[str] = []
        self._session: CDPSession = page.context.new_cdp_session(page)

    def look(self, name: str, *, within: str = "") -> None:
        """Judges the open page, or one part of it, in both themes and both widths; its own colours and size come back.

        The theme changes nothing but colours: one look in the light at everything, one in the dark at these.
        """
        for size, theme in itertools.product((DESKTOP, PHONE), ("light", "dark")):
            self.page.set_viewport_size({**size})  # type: ignore[typeddict-item]
            self.page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
            self.page.evaluate(SETTLED)
            where = f"{name}, {theme}, {size['width']} px"
            for violation in self._run(within, {"runOnly": COLOURS} if theme == "dark" else {}):
                nodes = violation["nodes"]
                told = "; ".join(f"{' '.join(map(str, n['target']))}: {n['failureSummary']}" for n in nodes[:4])
                self.found.append(f"{where}: {violation['impact']} {violation['id']} × {len(nodes)}: {told}")
        self.page.set_viewport_size({**DESKTOP})  # type: ignore[typeddict-item]
        self.page.emulate_media(color_scheme="light")

    def open(self, path: str, name: str = "", *, status: int = 200) -> None:
        """status: what the server answers, so that no other page is judged than the one that is meant."""
        answer = self.page.goto(path)
        assert answer is not None
        assert answer.status == status, path
        self.look(name or path)

    def _run(self, within: str, options: dict[str, Any]) -> list[dict[str, Any]]:
        """The serious and critical violations."""
        tree = self._session.send("Page.getFrameTree")
        frame = tree["frameTree"]["frame"]["id"]
        world = self._session.send("Page.createIsolatedWorld", {"frameId": frame, "worldName": "audit"})
        context = json.dumps(within or "html")
        run = f"axe.run({context}, {json.dumps(options | {'resultTypes': ['violations']})}).then((r) => r.violations)"
        for source in (AXE, run):
            answer = self._session.send(
                "Runtime.evaluate",
                {
                    "expression": source,
                    "contextId": world["executionContextId"],
                    "awaitPromise": source is run,
                    "returnByValue": source is run,
                },
            )
            assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        violations: list[dict[str, Any]] = answer["result"]["value"]
        return [one for one in violations if one["impact"] in ("serious", "critical")]


@pytest.fixture
def audit(visitor: Visitor) -> Iterator[Audit]:
    """Asks at the end of the test whether anything was found."""
    one = Audit(visitor.page)
    yield one
    assert not one.found, "\n".join(one.found)


def enter(visitor: Visitor, path: str = "/admin/") -> Page:
    return visitor.log_in(visitor.stack.access["user"], visitor.stack.access["password"], to=path)


def test_axe_sees_what_is_wrong(visitor: Visitor) -> None:
    """The audit itself: a picture without words and grey on grey are found under the policy of the site."""
    page = enter(visitor)
    page.evaluate("document.querySelector('#content').append(new Image())")
    page.evaluate("document.querySelector('#content h1').style.color = '#ddd'")
    audit = Audit(page)
    audit.look("spoilt")
    told = "\n".join(audit.found)
    assert "critical image-alt" in told
    assert "serious color-contrast" in told


def test_login_and_messages(visitor: Visitor, audit: Audit) -> None:
    page = visitor.page
    audit.open("/login/")
    page.fill("#id_username", "nobody")
    page.fill("#id_password", "wrong")
    page.click("input[type=submit]")
    page.locator(".errornote").wait_for()
    audit.look("a refused login")
    audit.open("/no-such-page/", "not found", status=404)


def test_index_lists_and_forms(visitor: Visitor, audit: Audit) -> None:
    page = enter(visitor)
    audit.look("index")
    for path in ("camera/", "camera/vid1/change/", "camera/vid1/history/", "camera/vid1/delete/", "camera/add/"):
        audit.open(ADMIN + path)
    page.goto(f"{ADMIN}camera/add/")
    page.click("input[name=_save]")
    page.locator(".errornote").wait_for()
    audit.look("a camera with nothing in it")
    for path in ("device/", "device/box-1/change/", "camera/?q=nowhere", "binding/"):
        audit.open(ADMIN + path)
    page.locator("#result_list tbody th a").first.click()
    page.locator("#id_params").wait_for()
    audit.look("binding form")


def test_configuration_schedules_and_changes(visitor: Visitor, audit: Audit) -> None:
    page = enter(visitor)
    for path in ("device/box-1/configuration/", "device/add/", "auditentry/", "roi/", "site/", "schedule/"):
        audit.open(ADMIN + path)
    for path in ("timeline/vid1/", "snapshots/vid1/"):
        audit.open(f"/admin/recordings/{path}")
    page.goto(f"{ADMIN}schedule/add/")
    page.fill("#id_schedule_id", "shifts")
    page.select_option("#id_site", index=1)
    page.fill("#id_hours", "Mon-Fri 25:00")
    page.click("input[name=_save]")
    page.locator(".errorlist").first.wait_for()
    audit.look("a schedule with a mistake")
    page.fill("#id_hours", "Mon-Fri 08:00-12:00, 13:00-17:00\nSat 22:00-06:00")
    page.click("input[name=_continue]")
    page.locator(".messagelist .success").wait_for()
    audit.look("schedule")


def test_editor_with_shapes_panel_and_dialogs(visitor: Visitor, audit: Audit) -> None:
    bow_tie = [[0.1, 0.1], [0.3, 0.3], [0.3, 0.1], [0.1, 0.3]]
    rules = [rule(params={"dwell_s": 2.5}), rule("occupancy", severity="critical", params={"max_persons": 4})]
    editor = EditorPage.log_in(visitor, roi("Gate", GATE, binds=rules), roi("Yard", YARD, color=1, enabled=False))
    page = editor.page
    audit.look("editor")
    editor.choose("Gate")
    page.locator("#editor-bind-0").click()
    page.locator(".ed-bind-form").wait_for()
    audit.look("editor with a rule's form")
    page.locator(".ed-bind-form input[type=number], .ed-bind-form input[inputmode]").first.fill("-7")
    page.keyboard.press("Tab")
    audit.look("editor with a wrong setting")
    page.click("#editor-bind-add")
    audit.look("the choice of an algorithm", within="dialog[open]")
    page.keyboard.press("Escape")
    page.click("#editor-help")
    audit.look("the keys", within="dialog[open]")
    page.keyboard.press("Escape")
    editor.state(f"editor.act.setCoordinates(editor.model.state.rois[1].key, {bow_tie})")
    editor.choose("Yard")
    audit.look("editor with a crossed shape")
    editor.tool("polygon")
    editor.click(0.2, 0.8)
    editor.click(0.4, 0.8)
    audit.look("editor while a shape is drawn")
    page.locator(".es-brand").click()
    page.locator("dialog[open]").wait_for()
    audit.look("leaving", within="dialog[open]")
    page.keyboard.press("Escape")


def test_live_page_and_alerts(stack: Stack, visitor: Visitor, audit: Audit, box: FakeBox) -> None:
    page = enter(visitor, "/live/")
    audit.look("live page without anything")
    box.still("vid1", picture((60, 60, 60)))
    box.report({"vid1": "live"})
    box.stats("vid1", fps=12.5, persons=2)
    alert = box.alert("vid1")
    box.evidence(alert, picture((0, 200, 0)))
    wait_until(lambda: [a for a in stack.alerts() if a["capture_url"]], seconds=20, what="alert with its picture")
    page.goto("/live/")
    expect(page.locator(f"[data-event='{alert['event_id']}'], #alerts li").first).to_be_visible()
    audit.look("live page")
    audit.open("/admin/detection/alert/")
    page.locator(".alert-row th a").first.click()
    page.locator(".alert-picture img").wait_for()
    audit.look("alert")
    audit.open("/admin/detection/coveragehour/", "reports")
    audit.open("/admin/detection/coveragehour/?since=x", "a report with a mistake", status=400)
    audit.open("/admin/detection/backtest/")


def test_without_a_mouse_the_first_tab_goes_to_the_content(browser: Browser, stack: Stack) -> None:
    """A skip link leads past the header on the pages of the site."""
    visitor = Visitor(browser, stack)
    page = enter(visitor, "/live/")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_class("es-skip")
    visitor.context.close()
