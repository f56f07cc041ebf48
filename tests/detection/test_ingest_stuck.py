"""Connections that FFmpeg made are found among the process's open files, and cut when a read of theirs does not end."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from detection.ingest import stuck
from detection.ingest.stuck import OwnSockets, Reading, ReadWatch


@dataclass
class Camera:
    """Accepts, and says nothing."""

    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def peer(self) -> tuple[str, int]:
        host, port = self.listener.getsockname()
        return host, port

    def connect(self) -> socket.socket:
        return socket.create_connection(self.peer)


@pytest.fixture
def camera() -> Iterator[Camera]:
    made = Camera()
    with made.listener:
        yield made


def ended(line: socket.socket) -> bool:
    line.settimeout(0.0)
    try:
        return line.recv(1) == b""
    except BlockingIOError:
        return False


def test_only_connections_made_meanwhile_to_this_camera_are_cut(camera: Camera) -> None:
    other = Camera()
    with other.listener, camera.connect() as earlier:
        sockets = OwnSockets(camera.peer)
        with camera.connect() as mine, other.connect() as foreign:
            sockets.opened()
            with camera.connect() as later:
                assert sockets.shut() == 1
                assert ended(mine)
                assert not any(ended(line) for line in (earlier, foreign, later))
    assert sockets.shut() == 0


def accepted(camera: Camera) -> tuple[OwnSockets, socket.socket, socket.socket]:
    """What was opened just now, and both of its ends."""
    sockets = OwnSockets(camera.peer)
    line = camera.connect()
    sockets.opened()
    return sockets, line, camera.listener.accept()[0]


def test_whether_nothing_waits_to_be_read_is_known_of_one_connection(camera: Camera) -> None:
    sockets, line, other_end = accepted(camera)
    with line, other_end:
        assert sockets.empty()
        other_end.sendall(b"x")
        line.recv(1, socket.MSG_PEEK)  # until it is there
        assert not sockets.empty()
        line.recv(1)
        assert sockets.empty()
    assert not sockets.empty()  # closed: nothing is certain


def test_of_two_connections_made_at_once_nobody_knows_whose_is_empty(camera: Camera) -> None:
    sockets = OwnSockets(camera.peer)
    assert not sockets.empty()
    with camera.connect(), camera.connect():
        sockets.opened()
        assert not sockets.empty()


def test_nothing_is_cut_where_the_open_files_cannot_be_seen(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stuck, "OPEN_FILES", "/nowhere")
    sockets = OwnSockets(camera.peer)
    with camera.connect() as line:
        sockets.opened()
        assert sockets.shut() == 0
        assert not ended(line)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def connection(camera: Camera) -> tuple[socket.socket, Reading]:
    sockets = OwnSockets(camera.peer)
    line = camera.connect()
    sockets.opened()
    return line, Reading(sockets, threading.Event())


def test_a_read_that_lasts_is_cut_and_one_that_was_told_to_stop_soon(camera: Camera) -> None:
    clock = Clock()
    watch = ReadWatch(clock)
    watch._running = True  # the test looks itself
    lines, readings = zip(*(connection(camera) for _ in range(3)), strict=True)
    for reading in readings:
        watch.join(reading)
    readings[0].since = readings[1].since = clock.now  # the third is between two reads
    readings[1].stop.set()
    clock.now += stuck.STOPPED_S + 0.1
    assert watch.look()
    assert [ended(line) for line in lines] == [False, True, False]
    clock.now += stuck.STUCK_S
    assert watch.look()
    assert [ended(line) for line in lines] == [True, True, False]
    assert [reading.was_cut for reading in readings] == [True, True, False]
    for reading in readings:
        watch.part(reading)
        watch.part(reading)  # twice does no harm
    assert not watch.look()
    for line in lines:
        line.close()


def test_the_thread_ends_with_the_last_connection_and_begins_again(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stuck, "LOOK_S", 0.01)
    monkeypatch.setattr(stuck, "STUCK_S", 0.05)
    watch = ReadWatch()
    for _ in range(2):
        line, reading = connection(camera)
        reading.since = time.monotonic()
        watch.join(reading)
        line.settimeout(5)
        with contextlib.closing(line):
            assert line.recv(1) == b""  # cut, though nobody but the watch's own thread looks
        watch.part(reading)
        end = time.monotonic() + 5
        while watch._running:
            assert time.monotonic() < end
            time.sleep(0.01)
