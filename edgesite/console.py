"""One terminal, pipe or file that several processes' lines go to, each behind its name."""

from __future__ import annotations

import os
import select
from collections import deque
from collections.abc import Callable

# A pipe that select() calls writable takes this many bytes without blocking (POSIX PIPE_BUF on Linux).
_PIECE = 4096
_COLOURS = (36, 33, 35, 32, 34, 96, 93, 95)


class Console:
    """Writes lines to a file descriptor without ever blocking on it.

    A reader that stops reading must not stop the processes whose lines these are, nor keep them from being ended: up to
    `limit` lines wait, further ones are dropped, counted, and the count is written when there is room again.
    `on_closed` is called once when the reader has gone away.
    """

    def __init__(self, fd: int, *, limit: int = 2000, on_closed: Callable[[], None] | None = None) -> None:
        self._fd = fd
        self._limit = limit
        self.on_closed = on_closed
        self._waiting: deque[bytes] = deque()
        self._dropped = 0
        self._closed = False
        self._colour = os.isatty(fd) and "NO_COLOR" not in os.environ
        self._colours: dict[str, int] = {}

    def line(self, name: str, text: str | bytes) -> None:
        """Write `name | text`."""
        body = text.encode() if isinstance(text, str) else text
        self._put(self._prefix(name) + body + b"\n", keep=False)

    def plain(self, text: str) -> None:
        """Write a line without prefix; it is never dropped."""
        self._put(text.encode() + b"\n", keep=True)

    def flush(self, timeout_s: float = 0.0) -> bool:
        """Write what can be written, waiting at most `timeout_s` seconds for room each time. True: nothing is left."""
        while self._waiting and not self._closed:
            if not self._writable(timeout_s):
                return False
            self._write_piece()
            if not self._waiting and self._dropped:
                self._waiting.append(f"… {self._dropped} lines were dropped because nobody read them\n".encode())
                self._dropped = 0
        return not self._waiting

    def _prefix(self, name: str) -> bytes:
        if not self._colour:
            return f"{name} | ".encode()
        colour = self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])
        return f"\x1b[{colour}m{name} |\x1b[0m ".encode()

    def _put(self, data: bytes, *, keep: bool) -> None:
        if self._closed:
            return
        if len(self._waiting) >= self._limit and not keep:
            self._dropped += 1
            return
        self._waiting.append(data)
        self.flush()

    def _writable(self, timeout_s: float) -> bool:
        return bool(select.select([], [self._fd], [], timeout_s)[1])

    def _write_piece(self) -> None:
        data = self._waiting[0]
        try:
            written = os.write(self._fd, data[:_PIECE])
        except OSError:  # the reader is gone (EPIPE, or EIO of a closed terminal)
            self._closed = True
            self._waiting.clear()
            if self.on_closed is not None:
                self.on_closed()
            return
        if written == len(data):
            self._waiting.popleft()
        else:
            self._waiting[0] = data[written:]
