"""From a drawn region to a rule that the box confirms, or refuses, without leaving the editor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Visitor
from tests.browser.editor_page import PATH, EditorPage, field
from tests.browser.fit import expect_to_fit
from tests.browser.test_configuration import DRAFTS
from tests.servers.redis import RedisServer
from tests.servers.stack import Stack, installation

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

VIEWER = """
from django.contrib.auth.models import Group, User
user = User.objects.create_user("looker", password="looks-only-7", is_staff=True)
user.groups.add(Group.objects.get(name="viewer"))
"""


@pytest.fixture(scope="module")
def running(stack_redis: RedisServer, street_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("publishing")
    with installation(folder, stack_redis.url, street_clip.as_uri(), "web", "hub", "old_box") as stack:
        stack.manage("shell", "-v0", "-c", DRAFTS)
        stack.manage("shell", "-v0", "-c", VIEWER)
        yield stack


def test_draw_bind_save_publish_and_hear_what_the_box_says(running: Stack, browser: Browser) -> None:
    visitor = Visitor(browser, running)
    page = visitor.log_in(running.access["user"], running.access["password"], to=PATH)
    editor = EditorPage(page).ready()
    box, state, publish = (page.locator(f"#editor-publish{part}") for part in ("", "-state", "-open"))
    expect(state).to_have_text("version 1 is confirmed by the box", timeout=60_000)
    expect(publish).to_be_hidden()
    editor.snap(on=False)
    editor.tool("rectangle")
    editor.drag((0.1, 0.1), (0.4, 0.5))
    page.fill("#editor-name", "Gate")
    page.press("#editor-name", "Enter")
    expect(publish).to_have_text("Save and publish…")
    editor.add_rule("Intrusion")
    editor.save()
    expect(page.locator("#editor-pending")).to_be_visible()
    expect(publish).to_have_text("Publish…")
    publish.click()
    changes = page.locator("#editor-publish-changes li")
    expect(changes).to_have_count(2)
    expect(changes.first).to_contain_text("ROI Gate added")
    page.keyboard.press("Escape")
    expect(page.locator("#editor-publish-dialog")).to_be_hidden()
    publish.click()
    page.fill("#editor-publish-reason", "a gate")
    page.keyboard.press("Enter")
    expect(state).to_contain_text("version 2")
    expect(box).to_have_attribute("data-word", "confirmed", timeout=60_000)
    expect(state).to_have_text("version 2 is confirmed by the box")
    expect(publish).to_be_hidden()
    expect(page.locator("#editor-pending")).to_be_hidden()

    editor.reload().choose("Gate")
    page.locator("#editor-binds .ed-choose").first.click()
    form = page.locator(".ed-bind-form")
    field(form, "Dwell").fill("600")  # the box is of a release that allows a minute
    publish.click()
    expect(changes.first).to_contain_text("dwell_s")
    page.click("#editor-publish-go")
    expect(box).to_have_attribute("data-word", "refused", timeout=30_000)
    expect(state).to_contain_text("version 3: refused")
    expect(state).to_contain_text("must be 60 or less")
    assert page.url.endswith(PATH)
    assert visitor.complaints == []
    visitor.context.close()


def test_who_may_not_publish_is_told_why(running: Stack, browser: Browser) -> None:
    running.manage("shell", "-v0", "-c", "from cameras.models import ROI; ROI.objects.update(name='Renamed')")
    visitor = Visitor(browser, running, width=390, height=844)
    page = visitor.log_in("looker", "looks-only-7", to=PATH)
    EditorPage(page).ready()
    publish = page.locator("#editor-publish-open")
    expect(publish).to_be_disabled()
    expect(page.locator("#editor-publish-why")).to_have_text("Your role may look at the configuration, not publish it.")
    expect(publish).to_have_attribute("aria-describedby", "editor-publish-why")
    expect_to_fit(page)
    assert visitor.complaints == []
    visitor.context.close()
