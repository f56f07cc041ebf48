"""Checks of single values, shared by the config document and the forms. Pure."""

from __future__ import annotations

import functools
import re
import uuid
from urllib.parse import urlsplit
from zoneinfo import available_timezones

STREAMS = ("rtsp://", "rtsps://")
SOURCES = ("rtsp://", "rtsps://", "file:///", "webcam:")


def check_source(url: str) -> str:
    """The camera's URL when its form is one we can open. Raises ValueError without repeating it: it may hold a password."""
    if not url.startswith(SOURCES) or re.search(r"[\x00-\x20\\\x7f]", url):
        raise ValueError("must begin with rtsp://, rtsps://, file:/// or be webcam:N")
    if url.startswith("webcam:"):
        if not re.fullmatch(r"webcam:[0-9]{1,3}", url):
            raise ValueError("must name a webcam by its number, such as webcam:0")
        return url
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("has a host or port that cannot be; write / and @ in a password as %2F and %40") from None
    if parts.scheme == "file" and parts.path in ("", "/"):
        raise ValueError("names no file")
    if parts.scheme != "file" and (not host or port == 0):
        raise ValueError("names no host")
    return url


def check_stream(url: str) -> str:
    """The same for a stream over RTSP only. Raises ValueError."""
    if not url.startswith(STREAMS):
        raise ValueError("must begin with rtsp:// or rtsps://")
    return check_source(url)


def check_sub_stream(given: str) -> str:
    """A sub-stream as it is stored: a path on the camera's own address, or a whole URL. Raises ValueError."""
    if not given.startswith("/"):
        if not given.startswith(STREAMS):
            raise ValueError("must be a path that begins with / or begin with rtsp:// or rtsps://")
        return check_source(given)
    if given.startswith("//") or re.search(r"[\x00-\x20\\\x7f]", given):
        raise ValueError("is no path, such as /Streaming/Channels/102")
    return given


@functools.cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones() - {"localtime"})  # it is another one on every machine


def check_time_zone(name: str) -> str:
    """The name of a time zone of the IANA database. Raises ValueError."""
    if name not in _time_zones():
        raise ValueError("is not a time zone of the IANA database, such as Europe/Vienna")
    return name


def check_epoch(value: str) -> str:
    """A UUIDv7 in its usual text form, so that text order is time order. Raises ValueError."""
    if str(uuid.UUID(value)) != value or uuid.UUID(value).version != 7:
        raise ValueError("must be a UUIDv7 in lower case")
    return value
