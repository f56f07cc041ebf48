"""The scripts of pages that renew themselves, alone: what they say while the server is away, and after the login has ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

pytestmark = pytest.mark.browser

STATIC = Path(__file__).resolve().parents[2] / "static" / "edgesite"
SAYS = '<p id="page-stale" hidden>away</p><p id="page-signed-out" hidden>log in</p>'
STARTED = '<progress id="{0}-bar" max="100" value="0"></progress></div><p id="{0}-chip"></p><p id="{0}-text"></p>'
TOLD = {"progress": 40, "chip": "<b>cut</b>", "text": "text"}
ROLLOUT = '<div id="rollout-live" data-refresh="1">{}</div>'

# script, what stands on its page, what the server answers, and where that is seen
PAGES = {
    "timeline/export.js": (
        f'<div id="export-live" data-url="/fresh">{STARTED.format("export")}', json.dumps(TOLD | {"state": "cutting"}),
        "#export-chip",
    ),
    "backtest.js": (
        f'<div id="backtest-live" data-url="/fresh">{STARTED.format("backtest")}',
        json.dumps(TOLD | {"state": "running"}), "#backtest-chip",
    ),
    "rollout.js": (ROLLOUT.format("old"), ROLLOUT.format("cut"), "#rollout-live"),
}  # fmt: skip


class Renewed:
    """status: what the server answers; 0: it is away."""

    def __init__(self, page: Page, script: str) -> None:
        self.page, self.script, self.status = page, script, 200
        self.html, self.told, self.place = PAGES[script]
        self.loaded = 0
        page.clock.install()
        page.route("http://hub.test/**", self._answer)
        page.goto("http://hub.test/")

    def _answer(self, route: Route) -> None:
        path = route.request.url.removeprefix("http://hub.test/static/")
        if path.endswith(".js"):
            route.fulfill(content_type="text/javascript", body=(STATIC / path).read_text("utf-8"))
        elif route.request.is_navigation_request():
            self.loaded += 1
            script = f'<script type="module" src="/static/{self.script}"></script>'
            route.fulfill(content_type="text/html", body=SAYS + self.html + script)
        elif not self.status:
            route.abort()
        else:
            headers = {"Location": "/login/"} if self.status == 302 else {}
            route.fulfill(status=self.status, content_type="text/html", body=self.told, headers=headers)

    def says(self, *words: str) -> None:
        """After the next look it says this and nothing else."""
        with self.page.expect_request(lambda request: not request.url.endswith(".js")):
            self.page.clock.run_for(1100)
        for name, text in (("stale", "away"), ("signed-out", "log in")):
            expect(self.page.locator(f"#page-{name}")).to_be_visible(visible=text in words)


@pytest.fixture(params=list(PAGES))
def renewed(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Renewed]:
    page = browser.new_page()
    yield Renewed(page, request.param)
    page.close()


def test_a_login_that_ended_is_not_a_server_that_is_away(renewed: Renewed) -> None:
    renewed.says()
    answers = ((0, "away"), (302, "log in"), (503, "away"), (401, "log in"), (0, "away"), (403, "log in"))
    for status, words in answers:
        renewed.status = status
        renewed.says(words)
    renewed.status = 200  # somebody logged in again
    renewed.says()
    expect(renewed.page.locator(renewed.place)).to_have_text("cut")


def test_what_is_no_answer_of_the_hub_is_not_shown_and_ends_no_look(renewed: Renewed) -> None:
    told, renewed.told = renewed.told, "a proxy's page"
    renewed.says("away")
    renewed.told = told
    renewed.says()


def test_a_page_of_what_was_deleted_is_loaded_anew(renewed: Renewed) -> None:
    renewed.status = 404
    with renewed.page.expect_navigation():
        renewed.page.clock.run_for(1100)
    assert renewed.loaded == 2
