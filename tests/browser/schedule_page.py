"""A schedule's page as a person uses it: times on the drawn week, the text below, what is said."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visitor

ADD = "/admin/cameras/schedule/add/"
MON, TUE, WED, THU, FRI, SAT, SUN = range(7)


class SchedulePage:
    """One open page. Times are hours, such as 8.5."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @classmethod
    def add(cls, visitor: Visitor, name: str = "shifts") -> SchedulePage:
        """A new schedule of the first site, not saved yet."""
        visitor.log_in(visitor.stack.access["user"], visitor.stack.access["password"], to=ADD)
        visitor.page.fill("#id_schedule_id", name)
        visitor.page.select_option("#id_site", index=1)
        return cls(visitor.page).ready()

    def ready(self) -> SchedulePage:
        expect(self.page.locator("#schedule[data-ready]")).to_be_visible()
        expect(self.page.locator("#sk-grid:not([aria-busy])")).to_be_visible()
        return self

    def place(self, day: int, hour: float) -> tuple[float, float]:
        """Where on the screen that time is; the page scrolls there."""
        track = self.page.locator(f".sk-track[data-day='{day % 7}']")
        track.scroll_into_view_if_needed()
        box = track.bounding_box()
        assert box
        return box["x"] + box["width"] * hour / 24, box["y"] + box["height"] / 2

    def drag(self, start: tuple[int, float], end: tuple[int, float]) -> None:
        self.page.locator("#sk-grid").scroll_into_view_if_needed()
        self.page.mouse.move(*self.place(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.place(*end), steps=6)
        self.page.mouse.up()

    def click(self, day: int, hour: float) -> None:
        self.page.mouse.click(*self.place(day, hour))

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Writes into the text below, as by hand."""
        self.page.fill("#id_hours", text)

    def reads(self, *lines: str) -> None:
        expect(self.page.locator("#id_hours")).to_have_value("\n".join(lines))

    def bars(self, day: int) -> list[str]:
        """The labels of a day's bars."""
        return self.page.locator(f".sk-track[data-day='{day}'] .sk-bar").all_text_contents()

    def shows(self, day: int, *labels: str) -> None:
        expect(self.page.locator(f".sk-track[data-day='{day}'] .sk-bar")).to_have_text(list(labels))

    def says(self, text: str) -> None:
        """Waits until the page has said this aloud."""
        expect(self.page.locator("#editor-says-1, #editor-says-2").filter(has_text=text)).to_have_count(1)

    def cell(self, day: int, hour: float) -> Locator:
        return self.page.locator(f".sk-cell[data-minute='{int(day * 1440 + hour * 60)}']")

    def save(self) -> SchedulePage:
        """Saves and goes on with the saved page."""
        self.page.click("input[name=_continue]")
        expect(self.page.locator(".messagelist .success")).to_be_visible()
        return self.ready()
