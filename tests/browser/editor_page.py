"""The ROI editor as a person uses it: places on the picture, the stored regions behind it, its state."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import Visitor

PATH = "/admin/cameras/camera/vid1/regions/"
MODULE = "/static/edgesite/editor/main.js"
Points = list[list[float]]

GATE: Points = [[0.2, 0.3], [0.5, 0.3], [0.5, 0.7], [0.2, 0.7]]
YARD: Points = [[0.6, 0.5], [0.9, 0.5], [0.9, 0.9], [0.6, 0.9]]

ASK = """async ([method, path, body]) => {
  const token = document.querySelector("#editor [name=csrfmiddlewaretoken]").value;
  const answer = await fetch(path, {method, headers: {"X-CSRFToken": token, "Content-Type": "application/json"},
    body: body === null ? undefined : JSON.stringify(body)});
  return {status: answer.status, data: await answer.json()};
}"""


def roi(name: str, coordinates: Points, roi_type: str = "polygon", **more: Any) -> dict[str, Any]:
    """A region as the page sends it."""
    row = {"roi_id": None, "name": name, "roi_type": roi_type, "coordinates": coordinates}
    return row | {"color": 0, "enabled": True, "priority": 0, "binds": []} | more


def rule(code: str = "intrusion", **more: Any) -> dict[str, Any]:
    """A binding as the page sends it."""
    row: dict[str, Any] = {"bind_id": None, "algo_code": code, "params": {}, "severity": "warning", "schedule_id": None}
    return row | {"enabled": True, "priority": 0} | more


def field(form: Locator, label: str) -> Locator:
    """The control with this label, not the button beside it that names it too."""
    return form.get_by_label(label).first


def problem(form: Locator, name: str) -> Locator:
    """What is wrong with a setting, in words."""
    return form.locator(f"[id$='-{name}-problem']")


class EditorPage:
    """One open editor. Places are shares of the picture."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @classmethod
    def log_in(cls, visitor: Visitor, *rois: dict[str, Any]) -> EditorPage:
        """Opens the page with exactly these regions stored."""
        visitor.log_in(visitor.stack.access["user"], visitor.stack.access["password"], to=PATH)
        editor = cls(visitor.page)
        editor.ready()
        editor.store(*rois)
        return editor.reload()

    @classmethod
    def beside(cls, browser: Browser, visitor: Visitor, **context: Any) -> EditorPage:
        """The same person's second window, such as a phone; the caller closes its context."""
        cookies = visitor.context.storage_state()
        page = browser.new_context(base_url=visitor.stack.url, locale="en", storage_state=cookies, **context).new_page()
        page.goto(PATH)
        return cls(page).ready()

    def ready(self) -> EditorPage:
        self.page.wait_for_selector("#editor[data-ready]", timeout=60_000)
        return self

    def reload(self) -> EditorPage:
        self.page.goto(PATH)
        return self.ready()

    # The server

    def ask(self, method: str, path: str = f"{PATH}data", body: Any = None) -> dict[str, Any]:
        """status and data of a call that the page could make."""
        answer: dict[str, Any] = self.page.evaluate(ASK, [method, path, body])
        return answer

    def stored(self) -> dict[str, Any]:
        """name → region as the server has it."""
        return {row["name"]: row for row in self.ask("GET")["data"]["rois"]}

    def store(self, *rois: dict[str, Any]) -> None:
        """Replaces what is stored, as somebody else would."""
        revision = self.ask("GET")["data"]["revision"]
        answer = self.ask("PUT", body={"revision": revision, "rois": list(rois)})
        assert answer["status"] == 200, answer

    # The page

    def state(self, expression: str) -> Any:
        """A JavaScript expression over `editor`, the page's own."""
        return self.page.evaluate(f"import('{MODULE}').then(({{ editor }}) => {expression})")

    def points(self, name: str) -> Points | None:
        found: Points | None = self.state(
            f"editor.model.state.rois.find((r) => r.name === '{name}')?.coordinates ?? null"
        )
        return found

    def names(self) -> list[str]:
        return self.page.locator("#editor-list .ed-list-name").all_inner_texts()

    def selected(self) -> list[str]:
        return self.page.locator("#editor-list .ed-selected .ed-list-name").all_inner_texts()

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where on the screen a share of the picture lies."""
        corner = "document.getElementById('editor-stage').getBoundingClientRect()"
        left, top = self.state(f"(([x, y], r) => [r.left + x, r.top + y])(editor.stage.toScreen([{x}, {y}]), {corner})")
        return left, top

    def click(self, x: float, y: float, **options: Any) -> None:
        self.page.mouse.click(*self.place(x, y), **options)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.page.mouse.move(*self.place(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.place(*end), steps=6)
        self.page.mouse.up()

    def tool(self, name: str) -> None:
        self.page.click(f"#editor-tool-{name}")

    def snap(self, on: bool) -> None:
        if (self.page.get_attribute("#editor-snap", "aria-pressed") == "true") != on:
            self.page.click("#editor-snap")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def says(self, text: str) -> None:
        """Waits until the page has said this aloud."""
        expect(self.page.locator("#editor-says-1, #editor-says-2").filter(has_text=text)).to_have_count(1)

    def choose(self, name: str) -> Page:
        """Selects a region in the list."""
        self.page.locator("#editor-list .ed-choose", has_text=name).first.click()
        return self.page

    def add_rule(self, label: str) -> Locator:
        """Adds a binding to the selected region by its algorithm's card; its open form."""
        self.page.click("#editor-bind-add")
        self.page.locator("#editor-pick").get_by_role("button", name=label, exact=True).click()
        return self.page.locator(".ed-bind-form")

    def rule(self, name: str, number: int = 0) -> dict[str, Any]:
        """One of a region's bindings as stored."""
        found: dict[str, Any] = self.stored()[name]["binds"][number]
        return found

    def save(self) -> None:
        self.page.click("#editor-save")
        expect(self.page.locator("#editor-unsaved")).to_have_text("All saved", timeout=20_000)


def near(found: Points | None, wanted: Points, within: float = 0.004) -> bool:
    """Whether two outlines are the same to within a few pixels of the screen."""
    return found is not None and len(found) == len(wanted) and all(
        abs(a - b) <= within for p, q in zip(found, wanted, strict=True) for a, b in zip(p, q, strict=True)
    )  # fmt: skip
