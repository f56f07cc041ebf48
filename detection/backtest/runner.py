"""What `run_hub` does for back-tests: one child process at a time, and nothing stays undone because something was killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import Error as DatabaseProblem
from django.utils import timezone

from detection.backtest.models import BackTest, BackTestState
from detection.backtest.services import LOST_AFTER, claim_next, put_back, recover, recover_lost, sweep
from edgesite.process_guard import kill_group
from edgesite.storage import StorageError
from edgesite.supervise import describe_status

log = structlog.get_logger(__name__)

SWEEP_S = 3600.0
SWEEP_AGE = timedelta(hours=1)  # an upload is stored before its row


def command_for(test_id: int, attempt: int) -> list[str]:
    """What runs one: a process that ends with this one, however that ends."""
    manage = str(settings.BASE_DIR / "manage.py")
    tail = ["run_backtest", str(test_id), "--attempt", str(attempt), "--parent", str(os.getpid())]
    return [sys.executable, manage, *tail]


@dataclass(slots=True)
class _Child:
    test_id: int
    attempt: int
    popen: subprocess.Popen[bytes]


class BackTestRunner:
    """Call `step` from one thread that lives as long as the children may; `close` after that thread has ended.

    command: of a back-test's process. clock, monotonic: for tests.
    """

    def __init__(
        self,
        *,
        command: Callable[[int, int], Sequence[str]] = command_for,
        clock: Callable[[], datetime] = timezone.now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._command, self._clock, self._monotonic = command, clock, monotonic
        self._child: _Child | None = None
        self._sweep_due = 0.0

    def step(self) -> bool:
        """Looks after the child, or starts the next one. True when something happened."""
        if self._child is not None:
            return self._watch(self._child)
        self._sweep()
        recover_lost(now=self._clock())
        claimed = claim_next(now=self._clock())
        if claimed is None:
            return False
        self._start(*claimed)
        return True

    def close(self) -> None:
        """The hub ends: the child too; its back-test waits for the next hub."""
        child, self._child = self._child, None
        if child is None:
            return
        self._kill(child)
        with contextlib.suppress(DatabaseProblem):  # without a sign of life it is taken up again anyhow
            put_back(child.test_id, attempt=child.attempt)

    def _start(self, test_id: int, attempt: int) -> None:
        try:
            # A group of its own: a Ctrl-C on the terminal is the hub's, which ends it in order.
            popen = subprocess.Popen(
                list(self._command(test_id, attempt)), stdin=subprocess.DEVNULL, start_new_session=True
            )
        except OSError as error:
            log.error("a back-test cannot be started", id=test_id, reason=error.strerror)
            recover(test_id, attempt=attempt, now=self._clock())
            return
        self._child = _Child(test_id, attempt, popen)
        log.info("back-test started", id=test_id, attempt=attempt, pid=popen.pid)

    def _watch(self, child: _Child) -> bool:
        status = child.popen.poll()
        if status is not None:
            log.info("back-test's process ended", id=child.test_id, status=describe_status(status))
            recover(child.test_id, attempt=child.attempt, now=self._clock())  # nothing when it had a result
            self._child = None
            return True
        rows = BackTest.objects.filter(pk=child.test_id, state=BackTestState.RUNNING, tries=child.attempt)
        seen_at = rows.values_list("seen_at", flat=True).first()
        if seen_at is not None and seen_at >= self._clock() - LOST_AFTER:
            return False
        if seen_at is not None:
            log.error("a back-test's process gives no sign of life and is killed", id=child.test_id)
        self._kill(child)  # cancelled, deleted or stuck; files are whole or not there
        return True

    def _kill(self, child: _Child) -> None:
        if child.popen.poll() is None:
            kill_group(child.popen.pid, signal.SIGKILL)
            child.popen.wait()

    def _sweep(self) -> None:
        if self._monotonic() < self._sweep_due:
            return
        self._sweep_due = self._monotonic() + SWEEP_S
        try:
            sweep(before=self._clock() - SWEEP_AGE)
        except StorageError as error:
            log.warning("files of deleted back-tests stay for now", reason=str(error))
