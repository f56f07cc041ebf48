"""The kernel gathers what a camera sends, some packets at a time, before it wakes ffmpeg: a fifth less work for the same bytes.

ffmpeg reads RTSP over TCP in three small pieces a packet, asks the socket before each whether anything is there, and is
woken for the first bytes of every picture. With a low-water mark (SO_RCVLOWAT, socket(7)) it sleeps until a share of a
second is there. ffmpeg has no option for it, so the mark is set from outside, on the child's own socket (pidfd_getfd(2)).
A camera that sends much less than before would then wait behind the mark: `hurry` takes it away.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
from collections.abc import Callable, Iterator

PIDFD_GETFD = 438  # asm-generic/unistd.h: the same number on every machine
MOST_BYTES = 16_384  # more gains nothing
LEAST_BYTES = 1_024
SHARE_S = 0.03  # of what comes in a second
LEAST_PICTURES = 8.0  # a second: the end of each waits for the next one, which a kill would cost
AT_ONCE = 1  # the kernel's own mark
APART = 0.25  # a mark that hardly changes stays


def low_water(rate: float) -> int:
    """Bytes that are worth a wake-up, of a camera that sends so many a second."""
    mark = min(MOST_BYTES, int(rate * SHARE_S))
    return mark if mark >= LEAST_BYTES else AT_ONCE


class Gathering:
    """Of one ffmpeg, a child of this process. Where the kernel or a container's rules do not allow it, nothing happens."""

    def __init__(self, pid: int) -> None:
        self._pid, self._mark = pid, AT_ONCE
        self._wanted = AT_ONCE  # as far as the bytes go

    def follow(self, rate: float, pictures: Callable[[], float]) -> None:
        """The camera sent so many bytes a second. pictures: how many pictures that were, asked where it matters."""
        mark = low_water(rate)
        if abs(mark - self._wanted) <= APART * self._wanted:
            return
        self._wanted = mark
        if mark != AT_ONCE and pictures() < LEAST_PICTURES:
            mark = AT_ONCE
        if mark != self._mark:
            self._set(mark)

    def hurry(self) -> None:
        """Nothing came for a while: ffmpeg is woken for every byte, until it is known what the camera sends by now."""
        self._wanted = AT_ONCE
        if self._mark != AT_ONCE:
            self._set(AT_ONCE)

    def _set(self, mark: int) -> None:
        for line in connections_of(self._pid):
            with contextlib.suppress(OSError):
                line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, mark)
        self._mark = mark


def connections_of(pid: int) -> Iterator[socket.socket]:
    """The TCP connections of a child, each open until the next is asked for; none where that is not allowed."""
    try:
        getfd = ctypes.CDLL(None, use_errno=True).syscall
        process = os.pidfd_open(pid)
    except (OSError, AttributeError, TypeError):  # no such process, no such call, no C library to ask
        return
    try:
        for entry in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):  # closed meanwhile
                if not os.readlink(f"/proc/{pid}/fd/{entry}").startswith("socket:"):
                    continue
                handle = getfd(PIDFD_GETFD, process, int(entry), 0)
                if handle < 0:
                    return
                with socket.socket(fileno=handle) as line:
                    if line.family in (socket.AF_INET, socket.AF_INET6) and line.type == socket.SOCK_STREAM:
                        yield line
    except OSError:  # it ended
        return
    finally:
        os.close(process)
