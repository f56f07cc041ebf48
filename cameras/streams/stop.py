"""One wait for two reasons to stop."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class StopSignal(Protocol):
    """As much of `threading.Event` as sources use."""

    def is_set(self) -> bool: ...

    def wait(self, timeout: float) -> bool: ...


class EitherStop:
    """One's own stop event or the whole worker's, whichever comes first."""

    def __init__(self, outer: threading.Event | None) -> None:
        self._own, self._outer = threading.Event(), outer

    def set(self) -> None:
        self._own.set()

    def is_set(self) -> bool:
        return self._own.is_set() or (self._outer is not None and self._outer.is_set())

    def wait(self, timeout: float) -> bool:
        """Waits; returns whether it is set. Looks at the outer event five times a second."""
        end = time.monotonic() + timeout
        while not self.is_set() and (left := end - time.monotonic()) > 0:
            self._own.wait(left if self._outer is None else min(left, 0.2))
        return self.is_set()
