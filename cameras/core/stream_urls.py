"""Stream URLs put together from parts: a camera's make and address, and a login that stands in fields of its own. Pure.

Paths as the makers document them; firmware differs, so every one of them is to be tested. No message repeats a part.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from edgesite.core.urls import MASK, mask_url

DEFAULT_PORT = 554  # of RTSP (RFC 7826, section 4.2)
MOST_CHANNELS = 256
MAIN, SUB = "main", "sub"

# A stored password that went along with another URL would be shown to another host.
HIDDEN = "The password is hidden here. Type it again when you change the URL."
NO_LOGIN = "Only rtsp:// and rtsps:// URLs take a user and a password."
NO_MAIN = "Only a camera with an rtsp:// or rtsps:// URL has a sub-stream."
NOBODY = "A password needs a user."
BAD_HOST = "Give a host name or an IP address, without rtsp:// and without a path."

_AUTHORITY = re.compile(r"(?P<scheme>rtsps?)://(?P<authority>[^/?#]*)(?P<rest>.*)", re.DOTALL)
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")


class StreamUrlError(ValueError):
    """No URL can be made of that. field: `host`, `user`, `password`, `rtsp_url` or `sub_url`; the message is in English."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field, self.message = field, message


@dataclass(frozen=True, slots=True)
class Make:
    """label: a name, or English to be translated. path: of a channel (from 1) and `main` or `sub`, with its slash."""

    code: str
    label: str
    path: Callable[[int, str], str]


MAKES = {
    make.code: make
    for make in (
        Make("hikvision", "Hikvision", lambda n, stream: f"/Streaming/Channels/{n}0{1 if stream == MAIN else 2}"),
        Make("dahua", "Dahua", lambda n, stream: f"/cam/realmonitor?channel={n}&subtype={0 if stream == MAIN else 1}"),
        Make(
            "axis",
            "Axis",
            lambda n, stream: f"/axis-media/media.amp?camera={n}{'' if stream == MAIN else '&resolution=640x360'}",
        ),
        Make("reolink", "Reolink", lambda n, stream: f"/Preview_{n:02d}_{stream}"),
        Make("generic", "Another make", lambda n, stream: f"/ch{n}/{stream}"),
    )
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a camera of a known make gives its stream. make: a code of MAKES."""

    make: str
    host: str
    port: int = DEFAULT_PORT
    channel: int = 1
    stream: str = MAIN

    def url(self) -> str:
        """Without a login. Raises StreamUrlError, KeyError for an unknown make."""
        return f"rtsp://{checked_host(self.host)}:{self.port}{MAKES[self.make].path(self.channel, self.stream)}"


def checked_host(host: str) -> str:
    """A host as it stands in a URL, an IPv6 address in brackets. Raises StreamUrlError."""
    plain = host.strip().removeprefix("[").removesuffix("]")
    if ":" in plain:
        try:
            return f"[{ipaddress.IPv6Address(plain)}]"
        except ValueError:
            raise StreamUrlError("host", BAD_HOST) from None
    if not _HOST.fullmatch(plain):
        raise StreamUrlError("host", BAD_HOST)
    return plain


def compose(given: str, *, stored: str = "", user: str = "", password: str = "", address: Address | None = None) -> str:
    """The URL that is meant.

    given: the typed one; the stored one's masked form stands for the stored one. user, password: put into it, escaped,
    in place of its own; "" leaves those. address: builds the URL instead of `given`. Raises StreamUrlError.
    """
    if address is not None:
        if has_password(stored) and not (user or password):
            raise StreamUrlError("password", HIDDEN)
        return with_login(address.url(), user, password)
    given = given.strip()
    if stored and given == mask_url(stored):
        return with_login(stored, user, password)
    url = with_login(given, user, password)
    if MASK in url:
        raise StreamUrlError("rtsp_url", HIDDEN)
    return url


def with_login(url: str, user: str, password: str) -> str:
    """The URL with that user and password; what is empty stays as it is in the URL. Raises StreamUrlError."""
    if not (user or password):
        return url
    match = _AUTHORITY.fullmatch(url)
    if match is None:
        raise StreamUrlError("user" if user else "password", NO_LOGIN)
    login, _, place = match["authority"].rpartition("@")
    old_user, _, old_password = login.partition(":")
    name = quote(user, safe="") if user else old_user
    if not name:
        raise StreamUrlError("user", NOBODY)
    secret = quote(password, safe="") if password else old_password
    return f"{match['scheme']}://{name}{f':{secret}' if secret else ''}@{place}{match['rest']}"


def compose_sub(given: str, *, stored: str = "", url: str = "") -> str:
    """The sub-stream as it is stored: "", a path, or a URL.

    given: the typed one; the stored one's masked form stands for the stored one. url: of the main stream. What lies at
    the same address as that, with its login or without any, becomes a path: then one password serves both. Raises
    StreamUrlError.
    """
    given = given.strip()
    if not given:
        return ""
    if stored and given == mask_url(stored):
        given = stored
    elif MASK in given:
        raise StreamUrlError("sub_url", HIDDEN)
    main, own = _AUTHORITY.fullmatch(url), _AUTHORITY.fullmatch(given)
    if main is None:
        raise StreamUrlError("sub_url", NO_MAIN)
    if own is None or not own["rest"].startswith("/") or own["rest"].startswith("//"):
        return given
    login, _, place = own["authority"].rpartition("@")
    its_login, _, its_place = main["authority"].rpartition("@")
    same = own["scheme"] == main["scheme"] and place == its_place and login in ("", its_login)
    return own["rest"] if same else given


def sub_stream(url: str, sub: str) -> str:
    """The sub-stream's whole URL; "" where there is none. url: of the main stream, whose address and login a path gets.

    A whole URL never gets that login: it may lead to another host.
    """
    main = _AUTHORITY.fullmatch(url)
    if not sub or main is None:
        return ""
    return f"{main['scheme']}://{main['authority']}{sub}" if sub.startswith("/") else sub


def has_password(url: str) -> bool:
    """Whether anything in it is hidden from pages."""
    return mask_url(url) != url
