"""How ffmpeg is called: no secret where others read it, and lines that say their level."""

from __future__ import annotations

import pytest

from recordings.core.ffmpeg import Tool, clip_listing, file_call, log_line, rtsp_call, secrets_of

TOOL = Tool("/usr/bin/ffmpeg")
URL = "rtsp://op:p%40ss-word@10.0.0.5:554/it's?token=abc"


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("scheme", ["rtsp", "rtsps"])
def test_a_cameras_url_goes_to_the_standard_input_only(scheme: str, transport: str) -> None:
    url = URL.replace("rtsp", scheme, 1)
    call = rtsp_call(TOOL, url, transport=transport, pattern="/v/%06d.part")
    words = " ".join(call.argv)
    for secret in ("10.0.0.5", "op:", "p%40ss", "p@ss", "abc", "token"):
        assert secret not in words
    assert f"file '{url.replace(chr(39), chr(39) + chr(92) + chr(39) * 2)}'" in call.stdin.decode()
    allowed = call.argv[call.argv.index("-protocol_whitelist") + 1].split(",")
    assert "file" not in allowed
    assert "http" not in allowed
    assert ("udp" in allowed) == (transport == "udp")
    assert len(call.stdin) < 4096  # one write into a pipe


def test_a_file_may_open_nothing_else() -> None:
    call = file_call(TOOL, "/v/a.mp4", position=3.25, pattern="/v/%06d.part")
    assert call.argv[call.argv.index("-protocol_whitelist") + 1] == "file"
    assert call.argv[call.argv.index("-ss") + 1] == "3.250"
    assert call.argv.index("-ss") < call.argv.index("-i")
    assert call.stdin == b""


@pytest.mark.parametrize(
    ("line", "level", "text"),
    [
        ("[rtsp @ 0x55d1] [error] method DESCRIBE failed: 401", "error", "rtsp: method DESCRIBE failed: 401"),
        ("[warning] Guessed", "warning", "Guessed"),
        ("[fatal] gone", "error", "gone"),
        ("[mp4 @ 0xab] [verbose] x", "debug", "mp4: x"),
        ("no level", "info", "no level"),
    ],
)
def test_a_line_says_its_level(line: str, level: str, text: str) -> None:
    assert log_line(line, ()) == (level, text)


@pytest.mark.parametrize(
    "said",
    [
        f"[concat @ 0x1] [error] Impossible to open '{URL}'",
        f"[error] {URL}: Invalid data",
        "[error] op:p%40ss-word@10.0.0.5",
        "[error] plain p@ss-word in the open",
        "[tcp @ 0x1] [error] Connection to tcp://op:p%40ss-word@10.0.0.5:554?timeout=5 failed",
    ],
)
def test_no_line_keeps_a_secret(said: str) -> None:
    _, text = log_line(said, secrets_of(URL))
    for secret in ("p%40ss-word", "p@ss-word", "token=abc"):
        assert secret not in text


def test_a_listing_quotes_its_files() -> None:
    listing = clip_listing([("/v/o'hara/1.mp4", 4.0, False), ("/v/2.mp4", 3.5, False)])
    assert listing.splitlines() == [
        "ffconcat version 1.0", r"file 'file:/v/o'\''hara/1.mp4'", "duration 4.000000", "file 'file:/v/2.mp4'",
        "duration 3.500000",
    ]  # fmt: skip
    later = clip_listing([("/v/1.mp4", 4.0, False), ("/v/2.mp4", 3.5, True)])
    assert later.splitlines()[1:5] == ["file 'file:/v/2.mp4'", "outpoint 0", "duration 0", "file 'file:/v/1.mp4'"]
    copied = clip_listing([("/v/1.mp4", 4.0, True)], copied=True)
    assert copied.splitlines()[1:] == ["file 'file:/v/1.mp4'", "option fpsprobesize 0", "duration 4.000000"]
