"""The loop around every worker: one stop event, steps that say whether they did anything, honest ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from edgesite.core.backoff import Backoff

log = structlog.get_logger(__name__)

Step = Callable[[], bool]


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set. Call it from the main thread."""
    stop = threading.Event()

    def handle(signum: int, frame: object) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    return stop


@dataclass(slots=True)
class Loop:
    """Calls `step` until `stop` is set.

    step: one bounded piece of work; True when it did something, so that there may be more at once.
    idle_s: the wait after a step with nothing to do.
    expected: errors of the outside world (a missing server): one log line when they begin, one when they end, jittered
        back-off in between. Any other error is logged with its traceback, once while it stays of one type, and the loop
        goes on after the same back-off.
    """

    name: str
    step: Step
    stop: threading.Event
    idle_s: float = 0.2
    expected: tuple[type[Exception], ...] = ()
    explain: Callable[[Exception], str] = str

    def run(self) -> None:
        backoff = Backoff(base=0.25, cap=5.0)
        failing: type[Exception] | None = None
        while not self.stop.is_set():
            try:
                busy = self.step()
            except self.expected as error:
                if failing not in self.expected:
                    log.warning("waiting", loop=self.name, reason=self.explain(error))
                failing = self.expected[0]
                self.stop.wait(backoff.next())
                continue
            except Exception as error:
                if failing is not type(error):
                    log.exception("step failed", loop=self.name)
                failing = type(error)
                self.stop.wait(backoff.next())
                continue
            if failing is not None:
                log.info("working again", loop=self.name)
                failing = None
            backoff.reset()
            if not busy:
                self.stop.wait(self.idle_s)

    def start(self) -> threading.Thread:
        thread = threading.Thread(target=self.run, name=self.name, daemon=True)
        thread.start()
        return thread
