"""Devices' events into the database, idempotently by `event_id`."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import DataError, IntegrityError, transaction

from cameras.models import ROI
from detection.core.events import AlertEvent, EventError, EvidenceEvent, parse_event
from detection.models import Alert


def store_event(fields: dict[str, str], *, device_id: str) -> str | None:
    """Stores one event and answers the alert it concerns; None when nothing changed (a repetition).

    Runs inside the caller's transaction, in a savepoint of its own. Raises EventError for what can never be stored; any
    other database error is the caller's reason to try again later.
    """
    event = parse_event(fields, device_id=device_id)
    try:
        with transaction.atomic():
            return _store_alert(event) if isinstance(event, AlertEvent) else _store_evidence(event, device_id)
    except (DataError, IntegrityError) as error:
        raise EventError(f"the database cannot hold it: {error}") from None


def _store_alert(event: AlertEvent) -> str | None:
    _, created = Alert.objects.get_or_create(
        event_id=event.event_id,
        defaults={
            "device_id": event.device_id,
            "camera_id": event.camera_id,
            "roi_id": event.roi_id,
            "roi_name": ROI.objects.filter(roi_id=event.roi_id).values_list("name", flat=True).first() or "",
            "bind_id": event.bind_id,
            "algo_code": event.algo_code,
            "phase": event.phase,
            "severity": event.severity,
            "timestamp": datetime.fromtimestamp(event.timestamp, UTC),
            "data": event.data,
            "capture": event.capture,
        },
    )
    return event.event_id if created else None


def _store_evidence(event: EvidenceEvent, device_id: str) -> str | None:
    alert = Alert.objects.filter(event_id=event.alert_id, device_id=device_id).first()
    if alert is None:
        raise EventError("the alert that the evidence belongs to is unknown")
    if event.key != alert.capture:
        raise EventError("the key is not the one that the alert promised")
    ready, problem = event.status == "stored", event.reason
    if (alert.capture_ready, alert.capture_problem) == (ready, problem):
        return None
    Alert.objects.filter(pk=alert.pk).update(capture_ready=ready, capture_problem=problem)
    return alert.event_id
