"""Repeats become part of the alert that they repeat. Every event stays a row of its own, with its data, picture and link.

The alert that came first is what people act on; its repeats point at it (`part_of`) and stand as it stands. Whoever changes
a repeat holds its alert's row first, so that two at once neither wait for each other nor miss one another's work.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from cameras.core.algorithms import registry
from detection.alert_life.models import FOLLOWED
from detection.core.repeats import Earlier, Occurrence, Span, is_repeat, may_touch, span_of
from detection.models import Alert, AlertState

LOOKED_AT = 20  # newest alerts of the binding: kinds and visitors take turns


def join(alert: Alert) -> None:
    """Makes an alert that was just stored part of the one that it repeats, if there is one. In the caller's transaction."""
    for candidate in _candidates(alert):
        if not is_repeat(_earlier(candidate), at=alert.timestamp, kind=alert.data.get("kind"), severity=alert.severity):
            continue
        first = _held(candidate.event_id)
        if first is None or first.state == AlertState.RESOLVED or first.part_of_id is not None:
            continue  # somebody was quicker: what comes after a person's last word is news
        stands = {name: getattr(first, name) for name in FOLLOWED}
        Alert.objects.filter(pk=alert.pk).update(part_of=first.event_id, **stands)
        sum_up(first.event_id)
        return


def hold(alert: Alert) -> None:
    """To be called before an alert that may be a repeat is changed, inside a transaction."""
    if alert.part_of_id is not None:
        _held(alert.part_of_id)


def note_change(alert: Alert) -> None:
    """To be called after something that counts for the whole alert has changed, in the same transaction."""
    first = alert.part_of_id
    # Asked again: a repeat that another hub stored may have joined since the alert was read. From here on none can.
    if first is not None or Alert.objects.filter(pk=alert.pk, occurrences__gt=1).exists():
        sum_up(first or alert.event_id)


def sum_up(event_id: str) -> None:
    """Writes into the alert what it and its repeats come to."""
    rows = Alert.objects.filter(event_id=event_id) | Alert.objects.filter(part_of__event_id=event_id)
    times = [Occurrence(at, ended_at) for at, ended_at in rows.order_by().values_list("timestamp", "ended_at")]
    if not times:
        return
    span = span_of(times)
    whole: dict[str, Any] = {"began_at": None, "last_at": None, "over_at": None}
    if span.occurrences > 1:
        whole = {"began_at": span.began_at, "last_at": span.last_at, "over_at": span.ended_at}
    Alert.objects.filter(event_id=event_id).update(occurrences=span.occurrences, **whole)


def _candidates(alert: Alert) -> list[Alert]:
    """Alerts of the binding, at the same camera of the same box, that a repeat may belong to, newest first."""
    rows = Alert.objects.filter(bind_id=alert.bind_id).exclude(pk=alert.pk).order_by("-id")
    # Else a box that names this binding too fills the newest. Said so that the index of bindings stays the one that is taken.
    rows = rows.exclude(~Q(device=alert.device_id, camera=alert.camera_id))
    newest = rows.values_list("event_id", "part_of", "timestamp")[:LOOKED_AT]
    firsts = {part_of or event_id for event_id, part_of, at in newest if may_touch(alert.timestamp, at)}
    # By the event ids alone: told more, or an order, databases walk through all that the camera ever had.
    found = Alert.objects.filter(event_id__in=firsts) if firsts else []
    usable = [a for a in found if a.part_of_id is None and a.phase == "started" and a.state != AlertState.RESOLVED]
    return sorted(usable, key=lambda a: a.pk, reverse=True)


def _held(event_id: str) -> Alert | None:
    return Alert.objects.select_for_update().filter(event_id=event_id).first()


def _earlier(first: Alert) -> Earlier:
    known = registry.get(first.algo_code)
    if first.occurrences > 1 and first.began_at and first.last_at:
        span = Span(first.occurrences, first.began_at, first.last_at, first.over_at)
    else:
        span = span_of([Occurrence(first.timestamp, first.ended_at)])
    return Earlier(span, ends=bool(known and known.ends), kind=first.data.get("kind"), severity=first.severity)
