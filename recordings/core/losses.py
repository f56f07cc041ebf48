"""What a box tells about what it had to give up (an event of kind `loss`). Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0, lt=2**53)]
Moment = Annotated[float, Field(ge=0, lt=253_402_214_400, allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class LossEvent(BaseModel):
    """since, until: Unix seconds between which it was given up.

    counts: alerts' events by severity, and those lost in `memory` while the disk was full; `pictures` that the hub never got
    and `reports` of some, `delivered_pictures` of which only the box's copy went, `dead_letters`, and `by_hand` what a person
    dropped. links: number and value of places in the chain of evidence of which the hub hears nothing else.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["loss"]
    event_id: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
    since: Moment
    until: Moment
    counts: Annotated[dict[Name, Count], Field(max_length=20)]
    chain: Annotated[str, Field(max_length=64, pattern=r"^[0-9a-f-]*$")] = ""
    links: Annotated[list[tuple[Count, Hash]], Field(max_length=1000)] = []
