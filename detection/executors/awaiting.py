"""The executor of a detector whose model cannot be loaded yet: nothing runs, and every camera says why."""

from __future__ import annotations

import builtins
import time
from collections.abc import Callable

from detection.core.groups import Condition, Group, GroupReport
from detection.executors.base import Unit


class AwaitingExecutor:
    """reason: for what is waited; it may change."""

    kind = "inline"

    def __init__(self, reason: Callable[[], str], *, clock: Callable[[], float] = time.time) -> None:
        self.reason = reason
        self._group: Group | None = None
        self._since = clock()

    def ensure(self, group: Group) -> None:
        self._group = group

    def stop(self, name: str) -> None:
        if self._group is not None and self._group.name == name:
            self._group = None

    def list(self) -> builtins.list[Unit]:
        if self._group is None:
            return []
        return [Unit(self._group, Condition("waiting", self._since, reason=self.reason()), GroupReport())]

    def watch(self) -> bool:
        return False

    def close(self, *, timeout: float) -> bool:
        return True
