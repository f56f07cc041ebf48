"""Devices' events into the database, idempotently by `event_id`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog
from django.db import DataError, IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from cameras.core.probe import ProbeAnswer
from cameras.models import ROI, Device
from cameras.probing.services import take_probe_answer
from detection.alert_life.deleting import let_picture_go
from detection.alert_life.selectors import deleted_among, deleted_capture, was_deleted
from detection.core.coverage_event import CoverageEvent
from detection.core.events import LARGEST_BODY, AlertEvent, EventError, EvidenceEvent, TrialEvent, parse_event
from detection.hub import repeats
from detection.models import Alert, AlertState
from detection.notifying.trials import take_trial
from detection.reports.services import take_coverage
from edgesite.core.chain import Link
from edgesite.redis_clients import Client
from recordings.alert_clips.services import late_clip, take_clip
from recordings.core.extracts import ExtractReport
from recordings.core.losses import LossEvent
from recordings.core.names import alert_of, capture_of, full_key
from recordings.core.snapshots import SnapshotAnswer
from recordings.core.spans import RecordedHour
from recordings.core.tasks import AlertClipReport, RecordingReport
from recordings.evidence.services import record_evidence, take_loss
from recordings.extracts.services import take_report as take_extract_report
from recordings.objects.services import answer_for, remove_now
from recordings.orders.early import early
from recordings.orders.hearing import take_picture
from recordings.spans.services import take_recorded_hour
from recordings.tasks.services import take_report

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Known:
    """What the database holds of a batch's alerts: asked once for all of them, kept up to date while they are stored.

    stored, deleted: event ids. awaited: of alerts whose later events came before them. promised: by the key of
    a picture the devices whose alerts named it. rois: names by camera and region.
    """

    stored: set[str]
    deleted: set[str]
    awaited: set[str]
    promised: dict[str, set[str]] = field(default_factory=dict)
    rois: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def roi_name(self, event: AlertEvent) -> str:
        """What the region is called; empty where the box names none of its own camera's, or of its site's by an earlier box."""
        place = event.device_id, event.camera_id, event.roi_id
        if place not in self.rois:
            site = Device.objects.filter(pk=event.device_id).values("site")
            mine = ROI.objects.filter(roi_id=event.roi_id, camera=event.camera_id, camera__device__site__in=site)
            self.rois[place] = mine.values_list("name", flat=True).first() or ""
        return self.rois[place]


def look_up(batch: Iterable[Mapping[str, str]]) -> Known:
    """Of the stream entries of a batch, inside the transaction that stores them. Four queries; none without an alert."""
    alerts = [fields for fields in batch if fields.get("kind") == "alert"]
    if not alerts:
        return Known(stored=set(), deleted=set(), awaited=set())
    ids = [i for fields in alerts if _is_id(i := fields.get("event_id", ""))]
    keys = {key for fields in alerts if _is_id(key := _capture(fields), longest=500)}
    promised: dict[str, set[str]] = {}
    named = Alert.objects.filter(capture__in=keys | {capture_of(key) for key in keys})
    for key, device_id in named.order_by().values_list("capture", "device_id"):
        promised.setdefault(key, set()).add(device_id)
    return Known(
        stored=set(Alert.objects.filter(event_id__in=ids).values_list("event_id", flat=True)),
        deleted=deleted_among(ids),
        awaited=set(Alert.objects.filter(started_event_id__in=ids).values_list("started_event_id", flat=True)),
        promised=promised,
    )


def _capture(fields: Mapping[str, str]) -> str:
    """The key that an alert names; "" for what `parse_event` will refuse anyway."""
    try:
        key = json.loads(fields.get("body", "")[: LARGEST_BODY + 1])["capture"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
    return key if isinstance(key, str) else ""


def _is_id(text: str, longest: int = 64) -> bool:
    """Nothing that a database refuses to compare with: one poisoned entry must not hold up its batch."""
    return 0 < len(text) <= longest and not any(c < " " or c == "\x7f" or "\ud800" <= c <= "\udfff" for c in text)


def tell_early(client: Client, fields: dict[str, str], device_id: str) -> bool:
    """Whether it is what somebody waits for who stores it; `store_event` is for all else, and says what is wrong with it."""
    if fields.get("kind") != "snapshot":
        return False
    try:
        event = parse_event(fields, device_id=device_id)
    except EventError:
        return False
    return isinstance(event, SnapshotAnswer) and early.tell(client, event, device_id=device_id)


def store_event(fields: dict[str, str], *, device_id: str, known: Known | None = None) -> str | None:
    """Stores one event and answers the alert it concerns; None when nothing changed (a repetition).

    Runs inside the caller's transaction, in a savepoint of its own. Raises EventError for what can never be stored; any
    other database error is the caller's reason to try again later. known: of the batch that it is part of.
    """
    event = parse_event(fields, device_id=device_id)
    try:
        if isinstance(event, AlertEvent):
            return _store_alert(event, known or look_up([fields]))
        with transaction.atomic():
            if isinstance(event, EvidenceEvent):
                return _store_evidence(event, device_id)
            if isinstance(event, AlertClipReport):
                return _store_clip(event, device_id)
            if isinstance(event, LossEvent):
                take_loss(event, device_id=device_id)
            elif isinstance(event, CoverageEvent):
                take_coverage(event, device_id=device_id, now=timezone.now())
            elif isinstance(event, TrialEvent):
                take_trial(event, device_id=device_id)
            else:
                _take_answer(event, device_id)
            return None
    except (DataError, IntegrityError) as error:
        if isinstance(event, AlertEvent) and Alert.objects.filter(event_id=event.event_id).exists():
            return None  # another hub was quicker
        raise EventError(f"the database cannot hold it: {error}") from None


def _store_alert(event: AlertEvent, known: Known) -> str | None:
    if event.event_id in known.stored:
        return None
    started_id = event.data.get("started_event_id") if event.phase != "started" else None
    with transaction.atomic():
        concerned = _add_alert(event, started_id, known)
    known.stored.add(event.event_id)  # not before it is: what is rolled back is not here
    if isinstance(started_id, str):
        known.awaited.add(started_id)
    return concerned


def _add_alert(event: AlertEvent, started_id: object, known: Known) -> str | None:
    if event.phase != "started":
        alert = _started(event, started_id) if isinstance(started_id, str) else None
        if alert is not None:
            repeats.hold(alert)
            if not _continue(alert, event.phase, event.event_id, _at(event), event.data):
                return None
            repeats.note_change(alert)
            return alert.event_id
    if event.event_id in known.deleted or (isinstance(started_id, str) and deleted_among([started_id])):
        return None  # as good as stored: somebody deleted it, and a device that sends it again does not bring it back
    named = (event.capture, capture_of(event.capture))
    if any(known.promised.get(key, set()) - {event.device_id} for key in named):
        raise EventError("the picture is that of another device's alert")  # its people would be shown it
    alert = Alert.objects.create(event_id=event.event_id, **_columns(event, started_id, known.roi_name(event)))
    if event.phase == "started":
        if event.event_id in known.awaited:
            _take_over_waiting(alert)
        repeats.join(alert)
    else:
        log.warning("an alert's start is not known", event_id=event.event_id, phase=event.phase, bind=event.bind_id)
    return event.event_id


def _at(event: AlertEvent) -> datetime:
    return datetime.fromtimestamp(event.timestamp, UTC)


def _columns(event: AlertEvent, started_id: object, roi_name: str) -> dict[str, Any]:
    """The event as a row. The end of an alert that is not here is a closed record, until the alert comes."""
    columns: dict[str, Any] = {
        "device_id": event.device_id,
        "camera_id": event.camera_id,
        "roi_id": event.roi_id,
        "roi_name": roi_name,
        "bind_id": event.bind_id,
        "algo_code": event.algo_code,
        "phase": event.phase,
        "severity": event.severity,
        "timestamp": _at(event),
        "data": event.data,
        "capture": event.capture,
        "started_event_id": started_id[:64] if isinstance(started_id, str) else "",
    }
    if event.phase == "ended":
        columns |= {"state": AlertState.RESOLVED, "ended_at": _at(event), "ended_event_id": event.event_id}
    return columns


def _started(event: AlertEvent, started_id: str) -> Alert | None:
    """The alert that the event continues: of the same device, camera and binding."""
    return Alert.objects.filter(
        event_id=started_id,
        phase="started",
        device_id=event.device_id,
        camera_id=event.camera_id,
        bind_id=event.bind_id,
    ).first()


def _continue(alert: Alert, phase: str, event_id: str, at: datetime, data: dict[str, Any]) -> bool:
    """Adds what an `updated` or `ended` event says; answers whether that was news.

    In whatever order they come, and however often, the outcome is the same: the earliest end counts (a box that was
    restarted may tell of it twice), and the latest update.
    """
    told = {key: value for key, value in data.items() if key != "started_event_id"}
    if phase == "ended":
        open_yet = Alert.objects.filter(Q(ended_at=None) | Q(ended_at__gt=at), pk=alert.pk)
        return bool(open_yet.update(ended_at=at, ended_event_id=event_id, end_data=told))
    if alert.updated_at is not None and alert.updated_at >= at:
        return False
    Alert.objects.filter(pk=alert.pk).update(data=alert.data | told, updated_at=at, updates=F("updates") + 1)
    return True


def _take_over_waiting(alert: Alert) -> None:
    """Events that came before their alert are rows of their own; now they become part of it."""
    waiting = Alert.objects.filter(
        started_event_id=alert.event_id, device_id=alert.device_id, camera_id=alert.camera_id, bind_id=alert.bind_id
    )
    for record in waiting.order_by("timestamp"):
        _continue(alert, record.phase, record.event_id, record.timestamp, record.data)
        alert.refresh_from_db()
        record.delete()


def _take_answer(
    answer: SnapshotAnswer | ProbeAnswer | RecordingReport | RecordedHour | ExtractReport, device_id: str
) -> None:
    """Of a command or a task. One that nobody waits for any more is no error: the device need not keep it."""
    if isinstance(answer, SnapshotAnswer):
        take_picture(answer, device_id=device_id)
    elif isinstance(answer, RecordingReport):
        take_report(answer, device_id=device_id)
    elif isinstance(answer, RecordedHour):
        take_recorded_hour(answer, device_id=device_id)
    elif isinstance(answer, ExtractReport):
        take_extract_report(answer, device_id=device_id)
    else:
        take_probe_answer(answer, device_id=device_id)


def _store_clip(event: AlertClipReport, device_id: str) -> str | None:
    """Of an alert that the hub never got, or that somebody deleted, it keeps nothing."""
    if Alert.objects.filter(event_id=event.alert_id, device_id=device_id, camera_id=event.camera_id).exists():
        return event.alert_id if take_clip(event, device_id=device_id) else None
    gone = was_deleted(event.alert_id, device_id=device_id, camera_id=event.camera_id)
    if gone and (key := late_clip(event)):
        answer_for(key)
        transaction.on_commit(partial(remove_now, key))  # stored meanwhile, in a bucket or on this machine
    return None


def _store_evidence(event: EvidenceEvent, device_id: str) -> str | None:
    event_id = alert_of(event.alert_id)
    is_full = event_id != event.alert_id
    alert = Alert.objects.filter(event_id=event_id, device_id=device_id).first()
    promised = deleted_capture(event_id, device_id=device_id) if alert is None else alert.capture
    if promised is None:
        raise EventError("the alert that the evidence belongs to is unknown")
    if event.key != (full_key(promised) if is_full else promised):
        raise EventError("the key is not the one that the alert promised")
    ready, problem = event.status == "stored", event.reason
    place = event.link
    fresh = False
    if place is not None or ready:
        fresh = record_evidence(
            device_id=device_id, event_id=event.alert_id, key=event.key, sha256=event.sha256, size=event.bytes,
            link=None if place is None else Link(place.chain, place.n, place.previous, place.link), lost=not ready,
            taken_at=None if event.taken_at is None else datetime.fromtimestamp(event.taken_at, UTC),
        )  # fmt: skip
    if alert is None:  # deleted meanwhile: its picture goes too, its place in the chain stays
        let_picture_go(event.key, timezone.now())
        return None
    if is_full:
        return alert.event_id if ready and fresh else None  # one picture more; nothing is missed without it
    if (alert.capture_ready, alert.capture_problem) == (ready, problem):
        return None
    repeats.hold(alert)
    Alert.objects.filter(pk=alert.pk).update(capture_ready=ready, capture_problem=problem)
    return alert.event_id
