"""The mark below which a child's socket wakes nobody: set from outside, taken away, and never an error."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from recordings.recorder.gathering import AT_ONCE, LEAST_PICTURES, MOST_BYTES, Gathering, low_water

# Connects, and tells how much was there when it was woken.
CHILD = """
import array, fcntl, select, socket, sys, termios
line = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
waiting = select.poll()
waiting.register(line, select.POLLIN)
while True:
    waiting.poll()
    count = array.array("i", [0])
    fcntl.ioctl(line, termios.FIONREAD, count)
    print(count[0], flush=True)
    if not line.recv(1 << 20):
        break
"""


class Line:
    """A child with a connection, and this side of it."""

    def __init__(self, child: subprocess.Popen[bytes], ours: socket.socket) -> None:
        self.child, self.ours = child, ours
        assert child.stdout is not None
        self._out = child.stdout
        os.set_blocking(self._out.fileno(), False)

    def send(self, count: int) -> None:
        self.ours.sendall(b"x" * count)

    def woken(self, *, seconds: float) -> list[int]:
        """What was there each time that it was woken, until it was, or until so many seconds have passed."""
        end, text = time.monotonic() + seconds, b""
        while time.monotonic() < end and not text.endswith(b"\n"):
            text += self._out.read() or b""
            time.sleep(0.01)
        return [int(word) for word in text.split()]


@contextmanager
def a_line() -> Iterator[Line]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = str(server.getsockname()[1])
        with subprocess.Popen([sys.executable, "-c", CHILD, port], stdout=subprocess.PIPE) as child:
            ours, _ = server.accept()
            with closing(ours):
                yield Line(child, ours)


@pytest.mark.parametrize(
    ("rate", "mark"),
    [(0.0, AT_ONCE), (2_000.0, AT_ONCE), (100_000.0, 3_000), (500_000.0, 15_000), (9e6, MOST_BYTES)],
)
def test_a_mark_is_a_share_of_a_second_within_bounds(rate: float, mark: int) -> None:
    assert low_water(rate) == mark


def test_little_wakes_nobody_until_much_is_there_or_somebody_hurries() -> None:
    with a_line() as line:
        gathering = Gathering(line.child.pid)
        line.send(10)
        assert line.woken(seconds=5) == [10]
        gathering.follow(200_000.0, lambda: 25.0)  # a mark of 6,000
        line.send(2_000)
        assert line.woken(seconds=0.4) == []
        line.send(5_000)
        assert line.woken(seconds=5) == [7_000]
        line.send(100)
        assert line.woken(seconds=0.4) == []
        gathering.hurry()
        assert line.woken(seconds=5) == [100]
        gathering.follow(200_000.0, lambda: 25.0)  # as much as before comes again
        line.send(100)
        assert line.woken(seconds=0.4) == []
        line.ours.shutdown(socket.SHUT_WR)  # the camera's end is told at once
        assert line.woken(seconds=5)[:1] == [100]


def test_the_end_of_a_picture_waits_for_no_next_one_where_pictures_are_rare() -> None:
    with a_line() as line:
        gathering, asked = Gathering(line.child.pid), list[float]()

        def rare() -> float:
            asked.append(2.0)
            return 2.0

        for rate in (500_000.0, 510_000.0, 490_000.0):
            gathering.follow(rate, rare)
        line.send(10)
        assert line.woken(seconds=5) == [10]
        assert asked == [2.0]  # a file is read for it
        gathering.follow(300_000.0, lambda: LEAST_PICTURES)
        line.send(100)
        assert line.woken(seconds=0.4) == []
        gathering.follow(500_000.0, rare)
        assert line.woken(seconds=5) == [100]


def test_a_child_that_ended_is_no_error() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    gathering = Gathering(child.pid)
    gathering.follow(500_000.0, lambda: 25.0)
    gathering.hurry()


def test_where_it_is_not_allowed_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_line() as line:
        monkeypatch.setattr("recordings.recorder.gathering.PIDFD_GETFD", 100_000)  # no such call
        Gathering(line.child.pid).follow(500_000.0, lambda: 25.0)
        line.send(10)
        assert line.woken(seconds=5) == [10]
