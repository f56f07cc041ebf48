"""The week that is drawn: by mouse, finger and keys, beside a text that always says the same."""

from __future__ import annotations

import contextlib
import json
import random
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import redis
from playwright.sync_api import Browser, expect

from cameras.core.clock_changes import clock_changes
from cameras.core.schedule import DAYS
from cameras.core.schedule_text import format_text
from edgesite import redis_keys
from tests.browser.conftest import Visitor
from tests.browser.fit import expect_to_fit
from tests.browser.schedule_page import FRI, MON, SAT, SUN, THU, TUE, WED, SchedulePage
from tests.browser.test_editor_pointers import touch
from tests.servers.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
VIENNA = "Europe/Vienna"
WEEK = 7 * 1440


def document(stack: Stack) -> dict[str, Any]:
    """What the hub published to the box."""
    text = redis.Redis.from_url(stack.env["CLOUD_REDIS_URL"], decode_responses=True).get(
        redis_keys.config(stack.device_id)
    )
    found: dict[str, Any] = json.loads(str(text))
    return found


def test_hours_are_drawn_moved_and_pulled_and_published_as_drawn(stack: Stack, visitor: Visitor) -> None:
    week = SchedulePage.add(visitor, "drawn")
    week.drag((MON, 8), (MON, 12))
    week.reads("Mon 08:00-12:00")
    week.drag((MON, 13), (MON, 17.5))
    week.reads("Mon 08:00-12:00, 13:00-17:30")
    week.drag((MON, 10), (MON, 7.5))  # moved
    week.reads("Mon 05:30-09:30, 13:00-17:30")
    week.page.click("#sk-undo")
    week.drag((MON, 12), (MON, 13.5))  # its end is pulled into the other: one stretch
    week.reads("Mon 08:00-17:30")
    week.drag((FRI, 22), (SAT, 6))  # over midnight
    week.shows(FRI, "22:00-06:00")
    week.shows(SAT, "until 06:00")
    week.drag((FRI, 23), (THU, 23))  # the whole night, a day earlier
    week.reads("Mon 08:00-17:30", "Thu 22:00-06:00")
    week.drag((SUN, 22), (SUN, 24))
    week.drag((SUN, 23.98), (SUN, 23.2))
    week.reads("Mon 08:00-17:30", "Thu 22:00-06:00", "Sun 22:00-23:15")
    week.click(MON, 10)
    week.page.fill("#sk-from", "07:50")
    week.page.keyboard.press("Enter")
    week.reads("Mon 07:50-17:30", "Thu 22:00-06:00", "Sun 22:00-23:15")
    week.page.locator("[data-copy=working]").click()
    week.page.click("#sk-copy")
    week.reads("Mon-Fri 07:50-17:30", "Sun 22:00-23:15")
    week.save()
    week.shows(WED, "07:50-17:30")
    week.reads("Mon-Fri 07:50-17:30", "Sun 22:00-23:15")

    page = week.page
    page.goto("/admin/cameras/binding/")
    page.locator("#result_list tbody th a").first.click()
    page.select_option("#id_schedule", value="drawn")
    page.click("input[name=_save]")
    expect(page.locator(".messagelist")).to_contain_text("Published to")
    found = {s["schedule_id"]: s for s in document(stack)["schedules"]}["drawn"]
    assert found["weekly"] == [
        *({"day": day, "start": "07:50", "end": "17:30"} for day in ("mon", "tue", "wed", "thu", "fri")),
        {"day": "sun", "start": "22:00", "end": "23:15"},
    ]
    assert visitor.complaints == []


def test_by_keys_alone(visitor: Visitor) -> None:
    week = SchedulePage.add(visitor, "keys")
    page = week.page
    page.focus("[data-preset=clear]")
    week.press("Tab")
    expect(page.locator(".sk-cell:focus")).to_have_attribute("aria-label", "Monday 08:00, not active")
    week.press("Space", "ArrowRight", "ArrowRight", "ArrowRight")
    week.says("Monday 08:00-10:00")
    week.press("Enter")
    week.says("Monday 08:00-10:00 added")
    week.reads("Mon 08:00-10:00")
    week.press("ArrowDown", "End", "Shift+ArrowRight", "Shift+ArrowRight", "Space")  # Tuesday's end into Wednesday
    week.reads("Mon 08:00-10:00", "Tue 23:30-01:00")
    expect(week.cell(WED, 0.5)).to_have_attribute("aria-label", "Wednesday 00:30, active Tuesday 23:30-01:00")
    expect(week.cell(WED, 0.5)).to_have_attribute("aria-selected", "true")
    week.press("Delete")
    week.says("Tuesday 23:30-01:00 taken out")
    week.reads("Mon 08:00-10:00")
    week.press("Control+z")
    week.reads("Mon 08:00-10:00", "Tue 23:30-01:00")
    week.press("Space", "ArrowRight", "Escape")
    week.says("cancelled")
    expect(page.locator(".sk-draft")).to_have_count(0)
    week.press("Tab")
    assert page.evaluate("!document.activeElement.closest('#sk-grid')")
    assert visitor.complaints == []


