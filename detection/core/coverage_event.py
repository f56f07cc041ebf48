"""What a box tells of its bindings' hours, for reports (an event of kind `coverage`). Pure."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

MOST_ROWS = 200
QUARTER_S = 900  # offsets of time zones are whole quarters of an hour, so every hour of a clock begins at one
SLACK_S = 0.2  # of rounding

Name = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
Seconds = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]


class CoverageHour(BaseModel):
    """One binding in one hour of its site's clock. start: Unix seconds at which the hour began. revision: rises when the
    numbers do; each is the whole of what the box knows. The numbers are those of `detection.core.coverage.Sums`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    bind_id: Name
    start: int = Field(ge=0, lt=253_402_214_400, multiple_of=QUARTER_S, strict=True)
    wanted_s: Seconds
    seen_s: Seconds
    coarse_s: Seconds = 0.0
    person_s: float = Field(ge=0, le=3600 * 1000, allow_inf_nan=False)
    alerts: int = Field(default=0, ge=0, le=100_000, strict=True)
    revision: int = Field(ge=1, lt=2**53, strict=True)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.seen_s > self.wanted_s + SLACK_S or self.coarse_s > self.seen_s + SLACK_S:
            raise PydanticCustomError("coverage", "more was seen than wanted")
        return self


class CoverageEvent(BaseModel):
    """Rows that have grown since the last time. Of one binding and hour the highest revision counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["coverage"]
    event_id: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
    rows: Annotated[list[CoverageHour], Field(max_length=MOST_ROWS)]
