"""Asks an RTSP camera what it has before FFmpeg opens it.

FFmpeg follows a redirect to whatever host a camera names, and no option or protocol whitelist stops it; so a camera
that redirects is refused here. The same question tells a wrong name, a wrong password and a wrong path apart, which
FFmpeg's errors do not always. RFC 2326 (RTSP 1.0), RFC 2617 (Digest without qop, as cameras use it).

A camera could still redirect only FFmpeg's own, second question: this guards against mistakes and simple malice, and
is no firewall.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from cameras.streams.errors import IngestError
from cameras.streams.stop import StopSignal
from cameras.streams.target import Target

CONNECT_S = 2.0
ANSWER_S = 4.0
SLICE_S = 0.2
MAX_ANSWER = 256 * 1024
_PARAMETER = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')


@dataclass(frozen=True, slots=True)
class Answer:
    """An RTSP answer; header names in lower case, the several values of one header joined by a line end."""

    status: int
    headers: dict[str, str]
    body: str


@contextlib.contextmanager
def checked_rtsp(target: Target, *, stop: StopSignal) -> Iterator[tuple[str, int]]:
    """The camera's address and port. Raises IngestError when it cannot be opened, or when `stop` is set meanwhile.

    Inside the context the question's connection stays open: a camera that saw its only viewer leave may be busy
    tearing the stream down just when FFmpeg asks for it (GStreamer's server then answers 503).
    """
    url = urlsplit(target.location)
    with _connect(target) as sock:
        try:
            address, port = sock.getpeername()[:2]
            talk = _Talk(sock, _without_login(url), stop)
            answer = talk.describe("")
            if answer.status == 401 and url.username is not None:
                login = authorization(answer.headers.get("www-authenticate", ""), url, talk.url)
                answer = talk.describe(login)
        except TimeoutError:
            raise IngestError(
                f"timed out: {target.host} accepts connections and answers nothing", retryable=True
            ) from None
        except OSError:
            raise IngestError(f"{target.host} broke off the connection", retryable=True) from None
        _judge(answer, has_login=url.username is not None)
        yield str(address), int(port)


def authorization(challenge: str, url: SplitResult, request_url: str) -> str:
    """The Authorization header's value for DESCRIBE, Digest where it is offered, else Basic."""
    user, password = unquote(url.username or ""), unquote(url.password or "")
    digest = next((line for line in challenge.splitlines() if line.lower().startswith("digest")), "")
    if not digest:
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    offered = {key.lower(): quoted or plain for key, quoted, plain in _PARAMETER.findall(digest)}
    realm, nonce = offered.get("realm", ""), offered.get("nonce", "")

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()  # the protocol knows nothing better

    response = md5(f"{md5(f'{user}:{realm}:{password}')}:{nonce}:{md5(f'DESCRIBE:{request_url}')}")
    return f'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{request_url}", response="{response}"'


class _Talk:
    """Questions and answers on one connection."""

    def __init__(self, sock: socket.socket, url: str, stop: StopSignal) -> None:
        self.url = url
        self._sock, self._stop, self._number, self._buffer = sock, stop, 0, b""
        sock.settimeout(SLICE_S)

    def describe(self, login: str) -> Answer:
        self._number += 1
        lines = [f"DESCRIBE {self.url} RTSP/1.0", f"CSeq: {self._number}", "Accept: application/sdp"]
        lines += [f"Authorization: {login}"] if login else []
        self._sock.sendall("\r\n".join([*lines, "User-Agent: edgesite", "", ""]).encode())
        return self._receive()

    def _receive(self) -> Answer:
        end = time.monotonic() + ANSWER_S
        while b"\r\n\r\n" not in self._buffer:
            self._read(end)
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        status, headers = _parse_head(head.decode("latin-1"))
        length = headers.get("content-length", "0")
        wanted = min(int(length), MAX_ANSWER) if length.isdigit() else 0
        while len(self._buffer) < wanted:
            self._read(end)
        body, self._buffer = self._buffer[:wanted], self._buffer[wanted:]
        return Answer(status, headers, body.decode("latin-1"))

    def _read(self, end: float) -> None:
        if self._stop.is_set():
            raise IngestError("stopped", retryable=True)
        if time.monotonic() > end:
            raise TimeoutError
        with contextlib.suppress(TimeoutError):
            block = self._sock.recv(16384)
            if not block:
                raise ConnectionResetError
            self._buffer += block
        if len(self._buffer) > MAX_ANSWER:
            raise IngestError("what answers there does not speak RTSP", retryable=True)


def _connect(target: Target) -> socket.socket:
    where = f"{target.host}:{target.port}"
    try:
        sock = socket.create_connection((target.host, target.port), timeout=CONNECT_S)
    except (socket.gaierror, UnicodeError):
        raise IngestError(f"name not found: {target.host}", retryable=True) from None
    except ConnectionRefusedError:
        raise IngestError(f"connection refused by {where}", retryable=True) from None
    except TimeoutError:
        raise IngestError(f"timed out: {where} does not answer", retryable=True) from None
    except OSError as error:
        raise IngestError(f"{where} cannot be reached: {error.strerror}", retryable=True) from None
    if not target.tls:
        return sock
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # cameras sign their own certificates
    try:
        return context.wrap_socket(sock, server_hostname=target.host)
    except OSError:
        sock.close()
        raise IngestError(f"{where} does not speak TLS", retryable=True) from None


def _parse_head(head: str) -> tuple[int, dict[str, str]]:
    first, *lines = head.split("\r\n")
    found = re.match(r"RTSP/\d\.\d (\d{3})", first)
    if not found:
        raise IngestError("what answers there does not speak RTSP", retryable=True)
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        key = name.strip().lower()
        headers[key] = f"{headers[key]}\n{value.strip()}" if key in headers else value.strip()
    return int(found[1]), headers


def _judge(answer: Answer, *, has_login: bool) -> None:
    """Raises for what is clear; an odd answer is left to FFmpeg, which knows more cameras."""
    match answer.status:
        case 401:
            words = "wrong user name or password (401)" if has_login else "the camera asks for a password (401)"
            raise IngestError(words, retryable=False)
        case 403:
            raise IngestError("the camera forbids this stream (403)", retryable=False)
        case 404:
            raise IngestError("the camera has no stream at this path (404)", retryable=True)
        case status if 300 <= status < 400:
            raise IngestError("the camera points to another address; give that address itself", retryable=False)
        case 200 if answer.body and "m=" in answer.body and not re.search(r"^m=video", answer.body, re.MULTILINE):
            raise IngestError("no video stream", retryable=True)


def _without_login(url: SplitResult) -> str:
    return url._replace(netloc=url.netloc.rpartition("@")[2]).geturl()
