"""Asking for time-lapses, the steps of their making, and deleting them. Each step is one conditional update."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop

from cameras.models import Camera
from edgesite.ids import uuid7
from recordings.core.days import day_of
from recordings.core.films import MAKE_SHARE, MOST_DAYS, UNDER_WAY, film_key
from recordings.extracts.logbook import note
from recordings.extracts.models import StepKind
from recordings.timelapses.models import REMOVED, FilmState, TimeLapse
from recordings.timelapses.selectors import pictures_of

log = structlog.get_logger(__name__)

MOST_OF_A_PERSON = 5  # under way at once
MOST_WAITING = 20  # on the hub
LEAST_PICTURES = 2
TRIES = 3  # one, and two more after an unexpected end
LOST_AFTER = timedelta(seconds=60)  # without a sign of life; one that is made gives one every second
KEPT = timedelta(days=30)
EARLIEST, LATEST = date(1970, 1, 3), date(9998, 12, 30)

BACKWARDS = gettext_noop("The last day must not come before the first.")
LONGEST = gettext_noop("At most 366 days in one film. Choose fewer days.")
EMPTY = gettext_noop("There are no two snapshots on schedule in these days. Choose other days.")
PERSON_BUSY = gettext_noop("You have asked for as much as is prepared at once. Wait until some of it is ready.")
HUB_BUSY = gettext_noop("As many time-lapses as the hub takes on are waiting already. Try again when some are made.")
ENDED = gettext_noop("Making it ended unexpectedly several times. The hub's log says more.")


class FilmError(Exception):
    """What was asked for is not given, with a sentence in English (`edgesite.told`)."""


def request_film(*, camera: Camera, first: date, last: date, seconds: int, fps: int, author: str) -> TimeLapse:
    """Queues a film of those days, both inclusive by the clock of the camera's site, at most so long. Raises FilmError."""
    if last < first:
        raise FilmError(BACKWARDS)
    if (last - first).days >= MOST_DAYS:
        raise FilmError(LONGEST)
    if first < EARLIEST or last > LATEST:  # where a day may have no end
        raise FilmError(EMPTY)
    zone = camera.device.site.time_zone
    begin, end = day_of(first, time_zone=zone).begin, day_of(last, time_zone=zone).end
    if len(pictures_of(camera.pk, camera.device_id, begin, end)[:LEAST_PICTURES]) < LEAST_PICTURES:
        raise FilmError(EMPTY)
    under_way = TimeLapse.objects.filter(state__in=UNDER_WAY)
    if under_way.filter(requested_by=author[:150]).count() >= MOST_OF_A_PERSON:
        raise FilmError(PERSON_BUSY)
    if under_way.count() >= MOST_WAITING:
        raise FilmError(HUB_BUSY)
    now, film_id = timezone.now(), uuid7()
    with transaction.atomic():
        film = TimeLapse.objects.create(
            film_id=film_id, camera=camera, device_id=camera.device_id, first=first, last=last, begin=begin, end=end,
            fps=fps, most=seconds * fps, requested_by=author[:150], requested_at=now, expires_at=now + KEPT,
            key=film_key(camera_id=camera.pk, film_id=film_id, begin=begin.timestamp()),
        )  # fmt: skip
        note(film, StepKind.FILMED, author=author, now=now)
    log.info("time-lapse asked for", camera=camera.pk, film=film_id, author=author)
    return film


def claim_next(*, now: datetime) -> TimeLapse | None:
    """The oldest that waits, those that the storage kept from being made behind the others; None while another one is made or
    nothing waits."""
    if not TimeLapse.objects.filter(state=FilmState.WAITING).exists():
        return None  # without a transaction, which would take SQLite's write lock every second
    with transaction.atomic():
        if TimeLapse.objects.filter(state=FilmState.MAKING).exists():
            return None
        # One that the storage kept from being made waits behind the others: pictures that it refuses for good, of one camera,
        # would else hold up all films.
        waiting = TimeLapse.objects.select_for_update().filter(state=FilmState.WAITING)
        film = waiting.order_by(F("seen_at").asc(nulls_first=True), "id").first()
        if film is None:
            return None
        film.state, film.tries, film.progress, film.seen_at = FilmState.MAKING, film.tries + 1, 0, now
        film.save(update_fields=["state", "tries", "progress", "seen_at"])
        return film


def note_progress(film: TimeLapse, *, done: int, of: int, now: datetime) -> bool:
    """A sign of life. False: it was deleted or taken over by a later try, and this one must end."""
    return _mine(film).update(progress=MAKE_SHARE * done // max(1, of), seen_at=now) > 0


def finish(film: TimeLapse, *, now: datetime, **made: object) -> bool:
    """made: `sha256`, `bytes`, `duration`, `pictures`, `skipped`. False: as `note_progress`."""
    values = {**made, "state": FilmState.READY, "progress": 100, "message": "", "expires_at": now + KEPT}
    return _mine(film).update(**values) > 0


def fail(film: TimeLapse, *, message: str) -> bool:
    """It cannot be made, however often it is tried. False: as `note_progress`."""
    log.warning("time-lapse failed", film=film.film_id, camera=film.camera_id, reason=message)
    return _mine(film).update(state=FilmState.FAILED, message=message[:500]) > 0


def put_back(film: TimeLapse, *, message: str = "") -> bool:
    """The hub stops (then it keeps its turn), or the storage is away: the try does not count."""
    values = {"tries": F("tries") - 1, "progress": 0, "message": message[:500]} | ({} if message else {"seen_at": None})
    return _mine(film).update(state=FilmState.WAITING, **values) > 0


def recover(film: TimeLapse) -> None:
    """Its maker is gone although it was not done: once more, or failed after the last try."""
    if film.tries >= TRIES:
        fail(film, message=ENDED)
    elif _mine(film).update(state=FilmState.WAITING, progress=0, seen_at=None):
        log.warning("time-lapse ended unexpectedly and waits again", film=film.film_id, attempt=film.tries)


def recover_lost(*, now: datetime) -> None:
    """Those that are said to be made but gave no sign of life: their hub was killed."""
    for film in TimeLapse.objects.filter(state=FilmState.MAKING, seen_at__lt=now - LOST_AFTER):
        recover(film)


def delete_film(film: TimeLapse, *, author: str) -> bool:
    """It can be neither seen nor fetched any more, and is not made on; its object goes with the next look of retention.

    False when it was removed already.
    """
    with transaction.atomic():
        if not TimeLapse.objects.filter(pk=film.pk).exclude(state__in=REMOVED).update(state=FilmState.DELETED):
            return False
        note(film, StepKind.DELETED, author=author, now=timezone.now())
    log.info("time-lapse deleted", film=film.film_id, camera=film.camera_id, author=author)
    return True


def _mine(film: TimeLapse) -> QuerySet[TimeLapse]:
    return TimeLapse.objects.filter(pk=film.pk, state=FilmState.MAKING, tries=film.tries)
