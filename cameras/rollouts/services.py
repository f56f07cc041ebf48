"""Writes that people ask for: starting, stopping and undoing a staged publish."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone

from cameras.audit import LONGEST_REASON
from cameras.core.algorithms import registry
from cameras.core.compiler import compile_content
from cameras.core.difference import Change, difference
from cameras.core.document import canonical, is_hash_of, parse_content
from cameras.core.rollout import NOTHING, Sentence
from cameras.core.strict_json import DocumentError
from cameras.issued import ConfigVersion
from cameras.models import Device
from cameras.restoring import VersionError
from cameras.rollouts.models import (
    ANSWER_SECONDS,
    ERROR_THRESHOLD,
    HEALTHY_SECONDS,
    WAVE_SIZE,
    DeviceState,
    Rollout,
    RolloutDevice,
    RolloutState,
)
from cameras.rollouts.reading import RUNNING, can_go_back, digest_of, looks_at, not_answering, rollout_of, rows_of
from cameras.rollouts.stepping import end
from cameras.rollouts.texts import stored
from cameras.selectors import device_rows
from cameras.services import latest_version
from cameras.versions import content_of_version, roll_back
from edgesite.fields import DecryptionError

log = structlog.get_logger(__name__)

LONGEST_HEALTHY_SECONDS = 604_800  # a week


class RolloutError(Exception):
    """A staged publish cannot begin; `problems` says everything that is in its way."""

    def __init__(self, problems: list[Sentence]) -> None:
        super().__init__("; ".join(str(p) for p in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Draft:
    """What a staged publish would bring to a device, or why it cannot take part (problem)."""

    device: Device
    sha256: str = ""
    changes: tuple[Change, ...] = ()
    problem: Sentence = NOTHING


def draft_of(device: Device) -> Draft:
    """Compiles and checks the device's rows without issuing anything."""
    running = rollout_of(device)
    about = {"device": device.pk}
    if running is not None:
        problem = "%(device)s is part of staged publish %(rollout)s, which is still running"
        return Draft(device, problem=Sentence(problem, about | {"rollout": running.pk}))
    if device.publish_on_save:
        problem = "%(device)s publishes every saved change at once: turn off publish on save first"
        return Draft(device, problem=Sentence(problem, about))
    try:
        content = compile_content(device_rows(device))
        form, newest = canonical(content), latest_version(device)
        if newest is not None and is_hash_of(newest.sha256, form, author=newest.author):
            return Draft(device, problem=Sentence("%(device)s has nothing to publish", about))
        parse_content(content, registry)
        changes = difference(content_of_version(newest), content)
    except (DocumentError, DecryptionError) as error:
        problem = "%(device)s cannot be published: %(problem)s"
        return Draft(device, problem=Sentence(problem, about | {"problem": str(error)}))
    return Draft(device, form.sha256(), tuple(changes))


def drafts_of_all() -> list[Draft]:
    """Of every device."""
    return [draft_of(device) for device in Device.objects.select_related("site")]


def start_rollout(
    *,
    device_ids: Iterable[str],
    canary_ids: Iterable[str],
    author: str,
    reason: str = "",
    healthy_seconds: int = HEALTHY_SECONDS,
    answer_seconds: int = ANSWER_SECONDS,
    error_threshold: int = ERROR_THRESHOLD,
    wave_size: int = WAVE_SIZE,
    expected: Mapping[str, str] | None = None,
) -> Rollout:
    """Begins a staged publish of what is pending on these devices; `run_hub` moves it on.

    expected: the content's SHA-256 of each device as the person saw it. Raises RolloutError with every problem; nothing
    has begun then.
    """
    wanted, canaries = list(dict.fromkeys(device_ids)), set(canary_ids)
    problems = _numbers(healthy_seconds, answer_seconds, error_threshold, wave_size)
    with transaction.atomic():
        devices = {d.pk: d for d in Device.objects.filter(pk__in=wanted).select_related("site")}
        problems += _choice(wanted, canaries, devices)
        drafts = [draft_of(devices[pk]) for pk in wanted if pk in devices]
        problems += [d.problem for d in drafts if d.problem.template]
        problems += _edited(drafts, expected or {})
        if problems:
            raise RolloutError(problems)
        rollout = Rollout.objects.create(
            author=author, reason=reason[:LONGEST_REASON], healthy_seconds=healthy_seconds,
            answer_seconds=answer_seconds, error_threshold=error_threshold, wave_size=wave_size,
        )  # fmt: skip
        try:
            with transaction.atomic():
                RolloutDevice.objects.bulk_create(_rows(rollout, drafts, canaries))
        except IntegrityError:  # another one took a device just now
            text = "%(device)s is part of staged publish %(rollout)s, which is still running"
            taken = RolloutDevice.objects.filter(claim__in=wanted).values_list("claim", "rollout_id")
            raise RolloutError([Sentence(text, {"device": d, "rollout": n}) for d, n in taken]) from None
    log.info("staged publish started", rollout=rollout.pk, devices=len(drafts), canaries=len(canaries), author=author)
    return rollout


def _rows(rollout: Rollout, drafts: list[Draft], canaries: Collection[str]) -> list[RolloutDevice]:
    return [
        RolloutDevice(
            rollout=rollout,
            device=draft.device,
            claim=draft.device.pk,
            is_canary=draft.device.pk in canaries,
            content_sha256=draft.sha256,
            epoch=draft.device.epoch,
            previous_version=draft.device.last_version,
        )
        for draft in drafts
    ]


