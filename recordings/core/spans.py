"""Which seconds of an hour are recorded: spans made of segments, and what a box tells of them. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from recordings.core.segments import HOLE_SECONDS
from recordings.core.tasks import plain

HOUR = 3600
HOUR_MS = HOUR * 1000
HOLE_MS = round(HOLE_SECONDS * 1000)
MOST_SPANS = 1000  # of one hour, that are told
Span = tuple[int, int]  # from and to, Unix milliseconds
HOUR_FORMAT = "%Y-%m-%dT%H"
YEARS = range(1970, 2200)  # a box that lost its clock begins with 1970


def hours_of(start: float, end: float) -> range:
    """The hours, counted from 1970, that hold something of the time between (Unix seconds)."""
    return range(int(start // HOUR), max(int(start // HOUR) + 1, int(-(-end // HOUR))))


def merged(spans: Iterable[Span]) -> list[Span]:
    """In the order of time, one where less than a second (`HOLE_SECONDS`) lies between two."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start - found[-1][1] <= HOLE_MS:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found


def clipped(spans: Iterable[Span], *, begin: int, end: int) -> list[Span]:
    """What of them lies between (Unix milliseconds)."""
    return [(max(a, begin), min(b, end)) for a, b in spans if max(a, begin) < min(b, end)]


def spans_of(pieces: Iterable[tuple[float, float]], *, hour: int) -> list[Span]:
    """What of an hour is recorded. pieces: starts and ends of segments, Unix seconds, in any order."""
    whole = merged((round(a * 1000), round(b * 1000)) for a, b in pieces)
    return clipped(whole, begin=hour * HOUR_MS, end=(hour + 1) * HOUR_MS)


def hour_name(hour: int) -> str:
    """`2026-11-22T16`, in UTC."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hour)).strftime(HOUR_FORMAT)


def parse_hour(text: str) -> datetime:
    """The beginning of an hour that `hour_name` named. Raises ValueError."""
    return datetime.strptime(text, HOUR_FORMAT).replace(tzinfo=UTC)


def _is_hour(text: str) -> str:
    if parse_hour(text).year not in YEARS:  # a clock says any, and what is reckoned from it must not leave the calendar
        raise ValueError(f"no camera recorded in {text}")
    return text


class RecordedHour(BaseModel):
    """What a box tells of an hour, as the body of an event of kind `recorded_hour`: all that is recorded of it by now.

    hour: `2026-11-22T16`, in UTC. revision: rises with every report of an hour. spans: Unix milliseconds, in order, apart,
    inside the hour; none: everything was deleted. left_out: how many more there are than can be told.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    event_id: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(plain)]
    camera_id: Annotated[str, Field(min_length=1, max_length=128), AfterValidator(plain)]
    hour: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}$"), AfterValidator(_is_hour)]
    revision: int = Field(ge=1, le=2**53)
    spans: Annotated[list[tuple[int, int]], Field(max_length=MOST_SPANS)]
    left_out: int = Field(default=0, ge=0, le=2**31 - 1)

    @property
    def begins(self) -> datetime:
        return parse_hour(self.hour)

    @model_validator(mode="after")
    def _sound(self) -> RecordedHour:
        begin = int(self.begins.timestamp()) * 1000
        if any(not begin <= a < b <= begin + HOUR_MS for a, b in self.spans):
            raise ValueError("a span is empty or outside the hour")
        if any(after[0] <= before[1] for before, after in itertools.pairwise(self.spans)):
            raise ValueError("spans are not in order, or touch")
        return self


def hour_body(*, camera_id: str, hour: int, revision: int, spans: Sequence[Span]) -> dict[str, Any]:
    """The body of the event; of more spans than can be told the first, and how many were left out."""
    body: dict[str, Any] = {
        "camera_id": camera_id,
        "hour": hour_name(hour),
        "revision": revision,
        "spans": [list(s) for s in spans[:MOST_SPANS]],
    }
    left_out = max(0, len(spans) - MOST_SPANS)
    return {**body, "left_out": left_out} if left_out else body
