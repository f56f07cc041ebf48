"""Of several workers on a box the one that holds the edge store's lock syncs, reports and delivers; the others follow."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

import structlog

from edgesite.edge_store.database import try_lock
from edgesite.worker import Step

log = structlog.get_logger(__name__)


class Lead:
    """Whether this process leads. `held` is asked by every loop that only the leader runs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[bytes] | None = None
        self._told = False
        self._turn = threading.Lock()  # several loops ask

    def held(self) -> bool:
        """Takes the lead when nobody has it."""
        with self._turn:
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
