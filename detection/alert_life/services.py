"""What people do with alerts: `open → acknowledged → resolved`, assignment, notes. A repeat is acted on through its alert.

Each step is one conditional UPDATE whose row count decides, and one row that says who, when and why, in the same
transaction. Of two people at once one wins; the other is told who did what. Pages are told after the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext_noop

from detection.alert_life.errors import (
    AlertLifeError,
    InvalidInputError,
    NotAllowedError,
    UnknownAlertError,
    conflict,
)
from detection.alert_life.models import LONGEST_NOTE, LONGEST_REASON, AlertStep, StepKind, Verdict
from detection.alert_life.selectors import assignable_people
from detection.alert_life.telling import tell_after_commit
from detection.models import Alert, AlertState
from detection.selectors import visible_alerts

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

ACT = "detection.change_alert"
MOST_AT_ONCE = 500
LINES = "\n\t"
LONGEST_USERNAME = 150  # Django's


def acknowledge(*, event_id: str, user: User | AnonymousUser, now: datetime, note: str = "") -> Alert:
    """`open → acknowledged`. Raises AlertLifeError: unknown, not allowed, invalid note, or who was faster."""
    return _one(event_id, user, lambda alert: _acknowledge(alert, user, now, checked_note(note)))


def resolve(
    *,
    event_id: str,
    user: User | AnonymousUser,
    now: datetime,
    verdict: str = "",
    reason: str = "",
    note: str = "",
    from_open: bool = False,
) -> Alert:
    """`acknowledged → resolved`. verdict: `true`, `false` or empty; reason: why.

    from_open: an open alert is acknowledged first, as a step of its own in the same transaction. Raises AlertLifeError.
    """
    verdict, reason, note = checked_verdict(verdict), checked_reason(reason), checked_note(note)

    def act(alert: Alert) -> None:
        if from_open and alert.state == AlertState.OPEN:
            _acknowledge(alert, user, now, "")
        _resolve(alert, user, now, verdict, reason, note)

    return _one(event_id, user, act)


def assign(*, event_id: str, user: User | AnonymousUser, now: datetime, assignee: str, note: str = "") -> Alert:
    """Gives it to a person who may act on it; an empty name takes it from whoever has it. Raises AlertLifeError."""
    return _one(event_id, user, lambda alert: _assign(alert, user, now, assignee, checked_note(note)))


def add_note(*, event_id: str, user: User | AnonymousUser, now: datetime, note: str) -> Alert:
    """A remark, in any state. Raises AlertLifeError; also for an empty one."""

    def act(alert: Alert) -> None:
        text = checked_note(note)
        if not text:
            raise InvalidInputError(gettext_noop("`note` is empty."))
        add_step(alert, StepKind.NOTED, author=user.get_username(), now=now, note=text)

    return _one(event_id, user, act)


@dataclass(slots=True)
class Outcome:
    """Of an act on many: the event ids of those that changed, and why not of the others."""

    done: list[str] = field(default_factory=list)
    failed: list[tuple[str, AlertLifeError]] = field(default_factory=list)


def act_on_many(*, event_ids: Iterable[str], user: User | AnonymousUser, act: Callable[[Alert], None]) -> Outcome:
    """Each alert by itself: one that cannot be changed stops no other. Raises NotAllowedError."""
    require_actor(user)
    wanted = list(dict.fromkeys(event_ids))[:MOST_AT_ONCE]
    outcome = Outcome()
    with transaction.atomic():
        asked = list(visible_alerts(user).filter(event_id__in=wanted))
        known = {alert.event_id: first_of(alert) for alert in asked}
        done: set[str] = set()
        for event_id in wanted:
            first = known.get(event_id)
            if first is not None and first.event_id in done:
                outcome.done.append(event_id)  # with the alert that it is part of
                continue
            try:
                with transaction.atomic():
                    if first is None:
                        raise UnknownAlertError
                    act(first)
            except AlertLifeError as error:
                outcome.failed.append((event_id, error))
            else:
                outcome.done.append(event_id)
                done.add(known[event_id].event_id)
        if outcome.done:
            tell_after_commit(list(dict.fromkeys([*outcome.done, *sorted(done)])))
    return outcome


def acknowledge_many(*, event_ids: Iterable[str], user: User | AnonymousUser, now: datetime, note: str = "") -> Outcome:
    """As `acknowledge`, up to 500. Raises NotAllowedError, InvalidInputError."""
    text = checked_note(note)
    return act_on_many(event_ids=event_ids, user=user, act=lambda a: _acknowledge(a, user, now, text))


def resolve_many(
    *,
    event_ids: Iterable[str],
    user: User | AnonymousUser,
    now: datetime,
    verdict: str = "",
    reason: str = "",
    note: str = "",
) -> Outcome:
    """As `resolve` with `from_open`, up to 500. Raises NotAllowedError, InvalidInputError."""
    verdict, reason, text = checked_verdict(verdict), checked_reason(reason), checked_note(note)

    def act(alert: Alert) -> None:
        if alert.state == AlertState.OPEN:
            _acknowledge(alert, user, now, "")
        _resolve(alert, user, now, verdict, reason, text)

    return act_on_many(event_ids=event_ids, user=user, act=act)


def assign_many(
    *, event_ids: Iterable[str], user: User | AnonymousUser, now: datetime, assignee: str, note: str = ""
) -> Outcome:
    """As `assign`, up to 500. Raises NotAllowedError, InvalidInputError."""
    text = checked_note(note)
    return act_on_many(event_ids=event_ids, user=user, act=lambda a: _assign(a, user, now, assignee, text))


# What is done to one alert, inside a transaction.


def _one(event_id: str, user: User | AnonymousUser, act: Callable[[Alert], None]) -> Alert:
    require_actor(user)
    with transaction.atomic():
        alert = visible_alerts(user).filter(event_id=event_id).first()
        if alert is None:
            raise UnknownAlertError
        first = first_of(alert)
        act(first)
        tell_after_commit(list(dict.fromkeys([first.event_id, alert.event_id])))
    alert.refresh_from_db()
    return alert


def first_of(alert: Alert) -> Alert:
    """The alert that it is part of, or itself."""
    return alert if alert.part_of_id is None else Alert.objects.filter(event_id=alert.part_of_id).first() or alert


def _followed(alert: Alert, **changes: Any) -> None:
    """The alert's repeats stand as it stands."""
    Alert.objects.filter(part_of__event_id=alert.event_id).update(**changes)


