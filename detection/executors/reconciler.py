"""Desired against running: the config document says which cameras are to be analysed, the executor runs them."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from cameras.core.algorithms import Registry
from cameras.core.document import Document
from detection.core.groups import Condition, Group, assign
from detection.core.rules.registry import check_rules
from detection.executors.base import Executor, Unit
from detection.executors.process_unit import FIRST_SIGN_S
from detection.plan import make_plan

log = structlog.get_logger(__name__)

NO_ROOM = "no analysis process has room for this camera"
STARTING = "the analysis process is starting"
SETTLE_S = 5.0  # every process has taken up a new document by then


class Reconciler:
    """`apply` belongs to the thread that syncs, `step` to one of its own, the rest may be called from any.

    only: these cameras (all when empty). most, largest: groups, and cameras in one (None: any number). folder: whose disk is
    told in the report. monotonic: seconds.
    """

    def __init__(
        self,
        make: Callable[[Callable[[], Document | None]], Executor],
        *,
        registry: Registry,
        folder: Path,
        only: frozenset[str] = frozenset(),
        most: int = 1,
        largest: int | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.document: Document | None = None
        self.executor = make(lambda: self.document)
        self.registry = registry
        self.folder = folder
        self.only = only
        self.most = most
        self.largest = largest
        self.monotonic = monotonic
        self._applied_at = monotonic()
        self._left_out: tuple[str, ...] = ()
        self._crashes: dict[str, int] = {}
        self._lock = threading.Lock()

    def apply(self, document: Document) -> None:
        """From now on this is to run. Raises ValueError, and nothing changes, when a rule of it cannot be made."""
        content = document.content
        for camera_id in self._desired(document):
            check_rules(make_plan(content, camera_id, self.registry, document.pixels).bindings)
        with self._lock:
            before, self.document = self.document, document
            try:
                self._reconcile()
            except BaseException:
                self.document = before
                raise
            self._crashes = {u.group.name: u.condition.restarts for u in self.executor.list()}
            self._applied_at = self.monotonic()

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

    def arrived(self) -> bool:
        """Whether every camera that is to be analysed is, with the running document, as its group tells.

        True too when so much time has passed that a group which has told nothing has another trouble than the document.
        """
        with self._lock:
            document, left_out = self.document, self._left_out
            units = self.executor.list()
            waited = self.monotonic() - self._applied_at
        if document is None or waited > FIRST_SIGN_S:
            return True
        there = {c for u in units if u.report.sha256 == document.header.sha256 for c in u.report.cameras}
        return there.issuperset(set(self._desired(document)) - set(left_out))

    def unwatched(self, camera_ids: Collection[str]) -> frozenset[str]:
        """Of these cameras, those that nobody is to analyse, here or in another worker, and that no group still may.

        None while that is not known: before the first document, and for a moment after each one.
        """
        with self._lock:
            document, units = self.document, self.executor.list()
            waited = self.monotonic() - self._applied_at
        if document is None or waited < SETTLE_S:
            return frozenset()
        wanted = {c.camera_id for c in document.content.cameras if c.enabled and c.analyse}
        return frozenset(camera_ids) - wanted - {camera for unit in units for camera in unit.holds}

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
        name of each group its condition and `cameras`. Where groups are processes, `inference` of all and of each."""
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
        inference = inference_of_all([u.report.inference for u in units])
        return {
            "disk_free": shutil.disk_usage(self.folder).free,
            "cameras": words,
            "camera_details": details,
            "executor": {"kind": self.executor.kind, "groups": {u.group.name: _message(u) for u in units}},
            **({"inference": inference} if inference else {}),
        }

    def _units(self) -> list[Unit]:
        with self._lock:
            return self.executor.list()


def inference_of_all(told: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One entry for a box, as a detector alone would tell it (`Detector.describe`): what the first group runs, with the
    sessions of all of them. What they do not agree about (one whose accelerator did not start) is named with commas.

    told: by each group, empty before it has its model.
    """
    running = [one for one in told if one]
    if not running:
        return {}
    entry: dict[str, Any] = {}
    for key in running[0]:
        values = list(dict.fromkeys(one.get(key, "") for one in running))
        entry[key] = values[0] if len(values) == 1 else ", ".join(map(str, values))
    return entry | {"sessions": sum(int(one.get("sessions", 1)) for one in running)}


def _message(unit: Unit) -> dict[str, Any]:
    inference = {"inference": dict(unit.report.inference)} if unit.report.inference else {}
    return unit.condition.message() | {"cameras": list(unit.group.cameras)} | inference


def _state(camera: str, unit: Unit | None, *, left_out: bool) -> tuple[str, dict[str, Any]]:
    """Word and details: as its group tells, else what its group's condition means for it."""
    if unit is not None and camera in unit.report.cameras:
        return unit.report.cameras[camera], dict(unit.report.details.get(camera, {}))
    condition = unit.condition if unit is not None else Condition("waiting", 0.0)
    word = "lost" if condition.restarts or left_out else "connecting"
    reason = NO_ROOM if left_out else condition.reason or STARTING
    details: dict[str, Any] = {"reason": reason, "last_frame_at": None}
    return word, details | ({"since": round(condition.since, 3)} if condition.since else {"since": None})
