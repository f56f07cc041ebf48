import threading
from pathlib import Path

import pytest

from cameras.streams.errors import IngestError
from cameras.streams.target import parse_target
from detection.ingest.source import open_source
from tests.servers.clips import make_audio, make_clip


def refusal(url: str) -> IngestError:
    with pytest.raises(IngestError) as caught:
        open_source(url, stop=threading.Event(), on_damage=lambda: None)
    return caught.value


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("rtsp://op:pw@cam/1", ("rtsp", "rtsp://op:pw@cam/1", "cam", 554, False)),
        ("rtsps://cam:8555/1", ("rtsp", "rtsps://cam:8555/1", "cam", 8555, True)),
        ("rtsps://[::1]/1", ("rtsp", "rtsps://[::1]/1", "::1", 322, True)),
        ("webcam:0", ("webcam", "/dev/video0", "", 0, False)),
        ("file:///videos/a%20b%3F.mp4", ("file", "/videos/a b?.mp4", "", 0, False)),
    ],
)
def test_what_a_url_names(url: str, expected: tuple[object, ...]) -> None:
    target = parse_target(url)
    assert (target.kind, target.location, target.host, target.port, target.tls) == expected
    assert "pw" not in repr(target)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "concat:/etc/hostname",
        "concat:/videos/a.mp4|/videos/b.mp4",
        "http://cam/1",
        "https://cam/1",
        "tcp://cam:80",
        "rtmp://cam/1",
        "subfile,,start,0,end,9,,:/etc/passwd",
        "/videos/a.mp4",
        "file:videos/a.mp4",
        "file://server/videos/a.mp4",
        "file:///videos/a.mp4?x=1",
        "file:///videos/%00.mp4",
        "webcam:",
        "webcam:0/../../etc",
        "webcam:video0",
        "RTSP//cam",
        "rtsp:cam/1",
        "rtsp:///1",
        "rtsp://cam:99999/1",
        "rtsp://[::1/1",
        "rtsp://cam/1\r\nX-Header: 1",
        "rtsp://cam\\@other/1",
        "rtsp://cam /1",
    ],
)
def test_everything_else_is_refused_for_good(url: str) -> None:
    error = refusal(url)
    assert error.reason
    assert not error.retryable


def test_a_refusal_never_shows_the_password() -> None:
    assert "hunter2" not in refusal("http://op:hunter2@cam/1?token=hunter2").reason
    assert "http://op:***@cam/1" in refusal("http://op:hunter2@cam/1").reason


def test_a_missing_file_may_still_come(tmp_path: Path) -> None:
    error = refusal(f"file://{tmp_path}/none.mp4")
    assert (error.reason, error.retryable) == (f"no such file: {tmp_path}/none.mp4", True)


def test_a_device_is_no_file() -> None:
    assert refusal("file:///dev/zero").reason == "no such file: /dev/zero"


def test_a_webcam_that_is_not_there_may_still_come() -> None:
    error = refusal("webcam:98")
    assert (error.reason, error.retryable) == ("no such file or device", True)


@pytest.mark.parametrize(
    "content",
    [
        b"just words, and not a few of them " * 100,
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile '{clip}'\n",
        b"",
    ],
)
def test_a_file_that_is_no_video_opens_nothing_else(tmp_path: Path, content: bytes) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    path = tmp_path / "fake.mp4"
    path.write_bytes(content.replace(b"{clip}", str(clip).encode()))
    error = refusal(f"file://{path}")
    assert (error.reason, error.retryable) == ("the file is not a video that can be played", False)


def test_a_file_with_sound_only_has_no_video(tmp_path: Path) -> None:
    assert refusal(f"file://{make_audio(tmp_path / 'sound.mp4')}").reason == "no video stream"
