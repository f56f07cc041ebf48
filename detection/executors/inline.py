"""The executor that runs cameras in threads of this process."""

from __future__ import annotations

import builtins
import time
from collections.abc import Callable

from cameras.core.document import Document
from detection.core.groups import Condition, Group, GroupReport
from detection.executors.base import Unit
from detection.runtime import Runtime


class InlineExecutor:
    """One group. document: the one that is to run; it is asked whenever something is ensured."""

    kind = "inline"

    def __init__(
        self, runtime: Runtime, document: Callable[[], Document | None], *, clock: Callable[[], float] = time.time
    ) -> None:
        self.runtime = runtime
        self.document = document
        self.clock = clock
        self._group: Group | None = None
        self._since = clock()
        self._running: Document | None = None

    def ensure(self, group: Group) -> None:
        document = self.document()
        if document is None or (group == self._group and document is self._running):
            return
        self._run(document, frozenset(group.cameras))
        if self._group is None:
            self._since = self.clock()
        self._group = group

    def stop(self, name: str) -> None:
        document = self.document()
        if self._group is None or self._group.name != name or document is None:
            return
        self._run(document, frozenset())
        self._group = None

    def _run(self, document: Document, cameras: frozenset[str]) -> None:
        before = self.runtime.only
        self.runtime.only = cameras
        try:
            self.runtime.apply(document)
        except BaseException:
            self.runtime.only = before
            raise
        self._running = document

    def list(self) -> builtins.list[Unit]:
        group = self._group
        if group is None:
            return []
        health = self.runtime.health()
        report = GroupReport(
            sha256=self._running.header.sha256 if self._running else "",
            cameras={c: word for c, word in health["cameras"].items() if c in group.cameras},
            details=health["camera_details"],
            broken=self.runtime.unhealthy(),
        )
        return [Unit(group, Condition("running", self._since), report)]

    def watch(self) -> bool:
        return False

    def close(self, *, timeout: float) -> bool:
        self.runtime.close()
        return True
