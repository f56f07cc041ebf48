"""The executor that runs each group in a child process of this box.

A parent that is killed leaves its processes running; the next one adopts them, and without one they end by themselves
(`Seat.is_alone`). One parent works at a time: it holds the folder's lock, others wait for it.
"""

from __future__ import annotations

import builtins
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO

import structlog

from detection.core.groups import Group
from detection.executors.base import Unit
from detection.executors.process_unit import ProcessUnit, Timing
from detection.executors.run_folder import RunFolder
from edgesite.edge_store.database import try_lock

log = structlog.get_logger(__name__)

BEAT_S = 1.0
PARENT = "parent"


class LocalProcessExecutor:
    """folder: for the small files by which parent and processes find each other. command: what runs the group of a name.

    Such a process must `take` its `Seat` first, and end with status TAKEN when it is taken. model: the mark of the model that
    processes are to run; adopted ones with another are replaced, empty asks nothing. clock: Unix seconds; monotonic: seconds.
    """

    kind = "processes"

    def __init__(
        self,
        folder: Path,
        command: Callable[[str], Sequence[str]],
        *,
        timing: Timing | None = None,
        model: Callable[[], str] = lambda: "",
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = RunFolder(folder)
        self.command = command
        self.model = model
        self.timing = timing or Timing()
        self.clock = clock
        self.monotonic = monotonic
        self._units: dict[str, ProcessUnit] = {}
        self._lock: IO[bytes] | None = None
        self._told = False
        self._closed = False
        self._beat_due = 0.0

    @property
    def leads(self) -> bool:
        """Whether this is the parent that works."""
        return self._lock is not None

    def ensure(self, group: Group) -> None:
        unit = self._units.get(group.name)
        if unit is None:
            unit = self._units[group.name] = self._make(group.name)
        unit.group = group

    def stop(self, name: str) -> None:
        if name in self._units:
            self._units[name].group = None

    def list(self) -> builtins.list[Unit]:
        return [unit.unit() for unit in self._units.values()]

    def watch(self) -> bool:
        """As `Executor.watch`. Raises OSError when the folder cannot be used."""
        if self._closed or (not self.leads and not self._take_lead()):
            return False
        if self.monotonic() >= self._beat_due:
            self.folder.beat()
            self._beat_due = self.monotonic() + BEAT_S
            self._take_over(self.folder.seated_names())
        before = {name: unit.condition for name, unit in self._units.items()}
        for name, unit in list(self._units.items()):
            unit.look()
            if unit.done:
                del self._units[name]
        self._replace_next()
        return before != {name: unit.condition for name, unit in self._units.items()}

    def close(self, *, timeout: float) -> bool:
        """As `Executor.close`; one that waited for another parent ends nothing."""
        if not self.leads:
            self._closed = True
            return True
        deadline = self.monotonic() + timeout
        for unit in self._units.values():
            unit.group = None
        while self.watch() or self._units:
            if self.monotonic() >= deadline - 0.3:
                break
            time.sleep(0.02)
        killed = [unit.kill() for unit in self._units.values()]
        for unit in self._units.values():
            unit.look()
        self._units.clear()
        self._closed = True
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        return not any(killed)

    def _make(self, name: str) -> ProcessUnit:
        return ProcessUnit(
            name,
            folder=self.folder,
            command=self.command,
            timing=self.timing,
            clock=self.clock,
            monotonic=self.monotonic,
        )

    def _replace_next(self) -> None:
        """Adopted processes with another model: one after the other, so that the others' cameras are watched meanwhile, and go
        on with what they have where the new model does not start."""
        units = self._units.values()
        if not any(unit.being_replaced for unit in units):
            for unit in units:
                if unit.replace_other_model(self.model()):
                    break

    def _take_lead(self) -> bool:
        self.folder.make()
        self._lock = try_lock(self.folder.lock_path(PARENT))
        if self._lock is None:
            if not self._told:
                log.info("another worker runs this box's analysis processes, waiting for its end")
                self._told = True
            return False
        self.folder.beat()
        self._take_over(self.folder.group_names())
        return True

    def _take_over(self, names: Iterable[str]) -> None:
        """What another parent left: when this one comes, and later on who was still starting then and nobody wants now."""
        for name in names:
            if name not in self._units and (unit := self._make(name)).take_over():
                self._units[name] = unit


def end_leftovers(folder: Path, *, timeout: float = 5.0) -> None:
    """Ends what a parent that was killed left running, unless another one looks after it."""
    if folder.is_dir():
        executor = LocalProcessExecutor(folder, lambda name: (), timing=Timing(grace=timeout / 2))
        executor.watch()
        executor.close(timeout=timeout)
