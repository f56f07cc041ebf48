import re
import socket
import threading
import time
from urllib.parse import urlsplit

import pytest

from cameras.streams.errors import IngestError
from cameras.streams.rtsp_check import authorization, checked_rtsp
from cameras.streams.target import parse_target
from tests.servers.fake_rtsp import SDP, FakeCamera, rtsp_answer
from tests.servers.process import free_port


def check(url: str, stop: threading.Event | None = None) -> None:
    with checked_rtsp(parse_target(url), stop=stop or threading.Event()):
        pass


def refusal(url: str) -> IngestError:
    with pytest.raises(IngestError) as caught:
        check(url)
    return caught.value


def test_a_camera_with_video_passes_and_is_asked_once() -> None:
    with FakeCamera(rtsp_answer("200 OK", body=SDP)) as camera:
        check(camera.url("live?channel=1"))
        assert len(camera.questions) == 1
        assert camera.questions[0].startswith(f"DESCRIBE rtsp://127.0.0.1:{camera.port}/live?channel=1 RTSP/1.0\r\n")


@pytest.mark.parametrize(
    ("answer", "reason", "retryable"),
    [
        (rtsp_answer("301 Moved", "Location: rtsp://10.0.0.1/x"), "the camera points to another address", False),
        (rtsp_answer("302 Found", "Location: rtsp://10.0.0.1/x"), "the camera points to another address", False),
        (rtsp_answer("401 Unauthorized"), "the camera asks for a password (401)", False),
        (rtsp_answer("403 Forbidden"), "the camera forbids this stream (403)", False),
        (rtsp_answer("404 Not Found"), "the camera has no stream at this path (404)", True),
        (rtsp_answer("200 OK", body="v=0\r\nm=audio 0 RTP/AVP 0\r\n"), "no video stream", True),
        ("HTTP/1.1 200 OK\r\n\r\n", "what answers there does not speak RTSP", True),
        ("x" * 300_000, "what answers there does not speak RTSP", True),
    ],
)
def test_a_clear_refusal_is_told_in_words(answer: str, reason: str, retryable: bool) -> None:
    with FakeCamera(answer) as camera:
        error = refusal(camera.url())
    assert error.reason.startswith(reason)
    assert error.retryable is retryable


@pytest.mark.parametrize("status", ["200 OK", "454 Session Not Found", "500 Internal", "503 Service Unavailable"])
def test_an_odd_answer_is_left_to_ffmpeg(status: str) -> None:
    with FakeCamera(rtsp_answer(status)) as camera:
        check(camera.url())


def test_a_password_is_sent_only_when_asked_and_never_in_the_url() -> None:
    challenge = 'WWW-Authenticate: Digest realm="r", nonce="n"'
    with FakeCamera(
        rtsp_answer("401 Unauthorized", challenge, body="x" * 10), rtsp_answer("200 OK", body=SDP)
    ) as camera:
        check(camera.url(login="op:hunter%402@"))
        first, second = camera.questions
    assert "Authorization" not in first
    assert "hunter" not in first + second
    assert re.search(r'Authorization: Digest username="op", .* response="[0-9a-f]{32}"', second)


def test_a_wrong_password_is_told_apart_from_a_missing_one() -> None:
    with FakeCamera(*[rtsp_answer("401 Unauthorized", 'WWW-Authenticate: Basic realm="r"')] * 2) as camera:
        error = refusal(camera.url(login="op:hunter2@"))
    assert (error.reason, error.retryable) == ("wrong user name or password (401)", False)


def test_digest_follows_rfc_2617_without_qop() -> None:
    made = authorization(
        'Basic realm="x"\nDigest realm="R", nonce="N", stale="FALSE"', urlsplit("rtsp://op:pw@cam/1"), "rtsp://cam/1"
    )
    # MD5("MD5(op:R:pw):N:MD5(DESCRIBE:rtsp://cam/1)"), by md5sum
    expected = "f06904b19b11a5000934f82bc4f0b543"
    assert made == f'Digest username="op", realm="R", nonce="N", uri="rtsp://cam/1", response="{expected}"'


def test_basic_is_used_where_nothing_better_is_offered() -> None:
    assert authorization('Basic realm="r"', urlsplit("rtsp://op:p%40ss@cam/1"), "rtsp://cam/1") == "Basic b3A6cEBzcw=="


def test_nobody_there_is_told_apart_from_an_unknown_name() -> None:
    port = free_port()
    assert refusal(f"rtsp://127.0.0.1:{port}/1").reason == f"connection refused by 127.0.0.1:{port}"
    assert refusal("rtsp://no-such-camera.invalid/1").reason == "name not found: no-such-camera.invalid"


def test_a_camera_that_breaks_off_is_said_to() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            listener.accept()[0].close()

        threading.Thread(target=hang_up, daemon=True).start()
        assert refusal(f"rtsp://127.0.0.1:{listener.getsockname()[1]}/1").reason == "127.0.0.1 broke off the connection"


def test_stopping_ends_the_wait_for_a_silent_camera() -> None:
    stop = threading.Event()
    with FakeCamera() as camera:
        threading.Timer(0.2, stop.set).start()
        began = time.monotonic()
        with pytest.raises(IngestError, match="stopped"):
            check(camera.url(), stop)
        assert time.monotonic() - began < 1.0


def test_a_silent_camera_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cameras.streams.rtsp_check.ANSWER_S", 0.3)
    with FakeCamera() as camera:
        error = refusal(camera.url())
    assert (error.reason, error.retryable) == ("timed out: 127.0.0.1 accepts connections and answers nothing", True)
