"""Deleting an alert: the row, its picture and its clip go, what it was and who deleted it stays."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from django.db import transaction
from django.utils.translation import gettext_noop

from detection.alert_life.errors import InvalidInputError, NotAllowedError, UnknownAlertError
from detection.alert_life.models import AlertStep, StepKind
from detection.alert_life.services import add_step, checked_reason
from detection.alert_life.telling import tell_after_commit
from detection.hub import repeats
from detection.models import Alert
from detection.selectors import visible_alerts
from edgesite import storage
from edgesite.storage import StorageError
from recordings.alert_clips.services import forget_clips
from recordings.core.names import full_key
from recordings.evidence import services
from recordings.objects.services import remove_now, unwanted

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

log = structlog.get_logger(__name__)

DELETE = "detection.delete_alert"


def tombstone(alert: Alert) -> dict[str, Any]:
    """What of an alert outlives it: no data of the rule, no picture."""
    return {
        "algo_code": alert.algo_code,
        "roi_id": alert.roi_id,
        "roi_name": alert.roi_name,
        "bind_id": alert.bind_id,
        "severity": alert.severity,
        "timestamp": alert.timestamp.isoformat(),
        "ended_at": alert.ended_at.isoformat() if alert.ended_at else None,
        "state": alert.state,
        "verdict": alert.verdict,
        "capture": alert.capture,
    }


def delete_alert(*, event_id: str, user: User | AnonymousUser, reason: str, now: datetime) -> AlertStep:
    """Deletes it for good, with its repeats; its steps stay, with a last one that says what it was, who deleted it and why.

    Raises NotAllowedError, UnknownAlertError, InvalidInputError without a reason.
    """
    if not user.is_authenticated or not user.has_perm(DELETE):
        raise NotAllowedError
    reason = checked_reason(reason)
    if not reason:
        raise InvalidInputError(gettext_noop("`reason` is empty."))
    with transaction.atomic():
        found = visible_alerts(user).filter(event_id=event_id).first()
        if found is not None:
            repeats.hold(found)
        alert = visible_alerts(user).select_for_update().filter(event_id=event_id).first()
        if alert is None:
            raise UnknownAlertError
        step = _delete(alert, user.get_username(), reason, now)
        for repeat in Alert.objects.filter(part_of__event_id=alert.event_id).order_by("id"):
            _delete(repeat, user.get_username(), reason, now)
        repeats.note_change(alert)
        tell_after_commit(list(dict.fromkeys([alert.part_of_id or event_id, event_id])))
    log.info("alert deleted", event_id=alert.event_id, author=user.get_username())
    return step


def _delete(alert: Alert, author: str, reason: str, now: datetime) -> AlertStep:
    step = add_step(alert, StepKind.DELETED, author=author, now=now, note=reason, details=tombstone(alert))
    Alert.objects.filter(pk=alert.pk).delete()
    if let_picture_go(alert.capture, now):
        for key in (alert.capture, full_key(alert.capture)):
            services.let_go(key=key, now=now)
            unwanted(key, now=now)  # the box may have brought it and not told of it yet, or never will
            transaction.on_commit(partial(_delete_picture, key))
    for clip in forget_clips(alert.event_id):
        transaction.on_commit(partial(remove_now, clip))
    return step


def let_picture_go(key: str, now: datetime) -> bool:
    """Of a deleted alert: False when there is none, or another alert shows it. In the caller's transaction."""
    if not key or Alert.objects.filter(capture=key).exists():
        return False
    services.let_go(key=key, now=now)
    return True


def _delete_picture(key: str) -> None:
    """At once. Where that fails the look after unwanted objects tries again."""
    try:
        storage.remove(key)
    except StorageError as error:
        log.error("the picture of a deleted alert is left behind", key=key, reason=str(error))
        return
    services.taken_away(key=key)
