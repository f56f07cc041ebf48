"""What people do with many alerts at once: the same steps, and as many queries for five hundred as for two."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from detection.alert_life.errors import AlertLifeError, InvalidInputError, UnknownAlertError, conflict
from detection.alert_life.selectors import devices_to_act_on
from detection.alert_life.services import (
    NOBODY,
    acknowledge_all,
    assign_all,
    checked_assignee,
    checked_note,
    checked_reason,
    checked_verdict,
    require_actor,
    resolve_all,
)
from detection.alert_life.telling import tell_after_commit
from detection.models import Alert, AlertState
from detection.selectors import visible_alerts

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

MOST_AT_ONCE = 500

Act = Callable[[Sequence[Alert]], None]
Look = Callable[[Alert], AlertLifeError | None]


@dataclass(slots=True)
class Outcome:
    """Of an act on many: the event ids of those that changed, and why not of the others."""

    done: list[str] = field(default_factory=list)
    failed: list[tuple[str, AlertLifeError]] = field(default_factory=list)


def acknowledge_many(*, event_ids: Iterable[str], user: User | AnonymousUser, now: datetime, note: str = "") -> Outcome:
    """As `acknowledge`, up to 500. Raises NotAllowedError, InvalidInputError."""
    text = checked_note(note)

    def look(alert: Alert) -> AlertLifeError | None:
        return None if alert.state == AlertState.OPEN else conflict(alert)

    return _act_on_many(event_ids, user, lambda known: look, lambda alerts: acknowledge_all(alerts, user, now, text))


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

    def act(alerts: Sequence[Alert]) -> None:
        if waiting := [alert for alert in alerts if alert.state == AlertState.OPEN]:
            acknowledge_all(waiting, user, now, "")
        resolve_all(alerts, user, now, verdict, reason, text)

    return _act_on_many(event_ids, user, lambda known: _unresolved, act)


def assign_many(
    *, event_ids: Iterable[str], user: User | AnonymousUser, now: datetime, assignee: str, note: str = ""
) -> Outcome:
    """As `assign`, up to 500. Raises NotAllowedError, InvalidInputError."""
    assignee, text = checked_assignee(assignee), checked_note(note)

    def look_of(known: Iterable[Alert]) -> Look:
        allowed = devices_to_act_on(assignee, {alert.device_id for alert in known}) if assignee else None

        def look(alert: Alert) -> AlertLifeError | None:
            if allowed is not None and alert.device_id not in allowed:
                return InvalidInputError(NOBODY)
            return _unresolved(alert)

        return look

    return _act_on_many(event_ids, user, look_of, lambda alerts: assign_all(alerts, user, now, assignee, text))


def _unresolved(alert: Alert) -> AlertLifeError | None:
    return conflict(alert, resolving=True) if alert.state == AlertState.RESOLVED else None


def _act_on_many(
    event_ids: Iterable[str], user: User | AnonymousUser, look_of: Callable[[Iterable[Alert]], Look], act: Act
) -> Outcome:
    """Each alert by itself: one that cannot be changed stops no other. Raises NotAllowedError.

    look_of: given all alerts, says of each why it does not fit. act: to all at once, or to none with AlertLifeError.
    """
    require_actor(user)
    wanted = list(dict.fromkeys(event_ids))[:MOST_AT_ONCE]
    outcome = Outcome()
    with transaction.atomic():
        firsts = _firsts(user, wanted)
        alerts = list({alert.pk: alert for alert in firsts.values()}.values())
        failed = _done(alerts, look_of(alerts), act)
        for event_id in wanted:
            first = firsts.get(event_id)
            error = UnknownAlertError() if first is None else failed.get(first.event_id)
            if error is None:
                outcome.done.append(event_id)
            else:
                outcome.failed.append((event_id, error))
        if outcome.done:
            changed = [alert.event_id for alert in alerts if alert.event_id not in failed]
            tell_after_commit(list(dict.fromkeys([*outcome.done, *changed])))
    return outcome


def _firsts(user: User | AnonymousUser, wanted: list[str]) -> dict[str, Alert]:
    """By the wanted event ID the alert that is acted on: itself, or the one that it is part of. Two queries."""
    asked = {
        alert.event_id: alert for alert in visible_alerts(user).filter(event_id__in=wanted).defer("data", "end_data")
    }
    parts = {alert.part_of_id for alert in asked.values() if alert.part_of_id is not None}
    found = Alert.objects.filter(event_id__in=parts).defer("data", "end_data") if parts else ()
    firsts = {alert.event_id: alert for alert in found}
    return {event_id: firsts.get(alert.part_of_id or "", alert) for event_id, alert in asked.items()}


def _done(alerts: list[Alert], look: Look, act: Act) -> dict[str, AlertLifeError]:
    """Why not, by event ID, of those that did not change. When somebody is quicker with one of them, they go singly."""
    failed = {alert.event_id: error for alert in alerts if (error := look(alert)) is not None}
    fitting = [alert for alert in alerts if alert.event_id not in failed]
    if not fitting:
        return failed
    try:
        with transaction.atomic():
            act(fitting)
    except AlertLifeError:
        for alert in fitting:
            try:
                with transaction.atomic():
                    _act_on_fresh(alert, look, act)
            except AlertLifeError as error:
                failed[alert.event_id] = error
    return failed


def _act_on_fresh(alert: Alert, look: Look, act: Act) -> None:
    """Raises AlertLifeError."""
    fresh = Alert.objects.filter(pk=alert.pk).first()
    if fresh is None:
        raise UnknownAlertError
    if (error := look(fresh)) is not None:
        raise error
    act([fresh])
