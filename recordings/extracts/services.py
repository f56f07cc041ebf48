"""Asks boxes for stretches of their recordings: the wish is a row, the box is told until it answers, what it tells is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_noop

from cameras.asking import REVOKED
from cameras.models import Camera
from cameras.services import cloud_redis
from cameras.states import camera_state
from edgesite.ids import uuid7
from recordings.core.extracts import LONGEST_S, UNDER_WAY, ExtractReport, extract_key
from recordings.extracts.errors import ExtractError
from recordings.extracts.hiding import Hidden, hidden_of, hide_of, mark_of
from recordings.extracts.logbook import note
from recordings.extracts.models import REMOVED, STANDING, Extract, ExtractPurpose, ExtractState, StepKind
from recordings.failed import keep_newest
from recordings.ordering import send_order

log = structlog.get_logger(__name__)

KIND, KIND_HIDDEN = "cut", "cut_hidden"
AGAIN_SECONDS = 2.0  # which also asks the box how far it is
SILENT_SECONDS = 30.0  # a recorder that is started again is back by then
GIVE_UP_SECONDS = 6 * 3600.0
MOST_OF_A_PERSON = 10  # under way at once
MOST_OF_A_BOX = 24
PLAYED_FOR = timedelta(hours=24)
EXPORTED_FOR = timedelta(days=7)
REFUSED_FOR = timedelta(hours=1)

SILENT = gettext_noop(
    "The camera's box is silent. Look whether it has power and network, and whether run_recorder runs."
)
NO_ANSWER = gettext_noop("The camera's box did not answer. Look whether run_recorder runs on it, and at its log.")
TOO_LONG = gettext_noop("The box could not finish it in time. Ask for a shorter time.")


OLD_BOX = gettext_noop(
    "The camera's box did not answer. Perhaps its version cannot hide parts of a film yet: update it. Else look whether "
    "run_recorder runs on it, and at its log."
)
NOT_HIDDEN = gettext_noop(
    "The box did not say that it hid what it was told to hide, so the film is not given. Update the box."
)
BACKWARDS = gettext_noop("The end must come after the beginning.")
LONGEST = gettext_noop("At most two hours at once. Choose a shorter time.")
FUTURE = gettext_noop("This time has not come yet.")
PERSON_BUSY = gettext_noop("You have asked for as much as is prepared at once. Wait until some of it is ready.")
BOX_BUSY = gettext_noop("The camera's box has as much to prepare as it takes on at once. Try again in a minute.")
PROTECTED = gettext_noop("This export is protected. Lift the protection first.")


def request_extract(
    *,
    camera: Camera,
    begin: datetime,
    end: datetime,
    purpose: ExtractPurpose,
    author: str,
    hidden: Hidden | None = None,
) -> Extract:
    """The camera's extract of that stretch: one that stands or is under way, else a new one.

    hidden: of an export (`hidden_of`); left out, its camera's masks are applied. What is played hides nothing.
    What keeps the box from it is its answer: state `failed` with a message. An end after now is now. Raises ExtractError.
    """
    now = timezone.now()
    begin, end = (at.replace(microsecond=at.microsecond // 1000 * 1000) for at in (begin, min(end, now)))
    _check(begin, end, now)
    if hidden is None:
        hidden = hidden_of(camera) if purpose == ExtractPurpose.EXPORT else Hidden()
    slot = _slot(camera.pk, camera.device_id, begin, end, mark_of(hidden.kind, hidden.hide))
    standing = _standing(slot, purpose, author)
    if standing is not None:
        return standing
    _check_room(camera, author)
    problem, extract_id = _problem(camera), uuid7()
    extract = Extract(
        extract_id=extract_id, camera=camera, device_id=camera.device_id, slot=None if problem else slot, begin=begin,
        end=end, purpose=purpose, state=ExtractState.FAILED if problem else ExtractState.WAITING, message=problem,
        key=extract_key(camera_id=camera.pk, extract_id=extract_id, begin=begin.timestamp()),
        hiding=hidden.kind, hide=hidden.hide.body() if hidden.hide else None, hidden_names=hidden.names,
        requested_by=author[:150], requested_at=now, expires_at=now + _kept(purpose),
    )  # fmt: skip
    try:
        _store_new(extract)
    except IntegrityError:  # somebody else was quicker
        standing = _standing(slot, purpose, author)
        if standing is None:
            raise
        return standing
    if problem:
        keep_newest(Extract.objects.filter(camera=camera, state=ExtractState.FAILED, ordered_at=None))
    else:
        transaction.on_commit(partial(order, extract))
    return extract


def _store_new(extract: Extract) -> None:
    """With its entry in the log. Raises IntegrityError when its stretch is there already."""
    with transaction.atomic():
        extract.save(force_insert=True)
        if extract.purpose == ExtractPurpose.EXPORT and not extract.message:  # what cannot begin is no export
            note(extract, StepKind.REQUESTED, author=extract.requested_by, now=extract.requested_at)
    log.info(
        "extract asked for", camera=extract.camera_id, extract=extract.extract_id, purpose=extract.purpose,
        author=extract.requested_by, hiding=extract.hiding, problem=extract.message,
    )  # fmt: skip


def _slot(camera_id: str, device_id: str, begin: datetime, end: datetime, mark: str) -> str:
    """What names the stretch. With the box: a camera that comes later under the same ID has other recordings."""
    return f"{camera_id}|{device_id}|{round(begin.timestamp() * 1000)}|{round(end.timestamp() * 1000)}{mark}"


def _check(begin: datetime, end: datetime, now: datetime) -> None:
    if begin >= now:
        raise ExtractError(FUTURE)
    if end <= begin:
        raise ExtractError(BACKWARDS)
    if (end - begin).total_seconds() > LONGEST_S:
        raise ExtractError(LONGEST)


def _check_room(camera: Camera, author: str) -> None:
    under_way = Extract.objects.filter(state__in=UNDER_WAY)
    if under_way.filter(requested_by=author[:150]).count() >= MOST_OF_A_PERSON:
        raise ExtractError(PERSON_BUSY)
    if under_way.filter(device_id=camera.device_id).count() >= MOST_OF_A_BOX:
        raise ExtractError(BOX_BUSY)


def _kept(purpose: str) -> timedelta:
    return EXPORTED_FOR if purpose == ExtractPurpose.EXPORT else PLAYED_FOR


def _standing(slot: str, purpose: ExtractPurpose, author: str) -> Extract | None:
    """What there is of the stretch. One that was cut for playing becomes an export when somebody exports it."""
    extract = Extract.objects.filter(slot=slot).first()
    now = timezone.now()
    if extract is None or purpose != ExtractPurpose.EXPORT:
        return extract
    raised = Extract.objects.filter(pk=extract.pk, purpose=ExtractPurpose.PLAY, state__in=STANDING)
    with transaction.atomic():
        if raised.update(purpose=purpose, requested_by=author[:150], requested_at=now, expires_at=now + EXPORTED_FOR):
            note(extract, StepKind.REQUESTED, author=author, now=now)
    return Extract.objects.filter(pk=extract.pk, slot=slot).first()


def _problem(camera: Camera) -> str:
    """Why asking the box is of no use. A camera that is disabled now may have been recorded before."""
    if camera.device.revoked_at is not None:
        return REVOKED
    return SILENT if camera_state(camera).word == "offline" else ""


def order(extract: Extract) -> None:
    """Tells the box to cut it, or asks how far it is. Without Redis it is told later."""
    first = extract.ordered_at is None
    Extract.objects.filter(pk=extract.pk).update(ordered_at=timezone.now())
    body = {
        "extract_id": extract.extract_id, "camera_id": extract.camera_id, "begin": extract.begin.timestamp(),
        "end": extract.end.timestamp(), "purpose": extract.purpose, "key": extract.key,
        **({} if extract.hide is None else {"hide": extract.hide}),
    }  # fmt: skip
    send_order(
        cloud_redis(settings.CLOUD_REDIS_URL),
        device_id=extract.device_id,
        kind=KIND if extract.hide is None else KIND_HIDDEN,
        body=body,
        first=first,
        extract=extract.extract_id,
    )


def repeat_orders(now: datetime) -> int:
    """Asks boxes again for what is not finished, and gives up those that are silent; how many it looked after."""
    found = 0
    under_way = Extract.objects.filter(state__in=UNDER_WAY)
    silent = Q(last__lt=now - timedelta(seconds=SILENT_SECONDS))
    endless = Q(requested_at__lt=now - timedelta(seconds=GIVE_UP_SECONDS))
    old = silent & Q(heard_at=None, hide__isnull=False)
    for lost, message in ((old, OLD_BOX), (silent, NO_ANSWER), (endless, TOO_LONG)):
        given = under_way.annotate(last=Coalesce(F("heard_at"), F("requested_at"))).filter(lost)
        pks = list(given.values_list("pk", flat=True)[:500])
        ended = under_way.filter(pk__in=pks).update(state=ExtractState.FAILED, slot=None, message=message)
        if ended:
            log.warning("extracts given up", extracts=ended, reason=message)
        found += ended
    due = Q(ordered_at=None) | Q(ordered_at__lte=now - timedelta(seconds=AGAIN_SECONDS))
    for extract in under_way.filter(due).order_by("pk")[:500]:
        order(extract)
        found += 1
    return found


def step() -> bool:
    """For `run_hub`: looks after what boxes have not finished. Raises DatabaseError."""
    return repeat_orders(timezone.now()) > 0


def take_report(report: ExtractReport, *, device_id: str) -> bool:
    """What a box tells of an extract; whether it was news. Of another box, of another camera, or late: it is not.

    One that was given up and comes all the same is ready. One that was removed meanwhile goes again.
    """
    asked = Extract.objects.filter(extract_id=report.extract_id, camera_id=report.camera_id, device_id=device_id)
    now = timezone.now()
    if report.state == "ready":
        return _take_ready(report, asked.first(), now)
    told = {"state": report.state, "message": report.message, "heard_at": now}
    told |= {"slot": None} if report.state == "failed" else {"progress": report.progress}
    return bool(asked.filter(state__in=UNDER_WAY).update(**told))


def _take_ready(report: ExtractReport, extract: Extract | None, now: datetime) -> bool:
    if extract is None:
        log.warning("report of no extract", extract=report.extract_id)
        return False
    hide = hide_of(extract)
    if extract.state not in REMOVED and report.hidden != (hide.digest() if hide else ""):
        return _refuse_unhidden(extract, now)
    if extract.state in REMOVED:
        return bool(Extract.objects.filter(pk=extract.pk, gone=True).update(gone=False))  # retention takes it away
    values: dict[str, Any] = {
        "state": ExtractState.READY, "progress": 100, "message": "", "heard_at": now, "sha256": report.sha256,
        "bytes": report.bytes, "duration": report.duration, "gaps": [list(gap) for gap in report.gaps],
        "started_at": datetime.fromtimestamp(report.started_at, UTC) if report.started_at is not None else None,
        "expires_at": now + _kept(extract.purpose),
    }  # fmt: skip
    rows = Extract.objects.filter(pk=extract.pk).exclude(state__in=REMOVED)
    mark = mark_of(extract.hiding, hide)
    slot = _slot(extract.camera_id, extract.device_id, extract.begin, extract.end, mark)
    try:
        with transaction.atomic():
            return bool(rows.update(slot=slot, **values))
    except IntegrityError:  # given up here, asked for anew, and now both are there
        with transaction.atomic():
            return bool(rows.update(slot=f"{slot}|{extract.pk}", **values))


def _refuse_unhidden(extract: Extract, now: datetime) -> bool:
    """A film that may show what was to be hidden is given to nobody, and goes soon."""
    log.error("film with nothing hidden refused", extract=extract.extract_id, device=extract.device_id)
    told = {"state": ExtractState.FAILED, "slot": None, "message": NOT_HIDDEN, "expires_at": now + REFUSED_FOR}
    return bool(Extract.objects.filter(pk=extract.pk, state__in=UNDER_WAY).update(**told))


def protect(extract: Extract, *, author: str, protected: bool) -> bool:
    """Whether it is kept whatever its time; answers whether that was news."""
    rows = Extract.objects.filter(pk=extract.pk, protected=not protected, state__in=STANDING)
    now = timezone.now()
    with transaction.atomic():
        changed = rows.update(
            protected=protected, **({} if protected else {"expires_at": now + _kept(extract.purpose)})
        )
        if changed:
            kind = StepKind.PROTECTED if protected else StepKind.UNPROTECTED
            note(extract, kind, author=author, now=now)
    return bool(changed)


def delete_extract(extract: Extract, *, author: str) -> bool:
    """It can be neither seen nor fetched any more; its object goes with the next look of retention.

    False when it was removed already. Raises ExtractError when it is protected.
    """
    with transaction.atomic():
        rows = Extract.objects.filter(pk=extract.pk, protected=False).exclude(state__in=REMOVED)
        if rows.update(state=ExtractState.DELETED, slot=None):
            note(extract, StepKind.DELETED, author=author, now=timezone.now())
            log.info("extract deleted", extract=extract.extract_id, camera=extract.camera_id, author=author)
            return True
    extract.refresh_from_db()
    if extract.protected and extract.state not in REMOVED:
        raise ExtractError(PROTECTED)
    return False
