"""Ends reads of FFmpeg's that would go on for ever, without asking Python at each of its looks at a socket.

PyAV's own limit of a read is a callback that takes the interpreter's lock, some seventy times for each picture that comes over
TCP: sixty cameras then cost nearly twice what they must (`docs/ingest.md`). So a read of RTSP has FFmpeg's limit of a
silent socket alone; a camera that sends and sends, but no picture, has its connection shut down by the watch in this file.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import socket
import termios
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from cameras.streams.stop import StopSignal

log = structlog.get_logger(__name__)

OPEN_FILES = "/proc/self/fd"
STUCK_S = 8.0  # nobody waits longer for one packet
STOPPED_S = 0.5  # who was told to stop, not even so long
LOOK_S = 0.25

Peer = tuple[str, int]


class OwnSockets:
    """The TCP connections to a camera that FFmpeg made since this was created, which only the kernel knows.

    peer: address and port. Where several readers open streams of one recorder in the same moment, each has all of them.
    Empty where there is no /proc.
    """

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._before = set(self._connected())
        self._mine: set[str] = set()
        self._only: int | None = None  # its handle, where there is no doubt whose it is

    def opened(self) -> None:
        """FFmpeg has its connection."""
        found = {name: handle for name, handle in self._connected().items() if name not in self._before}
        self._mine, self._only = set(found), next(iter(found.values())) if len(found) == 1 else None

    def empty(self) -> bool:
        """Whether it is certain that nothing waits to be read. For the thread that reads, while FFmpeg has the connection."""
        if self._only is None:
            return False
        waiting = array.array("i", [1])
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._only, termios.FIONREAD, waiting)
        return waiting[0] == 0

    def shut(self) -> int:
        """Ends them, and so whatever read waits for them; how many there were. Any thread."""
        found = [handle for name, handle in self._connected().items() if name in self._mine]
        done = 0
        for handle in found:
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(handle)) as line:
                if line.getpeername()[:2] == self._peer:  # the number may be another file's by now
                    line.shutdown(socket.SHUT_RDWR)
                    done += 1
        return done

    def _connected(self) -> dict[str, int]:
        """Handles of this process's connections to the peer, by the kernel's names for them."""
        found: dict[str, int] = {}
        with contextlib.suppress(FileNotFoundError):
            for entry in os.listdir(OPEN_FILES):
                with contextlib.suppress(OSError):  # closed meanwhile, or connected to nobody
                    name = os.readlink(f"{OPEN_FILES}/{entry}")
                    if not name.startswith("socket:"):
                        continue
                    with socket.socket(fileno=os.dup(int(entry))) as line:
                        if line.type == socket.SOCK_STREAM and line.getpeername()[:2] == self._peer:
                            found[name] = int(entry)
        return found


@dataclass(slots=True, eq=False)
class Reading:
    """One connection's reads. since: monotonic seconds at which the present one began, None between two."""

    sockets: OwnSockets
    stop: StopSignal
    since: float | None = None
    was_cut: bool = False


@dataclass(slots=True)
class ReadWatch:
    """One thread for all connections of a process: it begins with the first and ends after the last."""

    monotonic: Callable[[], float] = time.monotonic
    _all: list[Reading] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _running: bool = False

    def join(self, reading: Reading) -> None:
        with self._lock:
            self._all.append(reading)
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="stuck reads", daemon=True).start()

    def part(self, reading: Reading) -> None:
        with self._lock, contextlib.suppress(ValueError):
            self._all.remove(reading)

    def look(self) -> bool:
        """Cuts the connections whose reads last too long; whether any connection is left."""
        with self._lock:
            now, many = self.monotonic(), list(self._all)
            self._running = bool(many)
        for one in many:
            since = one.since
            lasts = 0.0 if since is None else now - since
            if not one.was_cut and lasts > (STOPPED_S if one.stop.is_set() else STUCK_S):
                one.was_cut = True
                if not one.sockets.shut():
                    log.warning("a camera's connection that brings no picture could not be found", seconds=round(lasts))
        return bool(many)

    def _run(self) -> None:
        while self.look():
            time.sleep(LOOK_S)


READS = ReadWatch()  # of this process
