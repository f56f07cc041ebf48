"""A proxy before an S3 server that spoils what a test says: bytes on their way, the server's word, or its answer."""

from __future__ import annotations

import http.client
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Literal, Self
from urllib.parse import parse_qs, unquote, urlsplit

from tests.servers.s3 import BUCKET, S3Server

# flip: one bit of the body. cut: half of the body, then the line breaks. swallow: "stored", and nothing was. lose: it is
# done and nobody hears of it. shorten: the server keeps less than it says. refuse: 503. hold: waits to be released.
Trouble = Literal["flip", "cut", "swallow", "lose", "shorten", "refuse", "hold"]
HELD_S = 30.0


@dataclass(slots=True)
class _Fault:
    what: str
    how: Trouble
    times: int


@dataclass(slots=True)
class Hold:
    """`here` is set when a request waits; `release` lets it go on."""

    here: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """The other side went away."""


class Spoiler:
    """Listens on a port of its own and passes requests on to the server. seen: what they were, as `name_of` says."""

    def __init__(self, server: S3Server) -> None:
        self.server = server
        self.seen: list[str] = []
        self.hold = Hold()
        self._faults: list[_Fault] = []
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass(self) -> None:
                outer._pass(self)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass  # noqa: N815  their names

            def log_message(self, *args: object) -> None:
                pass

        self._http = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    def spoil(self, what: str, how: Trouble, *, times: int = 1) -> None:
        """The next requests of that name (`part 2`, `put`, `complete`, `get`, …)."""
        with self._lock:
            self._faults.append(_Fault(what, how, times))

    def _trouble(self, what: str) -> Trouble | None:
        with self._lock:
            self.seen.append(what)
            for fault in self._faults:
                if fault.what == what and fault.times:
                    fault.times -= 1
                    return fault.how
        return None

    def _pass(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        how = self._trouble(name_of(request.command, request.path))
        if how == "hold":
            self.hold.here.set()
            self.hold.release.wait(HELD_S)
        if how == "flip":
            body = body[:-1] + bytes([body[-1] ^ 1])
        try:
            if how in ("swallow", "refuse"):
                _answer(request, 503 if how == "refuse" else 200, {"ETag": '"5d41402abc4b2a76b9719d911017c592"'}, b"")
                return
            status, headers, content = self._forward(request, body, cut=how == "cut")
            if how == "shorten":
                self._shorten(unquote(urlsplit(request.path).path).removeprefix(f"/{BUCKET}/"))
            if how == "lose":
                raise ConnectionError
            _answer(request, status, headers, content)
        except (OSError, http.client.HTTPException):
            request.close_connection = True

    def _forward(self, request: BaseHTTPRequestHandler, body: bytes, *, cut: bool) -> tuple[int, dict[str, str], bytes]:
        far = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            far.putrequest(request.command, request.path, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers.items():
                if name.lower() not in ("expect", "connection"):
                    far.putheader(name, value)
            far.endheaders()
            far.send(body[: len(body) // 2] if cut else body)
            if cut:
                raise ConnectionError
            answer = far.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            far.close()

    def _shorten(self, key: str) -> None:
        client = self.server.client()
        content = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        client.put_object(Bucket=BUCKET, Key=key, Body=content[:-1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.hold.release.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)


def name_of(method: str, path: str) -> str:
    """`create`, `part 2`, `complete`, `abort`, `list parts`, `list uploads`, else the method in small letters."""
    query = parse_qs(urlsplit(path).query, keep_blank_values=True)
    if "partNumber" in query:
        return f"part {query['partNumber'][0]}"
    if "uploads" in query:
        return "create" if method == "POST" else "list uploads"
    if "uploadId" in query:
        return {"POST": "complete", "DELETE": "abort", "GET": "list parts"}[method]
    return method.lower()


def _answer(request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], content: bytes) -> None:
    request.send_response_only(status)
    for name, value in headers.items():
        if name.lower() not in ("transfer-encoding", "connection", "content-length"):
            request.send_header(name, value)
    length = {n.lower(): v for n, v in headers.items()}.get("content-length", "0")
    request.send_header("Content-Length", length if request.command == "HEAD" else str(len(content)))
    request.end_headers()
    request.wfile.write(content)
