"""The timeline's form for exports alone: a time that the player gave says of which day it is once another day is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

pytestmark = pytest.mark.browser

SCRIPTS = Path(__file__).resolve().parents[2] / "static" / "edgesite" / "timeline"
DAY = 86_400
DAYS: list[dict[str, Any]] = [
    {"begin": n * DAY, "end": (n + 1) * DAY, "hours": [[n * DAY + hour * 3600, f"{hour:02d}:00"] for hour in range(24)]}
    for n in (20_779, 20_780)
]
LATER: dict[str, Any] = {
    "begin": 20_781 * DAY,
    "end": 20_782 * DAY,
    "hours": [[20_781 * DAY + 1800, "00:00"]],
}  # a clock that was set
TEXTS = {
    "next_day": "on the next day, {date}", "export_range": "the wrong way round", "export_begun": "begun",
    "no_answer": "no answer",
}  # fmt: skip
PAGE = {"texts": TEXTS, "longest": 7200}
HTML = f"""
<div id="timeline" data-base="/timeline/"><form id="tl-export">
  <input type="time" id="tl-from" step="1"><output id="tl-from-day"></output>
  <button type="button" id="tl-from-here">From here</button>
  <input type="time" id="tl-to" step="1"><output id="tl-to-day"></output>
  <button type="button" id="tl-to-here">To here</button>
  <select id="tl-hide"><option value="nothing">Nothing</option></select>
  <fieldset id="tl-shown"></fieldset><p id="tl-hides"></p><span id="tl-export-said"></span>
  <input type="hidden" name="csrfmiddlewaretoken" value="t"><button type="submit">Export</button>
</form></div>
<script type="application/json" id="tl-data">{json.dumps({"zone": "UTC"})}</script>
<script type="application/json" id="tl-page">{json.dumps(PAGE)}</script>
<script type="module">
  import {{ wireExport }} from "/exporting.js";
  window.days = {json.dumps(DAYS)};
  window.day = window.days[0];
  window.at = window.day.begin + 14 * 3600;
  window.shown = wireExport(() => window.day, () => window.at);
</script>
"""


asked: list[Any] = []


def answer(route: Route) -> None:
    name = route.request.url.rpartition("/")[2]
    if route.request.method == "POST":
        asked.append(route.request.post_data_json)
        route.fulfill(content_type="application/json", body=json.dumps({"page": "#begun"}))
    elif name.startswith("day?"):
        route.fulfill(content_type="application/json", body=json.dumps(LATER))
    elif name.endswith(".js"):
        route.fulfill(content_type="text/javascript", body=(SCRIPTS / name).read_text("utf-8"))
    else:
        route.fulfill(content_type="text/html", body=HTML)


def opened(browser: Browser) -> Page:
    page = browser.new_page()
    page.route("http://form.test/**", answer)
    page.goto("http://form.test/")
    page.wait_for_function("() => window.shown")
    return page


def test_a_time_of_another_day_than_the_shown_one_says_so(browser: Browser) -> None:
    page = opened(browser)
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


@pytest.mark.parametrize("next_day", ["2026-11-24", None], ids=["a day that came", "tomorrow"])
def test_a_typed_end_before_the_beginning_is_one_of_the_next_day(browser: Browser, next_day: str | None) -> None:
    asked.clear()
    page = opened(browser)
    page.evaluate("(next) => { window.day = { ...window.days[1], next }; window.shown(); }", next_day)
    page.fill("#tl-from", "23:50:00")
    page.fill("#tl-to", "00:10:00")
    expect(page.locator("#tl-to-day")).to_have_text("on the next day, 2026-11-24")
    page.click("text=Export")
    expect(page.locator("#tl-export-said")).to_have_text("begun")
    midnight = LATER["begin"] + (1800 if next_day else 0)  # as that day's own hours say
    assert (asked[0]["begin"], asked[0]["end"]) == (DAYS[1]["end"] - 600, midnight + 600)
    page.fill("#tl-to", "23:55:00")
    expect(page.locator("#tl-to-day")).to_be_empty()
    page.close()


def test_what_would_be_longer_than_an_export_is_the_wrong_way_round(browser: Browser) -> None:
    asked.clear()
    page = opened(browser)
    for begin, end in (("14:00:00", "13:00:00"), ("14:00:00", "14:00:00")):
        page.fill("#tl-from", begin)
        page.fill("#tl-to", end)
        expect(page.locator("#tl-to-day")).to_be_empty()
        page.click("text=Export")
        expect(page.locator("#tl-export-said")).to_have_text("the wrong way round")
    page.click("#tl-from-here")
    page.evaluate("() => { window.at -= 3600; }")
    page.click("#tl-to-here")  # a time that the player gave is of its day
    page.click("text=Export")
    assert asked == []
    page.close()
