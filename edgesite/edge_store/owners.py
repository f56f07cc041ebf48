"""Who promised what: every process that writes evidence references holds a lock of its own as long as it lives.

So that of several processes on a box none settles what another, which lives, is about to keep.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import IO

import structlog

from edgesite.edge_store.database import try_lock
from edgesite.ids import uuid7

log = structlog.get_logger(__name__)


def _folder(store: Path) -> Path:
    return store.parent / "run" / f"owners-{store.stem}"


def _hold(path: Path) -> IO[bytes] | None:
    """The lock of a file that is really there: one who clears up may have taken it for a dead process's meanwhile."""
    for _ in range(50):
        lock = try_lock(path)
        if lock is not None:
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(lock.fileno()), os.stat(f"{path}.lock")):
                    return lock
            lock.close()
        time.sleep(0.01)
    return None


class Owner:
    """This process's mark; `name` is empty when there is no room to make one, which counts as one who is dead."""

    def __init__(self, store: Path) -> None:
        self.name = uuid7()
        self._path = _folder(store) / self.name
        self._lock: IO[bytes] | None = None
        try:
            self._lock = _hold(self._path)
        except OSError as error:
            log.warning("this process cannot mark what it promises", reason=str(error))
        if self._lock is None:
            self.name = ""

    def close(self) -> None:
        """What is still promised may be settled by another process from here on."""
        if self._lock is not None:
            self._path.with_name(f"{self.name}.lock").unlink(missing_ok=True)
            self._lock.close()
            self._lock = None


def lives(store: Path, name: str) -> bool:
    """Whether the owner of that name may still keep what it promised. What a dead one left goes."""
    file = _folder(store) / f"{name}.lock"
    if not name or not file.exists():
        return False
    lock = try_lock(_folder(store) / name)
    if lock is None:
        return True
    file.unlink(missing_ok=True)
    lock.close()
    return False


def clear_up(store: Path) -> None:
    """Removes the marks of processes that were killed."""
    for file in _folder(store).glob("*.lock"):
        lives(store, file.name.removesuffix(".lock"))
