"""What people do with alerts: `open → acknowledged → resolved`, assignment, notes. A repeat is acted on through its alert.

Each step is one conditional UPDATE whose row count decides, and one row that says who, when and why, in the same
transaction. Of two people at once one wins; the other is told who did what. Pages are told after the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_noop

from detection.alert_life.errors import (
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
NOBODY = gettext_noop("`assignee` is nobody who may act on this alert.")
LINES = "\n\t"
LONGEST_USERNAME = 150  # Django's


def acknowledge(*, event_id: str, user: User | AnonymousUser, now: datetime, note: str = "") -> Alert:
    """`open → acknowledged`. Raises AlertLifeError: unknown, not allowed, invalid note, or who was faster."""
    return _one(event_id, user, lambda alert: acknowledge_all([alert], user, now, checked_note(note)))


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
            acknowledge_all([alert], user, now, "")
        resolve_all([alert], user, now, verdict, reason, note)

    return _one(event_id, user, act)


def assign(*, event_id: str, user: User | AnonymousUser, now: datetime, assignee: str, note: str = "") -> Alert:
    """Gives it to a person who may act on it; an empty name takes it from whoever has it. Raises AlertLifeError."""
    assignee, note = checked_assignee(assignee), checked_note(note)

    def act(alert: Alert) -> None:
        if assignee and not assignable_people(alert).filter(username=assignee).exists():
            raise InvalidInputError(NOBODY)
        assign_all([alert], user, now, assignee, note)

    return _one(event_id, user, act)


def add_note(*, event_id: str, user: User | AnonymousUser, now: datetime, note: str) -> Alert:
    """A remark, in any state. Raises AlertLifeError; also for an empty one."""

    def act(alert: Alert) -> None:
        text = checked_note(note)
        if not text:
            raise InvalidInputError(gettext_noop("`note` is empty."))
        add_step(alert, StepKind.NOTED, author=user.get_username(), now=now, note=text)

    return _one(event_id, user, act)


# What is done to alerts, inside a transaction: to all of them or, with AlertLifeError, to none.


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


def require_actor(user: User | AnonymousUser) -> None:
    """Raises NotAllowedError for whoever may look and not act."""
    if not user.is_authenticated or not user.has_perm(ACT):
        raise NotAllowedError


def acknowledge_all(alerts: Sequence[Alert], user: User | AnonymousUser, now: datetime, note: str) -> None:
    """`open → acknowledged`."""
    who = user.get_username()
    _move(alerts, AlertState.OPEN, state=AlertState.ACKNOWLEDGED, acknowledged_at=now, acknowledged_by=who)
    add_steps(alerts, StepKind.ACKNOWLEDGED, author=who, now=now, note=note)


def resolve_all(
    alerts: Sequence[Alert], user: User | AnonymousUser, now: datetime, verdict: str, reason: str, note: str
) -> None:
    """`acknowledged → resolved`."""
    who = user.get_username()
    changes = {"state": AlertState.RESOLVED, "resolved_at": now, "resolved_by": who}
    _move(alerts, AlertState.ACKNOWLEDGED, **changes, verdict=verdict, verdict_reason=reason)
    told = {key: value for key, value in (("verdict", verdict), ("reason", reason)) if value}
    add_steps(alerts, StepKind.RESOLVED, author=who, now=now, note=note, details=told)


def assign_all(alerts: Sequence[Alert], user: User | AnonymousUser, now: datetime, assignee: str, note: str) -> None:
    """To somebody who may act on them, as the caller knows, or to nobody."""
    _update(alerts, Alert.objects.exclude(state=AlertState.RESOLVED), assignee=assignee)
    details = {"assignee": assignee}
    add_steps(alerts, StepKind.ASSIGNED, author=user.get_username(), now=now, note=note, details=details)


def _move(alerts: Sequence[Alert], before: AlertState, **changes: Any) -> None:
    resolving = before == AlertState.ACKNOWLEDGED
    _update(alerts, Alert.objects.filter(state=before), resolving=resolving, **changes)


def _update(alerts: Sequence[Alert], fitting: QuerySet[Alert], *, resolving: bool = False, **changes: Any) -> None:
    """The conditional UPDATE: whoever comes second changes no row. Their repeats stand as they stand. Raises ConflictError."""
    pks, event_ids = [alert.pk for alert in alerts], [alert.event_id for alert in alerts]
    if fitting.filter(pk__in=pks).update(**changes) != len(pks):
        fresh = Alert.objects.filter(pk=pks[0]).first()
        if fresh is None:
            raise UnknownAlertError
        raise conflict(fresh, resolving=resolving)
    Alert.objects.filter(part_of__event_id__in=event_ids).update(**changes)
    for alert in alerts:
        for name, value in changes.items():
            setattr(alert, name, value)


def add_step(
    alert: Alert, kind: StepKind, *, author: str, now: datetime, note: str = "", details: dict[str, Any] | None = None
) -> AlertStep:
    """The row that tells of it, in the transaction of what it tells of."""
    step = _step(alert, kind, author, now, note, details)
    step.save()
    return step


def add_steps(
    alerts: Sequence[Alert],
    kind: StepKind,
    *,
    author: str,
    now: datetime,
    note: str = "",
    details: dict[str, Any] | None = None,
) -> None:
    """As `add_step`, of each."""
    AlertStep.objects.bulk_create([_step(alert, kind, author, now, note, details) for alert in alerts])


def _step(
    alert: Alert, kind: StepKind, author: str, now: datetime, note: str, details: dict[str, Any] | None
) -> AlertStep:
    return AlertStep(
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


def checked_assignee(assignee: str) -> str:
    """A user name's form. Raises InvalidInputError."""
    return _checked("assignee", assignee, LONGEST_USERNAME, allowed="")


def checked_verdict(verdict: str) -> str:
    """`true`, `false` or empty. Raises InvalidInputError."""
    if verdict and verdict not in Verdict.values:
        raise InvalidInputError(gettext_noop("`verdict` is `true`, `false` or empty."))
    return verdict
