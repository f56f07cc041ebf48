"""The script of an export's page alone: what it says while the server is away, and after the login has ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

pytestmark = pytest.mark.browser

SCRIPT = Path(__file__).resolve().parents[2] / "static" / "edgesite" / "timeline" / "export.js"
HTML = (
    '<div id="export-live" data-url="/progress/"><progress id="export-bar" max="100" value="0"></progress></div>'
    '<p id="export-chip"></p><p id="export-stale" hidden>away</p><p id="export-signed-out" hidden>log in</p>'
    '<script type="module" src="/export.js"></script>'
)


class ExportPage:
    """status: what the server answers; 0: it is away."""

    def __init__(self, page: Page) -> None:
        self.page, self.status = page, 200
        page.clock.install()
        page.route("http://export.test/**", self._answer)
        page.goto("http://export.test/")

    def _answer(self, route: Route) -> None:
        if route.request.url.endswith("export.js"):
            route.fulfill(content_type="text/javascript", body=SCRIPT.read_text("utf-8"))
        elif not route.request.url.endswith("/progress/"):
            route.fulfill(content_type="text/html", body=HTML)
        elif not self.status:
            route.abort()
        else:
            told = json.dumps({"state": "cutting", "progress": 40, "chip": "<b>cut</b>"})
            headers = {"Location": "/login/"} if self.status == 302 else {}
            route.fulfill(status=self.status, content_type="application/json", body=told, headers=headers)

    def says(self, *words: str) -> None:
        """After the next look it says this and nothing else."""
        with self.page.expect_request("**/progress/"):
            self.page.clock.run_for(1100)
        for name, text in (("stale", "away"), ("signed-out", "log in")):
            expect(self.page.locator(f"#export-{name}")).to_be_visible(visible=text in words)


@pytest.fixture
def export(browser: Browser) -> Iterator[ExportPage]:
    page = browser.new_page()
    yield ExportPage(page)
    page.close()


def test_a_login_that_ended_is_not_a_server_that_is_away(export: ExportPage) -> None:
    export.says()
    for status, words in ((0, "away"), (302, "log in"), (503, "away"), (302, "log in"), (0, "away"), (302, "log in")):
        export.status = status
        export.says(words)
    export.status = 200  # somebody logged in again
    export.says()
    expect(export.page.locator("#export-bar")).to_have_attribute("value", "40")
