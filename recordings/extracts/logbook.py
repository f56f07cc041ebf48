"""Who did what with extracts, and who was given which."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.utils import timezone

from recordings.extracts.models import SIGNED_LINK, Extract, ExtractStep, StepKind

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SHOWN = 50


class Logged(Protocol):
    """What an entry says of an extract or a film."""

    @property
    def extract_id(self) -> str: ...

    @property
    def camera_id(self) -> str: ...

    @property
    def device_id(self) -> str: ...

    @property
    def begin(self) -> datetime: ...

    @property
    def end(self) -> datetime: ...

    @property
    def hiding(self) -> str: ...


def note(extract: Logged, kind: StepKind, *, author: str, now: datetime) -> None:
    """One entry; the same at the same moment is one."""
    step = ExtractStep(
        extract_id=extract.extract_id, camera_id=extract.camera_id, device_id=extract.device_id, begin=extract.begin,
        end=extract.end, kind=kind, hiding=extract.hiding, author=author[:150], at=now,
    )  # fmt: skip
    ExtractStep.objects.bulk_create([step], ignore_conflicts=True)


def note_viewed(user: User | AnonymousUser, key: str) -> None:
    """Notes that the object under this key is given to the person. Raises DatabaseError: then it is not given."""
    extract = Extract.objects.filter(key=key).first()
    if extract is not None:
        note_once(extract, user, now=timezone.now())


def note_once(extract: Logged, user: User | AnonymousUser, *, now: datetime) -> None:
    """Notes that the person was given it, once an hour. Raises DatabaseError."""
    _note_hour(extract, user.get_username(), now)


def note_link_used(extract: Logged, *, now: datetime) -> None:
    """Notes that it was fetched by a signed URL, once an hour: nobody knows who holds one. Raises DatabaseError."""
    _note_hour(extract, SIGNED_LINK, now)


def _note_hour(extract: Logged, author: str, now: datetime) -> None:
    hour = now.replace(minute=0, second=0, microsecond=0)
    known = ExtractStep.objects.filter(extract_id=extract.extract_id, kind=StepKind.VIEWED, author=author, at=hour)
    if not known.exists():  # a player fetches many ranges
        note(extract, StepKind.VIEWED, author=author, now=hour)


def steps_of(extract: Logged) -> QuerySet[ExtractStep]:
    """Latest first."""
    return ExtractStep.objects.filter(extract_id=extract.extract_id)[:SHOWN]
