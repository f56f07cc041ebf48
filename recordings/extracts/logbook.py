"""Who did what with extracts, and who was given which."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.utils import timezone

from recordings.extracts.models import Extract, ExtractStep, StepKind

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SHOWN = 50


def note(extract: Extract, kind: StepKind, *, author: str, now: datetime) -> None:
    """One entry; the same at the same moment is one."""
    step = ExtractStep(
        extract_id=extract.extract_id, camera_id=extract.camera_id, device_id=extract.device_id, begin=extract.begin,
        end=extract.end, kind=kind, hiding=extract.hiding, author=author[:150], at=now,
    )  # fmt: skip
    ExtractStep.objects.bulk_create([step], ignore_conflicts=True)


def note_viewed(user: User | AnonymousUser, key: str) -> None:
    """Notes that the object under this key is given to the person. Raises DatabaseError: then it is not given."""
    extract = Extract.objects.filter(key=key).first()
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    if extract is None:
        return
    known = ExtractStep.objects.filter(
        extract_id=extract.extract_id, kind=StepKind.VIEWED, author=user.get_username(), at=hour
    )
    if not known.exists():  # a player fetches many ranges
        note(extract, StepKind.VIEWED, author=user.get_username(), now=hour)


def steps_of(extract: Extract) -> QuerySet[ExtractStep]:
    """Latest first."""
    return ExtractStep.objects.filter(extract_id=extract.extract_id)[:SHOWN]
