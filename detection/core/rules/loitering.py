"""Loitering: somebody spends time in a region, also in pieces. docs/algorithms/loitering.md describes it for operators."""

from __future__ import annotations

from pydantic import Field

from cameras.core.algorithms import Algorithm, RegionParameters, Seconds
from detection.core.rules.base import Binding
from detection.core.rules.condition import MAX_GAP_S
from detection.core.rules.region import REGIONS
from detection.core.rules.stay import StayRule
from detection.core.rules.visits import Visitor


class LoiteringParameters(RegionParameters):
    """A minute by default, with absences of up to half a minute between."""

    dwell_s: Seconds = Field(
        default=60.0,
        title="Dwell (s)",
        description="How long the object must have been inside, all together, before the alert is raised.",
    )
    exit_s: Seconds = Field(
        default=30.0,
        title="Exit (s)",
        description="A shorter absence does not end a visit; what was spent before it still counts.",
    )
    max_gap_s: Seconds = Field(
        default=MAX_GAP_S,
        title="Longest gap (s)",
        description="Time between two analysed frames that are further apart was not seen and does not count.",
    )


ALGORITHM = Algorithm(
    code="loitering",
    label="Loitering",
    summary="Raises an alert when an object has spent the dwell time in a region, with short absences between.",
    roi_types=REGIONS,
    parameters=LoiteringParameters,
    unit="s",
)


class Loitering(StayRule):
    """The dwell is the time that was really spent inside: absences neither count nor reset it until they end the visit."""

    def __init__(self, binding: Binding) -> None:
        params = binding.params
        super().__init__(binding, max_gap_s=params.max_gap_s if isinstance(params, LoiteringParameters) else MAX_GAP_S)

    def dwelt(self, visitor: Visitor, now: float) -> float:
        return visitor.spent
