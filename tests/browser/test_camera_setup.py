"""Setting a camera up on its page: testing what is typed, a make's URL, and a clone."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from edgesite import redis_keys
from edgesite.commands import send_answer
from tests.browser.conftest import Visitor
from tests.browser.fake_box import FakeBox, picture
from tests.servers.stack import Stack, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

PAGE = "/admin/cameras/camera/vid1/change/"
SECRET = "typed pw/1"
FACTS = {
    "codec": "hevc", "profile": "Main", "width": 2560, "height": 1440, "fps": 24.96, "gop_s": 8.0, "audio": "",
    "connect_s": 0.31, "watched_s": 5.0,
}  # fmt: skip


def report(box: FakeBox, stack: Stack) -> None:
    """The box gives a sign of life, and the hub knows."""
    box.report({"vid1": "live"})
    with stack.api() as api:
        wait_until(lambda: api.get("cameras/vid1").json()["state"] == "live", seconds=20, what="live camera")


def asked(box: FakeBox, known: set[str]) -> str:
    """The request of the next test that reaches the box."""

    def newest() -> str:
        entries: Any = box.redis.xrevrange(redis_keys.commands(box.device_id), count=20)
        for _, fields in entries:
            request_id = fields[b"request_id"].decode()
            if fields[b"kind"] == b"probe" and request_id not in known:
                known.add(request_id)
                assert SECRET not in json.dumps({k.decode(): v.decode() for k, v in fields.items()})
                return str(request_id)
        return ""

    return wait_until(newest, seconds=10, what="command of the test")


def answer(box: FakeBox, request_id: str, **values: Any) -> None:
    body = {"request_id": request_id, "camera_id": "vid1", "status": "ok", "facts": FACTS, "message": ""}
    send_answer(box.redis, device_id=box.device_id, kind="probe", body=body | values)


def fact(page: Page, name: str) -> str:
    return page.locator(f"#connection-facts [data-fact={name}]").inner_text()


def test_test_build_save_and_clone(visitor: Visitor, stack: Stack, box: FakeBox) -> None:
    known: set[str] = set()
    report(box, stack)
    page = visitor.log_in(stack.access["user"], stack.access["password"], to=PAGE)
    page.fill("#id_rtsp_url", "rtsp://10.0.0.9/main")
    page.fill("#id_user", "chef")
    page.fill("#id_password", SECRET)
    page.click("#connection-test")
    expect(page.locator("#connection-state")).to_contain_text("The box opens the stream")
    expect(page.locator("#connection-progress")).to_be_visible()
    expect(page.locator("#connection-test")).to_be_disabled()
    answer(box, asked(box, known), picture=base64.b64encode(picture((80, 60, 40))).decode())
    expect(page.locator("#connection-state")).to_contain_text("The stream comes.", timeout=15_000)
    expect(page.get_by_alt_text("Picture from the tested stream")).to_be_visible()
    assert page.evaluate("document.getElementById('connection-picture').naturalWidth") > 0
    assert fact(page, "tested") == "rtsp://chef:***@10.0.0.9/main"
    assert (fact(page, "codec"), fact(page, "size")) == ("H.265 (Main)", "2560 × 1440")
    assert (fact(page, "rate"), fact(page, "gop"), fact(page, "audio")) == ("25.0 fps", "8.0 s", "none")
    expect(page.locator("#connection-notes")).to_contain_text("Key frames are far apart")
    expect(page.locator("#connection-notes")).to_contain_text("The stream is H.265")

    # From the keyboard, and the reason in place of the facts.
    report(box, stack)
    page.focus("#connection-test")
    page.keyboard.press("Enter")
    answer(box, asked(box, known), status="error", facts=None, message="Nothing comes from the camera: wrong password")
    expect(page.locator("#connection-reason")).to_contain_text("wrong password", timeout=15_000)
    expect(page.locator("#connection-state")).to_contain_text("No stream.")
    expect(page.locator("#connection-facts")).to_be_hidden()
    expect(page.locator("#connection-picture")).to_be_hidden()
    expect(page.locator("#connection-test")).to_be_focused()

    # What makes no URL is told at once, by the field's name. The browser's console notes the refused call.
    assert visitor.complaints == []
    page.click("summary:has-text('Build the stream URL')")
    page.select_option("#id_make", "hikvision")
    page.click("#connection-test")
    expect(page.locator("#connection-reason")).to_contain_text("Host: Give a host name")
    assert all("422" in complaint for complaint in visitor.complaints)
    visitor.complaints.clear()

    page.fill("#id_host", "10.0.0.20")
    page.fill("#id_channel", "3")
    page.click("input[name=_continue]")
    expect(page.locator(".messagelist .success")).to_be_visible()
    assert page.input_value("#id_rtsp_url") == "rtsp://chef:***@10.0.0.20:554/Streaming/Channels/301"
    assert (page.input_value("#id_user"), page.input_value("#id_password")) == ("", "")
    assert SECRET not in page.content()

    page.click("text=Clone camera…")
    page.fill("#id_camera_id", "line_24")
    page.fill("#id_name", "Line 24")
    page.click("button:has-text('Clone camera')")
    expect(page.locator("h1, #content h2").filter(has_text="Line 24").first).to_be_visible()
    assert page.input_value("#id_rtsp_url") == "rtsp://chef:***@10.0.0.20:554/Streaming/Channels/301"
    assert visitor.complaints == []
