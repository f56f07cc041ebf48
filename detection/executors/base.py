"""What runs groups of cameras. An executor knows groups by name, not cameras, documents or the place where they run."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from typing import Protocol

from detection.core.groups import Condition, Group, GroupReport


@dataclass(frozen=True, slots=True)
class Unit:
    """A group as the executor has it, its condition, and what it last told of itself.

    told: cameras that it was ever told to analyse and has not confirmed to have left.
    """

    group: Group
    condition: Condition
    report: GroupReport
    told: frozenset[str] = frozenset()

    @property
    def holds(self) -> frozenset[str]:
        """Cameras that may be analysed there just now, whatever was asked for meanwhile."""
        return frozenset(self.group.cameras) | frozenset(self.report.cameras) | self.told


class Executor(Protocol):
    """Threads, processes or a cluster. Calls come from one thread at a time, and none waits.

    kind: its name in reports.
    """

    kind: str

    def ensure(self, group: Group) -> None:
        """From now on this runs, also after it crashed; the same again changes nothing.

        Other cameras under a known name replace those before without an interruption of those that stay. May raise
        ValueError, and then nothing changed.
        """
        ...

    def stop(self, name: str) -> None:
        """Ends it. `list` names it until it has ended; an unknown name is none to end."""
        ...

    def list(self) -> builtins.list[Unit]:
        """What it has, also what it found running when it came."""
        ...

    def watch(self) -> bool:
        """One look after everything: does what is due. True when a condition changed. Called several times a second."""
        ...

    def close(self, *, timeout: float) -> bool:
        """Ends everything within so many seconds; True when nothing had to be killed."""
        ...