def test_the_text_is_drawn_and_a_mistake_holds_the_drawing_back(visitor: Visitor) -> None:
    week = SchedulePage.add(visitor, "typed")
    week.type("Mon-Tue 8:00-12:00 # a remark\nSun 22:00-06:00\n2026-12-25 closed # Christmas")
    week.shows(TUE, "08:00-12:00")
    week.shows(MON, "08:00-12:00", "until 06:00")
    expect(week.page.locator(".sk-holiday input[type=text]").first).to_have_value("Christmas")
    week.type("Mon-Tue 8:00-12:00\nSun 22:00")
    problem = week.page.locator("#sk-problem")
    expect(problem).to_contain_text("line 2, column 10")
    week.drag((WED, 8), (WED, 12))
    week.says("Correct it first")
    week.shows(WED)
    week.type("Mon 8:00-12:00")
    week.shows(TUE)
    expect(problem).to_be_hidden()
    week.drag((WED, 8), (WED, 12))
    week.reads("Mon 08:00-12:00", "Wed 08:00-12:00")
    week.page.click("#sk-undo")
    week.page.click("#sk-undo")
    week.shows(TUE, "08:00-12:00")  # what was typed is a step too
    for preset, lines in (
        ("working", ["Mon-Fri 08:00-18:00"]), ("nights", ["Mon-Sun 22:00-06:00"]), ("always", ["Mon-Sun 00:00-24:00"]),
    ):  # fmt: skip
        week.page.click(f"[data-preset={preset}]")
        expect(week.page.locator("#id_hours")).to_have_value("\n".join([*lines, "2026-12-25 closed  # Christmas"]))
    assert visitor.complaints == []


def test_holidays_and_days_on_which_the_clock_is_changed(stack: Stack, visitor: Visitor) -> None:
    with contextlib.closing(stack.person()) as person:
        stack.edit(person, "cameras/site", "Demo", time_zone=VIENNA)
    week = SchedulePage.add(visitor, "holidays")
    page = week.page
    expect(page.locator("#sk-zone")).to_contain_text(f"{VIENNA}, now {datetime.now(ZoneInfo(VIENNA)):%H:}")
    change = clock_changes(VIENNA, datetime.now(ZoneInfo(VIENNA)).timestamp())
    spring, autumn = (next(c for c in change if c.forward is forward).wall[0].date() for forward in (True, False))
    week.type("Sat 22:00-06:00\nSun 02:15-02:45")
    meaning = page.locator("#sk-meaning")
    expect(meaning).to_contain_text(
        f"On Sunday {spring} the clock is put forward at 02:00: 02:00 to 03:00 does not exist"
    )
    expect(meaning).to_contain_text("Saturday 22:00–06:00 lasts 7 h instead of 8 h.")
    expect(meaning).to_contain_text("Sunday 02:15–02:45 does not occur.")
    expect(meaning).to_contain_text(f"On Sunday {autumn} the clock is put back at 03:00: 02:00 to 03:00 comes twice")
    expect(meaning).to_contain_text("Sunday 02:15–02:45 comes twice.")

    page.click("#sk-holiday-add")
    row = page.locator(".sk-holiday").nth(0)
    page.click("input[name=_save]")  # a row without a date would be lost
    expect(row.locator(".sk-problem")).to_have_text("Choose a date, or take the row out.")
    row.locator("input[type=date]").fill("2027-12-24")
    row.get_by_label("Name").fill("Christmas Eve")
    row.get_by_label("What holds that day").select_option("hours")
    row.get_by_label("Hours").fill("9:00-25:00")
    row.get_by_label("Hours").press("Tab")
    expect(row.locator(".sk-problem")).to_contain_text("a time of day such as 08:30 is missing here")
    row.get_by_label("Hours").fill("9:00-12:00")
    row.get_by_label("Hours").press("Tab")
    expect(row.locator(".sk-problem")).to_be_hidden()
    page.click("#sk-holiday-add")
    second = page.locator(".sk-holiday").nth(1)
    second.locator("input[type=date]").fill("2027-12-25")
    second.get_by_label("What holds that day").select_option("like")
    second.get_by_label("Day of the week").select_option("sat")
    lines = ("Sat 22:00-06:00", "Sun 02:15-02:45", "2027-12-24 9:00-12:00  # Christmas Eve", "2027-12-25 like Sat")
    week.reads(*lines)
    expect(meaning).to_contain_text("Christmas Eve on Friday 2027-12-24: 09:00-12:00")
    week.save().reads(*(line.replace(" 9:", " 09:") for line in lines))
    expect(page.locator(".sk-holiday")).to_have_count(2)
    page.goto("/admin/cameras/schedule/")
    chip = page.locator("#result_list tr", has_text="holidays").locator(".field-now .chip")
    expect(chip).to_contain_text("active")
    assert visitor.complaints == []


