"""Leave post: nobody is where somebody should be. docs/algorithms/leave_post.md describes it for operators. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydantic import Field

from cameras.core.algorithms import Algorithm, RegionParameters, Seconds
from detection.core.rules.base import JSON, Binding, RuleBase, RuleEvent, State, event_of
from detection.core.rules.condition import MAX_GAP_S, Change, Condition
from detection.core.rules.region import REGIONS, Region
from detection.core.rules.state import RuleState
from detection.core.tracking import Tracks


class LeavePostParameters(RegionParameters):
    """`dwell_s`, which every algorithm understands, has no work here."""

    absent_s: Seconds = Field(
        default=60.0, title="Absent (s)", description="How long nobody must have been seen before the alert is raised."
    )
    back_s: Seconds = Field(
        default=3.0, title="Back (s)", description="How long somebody must be there again to end the absence."
    )
    max_gap_s: Seconds = Field(
        default=MAX_GAP_S,
        title="Longest gap (s)",
        description="Time between two analysed frames that are further apart is unknown, not absence.",
    )
    dwell_s: Seconds = Field(default=1.0, title="Dwell (s)", description="Without effect for this algorithm.")
    exit_s: Seconds = Field(
        default=2.0,
        title="Exit (s)",
        description="While somebody is coming back, a shorter absence does not start the time over.",
    )
    cooldown_s: Seconds = Field(
        default=30.0, title="Cool-down (s)", description="Shortest time between two alerts of this binding."
    )


ALGORITHM = Algorithm(
    code="leave_post",
    label="Post left",
    summary="Raises an alert when nobody has been in a region for a time. What could not be seen is no absence.",
    roi_types=REGIONS,
    parameters=LeavePostParameters,
    unit="s",
    ends=True,
)


class LeavePost(RuleBase):
    """One alert an absence, `ended` when somebody has been back for `back_s` (or the schedule ends)."""

    def __init__(self, binding: Binding) -> None:
        params = binding.params
        if not isinstance(params, LeavePostParameters):
            raise ValueError("leave_post needs parameters of LeavePostParameters")  # noqa: TRY004 - a bad binding
        self._binding = binding
        self._region = Region(binding)
        self._absence = Condition(
            after_s=params.absent_s,
            clear_s=params.back_s,
            cooldown_s=params.cooldown_s,
            grace_s=params.exit_s,
            max_gap_s=params.max_gap_s,
        )

    def step(
        self, tracks: Tracks, class_names: Sequence[str], media_time: float, wall_time: float | None = None
    ) -> list[RuleEvent]:
        """Take in one analysed frame (see `base.Rule`)."""
        if not math.isfinite(media_time):
            raise ValueError("media time is not a finite number")
        present = len(self._region.inside(tracks, class_names))
        change = self._absence.step(present == 0, media_time)
        return self._events(change, media_time, {"persons": present, "reason": "back"})

    def tracks_lost(self) -> None:
        """The stretch up to the next frame is unknown; who is there does not depend on ids."""
        self._absence.unseen()

    def unseen(self) -> None:
        self._absence.unseen()

    def suspend(self, media_time: float) -> list[RuleEvent]:
        """The clock begins anew with the schedule; an absence that is alerted ends with it."""
        return self._events(self._absence.reset(media_time), media_time, {"persons": 0, "reason": "schedule"})

    def progress(self, media_time: float) -> dict[str, JSON]:
        """`value` of `target`: seconds of absence; `alerting`: the alert is raised and nobody is back yet."""
        return self._absence.progress(media_time)

    def state(self, media_time: float) -> RuleState:
        """Seconds of absence."""
        return self._absence.state(media_time)

    def snapshot(self) -> dict[str, JSON]:
        return {"version": 1, "absence": self._absence.snapshot()}

    def restore(self, state: State, *, media_time: float, away_s: float) -> None:
        """The seen absence goes on; the time of the restart is unknown."""
        absence = state.get("absence")
        if state.get("version") != 1 or not isinstance(absence, dict):
            raise ValueError("unusable state: no absence of version 1")
        self._absence.restore(absence, media_time=media_time, away_s=away_s)

    def _events(self, change: Change | None, media_time: float, end: dict[str, JSON]) -> list[RuleEvent]:
        """The event of a change. end: what an `ended` says besides."""
        if change is None:
            return []
        data: dict[str, JSON] = {"absent_s": round(change.held_s, 2), "unseen_s": round(change.unseen_s, 2)}
        return [event_of(self._binding, change.phase, media_time, data if change.phase == "started" else data | end)]
