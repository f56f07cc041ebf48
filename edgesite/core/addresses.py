"""Which addresses a URL that somebody gave may reach. Pure: names are resolved elsewhere.

Two questions, asked on every connection: does the operator's list name the host that the URL names, and may the address that
this host turned out to have be reached? The second one is what a name that changes its address between two look-ups, or one
that points at the hub itself, does not get past.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

PORTS = {"http": 80, "https": 443, "mqtt": 1883, "mqtts": 8883}
LONGEST_URL = 2000
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_NUMBERS = re.compile(r"(0x[0-9a-f]*|\d+)(\.(0x[0-9a-f]*|\d+))*")
# What clouds answer on, among addresses that look public, and what `is_global` of Python 3.11 takes for public.
_NEVER_PUBLIC = [
    ipaddress.ip_network(text) for text in ("168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "2001::/23")
]
_PUBLIC_V6 = ipaddress.ip_network("2000::/3")  # all that is given out: RFC 4291, IANA's registry
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AddressError(ValueError):
    """A host, an entry of a list or a URL that cannot be used; the message says why, in English."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads. host: lower case, ASCII, an IPv6 address without brackets. path: with the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def netloc(self) -> str:
        """As a `Host` header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def normal_host(text: str) -> str:
    """A host's name or address in the one form that is compared. Raises AddressError.

    Numbers that are no proper IPv4 address (`2130706433`, `0x7f.1`, `127.1`) are refused: resolvers read them as one.
    """
    host = text.strip().lower().removesuffix(".")
    if host.startswith("[") and host.endswith("]") and ":" in host:
        host = host[1:-1]
    if "%" in host:  # of one network card
        raise AddressError("is no host")
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).compressed
    try:
        host = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        raise AddressError("is no host") from None
    if not _NAME.fullmatch(host) or _NUMBERS.fullmatch(host):
        raise AddressError("is no host")
    return host


@dataclass(frozen=True, slots=True)
class AllowList:
    """The operator's list. entries: hosts in their normal form, with a port or with None for any."""

    entries: frozenset[tuple[str, int | None]] = frozenset()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> AllowList:
        """From `host` and `host:port`, an IPv6 address in brackets. Raises AddressError that begins with the entry."""
        return cls(frozenset(_entry(text) for text in texts))

    def names(self, host: str, port: int) -> bool:
        """Whether it lists the host (in its normal form) for that port."""
        return (host, None) in self.entries or (host, port) in self.entries

    def reaches(self, address: str, port: int) -> bool:
        """Whether a connection may be opened to that address: any public one, any other only when it is listed itself."""
        found = ipaddress.ip_address(address.partition("%")[0])
        if self.names(found.compressed, port):
            return True
        return all(_is_public(one) for one in (found, *_within(found)))


def _entry(text: str) -> tuple[str, int | None]:
    host, port = text.strip(), ""
    if host.startswith("["):
        host, bracket, port = host.partition("]")
        host += bracket
    elif host.count(":") == 1:
        host, colon, port = host.partition(":")
        port = colon + port
    try:
        if port and not (port[0] == ":" and port[1:].isascii() and port[1:].isdigit() and 0 < int(port[1:]) < 65536):
            raise AddressError("has no port that can be")
        return normal_host(host), int(port[1:]) if port else None
    except AddressError as error:
        raise AddressError(f"{text!r} {error}") from None


def _within(address: Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses that an IPv6 address stands for: mapped, compatible, 6to4, Teredo, NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64 or int(address) >> 32 == 0:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [one for one in found if one is not None]


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None or address in _NAT64:
            return True  # what lies within decides
        if address not in _PUBLIC_V6:
            return False
    if any(address in network for network in _NEVER_PUBLIC if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def parse_target(url: str, schemes: Iterable[str] = ("http", "https")) -> Target:
    """Where the URL leads. Raises AddressError for one that cannot be read in one way only, or that holds a login."""
    if len(url) > LONGEST_URL or any(ord(c) <= 0x20 or ord(c) == 0x7F for c in url) or "\\" in url:
        raise AddressError("is too long, or holds a space, a control character or a backslash")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressError("is no URL") from None
    schemes = tuple(schemes)
    if parts.scheme not in schemes or not parts.hostname or port == 0:
        raise AddressError(f"must begin with {' or '.join(s + '://' for s in schemes)} and name a host")
    if "@" in parts.netloc:
        raise AddressError("must not hold a user or a password")
    return Target(parts.scheme, normal_host(parts.hostname), port or PORTS[parts.scheme], _path(parts))


def _path(parts: SplitResult) -> str:
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii():
        raise AddressError("must be ASCII after the host; write other characters as %XX")
    return path
