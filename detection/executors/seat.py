"""A group's process at its place: holds the group's lock, reads its order, gives signs of life, notices a missing parent."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from detection.core.groups import Group, GroupReport
from detection.executors.run_folder import Identity, RunFolder, Status, start_ticks
from edgesite.edge_store.database import try_lock

ALONE_S = 60.0  # without a sign of a parent a group's process ends
TAKEN = 75  # exit status: another process runs this group (EX_TEMPFAIL of sysexits.h)


class Seat:
    """folder: the executor's. name: of the group. alone_s: how long the parent may be away. monotonic: seconds.

    One thread calls `order`, one `report` and `is_alone`.
    """

    def __init__(
        self, folder: Path, name: str, *, alone_s: float = ALONE_S, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder = RunFolder(folder)
        self.name = name
        self.alone_s = alone_s
        self.monotonic = monotonic
        self._lock: IO[bytes] | None = None
        self._parent = (0, monotonic())

    def take(self, *, tries: int = 20, pause: Callable[[float], None] = time.sleep) -> bool:
        """Whether this process is the one that runs the group. A parent that looks holds the lock for a moment."""
        self.folder.make()
        for _ in range(tries):
            self._lock = try_lock(self.folder.lock_path(self.name))
            if self._lock is not None:
                identity = Identity(os.getpid(), start_ticks(os.getpid()) or 0, tuple(sys.orig_argv))
                self.folder.write_identity(self.name, identity)
                return True
            pause(0.05)
        return False

    def order(self) -> Group | None:
        """What is to be analysed; None while the parent has not said it."""
        return self.folder.order(self.name)

    def report(self, report: GroupReport, *, fatal: str = "") -> None:
        """A sign of life. Raises OSError (a full disk)."""
        self.folder.write_status(self.name, Status(os.getpid(), report, fatal))

    def is_alone(self) -> bool:
        """Whether no parent gave a sign of life for `alone_s`, by this process's own clock."""
        beat, now = self.folder.beaten_at(), self.monotonic()
        if beat != self._parent[0]:
            self._parent = (beat, now)
        return now - self._parent[1] > self.alone_s

    def release(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None
