"""A camera that answers RTSP questions exactly as a test says, or not at all."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

SDP = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"


def rtsp_answer(status: str, *headers: str, body: str = "") -> str:
    lines = [f"RTSP/1.0 {status}", "CSeq: 1", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", body])


class FakeCamera:
    """Gives the next of `answers` to each question, over all connections; then stays silent with the line open."""

    def __init__(self, *answers: str) -> None:
        self.questions: list[str] = []
        self._answers = list(answers)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lines: list[socket.socket] = []
        self.port = int(self._listener.getsockname()[1])

    def url(self, path: str = "cam", *, login: str = "") -> str:
        return f"rtsp://{login}127.0.0.1:{self.port}/{path}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for line in (self._listener, *self._lines):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                self._lines.append(line)
                threading.Thread(target=self._talk, args=(line,), daemon=True).start()

    def _talk(self, line: socket.socket) -> None:
        heard = b""
        with contextlib.suppress(OSError):
            while block := line.recv(4096):
                heard += block
                while b"\r\n\r\n" in heard:
                    question, _, heard = heard.partition(b"\r\n\r\n")
                    self.questions.append(question.decode())
                    if self._answers:
                        line.sendall(self._answers.pop(0).encode())