def _numbers(healthy_seconds: int, answer_seconds: int, error_threshold: int, wave_size: int) -> list[Sentence]:
    problems = []
    if not 0 <= healthy_seconds <= LONGEST_HEALTHY_SECONDS:
        text = "the healthy time must be from 0 to %(most)s seconds"
        problems.append(Sentence(text, {"most": LONGEST_HEALTHY_SECONDS}))
    if not 1 <= answer_seconds <= LONGEST_HEALTHY_SECONDS:
        text = "the answer time must be from 1 to %(most)s seconds"
        problems.append(Sentence(text, {"most": LONGEST_HEALTHY_SECONDS}))
    if error_threshold < 1:
        problems.append(Sentence("the error threshold must be 1 or more"))
    if wave_size < 1:
        problems.append(Sentence("the wave size must be 1 or more"))
    return problems


def _choice(wanted: list[str], canaries: set[str], devices: Mapping[str, Device]) -> list[Sentence]:
    problems = [Sentence("%(device)s is not known", {"device": pk}) for pk in wanted if pk not in devices]
    if not wanted:
        problems.append(Sentence("choose at least one device"))
    elif not canaries:
        problems.append(Sentence("choose at least one canary"))
    text = "%(device)s is a canary but not part of the publish"
    return problems + [Sentence(text, {"device": pk}) for pk in sorted(canaries - set(wanted))]


def _edited(drafts: list[Draft], expected: Mapping[str, str]) -> list[Sentence]:
    text = "%(device)s was edited while you were looking at its changes"
    return [
        Sentence(text, {"device": d.device.pk})
        for d in drafts
        if d.sha256 and expected.get(d.device.pk, d.sha256) != d.sha256
    ]


def stop_rollout(*, rollout_id: int, author: str, reason: str = "") -> bool:
    """Issues nothing more from now on; what was issued stays. False when it had ended already."""
    text = "stopped by %(person)s: %(reason)s" if reason else "stopped by %(person)s"
    why = Sentence(text, {"person": author, "reason": reason})
    with transaction.atomic():
        rollout = Rollout.objects.select_for_update().get(pk=rollout_id)
        if rollout.state not in RUNNING:
            return False
        return end(rollout, state=RolloutState.STOPPED, now=timezone.now(), why=why, by=author)


def wait_on(*, rollout_id: int, author: str) -> bool:
    """Waits for the canaries as long again; False when it does not ask (any more)."""
    if not _back_to_canaries(rollout_id):
        return False
    log.info("staged publish waits on", rollout=rollout_id, by=author)
    return True


def _back_to_canaries(rollout_id: int) -> bool:
    now = timezone.now()
    mine = Rollout.objects.filter(pk=rollout_id, state=RolloutState.ASKING)
    return bool(mine.update(state=RolloutState.CANARIES, state_since=now, waits_since=now))


class OthersMissingError(Exception):
    """The canaries that give no answer are not those that the person saw."""


def go_on_without(*, rollout_id: int, author: str, expected: str) -> bool:
    """Sets the canaries aside that give no answer; the others decide. False when it does not ask, or none would be left.

    expected: the `digest_of` those that the person saw. Raises OthersMissingError; nothing is done then.
    """
    with transaction.atomic():
        if not _back_to_canaries(rollout_id):  # the row is ours from here on
            return False
        now = timezone.now()
        rows = rows_of(Rollout.objects.get(pk=rollout_id))
        missing = [look.part.device_id for look in not_answering(looks_at(rows, now=now))]
        if not missing:
            transaction.set_rollback(True)
            return False
        if digest_of(missing) != expected:
            raise OthersMissingError
        why = stored(Sentence("gave no answer; %(person)s went on without it", {"person": author}))
        parts = RolloutDevice.objects.filter(rollout=rollout_id, device__in=missing)
        parts.update(state=DeviceState.SKIPPED, reason=why, ended_at=now)
    log.warning("canaries were left out", rollout=rollout_id, devices=missing, by=author)
    return True


def roll_back_rollout(
    *, rollout_id: int, author: str, reason: str = "", device_ids: Collection[str] | None = None
) -> dict[str, ConfigVersion | Sentence]:
    """Gives every device that got a version from it the one before; a staged publish that runs is stopped first.

    device_ids: only these. Each device is a transaction of its own. Answers for each device that got something the new
    version, or why it keeps what it has: a newer version, or nothing before it.
    """
    stop_rollout(rollout_id=rollout_id, author=author, reason=reason)
    results: dict[str, ConfigVersion | Sentence] = {}
    rows = RolloutDevice.objects.filter(rollout=rollout_id, version__gt=0).exclude(state=DeviceState.ROLLED_BACK)
    for row in rows if device_ids is None else rows.filter(device__in=device_ids):
        results[row.device_id] = _roll_back_one(row, author, reason or f"rollback of staged publish {rollout_id}")
    return results


def _roll_back_one(row: RolloutDevice, author: str, reason: str) -> ConfigVersion | Sentence:
    if not row.previous_version:
        return Sentence("had nothing before, so there is nothing to go back to")
    try:
        with transaction.atomic():
            row.device = Device.objects.select_for_update().get(pk=row.device_id)
            if not can_go_back(row):
                return Sentence("has a newer version, so it stays as it is")
            back = roll_back(device_id=row.device_id, version=row.previous_version, author=author, reason=reason)
            text = Sentence("version %(version)s brings back %(before)s",
                            {"version": back.version, "before": row.previous_version})  # fmt: skip
            changes = {"state": DeviceState.ROLLED_BACK, "reason": stored(text), "ended_at": timezone.now()}
            RolloutDevice.objects.filter(pk=row.pk).update(**changes)
            return back
    except VersionError as error:
        return error.sentence
    except (DocumentError, DecryptionError) as error:
        return Sentence("%(problem)s", {"problem": str(error)})
