"""Moving staged publishes on: `run_hub` calls `step`. What is decided lies in the database, so a restart goes on from there.

Each act is one transaction that begins with a conditional UPDATE, so that whatever is killed or runs twice, nothing is
issued twice and nothing after a stop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone
from redis.exceptions import RedisError

from cameras.core.compiler import compile_content
from cameras.core.document import content_hash
from cameras.core.rollout import NOTHING, Decision, Kind, Look, Sentence, decide
from cameras.core.strict_json import DocumentError
from cameras.models import Device
from cameras.rollouts.models import DeviceState, Rollout, RolloutDevice, RolloutState
from cameras.rollouts.reading import RUNNING, looks_at, plan_of, rows_of, status_of
from cameras.rollouts.texts import stored
from cameras.selectors import device_rows
from cameras.services import issue_version
from edgesite.fields import DecryptionError
from edgesite.redis_clients import Client

log = structlog.get_logger(__name__)

GAP = timedelta(seconds=10)  # without a step: what was silent meanwhile may have spoken
REASON = "staged publish %s"


@dataclass(slots=True)
class RolloutStepper:
    """Knows since when this process has heard the boxes: silence while nobody listened is not theirs."""

    client: Client
    clock: Callable[[], datetime] = timezone.now
    _since: datetime | None = None
    _last: datetime | None = None

    def step(self) -> bool:
        """Looks at every staged publish that runs; True when something was done. Raises RedisError, DatabaseError."""
        try:
            self.client.ping()
        except RedisError:
            self._since = None
            raise
        now = self.clock()
        if self._since is None or self._last is None or now - self._last > GAP:
            self._since = now
        self._last = now
        listening = (now - self._since).total_seconds()
        busy = False
        for rollout in Rollout.objects.filter(state__in=RUNNING):
            busy = advance(rollout, now=now, listening=listening) or busy
        return busy


def advance(rollout: Rollout, *, now: datetime, listening: float = math.inf) -> bool:
    """One look at one staged publish and what follows from it; True when something was done."""
    rows = rows_of(rollout)
    looks = looks_at(rows, now=now, listening=listening)
    busy = False
    for row, look in zip(rows, looks, strict=True):
        busy = _note_look(row, look, now) or busy
    decision = decide(plan_of(rollout, now=now, listening=listening), looks)
    by_id = {look.part.device_id: (row, look) for row, look in zip(rows, looks, strict=True)}
    for device_id in decision.issue:
        row, look = by_id[device_id]
        busy = _issue(rollout, row, online=look.online, now=now) or busy
    return _take(rollout, decision, looks, now) or busy


def _note_look(row: RolloutDevice, look: Look, now: datetime) -> bool:
    """Stores what must outlive this process; True when that was news."""
    changes: dict[str, Any] = {}
    if row.state in (DeviceState.ISSUED, DeviceState.CONFIRMED):
        ended = {Kind.FAILED: DeviceState.FAILED, Kind.ASIDE: DeviceState.SKIPPED}.get(look.kind)
        if ended is not None:
            changes |= {"state": ended, "reason": stored(look.why), "ended_at": now}
        elif look.kind is Kind.HEALTHY and row.state == DeviceState.ISSUED:
            changes |= {"state": DeviceState.CONFIRMED, "ended_at": now}
        if look.online and not row.was_online:
            changes["was_online"] = True
        ill = look.kind in (Kind.AILING, Kind.SICK)
        if ill != (row.sick_since is not None):
            changes["sick_since"] = now if ill else None
    if not changes or not RolloutDevice.objects.filter(pk=row.pk, state=row.state).update(**changes):
        return False
    if "state" in changes:
        log.info(
            "a device of a staged publish", rollout=row.rollout_id, device=row.device_id, state=str(changes["state"]),
            reason=str(look.why),
        )  # fmt: skip
    return True


def _issue(rollout: Rollout, row: RolloutDevice, *, online: bool, now: datetime) -> bool:
    """Issues the content that the staged publish began with, or sets the device aside; True when something was done."""
    try:
        with transaction.atomic():
            # Takes the row: a stop that comes now waits until this is done, one that came before is seen.
            if not Rollout.objects.filter(pk=rollout.pk, state=rollout.state).update(state=rollout.state):
                return False
            mine = RolloutDevice.objects.filter(pk=row.pk, state=DeviceState.WAITING)
            if not mine.update(state=DeviceState.ISSUED, was_online=online, issued_at=now):
                return False
            _issue_claimed(rollout, row, now)
    except (DocumentError, DecryptionError) as error:
        reason = stored(Sentence("refused: %(reason)s", {"reason": str(error)}))
        mine = RolloutDevice.objects.filter(pk=row.pk, state=DeviceState.WAITING)
        mine.update(state=DeviceState.FAILED, reason=reason, ended_at=now)
        log.warning("cannot be issued", rollout=rollout.pk, device=row.device_id, reason=str(error))
    return True


def _issue_claimed(rollout: Rollout, row: RolloutDevice, now: datetime) -> None:
    device = Device.objects.select_for_update().select_related("site", "status").get(pk=row.device_id)
    content = compile_content(device_rows(device))
    previous = device.last_version
    version, why = None, NOTHING
    if device.epoch != row.epoch:
        why = Sentence("a new epoch began meanwhile")
    elif content_hash(content) != row.content_sha256:
        why = Sentence("was edited after the staged publish began")
    else:
        reason = rollout.reason or REASON % rollout.pk
        version = issue_version(device_id=device.pk, author=rollout.author, reason=reason)
        why = NOTHING if version else Sentence("version %(version)s was published meanwhile", {"version": previous})
    mine = RolloutDevice.objects.filter(pk=row.pk)
    if version is None:
        mine.update(state=DeviceState.SKIPPED, reason=stored(why), issued_at=None, ended_at=now)
        log.warning("a device was left out", rollout=rollout.pk, device=device.pk, reason=str(why))
        return
    live = _live_cameras(device, content)
    mine.update(version=version.version, previous_version=previous, live_cameras=live)
    log.info("issued in stages", rollout=rollout.pk, device=device.pk, version=version.version)


def _live_cameras(device: Device, content: dict[str, Any]) -> list[str]:
    """Cameras that are live now and that the new content wants analysed: they must be live afterwards."""
    status = status_of(device)
    states = status.health.get("cameras", {}) if status else {}
    wanted = [c["camera_id"] for c in content["cameras"] if c["enabled"] and c["analyse"]]
    return [camera for camera in wanted if states.get(camera) == "live"]


def _take(rollout: Rollout, decision: Decision, looks: list[Look], now: datetime) -> bool:
    """The staged publish's own row; True when that was news."""
    since = (rollout.healthy_since or now) if decision.healthy else None
    changes: dict[str, Any] = {}
    if decision.state:
        changes = {"state": decision.state, "state_since": now}
        if decision.state == RolloutState.SOAKING:
            since = now
    if since != rollout.healthy_since:
        changes["healthy_since"] = since
    waits = None if decision.healthy else (rollout.waits_since or now)
    if waits != rollout.waits_since:
        changes["waits_since"] = waits
    if stored(decision.note) != rollout.note:
        changes["note"] = stored(decision.note)
    if not changes:
        return False
    if decision.state in (RolloutState.DONE, RolloutState.STOPPED):
        return end(rollout, state=decision.state, now=now, why=decision.stop, looks=looks)
    if not Rollout.objects.filter(pk=rollout.pk, state=rollout.state).update(**changes):
        return False
    if decision.state or decision.note.template:
        log.info(
            "staged publish", rollout=rollout.pk, state=decision.state or str(rollout.state), note=str(decision.note)
        )
    return True


def end(
    rollout: Rollout, *, state: str, now: datetime, why: Sentence = NOTHING, by: str = "", looks: Sequence[Look] = ()
) -> bool:
    """Ends it as done or stopped and lets its devices go; False when it has ended or moved on meanwhile."""
    ill = {look.part.device_id: look.why for look in looks if look.kind is Kind.SICK}
    with transaction.atomic():
        mine = Rollout.objects.filter(pk=rollout.pk, state=rollout.state)
        changes = {"state": state, "state_since": now, "ended_at": now, "note": {}}
        changes |= {"healthy_since": None, "waits_since": None}
        if not mine.update(stop_reason=stored(why), stopped_by=by, **changes):
            return False
        parts = RolloutDevice.objects.filter(rollout=rollout)
        aside = stored(Sentence("the staged publish stopped before its turn"))
        parts.filter(state=DeviceState.WAITING).update(state=DeviceState.SKIPPED, reason=aside, ended_at=now)
        for device_id, reason in ill.items():
            parts.filter(device=device_id).update(state=DeviceState.FAILED, reason=stored(reason), ended_at=now)
        parts.update(claim=None)
    log.info("staged publish ended", rollout=rollout.pk, state=state, reason=str(why), by=by)
    return True
