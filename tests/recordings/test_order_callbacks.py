"""Answers to snapshot orders, posted to real receivers: taken, slow, refusing, not allowed."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from recordings.core.orders import UNKNOWN_CAMERA
from recordings.orders import worker
from tests.recordings.orders import CALLBACK, Desk
from tests.servers.http import HttpReceiver, Says

pytestmark = pytest.mark.django_db

PATH = "/base/api/ai/roi/snap/callback"


@pytest.fixture(autouse=True)
def real_calls(desk: Desk) -> None:
    desk.real_calls()


def base(receiver: HttpReceiver) -> str:
    return f"http://127.0.0.1:{receiver.port}/base/"


def test_an_answer_is_posted_to_an_allowed_receiver(desk: Desk, settings: Any) -> None:
    with HttpReceiver() as receiver:
        settings.SNAPSHOT_CALLBACK_HOSTS = [f"127.0.0.1:{receiver.port}"]
        desk.ask(callback_url=base(receiver))
        desk.step()
        desk.box_answers()
        desk.run()
        desk.ask(request_id="r2", camera_code="nope", callback_url=base(receiver))
        desk.run()
    good, bad = (json.loads(received.body) for received in receiver.received)
    assert {received.path for received in receiver.received} == {PATH}
    assert receiver.received[0].headers["content-type"] == "application/json"
    assert (good["request_id"], good["camera_code"], good["status"]) == ("r1", "vid1", "ok")
    assert good["url"].startswith("https://hub.example.org/")
    assert bad == {"request_id": "r2", "camera_code": "nope", "status": "error", "message": UNKNOWN_CAMERA}
    assert desk.cloud.strings == {}


@pytest.mark.parametrize(
    ("says", "allowed"),
    [
        (Says(500), True), (Says(404), True), (Says(302, {"Location": "http://127.0.0.1:1/"}), True),
        (Says(raw=b"nonsense\r\n\r\n"), True), (Says(204), False),
    ],
)  # fmt: skip
def test_what_a_receiver_does_not_take_is_kept_for_who_looks(
    desk: Desk, settings: Any, says: Says, allowed: bool
) -> None:
    with HttpReceiver(lambda received: says) as receiver:
        settings.SNAPSHOT_CALLBACK_HOSTS = [f"127.0.0.1:{receiver.port}"] if allowed else ["other.example.org"]
        desk.ask(camera_code="nope", callback_url=base(receiver))
        desk.run()
    assert desk.result()["message"] == UNKNOWN_CAMERA
    assert len(receiver.received) == (1 if allowed else 0)


@pytest.mark.parametrize(
    "url", ["nonsense", "ftp://x/", "http://u:p@127.0.0.1/", "http://127.0.0.1/?x=1", "http://[::1"]
)
def test_an_address_that_is_none_is_not_called(desk: Desk, settings: Any, url: str) -> None:
    settings.SNAPSHOT_CALLBACK_HOSTS = ["127.0.0.1", "x"]
    desk.ask(camera_code="nope", callback_url=url)
    desk.run()
    assert desk.result()["message"] == UNKNOWN_CAMERA


def test_a_slow_receiver_holds_up_no_other_and_gets_its_time_only(
    desk: Desk, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "time_to_tell", lambda age: 1.0)
    desk.orders.monotonic = time.monotonic
    over = threading.Event()
    with HttpReceiver(lambda received: Says(wait=over)) as slow, HttpReceiver() as quick:
        settings.SNAPSHOT_CALLBACK_HOSTS = ["127.0.0.1"]
        for number in range(30):
            desk.ask(request_id=f"s{number}", camera_code="nope", callback_url=base(slow))
        desk.ask(request_id="quick", camera_code="nope", callback_url=base(quick))
        began = time.monotonic()
        desk.run()
        took = time.monotonic() - began
        over.set()
    assert 0.9 < took < 3.0
    assert len(slow.received) == worker.CALLS_TO_ONE
    assert len(quick.received) == 1
    assert all(desk.result(f"s{number}")["message"] == UNKNOWN_CAMERA for number in range(30))
    assert desk.result("quick") is None


def test_a_call_that_fails_by_a_defect_is_no_delivery(desk: Desk) -> None:
    def broken(url: str, body: Any, seconds: float) -> str:
        raise RuntimeError("defect")

    desk.restart(call=broken)
    desk.ask(camera_code="nope", callback_url=CALLBACK)
    desk.run()
    assert desk.result()["message"] == UNKNOWN_CAMERA
