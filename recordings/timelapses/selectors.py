"""Reads of time-lapses and of their pictures, limited to what the person may see."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.utils import timezone

from cameras.choices import RequestState
from cameras.models import Device
from edgesite.told import told
from recordings.core.films import film_name, picked
from recordings.extracts.logbook import note_once
from recordings.extracts.selectors import of_own_sites
from recordings.models import SnapshotOrigin, SnapshotRequest
from recordings.timelapses.models import REMOVED, FilmState, TimeLapse

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def pictures_of(camera_id: str, device_id: str, begin: datetime, end: datetime) -> QuerySet[SnapshotRequest]:
    """The camera's stored scheduled snapshots of that time, the first one first; of boxes at that box's site only, since
    another site's camera may have had the ID before.
    """
    rows = SnapshotRequest.objects.filter(
        camera_id=camera_id, origin=SnapshotOrigin.SCHEDULE, at__gte=begin, at__lt=end
    )
    boxes = Device.objects.filter(site__devices=device_id).values("pk")
    return rows.filter(state=RequestState.READY, device_id__in=boxes).order_by("at")


def keys_of(film: TimeLapse) -> list[str]:
    """Where the pictures of the film stand, at most `film.most`."""
    rows = pictures_of(film.camera_id, film.device_id, film.begin, film.end).values_list("key", flat=True)
    return list(picked(rows.iterator(chunk_size=2000), rows.count(), film.most))


def visible_films(user: User | AnonymousUser) -> QuerySet[TimeLapse]:
    """Of cameras that the person may see, whoever asked for them, without those that were removed."""
    return TimeLapse.objects.filter(of_own_sites(user)).exclude(state__in=REMOVED)


def may_see_film(user: User | AnonymousUser, key: str) -> bool:
    """A film is seen by those who see its camera."""
    return visible_films(user).filter(key=key, state=FilmState.READY).exists()


def note_film_viewed(user: User | AnonymousUser, key: str) -> None:
    """Notes that the film under this key is given to the person. Raises DatabaseError: then it is not given."""
    film = TimeLapse.objects.filter(key=key).first()
    if film is not None:
        note_once(film, user, now=timezone.now())


def film_url(film: TimeLapse) -> str:
    """Where it can be fetched, root-relative; "" while it cannot."""
    return f"/api/media/{quote(film.key)}" if film.state == FilmState.READY else ""


def file_name(film: TimeLapse) -> str:
    return film_name(camera_id=film.camera_id, first=film.first, last=film.last)


def film_message(film: TimeLapse) -> dict[str, Any]:
    """For the page's poll. message: in the reader's language."""
    return {"state": film.state, "progress": film.progress, "message": told(film.message)}
