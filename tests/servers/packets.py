"""RTSP cameras that send exactly the packets that a test says, when it says so, with the time stamps it says.

RTP over the RTSP connection (RFC 2326 section 10.12); H.264 as in RFC 6184, H.265 as in RFC 7798.
"""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import av

PAYLOAD = 1400
RTP_CLOCK = 90_000
_START = re.compile(rb"\x00\x00\x00?\x01")


@dataclass(frozen=True, slots=True)
class Sent:
    """One picture's coded bytes (Annex B). after: seconds since the picture before. stamp: media seconds."""

    unit: bytes
    after: float
    stamp: float
    raw: bool = False  # the bytes are one RTP payload as they are
    bare: bool = False  # they go onto the connection as they are, in no RTP packet


def access_units(clip: Path) -> list[bytes]:
    """The coded pictures of an MPEG-TS file, with their parameter sets in front of key frames."""
    with av.open(str(clip)) as container:
        return [bytes(packet) for packet in container.demux(container.streams.video[0]) if packet.size]


def at_rate(units: Iterable[bytes], fps: float, *, start: float = 0.0) -> Iterator[Sent]:
    """The pictures one after the other at an even rate."""
    for number, unit in enumerate(units):
        yield Sent(unit, 1 / fps, start + number / fps)


def payloads(unit: bytes, codec: str) -> Iterator[bytes]:
    """RTP payloads of one picture: whole NAL units, large ones in fragments."""
    for nal in _START.split(unit):
        if not nal:
            continue
        if len(nal) <= PAYLOAD:
            yield nal
            continue
        if codec == "H265":
            head, kind, body = bytes(((nal[0] & 0x81) | 49 << 1, nal[1])), nal[0] >> 1 & 0x3F, nal[2:]
        else:
            head, kind, body = bytes(((nal[0] & 0xE0) | 28,)), nal[0] & 0x1F, nal[1:]
        for at in range(0, len(body), PAYLOAD):
            first, last = at == 0, at + PAYLOAD >= len(body)
            yield head + bytes((first << 7 | last << 6 | kind,)) + body[at : at + PAYLOAD]


class PacketCamera:
    """A camera whose every viewer gets what the next of `scripts` yields; after the last one, that one again.

    A script that ends closes the connection. connections: viewers that pressed play so far. sent: pictures sent.
    """

    def __init__(self, *scripts: Callable[[], Iterable[Sent]], codec: str = "H264") -> None:
        self.connections = self.sent = 0
        self._scripts, self._codec = list(scripts), codec
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._end = threading.Event()
        self._lines: list[socket.socket] = []

    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}/camera"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        for line in (self._listener, *self._lines):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                self._lines.append(line)
                threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        heard = b""
        with contextlib.suppress(OSError), line:
            while block := line.recv(4096):
                heard += block
                while b"\r\n\r\n" in heard:
                    question, _, heard = heard.partition(b"\r\n\r\n")
                    line.sendall(self._answer(question.decode()))
                    if question.startswith(b"PLAY"):
                        self._play(line)
                        return

    def _answer(self, question: str) -> bytes:
        number = re.search(r"CSeq: *(\d+)", question)
        lines = ["RTSP/1.0 200 OK", f"CSeq: {number[1] if number else 0}", "Session: 1"]
        body = ""
        if question.startswith("DESCRIBE"):
            body = f"v=0\r\ns=-\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 {self._codec}/{RTP_CLOCK}\r\na=control:v\r\n"
            lines += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
        elif question.startswith("OPTIONS"):
            lines.append("Public: DESCRIBE, SETUP, PLAY")
        elif question.startswith("SETUP"):
            lines.append("Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
        return "\r\n".join([*lines, "", body]).encode()

    def _play(self, line: socket.socket) -> None:
        script = self._scripts[min(self.connections, len(self._scripts) - 1)]
        self.connections += 1
        number, due = 0, time.monotonic()
        for sent in script():
            due += sent.after
            if self._end.wait(max(0.0, due - time.monotonic())):
                return
            if sent.bare:
                line.sendall(sent.unit)
                continue
            parts = [sent.unit] if sent.raw else list(payloads(sent.unit, self._codec))
            block, stamp = b"", int(sent.stamp * RTP_CLOCK) & 0xFFFFFFFF
            for index, part in enumerate(parts):
                marker = 0x80 if index == len(parts) - 1 else 0
                header = struct.pack(">BBHII", 0x80, 96 | marker, number & 0xFFFF, stamp, 1)
                block += b"$\x00" + struct.pack(">H", 12 + len(part)) + header + part
                number += 1
            line.sendall(block)
            self.sent += 1
