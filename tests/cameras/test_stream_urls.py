"""Stream URLs from parts: makes, logins, and what is never sent along to another host."""

from __future__ import annotations

import pytest

from cameras.core.stream_urls import MAKES, Address, StreamUrlError, checked_host, compose, with_login
from cameras.core.values import check_source

STORED = "rtsp://admin:p%2Fw@10.0.0.5:554/stream1"
SHOWN = "rtsp://admin:***@10.0.0.5:554/stream1"


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (Address("hikvision", "10.0.0.5"), "rtsp://10.0.0.5:554/Streaming/Channels/101"),
        (Address("hikvision", "10.0.0.5", 8554, 12, "sub"), "rtsp://10.0.0.5:8554/Streaming/Channels/1202"),
        (Address("dahua", "nvr.lan"), "rtsp://nvr.lan:554/cam/realmonitor?channel=1&subtype=0"),
        (Address("dahua", "nvr.lan", 554, 3, "sub"), "rtsp://nvr.lan:554/cam/realmonitor?channel=3&subtype=1"),
        (Address("axis", "cam-7"), "rtsp://cam-7:554/axis-media/media.amp?camera=1"),
        (
            Address("axis", "cam-7", 554, 2, "sub"),
            "rtsp://cam-7:554/axis-media/media.amp?camera=2&resolution=640x360",
        ),
        (Address("reolink", "fd00::5"), "rtsp://[fd00::5]:554/Preview_01_main"),
        (Address("reolink", "[FD00::5]", 554, 10, "sub"), "rtsp://[fd00::5]:554/Preview_10_sub"),
        (Address("generic", " 10.0.0.5 "), "rtsp://10.0.0.5:554/ch1/main"),
        (Address("generic", "10.0.0.5", 554, 4, "sub"), "rtsp://10.0.0.5:554/ch4/sub"),
    ],
)
def test_a_makes_url(address: Address, url: str) -> None:
    assert address.url() == url
    assert check_source(url) == url


def test_every_make_is_tried_above() -> None:
    assert set(MAKES) == {"hikvision", "dahua", "axis", "reolink", "generic"}


@pytest.mark.parametrize(
    "host",
    ["", "rtsp://10.0.0.5", "10.0.0.5/x", "10.0.0.5:554", "a b", "user@host", "-host", "fd00::zz", "a\nb", "a?b"],
)
def test_a_host_that_cannot_be(host: str) -> None:
    with pytest.raises(StreamUrlError, match="host name or an IP address") as caught:
        checked_host(host)
    assert caught.value.field == "host"


@pytest.mark.parametrize(
    ("url", "user", "password", "result"),
    [
        ("rtsp://10.0.0.5/1", "op", "a/b@c:d %", "rtsp://op:a%2Fb%40c%3Ad%20%25@10.0.0.5/1"),
        ("rtsp://old:secret@10.0.0.5:554/1?a=b@c", "op", "new", "rtsp://op:new@10.0.0.5:554/1?a=b@c"),
        ("rtsp://old:secret@10.0.0.5/1", "", "new", "rtsp://old:new@10.0.0.5/1"),
        ("rtsp://old:secret@10.0.0.5/1", "op", "", "rtsp://op:secret@10.0.0.5/1"),
        ("rtsps://10.0.0.5/1", "op", "", "rtsps://op@10.0.0.5/1"),
        ("rtsp://[fd00::5]:554/1", "op", "pw", "rtsp://op:pw@[fd00::5]:554/1"),
        ("webcam:0", "", "", "webcam:0"),
    ],
)
def test_a_login_goes_into_the_url(url: str, user: str, password: str, result: str) -> None:
    assert with_login(url, user, password) == result
    assert check_source(result) == result


@pytest.mark.parametrize(
    ("url", "user", "password", "field"),
    [
        ("webcam:0", "op", "pw", "user"),
        ("file:///a.mp4", "", "pw", "password"),
        ("rtsp://10.0.0.5/1", "", "pw", "user"),
    ],
)
def test_a_login_that_has_no_place(url: str, user: str, password: str, field: str) -> None:
    with pytest.raises(StreamUrlError) as caught:
        with_login(url, user, password)
    assert caught.value.field == field


def test_the_masked_url_stands_for_the_stored_one() -> None:
    assert compose(SHOWN, stored=STORED) == STORED
    assert compose(f" {SHOWN} ", stored=STORED, user="op") == STORED.replace("admin", "op")
    assert compose(SHOWN, stored=STORED, password="new") == "rtsp://admin:new@10.0.0.5:554/stream1"


@pytest.mark.parametrize(
    "given", ["rtsp://admin:***@evil.example/1", "rtsp://admin:***@10.0.0.5:554/stream2", "rtsp://root:***@10.0.0.5/"]
)
def test_the_stored_password_goes_nowhere_else(given: str) -> None:
    for user in ("", "root"):
        with pytest.raises(StreamUrlError, match="Type it again") as caught:
            compose(given, stored=STORED, user=user)
        assert caught.value.field == "rtsp_url"
    typed = compose(given, stored=STORED, user="op", password="typed")
    assert typed.startswith("rtsp://op:typed@")
    assert "p%2Fw" not in typed


def test_a_secret_elsewhere_in_the_url_must_be_typed_again_too() -> None:
    stored = "rtsp://10.0.0.5/live?token=abc"
    with pytest.raises(StreamUrlError):
        compose("rtsp://10.0.0.6/live?token=***", stored=stored, user="op", password="pw")
    kept = compose("rtsp://10.0.0.5/live?token=***", stored=stored, user="op", password="pw")
    assert kept == "rtsp://op:pw@10.0.0.5/live?token=abc"


def test_a_built_url_does_not_take_the_stored_password() -> None:
    address = Address("reolink", "evil.example")
    with pytest.raises(StreamUrlError) as caught:
        compose(SHOWN, stored=STORED, address=address)
    assert caught.value.field == "password"
    built = compose(SHOWN, stored=STORED, address=address, user="op", password="pw")
    assert built == "rtsp://op:pw@evil.example:554/Preview_01_main"
    assert compose("", stored="rtsp://10.0.0.5/1", address=address) == "rtsp://evil.example:554/Preview_01_main"
