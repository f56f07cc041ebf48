"""What `run_hub` does around its steps when the database's connection breaks."""

from __future__ import annotations

import threading
import time

import pytest
import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from detection.management.commands import run_hub
from edgesite.worker import Loop


@pytest.mark.parametrize("kind", [DatabaseError, OperationalError, InterfaceError])
def test_a_broken_connection_is_closed_and_the_step_tried_again(
    monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    closed: list[bool] = []
    monkeypatch.setattr(connection, "close", lambda: closed.append(True))
    stop = threading.Event()
    calls: list[int] = []

    def step() -> bool:
        calls.append(len(closed))
        if len(calls) < 3:
            raise kind("connection already closed")
        stop.set()
        return True

    loop = Loop("ingest", run_hub._database(step), stop, 0.0, run_hub.EXPECTED, run_hub._explain)
    with structlog.testing.capture_logs() as lines:
        loop.run()
    assert calls == [0, 1, 2]
    assert [line["event"] for line in lines] == ["waiting", "working again"]
    assert lines[0]["reason"] == "database: connection already closed"


def test_another_error_keeps_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []
    monkeypatch.setattr(connection, "close", lambda: closed.append(True))

    def step() -> bool:
        raise KeyError("a defect")

    with pytest.raises(KeyError):
        run_hub._database(step)()
    assert closed == []


def test_all_loops_together_have_one_deadline_to_end_in() -> None:
    free, threads = threading.Event(), []
    for _ in range(10):
        threads.append(threading.Thread(target=free.wait))
        threads[-1].start()
    begun = time.monotonic()
    run_hub._wait_for(threads, 0.2)
    took = time.monotonic() - begun
    free.set()
    run_hub._wait_for(threads, 30.0)
    assert 0.2 <= took < 1.0  # not 0.2 s each
    assert not any(thread.is_alive() for thread in threads)
