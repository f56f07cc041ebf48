"""What stands on a timeline beside the recording. Who has such things registers here, since it lies in apps above this one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    Person = User | AnonymousUser


@dataclass(frozen=True, slots=True)
class Mark:
    """at, until: Unix seconds, until None for what has no length, or no end yet. kind: of a chip. url: root-relative."""

    at: float
    until: float | None
    kind: str
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Marks:
    """left_out: how many more there are than are shown."""

    marks: tuple[Mark, ...]
    left_out: int = 0


Source = Callable[["Person", str, datetime, datetime], Marks]

_sources: list[Source] = []


def register(source: Source) -> None:
    """The source tells what the person may see of a camera between two moments, in the order of time."""
    _sources.append(source)


def marks_of(user: Person, camera_id: str, begin: datetime, end: datetime) -> tuple[list[dict[str, Any]], int]:
    """Of all sources as JSON, and how many are left out."""
    found = [source(user, camera_id, begin, end) for source in _sources]
    marks = sorted((m for part in found for m in part.marks), key=lambda m: m.at)
    return [asdict(m) for m in marks], sum(part.left_out for part in found)
