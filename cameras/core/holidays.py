"""Holidays as the hub keeps them: with a name, and with hours of their own or those of a day of the week. Pure.

A box knows dates with hours only (`cameras.core.schedule.Holiday`), so the document has nothing else: boxes of every
release take it, and a new name for a holiday makes no version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from cameras.core.schedule import MAX_HOLIDAYS, Day, Holiday, ScheduleEntry

LONGEST_NAME = 100


def _one_line(text: str) -> str:
    if text != clean_name(text):
        raise ValueError("is not a name in one line")
    return text


def clean_name(text: str) -> str:
    """The name without breaks, doubled spaces and what cannot be seen."""
    return " ".join("".join(c for c in text if c.isprintable() or c.isspace()).split())


class PlannedHoliday(Holiday):
    """`like`: a day of the week whose hours it has, whatever they become; else its own, none: closed."""

    name: Annotated[str, AfterValidator(_one_line)] = Field(default="", max_length=LONGEST_NAME)
    like: Day | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.like is not None and self.intervals:
            raise PydanticCustomError("schedule", "a holiday has hours of its own or those of a day, not both")
        return self


class PlannedSchedule(ScheduleEntry):
    """A schedule as its row and a site's file hold it."""

    holidays: tuple[PlannedHoliday, ...] = Field(default=(), strict=False, max_length=MAX_HOLIDAYS)


def document_holidays(
    weekly: Iterable[Mapping[str, str]], holidays: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The holidays in the config document's form: `date` and `intervals`, without names.

    Rows that say nothing else stay as they are, so that a document keeps its hash.
    """
    found = []
    for holiday in holidays:
        row = {key: holiday[key] for key in ("date", "intervals") if key in holiday}
        if (like := holiday.get("like")) is not None:
            row["intervals"] = [{"start": i["start"], "end": i["end"]} for i in weekly if i["day"] == like]
        found.append(row)
    return found