def require_actor(user: User | AnonymousUser) -> None:
    """Raises NotAllowedError for whoever may look and not act."""
    if not user.is_authenticated or not user.has_perm(ACT):
        raise NotAllowedError


def _acknowledge(alert: Alert, user: User | AnonymousUser, now: datetime, note: str) -> None:
    who = user.get_username()
    _move(alert, AlertState.OPEN, state=AlertState.ACKNOWLEDGED, acknowledged_at=now, acknowledged_by=who)
    add_step(alert, StepKind.ACKNOWLEDGED, author=who, now=now, note=note)


def _resolve(alert: Alert, user: User | AnonymousUser, now: datetime, verdict: str, reason: str, note: str) -> None:
    who = user.get_username()
    changes = {"state": AlertState.RESOLVED, "resolved_at": now, "resolved_by": who}
    _move(alert, AlertState.ACKNOWLEDGED, **changes, verdict=verdict, verdict_reason=reason)
    told = {key: value for key, value in (("verdict", verdict), ("reason", reason)) if value}
    add_step(alert, StepKind.RESOLVED, author=who, now=now, note=note, details=told)


def _assign(alert: Alert, user: User | AnonymousUser, now: datetime, assignee: str, note: str) -> None:
    assignee = _checked("assignee", assignee, LONGEST_USERNAME, allowed="")
    if assignee and not assignable_people(alert).filter(username=assignee).exists():
        raise InvalidInputError(gettext_noop("`assignee` is nobody who may act on this alert."))
    changed = Alert.objects.filter(pk=alert.pk).exclude(state=AlertState.RESOLVED).update(assignee=assignee)
    if not changed:
        alert.refresh_from_db()
        raise conflict(alert)
    _followed(alert, assignee=assignee)
    alert.assignee = assignee
    details = {"assignee": assignee}
    add_step(alert, StepKind.ASSIGNED, author=user.get_username(), now=now, note=note, details=details)


def _move(alert: Alert, before: AlertState, **changes: Any) -> None:
    """The conditional UPDATE: whoever comes second changes no row. Raises ConflictError."""
    if not Alert.objects.filter(pk=alert.pk, state=before).update(**changes):
        fresh = Alert.objects.filter(pk=alert.pk).first()
        if fresh is None:
            raise UnknownAlertError
        raise conflict(fresh, resolving=before == AlertState.ACKNOWLEDGED)
    _followed(alert, **changes)
    for name, value in changes.items():
        setattr(alert, name, value)


def add_step(
    alert: Alert, kind: StepKind, *, author: str, now: datetime, note: str = "", details: dict[str, Any] | None = None
) -> AlertStep:
    """The row that tells of it, in the transaction of what it tells of."""
    return AlertStep.objects.create(
        alert=alert,
        event_id=alert.event_id,
        device_id=alert.device_id,
        camera_id=alert.camera_id,
        kind=kind,
        author=author,
        at=now,
        note=note,
        details=details or {},
    )


# What people type.


def checked_note(note: str) -> str:
    """Without space around it. Raises InvalidInputError: longer than 2000 characters, or with control characters."""
    return _checked("note", note, LONGEST_NOTE)


def checked_reason(reason: str) -> str:
    """As `checked_note`, up to 500 characters and on one line."""
    return _checked("reason", reason, LONGEST_REASON, allowed="")


def _checked(name: str, text: str, longest: int, *, allowed: str = LINES) -> str:
    text = text.replace("\r\n", "\n").strip()  # forms send their own line ends
    if len(text) > longest:
        raise InvalidInputError(gettext_noop("`%(name)s` has more than %(most)s characters."), name=name, most=longest)
    if any((ord(c) < 0x20 and c not in allowed) or ord(c) == 0x7F or 0xD800 <= ord(c) <= 0xDFFF for c in text):
        raise InvalidInputError(gettext_noop("`%(name)s` holds a control character."), name=name)
    return text


def checked_verdict(verdict: str) -> str:
    """`true`, `false` or empty. Raises InvalidInputError."""
    if verdict and verdict not in Verdict.values:
        raise InvalidInputError(gettext_noop("`verdict` is `true`, `false` or empty."))
    return verdict
