"""The loop around every worker."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from structlog.testing import capture_logs

from edgesite.core import backoff
from edgesite.worker import Loop, stop_on_signals


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting between failures."""
    monkeypatch.setattr(backoff.Backoff, "next", lambda self: 0.0)


def script(stop: threading.Event, *acts: bool | Exception) -> Callable[[], bool]:
    """A step that answers or raises these in turn; the stop event is set with the last one."""
    left = list(acts)

    def step() -> bool:
        act = left.pop(0)
        if not left:
            stop.set()
        if isinstance(act, Exception):
            raise act
        return act

    return step


def run(*acts: bool | Exception, idle_s: float = 0.0) -> list[str]:
    stop = threading.Event()
    loop = Loop("test", script(stop, *acts), stop, idle_s, (ConnectionError,), lambda e: f"because {e}")
    with capture_logs() as logs:
        loop.run()
    return [f"{entry['event']} {entry.get('reason', '')}".strip() for entry in logs]


def test_it_goes_on_until_it_is_stopped() -> None:
    assert run(True, False, True, False) == []


def test_an_expected_trouble_is_one_line_at_its_beginning_and_one_at_its_end(quick: None) -> None:
    trouble = ConnectionError("no Redis")
    assert run(True, trouble, trouble, trouble, True, True) == ["waiting because no Redis", "working again"]


def test_an_unknown_trouble_does_not_end_the_loop_and_does_not_flood(quick: None) -> None:
    assert run(KeyError("x"), KeyError("x"), KeyError("x"), True) == ["step failed", "working again"]


def test_another_trouble_is_another_line(quick: None) -> None:
    assert run(KeyError("x"), ConnectionError("gone"), ValueError("y"), True) == [
        "step failed", "waiting because gone", "step failed", "working again",
    ]  # fmt: skip


def test_the_delay_starts_anew_after_a_success(monkeypatch: pytest.MonkeyPatch) -> None:
    delays: list[float] = []

    def wait(self: threading.Event, seconds: float) -> bool:
        delays.append(seconds)
        return False

    monkeypatch.setattr(threading.Event, "wait", wait)
    trouble = ConnectionError("x")
    run(*[trouble] * 8, True, trouble, True)
    failing = delays[:8]
    assert max(failing) > 0.5  # it grew
    assert all(d <= 5.0 for d in failing)
    assert delays[8] <= 0.25


def test_an_idle_loop_waits_on_the_stop_event() -> None:
    stop = threading.Event()
    steps: list[float] = []

    def step() -> bool:
        steps.append(time.monotonic())
        return False

    loop = Loop("test", step, stop, idle_s=30)
    thread = loop.start()
    time.sleep(0.1)
    stop.set()
    thread.join(2)
    assert not thread.is_alive()
    assert len(steps) == 1
    assert thread.name == "test"


def test_a_waiting_loop_ends_at_once() -> None:
    stop = threading.Event()

    def step() -> bool:
        raise ConnectionError

    thread = Loop("test", step, stop, 0.1, (ConnectionError,)).start()
    time.sleep(0.05)
    stop.set()
    thread.join(1)
    assert not thread.is_alive()


@pytest.fixture
def handlers() -> Iterator[None]:
    before = {s: signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_set_the_stop_event(handlers: None, number: signal.Signals) -> None:
    stop = stop_on_signals()
    assert not stop.is_set()
    os.kill(os.getpid(), number)
    assert stop.wait(2)
