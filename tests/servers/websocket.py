"""A browser's WebSocket without a browser: one connection, whole text messages (RFC 6455)."""

from __future__ import annotations

import base64
import os
import socket
import struct
from types import TracebackType
from typing import Self

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class WebSocketError(Exception):
    """The server refused the connection, closed it, or said what this client does not understand."""


class WebSocket:
    """headers: such as `Cookie`. Reads block for `timeout` seconds at most and raise TimeoutError then."""

    def __init__(self, port: int, path: str, *, headers: dict[str, str], timeout: float = 10.0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._bytes = b""
        key = base64.b64encode(os.urandom(16)).decode()
        given = {
            "Host": f"127.0.0.1:{port}", "Origin": f"http://127.0.0.1:{port}", "Upgrade": "websocket",
            "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key, **headers,
        }  # fmt: skip
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "", ""]
        self._socket.sendall("\r\n".join(lines).encode())
        while b"\r\n\r\n" not in self._bytes:
            self._more()
        head, _, self._bytes = self._bytes.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101"):
            raise WebSocketError(head.decode(errors="replace")[:500])

    def receive(self) -> str:
        """The next text message; answers pings meanwhile. Raises WebSocketError when the server closes."""
        while True:
            kind, content = self._frame()
            if kind == TEXT:
                return content.decode()
            if kind == PING:
                self._send(PONG, content)
            elif kind == CLOSE:
                raise WebSocketError(f"closed with {int.from_bytes(content[:2])}")

    def _frame(self) -> tuple[int, bytes]:
        """What has come stays when the rest of it is late: a TimeoutError costs nothing."""
        self._have(2)
        first, length, start = self._bytes[0], self._bytes[1], 2
        if not first & 0x80:
            raise WebSocketError("a message in several frames")
        if length >= 126:
            start = 4 if length == 126 else 10
            self._have(start)
            length = int.from_bytes(self._bytes[2:start])
        self._have(start + length)
        content, self._bytes = self._bytes[start : start + length], self._bytes[start + length :]
        return first & 0x0F, content

    def _send(self, kind: int, content: bytes) -> None:
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[n % 4] for n, byte in enumerate(content))
        self._socket.sendall(struct.pack("!BB", 0x80 | kind, 0x80 | len(content)) + mask + masked)

    def _have(self, count: int) -> None:
        while len(self._bytes) < count:
            self._more()

    def _more(self) -> None:
        some = self._socket.recv(65_536)
        if not some:
            raise WebSocketError("the connection ended")
        self._bytes += some

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
