"""The timeline's form for exports alone: a time that the player gave says of which day it is once another day is shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

pytestmark = pytest.mark.browser

SCRIPTS = Path(__file__).resolve().parents[2] / "static" / "edgesite" / "timeline"
DAY = 86_400
DAYS = [{"begin": n * DAY, "end": (n + 1) * DAY, "hours": [[n * DAY, "00:00"]]} for n in (20_779, 20_780)]
HTML = f"""
<div id="timeline" data-base="/timeline/"><form id="tl-export">
  <input type="time" id="tl-from" step="1"><output id="tl-from-day"></output>
  <button type="button" id="tl-from-here">From here</button>
  <input type="time" id="tl-to" step="1"><output id="tl-to-day"></output>
  <button type="button" id="tl-to-here">To here</button>
  <select id="tl-hide"><option value="nothing">Nothing</option></select>
  <fieldset id="tl-shown"></fieldset><p id="tl-hides"></p><span id="tl-export-said"></span>
</form></div>
<script type="application/json" id="tl-data">{json.dumps({"zone": "UTC"})}</script>
<script type="application/json" id="tl-page">{json.dumps({"texts": {}})}</script>
<script type="module">
  import {{ wireExport }} from "/exporting.js";
  window.days = {json.dumps(DAYS)};
  window.day = window.days[0];
  window.at = window.day.begin + 14 * 3600;
  window.shown = wireExport(() => window.day, () => window.at);
</script>
"""


def answer(route: Route) -> None:
    name = route.request.url.rpartition("/")[2]
    if name.endswith(".js"):
        route.fulfill(content_type="text/javascript", body=(SCRIPTS / name).read_text("utf-8"))
    else:
        route.fulfill(content_type="text/html", body=HTML)


def test_a_time_of_another_day_than_the_shown_one_says_so(browser: Browser) -> None:
    page = browser.new_page()
    page.route("http://form.test/**", answer)
    page.goto("http://form.test/")
    page.wait_for_function("() => window.shown")
    page.click("#tl-from-here")
    expect(page.locator("#tl-from")).to_have_value("14:00:00")
    expect(page.locator("#tl-from-day")).to_be_empty()
    page.evaluate("() => { window.day = window.days[1]; window.shown(); }")
    expect(page.locator("#tl-from-day")).to_have_text("2026-11-22")
    expect(page.locator("#tl-to-day")).to_be_empty()
    page.click("#tl-to-here")  # what plays is still of the day before
    expect(page.locator("#tl-to-day")).to_have_text("2026-11-22")
    page.fill("#tl-from", "08:00:00")
    expect(page.locator("#tl-from-day")).to_be_empty()
    page.evaluate("() => { window.day = window.days[0]; window.shown(); }")
    expect(page.locator("#tl-to-day")).to_be_empty()
    page.close()
