"""What every rule is given and what it gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from cameras.core.algorithms import CommonParameters
from cameras.core.geometry import Points
from detection.core.tracking import Tracks

JSON: TypeAlias = "str | int | float | bool | list[JSON] | dict[str, JSON] | None"
Phase = Literal["started", "updated", "ended"]


@dataclass(frozen=True, slots=True)
class Binding:
    """What a rule needs to know of a binding, from the config document.

    points: the validated points of the region, shares of the picture. params: the algorithm's own parameter model.
    """

    bind_id: str
    roi_id: str
    camera_id: str
    algo_code: str
    severity: str
    priority: int
    roi_type: str
    points: Points
    params: CommonParameters


@dataclass(frozen=True, slots=True)
class RuleEvent:
    """Something that a rule found in one frame.

    media_time: seconds, of the frame that shows it. track_id: the object, None when it is not about a single one.
    data: for people and integrators; JSON values only.
    """

    bind_id: str
    roi_id: str
    algo_code: str
    severity: str
    phase: Phase
    media_time: float
    track_id: int | None
    data: dict[str, JSON]


class Rule(Protocol):
    """The state machine of one binding. Rules of different bindings share nothing."""

    def step(self, tracks: Tracks, class_names: Sequence[str], media_time: float) -> list[RuleEvent]:
        """Take in one analysed frame; what it gives rise to, often nothing.

        class_names: the model's, indexed by class id. media_time: seconds, not falling; when it does fall, all
        tracks are taken for new ones. Raises ValueError when it is not finite.
        """

    def tracks_lost(self) -> None:
        """Tracks start anew (seam of a looping file, reconnect): what is known of the ids so far is void."""

    def progress(self, media_time: float) -> dict[str, JSON]:
        """A small picture of the state at `media_time`, for diagnosis and the live view."""