WRITE = """async (cases) => {
  const week = await import("/static/edgesite/schedule/week.js");
  return cases.map(({ weekly, holidays }) => week.write(weekly.map(week.rangeOf), holidays.map(week.holidayOf)).text);
}"""
DRAW = """async (cases) => {
  const { add } = await import("/static/edgesite/schedule/week.js");
  return cases.map((strokes) => strokes.reduce((week, [from, to]) => add(week, from, to), []));
}"""


def test_the_browser_writes_what_the_server_would_and_loses_no_minute(visitor: Visitor) -> None:
    """What two programs must agree on: random weeks and dates written out, and random strokes laid over each other."""
    page = SchedulePage.add(visitor, "agree").page
    chance = random.Random(5)
    weeks = [some_schedule(chance) for _ in range(150)]
    for given, text in zip(weeks, page.evaluate(WRITE, weeks), strict=True):
        assert text == format_text(given["weekly"], given["holidays"])
    strokes = [
        [(start, start + chance.randrange(15, 4320, 15)) for start in chance.choices(range(0, WEEK, 15), k=5)]
        for _ in range(150)
    ]
    for drawn, ranges in zip(strokes, page.evaluate(DRAW, strokes), strict=True):
        wanted = {minute % WEEK for first, last in drawn for minute in range(first, last)}
        assert {minute % WEEK for r in ranges for minute in range(r["from"], r["to"])} == wanted
        for one in ranges:
            length = one["to"] - one["from"]
            assert 0 <= one["from"] < WEEK
            assert 0 < length < 1440 or (length == 1440 and one["from"] % 1440 == 0)


def some_schedule(chance: random.Random) -> dict[str, Any]:
    """Quarters of an hour on some days, each stretch once, and two dates."""

    def hours() -> dict[str, str]:
        start, end = chance.sample(range(1, 97), 2)
        return {name: f"{n // 4:02}:{n % 4 * 15:02}" for name, n in (("start", min(start, 95)), ("end", end)) if n}

    weekly = [{"day": chance.choice(DAYS), **hours()} for _ in range(chance.randrange(9))]
    distinct = {(i["day"], i["start"]): i for i in weekly if i["start"] != i["end"]}
    dates = [
        {"date": "2026-12-25", "like": chance.choice(DAYS), "name": "Fête # 圣诞"},
        {"date": "2026-01-01", "intervals": []},
    ]
    own = hours()
    more = [{"date": "2026-02-03", "intervals": [own], "name": "Own"}] if own["start"] != own["end"] else []
    return {"weekly": list(distinct.values()), "holidays": chance.sample([*dates, *more], k=2)}


def test_a_finger_draws_on_a_phone_and_the_page_scrolls_past(browser: Browser, visitor: Visitor) -> None:
    SchedulePage.add(visitor, "phone").save()
    url = visitor.page.url
    phone: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "device_scale_factor": 2}
    context = browser.new_context(
        base_url=visitor.stack.url, locale="en", storage_state=visitor.context.storage_state(), **phone
    )
    page = context.new_page()
    page.goto(url)
    week = SchedulePage(page).ready()
    expect_to_fit(page)
    page.locator("#sk-grid").scroll_into_view_if_needed()
    session = context.new_cdp_session(page)
    start, end = week.place(TUE, 9), week.place(TUE, 15)
    touch(session, "touchStart", start)
    for share in (0.2, 0.6, 1.0):
        touch(session, "touchMove", (start[0] + share * (end[0] - start[0]), start[1] + 3))
    touch(session, "touchEnd")
    week.reads("Tue 09:00-15:00")
    for target in page.locator(".sk-panel button:visible, .sk-bar-row button, .sk-box:visible").all():
        box = target.bounding_box()
        assert box
        assert box["height"] >= 24
    context.close()


def test_without_scripts_the_text_is_the_way(browser: Browser, visitor: Visitor) -> None:
    SchedulePage.add(visitor, "plain").save()
    context = browser.new_context(
        base_url=visitor.stack.url,
        locale="en",
        storage_state=visitor.context.storage_state(),
        java_script_enabled=False,
    )
    page = context.new_page()
    page.goto(visitor.page.url)
    expect(page.locator("#schedule")).to_be_hidden()
    page.fill("#id_hours", "Mon 08:00-12:00\n2027-12-25 closed # Christmas")
    page.click("input[name=_continue]")
    expect(page.locator("#id_hours")).to_have_value("Mon 08:00-12:00\n2027-12-25 closed  # Christmas")
    expect(page.locator(".field-week tbody tr").first).to_contain_text("08:00-12:00")
    expect(page.locator(".field-meant")).to_contain_text("Christmas on")
    context.close()
