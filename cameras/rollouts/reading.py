"""Reads: a staged publish's devices as `cameras.core.rollout` looks at them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from django.utils.crypto import salted_hmac

from cameras.core.rollout import NOTHING, Kind, Look, Part, Plan, Seen, look_at
from cameras.issued import ConfigVersion
from cameras.models import Device, DeviceStatus
from cameras.rollouts.models import DeviceState, Rollout, RolloutDevice, RolloutState
from cameras.rollouts.texts import loaded

RUNNING = (RolloutState.CANARIES, RolloutState.SOAKING, RolloutState.ASKING, RolloutState.REST)


def plan_of(rollout: Rollout, *, now: datetime, listening: float = math.inf) -> Plan:
    """listening: see `Seen`; nobody is waited for while nobody listens."""
    return Plan(
        state=rollout.state,
        healthy_seconds=rollout.healthy_seconds,
        error_threshold=rollout.error_threshold,
        wave_size=rollout.wave_size,
        healthy_for=_seconds(rollout.healthy_since, now),
        answer_seconds=rollout.answer_seconds,
        waited=min(_seconds(rollout.waits_since, now) or 0.0, listening),
    )


def _seconds(since: datetime | None, now: datetime) -> float | None:
    return None if since is None else (now - since).total_seconds()


def rows_of(rollout: Rollout) -> list[RolloutDevice]:
    """Its devices, canaries first, with what their boxes reported."""
    return list(rollout.devices.select_related("device__site", "device__status"))


def looks_at(rows: Iterable[RolloutDevice], *, now: datetime, listening: float = math.inf) -> list[Look]:
    """What became of each device, in the rows' order. listening: see `Seen`."""
    rows = list(rows)
    overtaken = [r.device_id for r in rows if r.version and r.device.last_version > r.version]
    newest = ConfigVersion.objects.filter(device__in=overtaken).values_list(
        "device_id", "epoch", "version", "rollback_of"
    )
    back = {number[:3]: number[3] for number in newest} if overtaken else {}
    return [look_at(_part(row, now), _seen(row, back, now, listening)) for row in rows]


def shown_looks(rollout: Rollout, rows: Iterable[RolloutDevice], *, now: datetime) -> list[Look]:
    """For a page. After its end what was confirmed stays so, whatever became of the box since."""
    looks = looks_at(rows, now=now)
    if rollout.state in RUNNING:
        return looks
    settled = DeviceState.CONFIRMED
    return [replace(x, kind=Kind.HEALTHY, why=NOTHING) if x.part.state == settled else x for x in looks]


def _part(row: RolloutDevice, now: datetime) -> Part:
    return Part(
        device_id=row.device_id,
        is_canary=row.is_canary,
        state=row.state,
        version=row.version,
        seen_online=row.was_online,
        live_cameras=tuple(row.live_cameras),
        sick_for=_seconds(row.sick_since, now),
        why=loaded(row.reason),
    )


def _seen(row: RolloutDevice, back: dict[tuple[str, str, int], int | None], now: datetime, listening: float) -> Seen:
    device = row.device
    newest = device.last_version if device.epoch == row.epoch else -1
    rollback_of = back.get((device.pk, device.epoch, device.last_version))
    status = status_of(device)
    if status is None or status.reported_at is None:
        return Seen(listening=listening, newest=newest, newest_rollback_of=rollback_of)
    return Seen(
        age=(now - status.reported_at).total_seconds(),
        listening=listening,
        same_epoch=status.epoch in ("", row.epoch),  # a box that never had a document reports none
        observed=status.observed,
        applied=status.applied,
        confirmed=status.confirmed,
        state=status.state,
        reason=status.reason,
        cameras=status.health.get("cameras", {}),
        newest=newest,
        newest_rollback_of=rollback_of,
    )


def status_of(device: Device) -> DeviceStatus | None:
    return getattr(device, "status", None)


def rollout_of(device: Device) -> Rollout | None:
    """The staged publish that runs on the device now."""
    row = RolloutDevice.objects.filter(claim=device.pk).select_related("rollout").first()
    return row.rollout if row else None


def not_answering(looks: Iterable[Look]) -> list[Look]:
    """The canaries that it waits for; empty when none is healthy: then nobody could go on without them."""
    canaries = [x for x in looks if x.part.is_canary and x.kind not in (Kind.FAILED, Kind.ASIDE)]
    missing = [x for x in canaries if x.kind is not Kind.HEALTHY]
    return missing if len(missing) < len(canaries) else []


def digest_of(device_ids: Iterable[str]) -> str:
    """The same for the same devices; nobody can tell from it which they are."""
    return salted_hmac("cameras.rollouts", "\n".join(sorted(device_ids)), algorithm="sha256").hexdigest()


def can_go_back(row: RolloutDevice) -> bool:
    """Whether what the staged publish issued is still the device's newest version and something came before it."""
    issued = row.version > 0 and row.previous_version > 0 and row.state != DeviceState.ROLLED_BACK
    return issued and row.device.epoch == row.epoch and row.device.last_version == row.version
