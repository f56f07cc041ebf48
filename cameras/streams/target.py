"""What a camera's URL names. Anything but these four kinds is refused before FFmpeg sees it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit

from cameras.streams.errors import IngestError
from edgesite.core.urls import mask_url

RTSP_PORTS = {"rtsp": 554, "rtsps": 322}
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
_WEBCAM = re.compile(r"webcam:(\d{1,2})")


@dataclass(frozen=True, slots=True)
class Target:
    """A parsed `rtsp_url`.

    kind: what opens it. location: the URL itself for ``rtsp`` (with its credentials, hence not in `repr`), a device or
    an absolute path otherwise. host, port, tls: of ``rtsp`` only.
    """

    kind: Literal["rtsp", "webcam", "file"]
    location: str = field(repr=False)
    host: str = ""
    port: int = 0
    tls: bool = False


def parse_target(url: str) -> Target:
    """`rtsp://…`, `rtsps://…`, `webcam:0` or `file:///…`; anything else raises IngestError (not retryable)."""
    if _UNSAFE.search(url):
        raise _refused("the URL holds a space, a backslash or a control character")
    if webcam := _WEBCAM.fullmatch(url):
        return Target("webcam", f"/dev/video{int(webcam[1])}")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _refused(f"not a URL: {mask_url(url)}") from None
    if parts.scheme in RTSP_PORTS and url.startswith(f"{parts.scheme}://"):
        return _rtsp(url, parts, port)
    if parts.scheme == "file" and url.startswith("file://"):
        return _file(parts)
    raise _refused(f"only rtsp://, rtsps://, webcam:N and file:/// are opened, not {mask_url(url)}")


def _rtsp(url: str, parts: SplitResult, port: int | None) -> Target:
    if not parts.hostname:
        raise _refused("the URL names no host")
    return Target("rtsp", url, host=parts.hostname, port=port or RTSP_PORTS[parts.scheme], tls=parts.scheme == "rtsps")


def _file(parts: SplitResult) -> Target:
    path = unquote(parts.path)
    if parts.netloc not in ("", "localhost") or not path.startswith("/") or "\x00" in path:
        raise _refused("a file needs its whole path: file:///folder/name.mp4")
    if parts.query or parts.fragment:
        raise _refused("in the name of a file, write ? as %3F and # as %23")
    return Target("file", path)


def _refused(reason: str) -> IngestError:
    return IngestError(reason, retryable=False)
