"""A real installation (Redis, web server, run_hub) and a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.browser.fake_box import FakeBox
from tests.servers.redis import RedisServer
from tests.servers.stack import Stack, installation

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage"
)
REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium a module: while it is open, this thread has a running event loop, which database tests must not see."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS.split())
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def stack_redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, stack_redis: RedisServer) -> Iterator[Stack]:
    """Web server and hub with the demo's rows; the camera's box is played by `box`."""
    folder = tmp_path_factory.mktemp("installation")
    with installation(folder, stack_redis.url, "rtsp://127.0.0.1:9/none", "web", "hub") as running:
        yield running


@pytest.fixture
def box(stack: Stack) -> FakeBox:
    return FakeBox(stack.env["CLOUD_REDIS_URL"], stack.device_id, Path(stack.folder) / "media")


class Visitor:
    """A browser window of its own, and what its console complained about."""

    def __init__(
        self, browser: Browser, stack: Stack, *, width: int = 1440, height: int = 900, language: str = "en"
    ) -> None:
        self.stack = stack
        self.complaints: list[str] = []
        self.context: BrowserContext = browser.new_context(
            base_url=stack.url, locale=language, viewport={"width": width, "height": height}
        )
        self.page: Page = self.context.new_page()
        self.page.add_init_script(REPORT_VIOLATIONS)
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(f"{self.page.url}: {error}"))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{self.page.url}: {message.text} ({message.location.get('url', '')})")

    def log_in(self, user: str, password: str, *, to: str = "/live/") -> Page:
        """Opens a page, is sent to the login and comes back."""
        self.page.goto(to)
        self.page.fill("#id_username", user)
        self.page.fill("#id_password", password)
        self.page.click("input[type=submit]")
        self.page.wait_for_url(f"**{to}")
        return self.page


@pytest.fixture
def visitor(browser: Browser, stack: Stack) -> Iterator[Visitor]:
    one = Visitor(browser, stack)
    yield one
    one.context.close()
