"""Desired against running: the config document says which cameras are to be analysed, the executor runs them."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from cameras.core.algorithms import Registry
from cameras.core.document import Document
from detection.core.groups import Condition, Group, assign
from detection.executors.base import Executor, Unit
from detection.pipeline import CameraPipeline, make_plan

log = structlog.get_logger(__name__)

NO_ROOM = "no analysis process has room for this camera"
STARTING = "the analysis process is starting"


class Reconciler:
    """`apply` belongs to the thread that syncs, `step` to one of its own, the rest may be called from any.

    classes: the model's, against which rules are made. only: these cameras (all when empty). most, largest: groups, and
    cameras in one (None: any number). folder: whose disk is told in the report.
    """

    def __init__(
        self,
        make: Callable[[Callable[[], Document | None]], Executor],
        *,
        registry: Registry,
        classes: Sequence[str],
        folder: Path,
        only: frozenset[str] = frozenset(),
        most: int = 1,
        largest: int | None = None,
    ) -> None:
        self.document: Document | None = None
        self.executor = make(lambda: self.document)
        self.registry = registry
        self.classes = tuple(classes)
        self.folder = folder
        self.only = only
        self.most = most
        self.largest = largest
        self._left_out: tuple[str, ...] = ()
        self._crashes: dict[str, int] = {}
        self._lock = threading.Lock()

    def apply(self, document: Document) -> None:
        """From now on this is to run. Raises ValueError, and nothing changes, when a rule of it cannot be made."""
        content = document.content
        for camera_id in self._desired(document):
            CameraPipeline(self.classes).use(make_plan(content, camera_id, self.registry, document.pixels))
        with self._lock:
            before, self.document = self.document, document
            try:
                self._reconcile()
            except BaseException:
                self.document = before
                raise
            self._crashes = {u.group.name: u.condition.restarts for u in self.executor.list()}

    def step(self) -> bool:
        """Looks after the groups; True when a condition changed. Raises OSError."""
        with self._lock:
            changed = self.executor.watch()
            if self.document is not None:
                self._reconcile()
        return changed

    def close(self, *, timeout: float) -> bool:
        with self._lock:
            return self.executor.close(timeout=timeout)

    def _desired(self, document: Document) -> list[str]:
        return [
            c.camera_id
            for c in document.content.cameras
            if c.enabled and c.analyse and (not self.only or c.camera_id in self.only)
        ]

    def _reconcile(self) -> None:
        if self.document is None:
            return
        units = {u.group.name: u for u in self.executor.list()}
        known = [u.group for u in units.values() if u.condition.state != "stopping"]
        grouping = assign(self._desired(self.document), known, most=self.most, largest=self.largest)
        wanted = {g.name: g for g in grouping.groups}
        for name in units.keys() - wanted.keys():
            self.executor.stop(name)
        for group in wanted.values():
            self._ensure(group, [u for u in units.values() if u.group.name != group.name])
        if grouping.left_out != self._left_out:
            self._left_out = grouping.left_out
            if self._left_out:
                log.error("more cameras than the analysis processes have room for", cameras=", ".join(self._left_out))

    def _ensure(self, group: Group, others: list[Unit]) -> None:
        """A camera that another group may still analyse waits until it does not: else its alerts would be doubled."""
        elsewhere = {camera for unit in others for camera in unit.holds}
        free = tuple(c for c in group.cameras if c not in elsewhere)
        if free:
            self.executor.ensure(replace(group, cameras=free))

    def unhealthy(self) -> str:
        """Why the running document is not healthy; empty when it is. A camera that is away is not the document's fault."""
        document = self.document
        for unit in self._units():
            report, condition = unit.report, unit.condition
            if report.broken and document is not None and report.sha256 in ("", document.header.sha256):
                return report.broken
            if self._crashes.get(unit.group.name):
                continue  # it was that way before this document
            if condition.restarts >= 2 or (
                condition.restarts and condition.fault
            ):  # one alone may be somebody's `kill`
                return condition.reason or "an analysis process crashed"
        return ""

    def health(self) -> dict[str, Any]:
        """For the report: `disk_free` (bytes), every camera's state with its details, and `executor`: `kind`, and by the
        name of each group its condition and `cameras`; `inference` of one group in another process."""
        document, units = self.document, self._units()
        words: dict[str, str] = {}
        details: dict[str, dict[str, Any]] = {}
        if document is not None:
            of = {camera: unit for unit in units for camera in unit.group.cameras}
            desired = set(self._desired(document))
            for camera in document.content.cameras:
                code = camera.camera_id
                if code not in desired:
                    words[code] = "off" if camera.enabled else "disabled"
                else:
                    words[code], details[code] = _state(code, of.get(code), left_out=code in self._left_out)
        inference = next(({"inference": dict(u.report.inference)} for u in units if u.report.inference), {})
        groups = {u.group.name: u.condition.message() | {"cameras": list(u.group.cameras)} for u in units}
        return {
            "disk_free": shutil.disk_usage(self.folder).free,
            "cameras": words,
            "camera_details": details,
            "executor": {"kind": self.executor.kind, "groups": groups},
            **inference,
        }

    def _units(self) -> list[Unit]:
        with self._lock:
            return self.executor.list()


def _state(camera: str, unit: Unit | None, *, left_out: bool) -> tuple[str, dict[str, Any]]:
    """Word and details: as its group tells, else what its group's condition means for it."""
    if unit is not None and camera in unit.report.cameras:
        return unit.report.cameras[camera], dict(unit.report.details.get(camera, {}))
    condition = unit.condition if unit is not None else Condition("waiting", 0.0)
    word = "lost" if condition.restarts or left_out else "connecting"
    reason = NO_ROOM if left_out else condition.reason or STARTING
    details: dict[str, Any] = {"reason": reason, "last_frame_at": None}
    return word, details | ({"since": round(condition.since, 3)} if condition.since else {"since": None})
