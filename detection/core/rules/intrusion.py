"""Intrusion: somebody stays in a region. The page docs/algorithms/intrusion.md describes it for operators."""

from __future__ import annotations

from cameras.core.algorithms import Algorithm, RegionParameters
from detection.core.rules.region import REGIONS
from detection.core.rules.stay import StayRule
from detection.core.rules.visits import Visitor

ALGORITHM = Algorithm(
    code="intrusion",
    label="Intrusion",
    summary="Raises an alert when an object stays inside a region longer than the dwell time.",
    roi_types=REGIONS,
    parameters=RegionParameters,
    unit="s",
)


class Intrusion(StayRule):
    """The dwell is the time since the first sight inside in this visit; short absences do not stop or reset it."""

    def dwelt(self, visitor: Visitor, now: float) -> float:
        return 0.0 if visitor.since is None else now - visitor.since
