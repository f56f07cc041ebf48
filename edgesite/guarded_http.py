"""HTTP to addresses that people gave, and that the operator allowed (DESIGN, invariant 15).

A name is resolved once, every address that it has is checked, and the connection goes to one of these very addresses: between
the check and the connection nothing is looked up again. `Host` and TLS go by the name. No redirect is followed, no proxy of
the environment asked, and one deadline bounds everything, however slowly the other side speaks.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import io
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_noop

from edgesite.core.addresses import AddressError, AllowList, Target, parse_target

LARGEST_ANSWER = 64 * 1024
RESOLVERS = 8  # threads that may hang in a look-up at once

NOT_ALLOWED = gettext_noop("The address is not on the operator's list")
BAD_URL = gettext_noop("The address cannot be used")
UNKNOWN_NAME = gettext_noop("The name is not known")
UNREACHABLE = gettext_noop("The server cannot be reached")
TOO_SLOW = gettext_noop("The server did not answer in time")
NO_HTTP = gettext_noop("The server did not answer in HTTP")
BAD_TLS = gettext_noop("The server's certificate was refused")

Resolve = Callable[[str, int], list[str]]


class GuardedError(Exception):
    """Nothing was answered. The message: English, a sentence and the detail after a colon (`edgesite.told`).

    retryable: whether trying again can help. refused: the operator's list forbids it; nothing was sent.
    """

    def __init__(self, sentence: str, detail: str = "", *, retryable: bool, refused: bool = False) -> None:
        super().__init__(f"{sentence}: {detail}" if detail else sentence)
        self.retryable, self.refused = retryable, refused


@dataclass(frozen=True, slots=True)
class Answer:
    """headers: by their names in lower case. body: what of its first LARGEST_ANSWER bytes came in time."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def look_up(host: str, port: int) -> list[str]:
    """The host's addresses, in the system's order. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


_resolving = threading.BoundedSemaphore(RESOLVERS)


def _look_up_within(resolve: Resolve, target: Target, seconds: float) -> list[str]:
    """`getaddrinfo` knows no time-out: a thread waits for it. Raises OSError."""
    end = time.monotonic() + seconds
    answers: queue.Queue[list[str] | OSError] = queue.Queue(1)
    if not _resolving.acquire(timeout=seconds):
        raise TimeoutError

    def ask() -> None:
        try:
            answers.put(resolve(target.host, target.port))
        except (OSError, UnicodeError) as error:
            answers.put(error if isinstance(error, OSError) else OSError(str(error)))
        finally:
            _resolving.release()

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    try:
        answer = answers.get(timeout=max(0.0, end - time.monotonic()))
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(answer, OSError):
        raise answer
    return answer


def allowed_target(url: str, *, allowed: AllowList, schemes: tuple[str, ...] = ("http", "https")) -> Target:
    """Where the URL leads, when the list names its host. Raises GuardedError."""
    try:
        target = parse_target(url, schemes)
    except AddressError as error:
        raise GuardedError(BAD_URL, str(error), retryable=False, refused=True) from None
    if not allowed.names(target.host, target.port):
        raise GuardedError(NOT_ALLOWED, f"{target.host}:{target.port}", retryable=False, refused=True)
    return target


def open_socket(target: Target, *, allowed: AllowList, seconds: float, resolve: Resolve = look_up) -> socket.socket:
    """A connection to an address of the target that was checked, after one look-up. Raises GuardedError."""
    end = time.monotonic() + seconds
    try:
        addresses = _look_up_within(resolve, target, seconds)
    except TimeoutError:
        raise GuardedError(UNKNOWN_NAME, "time-out", retryable=True) from None
    except OSError:
        raise GuardedError(UNKNOWN_NAME, target.host, retryable=True) from None
    for address in addresses:  # one that is forbidden spoils them all: who mixes them means harm, or is mistaken
        if not allowed.reaches(address, target.port):
            raise GuardedError(NOT_ALLOWED, f"{target.host} → {address}", retryable=False, refused=True)
    problem = "no address"
    for address in addresses:
        left = end - time.monotonic()
        if left <= 0:
            problem = "time-out"
            break
        try:
            return socket.create_connection((address, target.port), timeout=left)  # a literal: looked up no more
        except OSError as error:
            problem = "time-out" if isinstance(error, TimeoutError) else error.strerror or type(error).__name__
    raise GuardedError(UNREACHABLE, problem, retryable=True)


class _Reader(io.RawIOBase):
    """Reads of a socket that end at a deadline, however many there are."""

    def __init__(self, sock: socket.socket, end: float) -> None:
        self._sock, self._end = sock, end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        return self._sock.recv_into(buffer)


class _Bounded:
    """As much of a socket as `http.client` uses."""

    def __init__(self, sock: socket.socket, end: float) -> None:
        self._sock, self._end = sock, end

    def makefile(self, mode: str, *args: Any, **options: Any) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._sock, self._end))

    def sendall(self, data: Any) -> None:
        self._sock.settimeout(max(0.001, self._end - time.monotonic()))  # of all of it, not of each part
        self._sock.sendall(data)

    def close(self) -> None:
        """Not yet: `http.client` closes as soon as it has the headers, and the body is still to be read."""


class _Connection(http.client.HTTPConnection):
    """Over a socket that is open already; it never makes one."""

    auto_open = 0

    def __init__(self, target: Target, sock: Any) -> None:
        super().__init__(target.host, target.port)
        self.sock = sock


@functools.lru_cache(maxsize=1)
def _verifying() -> ssl.SSLContext:
    return ssl.create_default_context()


def request(
    method: str,
    url: str,
    *,
    allowed: AllowList,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    seconds: float = 10.0,
    resolve: Resolve = look_up,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """One request and its answer, whatever its status; a redirect is an answer like any other.

    seconds: for everything, from the look-up to the last byte. tls: by default the system's authorities. Raises GuardedError.
    """
    end = time.monotonic() + seconds
    target = allowed_target(url, allowed=allowed)
    sock = open_socket(target, allowed=allowed, seconds=seconds, resolve=resolve)
    try:
        if target.scheme == "https":
            sock.settimeout(max(0.001, end - time.monotonic()))
            sock = (tls or _verifying()).wrap_socket(sock, server_hostname=target.host)
        return _exchange(_Connection(target, _Bounded(sock, end)), method, target, body, headers or {})
    except ssl.SSLCertVerificationError as error:
        raise GuardedError(BAD_TLS, error.verify_message, retryable=True) from None
    except TimeoutError:
        raise GuardedError(TOO_SLOW, f"{seconds:g} s", retryable=True) from None
    except OSError as error:
        raise GuardedError(UNREACHABLE, error.strerror or type(error).__name__, retryable=True) from None
    except http.client.HTTPException as error:
        raise GuardedError(NO_HTTP, type(error).__name__, retryable=True) from None
    finally:
        with contextlib.suppress(OSError):
            sock.close()


def _exchange(connection: _Connection, method: str, target: Target, body: bytes, headers: Mapping[str, str]) -> Answer:
    own = {"Host": target.netloc, "User-Agent": "edgesite", "Connection": "close", "Accept-Encoding": "identity"}
    connection.request(method, target.path, body=body, headers={**own, **headers})
    response = connection.getresponse()
    given = {name.lower(): value for name, value in response.getheaders()}
    received = b""
    with contextlib.suppress(OSError, http.client.HTTPException):  # the status is the answer
        received = response.read(LARGEST_ANSWER)
    return Answer(response.status, given, received)
