"""The gallery's script alone, with a server that is in trouble: the page is not loaded again and again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route

pytestmark = pytest.mark.browser

SCRIPT = Path(__file__).resolve().parents[2] / "static" / "edgesite" / "timeline" / "gallery.js"
HTML = (
    '<span id="gallery-waiting" data-url="/api/snapshots/r1"></span><script type="module" src="/gallery.js"></script>'
)
READY, WAITING = (200, {"state": "ready"}), (200, {"state": "waiting"})


class Gallery:
    """says: what is answered, one after the other, the last for ever. loaded, asked: how often."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.says: list[tuple[int, dict[str, str]]] = []
        self.loaded = self.asked = 0
        page.clock.install()
        page.route("http://gallery.test/**", self._answer)

    def _answer(self, route: Route) -> None:
        if route.request.url.endswith("gallery.js"):
            route.fulfill(content_type="text/javascript", body=SCRIPT.read_text("utf-8"))
        elif "/api/" in route.request.url:
            self.asked += 1
            status, body = self.says.pop(0) if len(self.says) > 1 else self.says[0]
            route.fulfill(status=status, content_type="application/json", body=json.dumps(body))
        else:
            self.loaded += 1
            route.fulfill(content_type="text/html", body=HTML)

    def asks(self, *, seconds: float) -> None:
        """Lets so much of the page's time go by, and waits until the script has asked then."""
        with self.page.expect_response("**/api/snapshots/*"):
            self.page.clock.run_for(round(seconds * 1000))


@pytest.fixture
def gallery(browser: Browser) -> Iterator[Gallery]:
    page = browser.new_page()
    yield Gallery(page)
    page.close()


def test_a_server_in_trouble_is_asked_again_and_the_page_stays(gallery: Gallery) -> None:
    gallery.says = [(503, {}), (500, {}), WAITING, READY]
    gallery.page.goto("http://gallery.test/")
    for seconds in (0.5, 2.1, 2.1):
        gallery.asks(seconds=seconds)
        assert gallery.loaded == 1
    with gallery.page.expect_navigation():
        gallery.asks(seconds=0.5)
    assert (gallery.loaded, gallery.asked) == (2, 4)


def test_of_a_request_that_nobody_knows_the_page_is_shown_once_more(gallery: Gallery) -> None:
    gallery.says = [(404, {})]
    gallery.page.goto("http://gallery.test/")
    with gallery.page.expect_navigation():
        gallery.asks(seconds=0.5)
    gallery.asks(seconds=0.5)
    gallery.page.clock.run_for(60_000)
    assert (gallery.loaded, gallery.asked) == (2, 2)
