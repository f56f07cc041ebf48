"""Webhooks against real HTTP servers: what is delivered, tried again, refused and given up."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from detection.notifying.models import Channel, Delivery
from detection.notifying.transports import webhook
from edgesite import guarded_http
from tests.detection.alerts import make_alert
from tests.detection.notifications import NOW, SECRET, Hub, make_channel, make_rule
from tests.rows import make_all
from tests.servers.http import HttpReceiver, Received, Says
from tests.servers.process import end_process, free_port, wait_for_port

pytestmark = pytest.mark.django_db

PAGE = Path(__file__).resolve().parents[2] / "docs" / "notifications.md"
Try = Callable[..., Delivery]


@pytest.fixture
def tried(settings: Any) -> Try:
    """Sends one alert to a URL for real; the delivery as it then is."""
    settings.NOTIFY_HOSTS = ["127.0.0.1"]
    make_all()

    def once(url: str) -> Delivery:
        make_rule(make_channel(url=url))
        hub = Hub()
        hub.notifier.send = webhook.send_webhook
        make_alert("e1")
        hub.turn()
        return Delivery.objects.get()

    return once


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """The receiver of docs/notifications.md as it stands there: its port, and the file that it prints to."""
    (code,) = re.findall(
        r"^```python\n(import hashlib.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    assert len([line for line in code.splitlines() if line]) <= 11
    file, said, port = tmp_path / "receiver.py", tmp_path / "said", free_port()
    file.write_text(code, encoding="utf-8")
    with said.open("wb") as out:
        process = subprocess.Popen([sys.executable, str(file), str(port)], stdout=out, stderr=subprocess.PIPE,
                                   env={"EDGESITE_SECRET": SECRET})  # fmt: skip
        try:
            wait_for_port(port, process)
            yield port, said
        finally:
            end_process(process)


def test_the_documented_receiver_accepts_what_is_sent(tried: Try, receiver: tuple[int, Path]) -> None:
    port, said = receiver
    delivery = tried(f"http://127.0.0.1:{port}/hook")
    assert (delivery.state, delivery.status, delivery.problem) == ("delivered", 204, "")
    key, _, text = said.read_text(encoding="utf-8").partition(" ")
    body = json.loads(text)
    assert key == delivery.key == body["key"] == f"e1.{delivery.rule_id}"
    (alert,) = body["alerts"]
    assert (alert["event_id"], alert["camera_name"], alert["site"]) == ("e1", "Line 1", "Kitchen")
    assert (body["format"], body["type"], body["count"], body["rule"]) == (1, "alert", 1, "Everything")


def test_the_documented_receiver_refuses_another_secret_an_old_time_and_another_body(
    tried: Try, receiver: tuple[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, said = receiver
    url = f"http://127.0.0.1:{port}/hook"
    delivery = tried(url)
    Channel.objects.all().delete()
    make_rule(make_channel(url=url, secret="another-secret-than-that"))
    hub = Hub()
    hub.notifier.send = webhook.send_webhook
    make_alert("e2")
    hub.turn()
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - 400)
    Channel.objects.update(secret=SECRET)
    make_alert("e3")
    hub.turn()
    monkeypatch.undo()
    real = guarded_http.request

    def tamper(*args: Any, body: bytes, **options: Any) -> Any:
        return real(*args, body=body.replace(b"warning", b"nothing"), **options)

    monkeypatch.setattr(guarded_http, "request", tamper)
    make_alert("e4")
    hub.turn()
    assert [line.split()[-1] == "REFUSED" for line in said.read_text().splitlines()] == [False, True, True, True]
    assert {d.state for d in Delivery.objects.exclude(pk=delivery.pk)} == {"dead"}
    assert {d.status for d in Delivery.objects.exclude(pk=delivery.pk)} == {401}


@pytest.mark.parametrize(
    ("status", "state", "problem"),
    [
        (200, "delivered", ""),
        (204, "delivered", ""),
        (301, "dead", "The receiver redirects, which is not followed; give the new address: 301"),
        (400, "dead", "The receiver refused the message: 400"),
        (404, "dead", "The receiver refused the message: 404"),
        (408, "waiting", "The receiver failed: 408"),
        (410, "dead", "The receiver answered that it is gone for good (410)"),
        (429, "waiting", "The receiver failed: 429"),
        (500, "waiting", "The receiver failed: 500"),
        (503, "waiting", "The receiver failed: 503"),
    ],
)
def test_what_each_answer_means(tried: Try, status: int, state: str, problem: str) -> None:
    with HttpReceiver(lambda received: Says(status, {}, b"some words of theirs")) as server:
        delivery = tried(server.url)
        assert len(server.received) == 1
    assert (delivery.state, delivery.status, delivery.problem) == (state, status, problem)
    assert Channel.objects.get().enabled is (status != 410)


def test_a_slow_receiver_costs_the_deadline_and_is_tried_again(tried: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "SECONDS", 0.4)
    over = threading.Event()
    with HttpReceiver(lambda received: Says(wait=over)) as server:
        began = time.monotonic()
        delivery = tried(server.url)
        took = time.monotonic() - began
        over.set()
    assert (delivery.state, delivery.problem) == ("waiting", "The server did not answer in time: 0.4 s")
    assert took < 3


@pytest.mark.parametrize("where", ["http://127.0.0.1:{port}/inside", "http://169.254.169.254/latest/meta-data/"])
def test_a_redirect_inwards_is_given_up_and_reaches_nobody(tried: Try, where: str) -> None:
    with HttpReceiver() as inside:
        target = where.format(port=inside.port)
        with HttpReceiver(lambda received: Says(307, {"Location": target})) as server:
            delivery = tried(server.url)
    assert (delivery.state, inside.received) == ("dead", [])


@pytest.mark.parametrize(
    "url",
    ["http://169.254.169.254/latest/meta-data/", "http://localhost:{port}/", "http://[::1]:{port}/", "http://0.0.0.0:{port}/",
     "http://[::ffff:127.0.0.1]:{port}/", "http://2130706433:{port}/", "http://0x7f.1:{port}/", "http://127.1:{port}/",
     "http://10.0.0.1/"],
)  # fmt: skip
def test_addresses_that_are_not_listed_get_nothing(tried: Try, settings: Any, url: str) -> None:
    with HttpReceiver() as server:
        settings.NOTIFY_HOSTS = ["hooks.example"]
        delivery = tried(url.format(port=server.port))
        assert server.received == []
    assert delivery.state == "dead"
    assert delivery.problem.split(":")[0] in ("The address is not on the operator's list", "The address cannot be used")


def test_a_name_that_rebinds_to_the_hub_is_refused_when_it_does(
    tried: Try, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the first try the name is what it should be and the receiver is busy; at the second it points inwards."""
    with HttpReceiver(lambda received: Says(503)) as server:
        settings.NOTIFY_HOSTS = ["hooks.example", "127.0.0.2"]
        addresses = iter(["127.0.0.2", "127.0.0.1"])
        asked: list[str] = []

        def resolve(host: str, port: int) -> list[str]:
            asked.append(host)
            return [next(addresses)]

        real = guarded_http.request
        monkeypatch.setattr(guarded_http, "request", lambda *a, **o: real(*a, **o, resolve=resolve))
        delivery = tried(f"http://hooks.example:{server.port}/")
        assert (delivery.state, asked) == ("waiting", ["hooks.example"])  # nobody listens at 127.0.0.2
        hub = Hub()
        hub.notifier.send = webhook.send_webhook
        hub.turn(after_s=100)
        delivery.refresh_from_db()
        assert (delivery.state, len(asked)) == ("dead", 2)
        assert delivery.problem == "The address is not on the operator's list: hooks.example → 127.0.0.1"
        assert server.received == []


def test_retry_after_is_taken_from_the_answer(tried: Try) -> None:
    with HttpReceiver(lambda received: Says(503, {"Retry-After": "1000"})) as server:
        delivery = tried(server.url)
    assert delivery.due_at == NOW + timedelta(seconds=1000)


def test_neither_secret_nor_address_is_logged_or_kept(tried: Try, caplog: pytest.LogCaptureFixture) -> None:
    import structlog

    def answer(received: Received) -> Says:
        return Says(400, {}, received.headers["edgesite-signature"].encode())

    with HttpReceiver(answer) as server, structlog.testing.capture_logs() as lines:
        delivery = tried(f"http://127.0.0.1:{server.port}/T0KEN")
    kept = repr(lines) + repr({f.attname: getattr(delivery, f.attname) for f in Delivery._meta.concrete_fields})
    kept += repr(Channel.objects.values("problem", "disabled_reason").get())
    for secret in (SECRET, "T0KEN", server.received[0].headers["edgesite-signature"]):
        assert secret not in kept
