"""Of several workers on a box the one that holds the edge store's lock syncs, reports and delivers; the others follow."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import structlog

from edgesite.edge_store.database import try_lock
from edgesite.worker import Step

log = structlog.get_logger(__name__)


PRESENT_SECONDS = 10.0


class Presence:
    """The sign of life of a box's detector: who leads with it away gives the lead back when it comes.

    It reports the cameras' states, and judges a document by them, which no other worker of the box can.
    """

    def __init__(self, store: Path) -> None:
        self._file = store.parent / "run" / f"detector-{store.stem}.alive"

    def beat(self) -> None:
        """Renewed every two seconds. A disk that takes no file takes no lead away either."""
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.touch()

    def leave(self) -> None:
        """It ends on purpose."""
        with contextlib.suppress(OSError):
            self._file.unlink(missing_ok=True)

    def fresh(self) -> bool:
        """Whether the detector gave a sign of life just now, by this machine's clock."""
        try:
            return abs(time.time() - self._file.stat().st_mtime) < PRESENT_SECONDS
        except OSError:
            return False


class Lead:
    """Whether this process leads. `held` is asked by every loop that only the leader runs.

    stand_back: while it says so, this process neither takes the lead nor keeps it.
    """

    def __init__(self, path: Path, *, stand_back: Callable[[], bool] = lambda: False) -> None:
        self.path = path
        self._stand_back = stand_back
        self._lock: IO[bytes] | None = None
        self._told = False
        self._turn = threading.Lock()  # several loops ask

    def held(self) -> bool:
        """Takes the lead when nobody has it."""
        with self._turn:
            if self._stand_back():
                if self._lock is not None:
                    log.info("this worker gives the lead back to the detector")
                    self._lock.close()
                    self._lock = None
                return False
            if self._lock is None:
                self._lock = try_lock(self.path)
                if self._lock is not None:
                    log.info("this worker syncs, reports and delivers for the box")
                elif not self._told:
                    log.info("another worker of this box syncs and delivers, following its store")
                    self._told = True
            return self._lock is not None

    def only(self, step: Step, otherwise: Callable[[], bool] = lambda: False) -> Step:
        """The step while this process leads, the other one while it does not, and once more when it takes over."""
        behind = False

        def turn() -> bool:
            nonlocal behind
            if not self.held():
                behind = True
                return otherwise()
            if behind:  # what the leader did last
                behind = False
                otherwise()
            return step()

        return turn

    def release(self) -> None:
        with self._turn:
            if self._lock is not None:
                self._lock.close()
                self._lock = None
