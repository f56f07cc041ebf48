"""A real HTTP server on 127.0.0.1 that answers as it is told to and remembers what it was sent."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Says:
    """One answer. wait: set before anything is said. drip: seconds between the bytes of the status line, for ever."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    wait: threading.Event | None = None
    drip: float = 0.0
    raw: bytes = b""


class HttpReceiver:
    """answer: called with what was received."""

    def __init__(self, answer: Callable[[Received], Says] = lambda received: Says(), tls: ssl.SSLContext | None = None):
        self.answer = answer
        self.received: list[Received] = []
        self._over = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer._handle(self)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        received = Received(request.path, {k.lower(): v for k, v in request.headers.items()}, body)
        self.received.append(received)
        says = self.answer(received)
        if says.wait is not None:
            says.wait.wait(30)
        try:
            while says.drip and not self._over.is_set():
                request.wfile.write(b"X-Slow: 1\r\n" if says.raw else b"H")
                time.sleep(says.drip)
            if says.raw:
                request.wfile.write(says.raw)
                return
            request.send_response(says.status)
            for name, value in {"Content-Length": str(len(says.body)), **says.headers}.items():
                request.send_header(name, value)
            request.end_headers()
            request.wfile.write(says.body)
        except OSError:
            return  # the other side went away

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
