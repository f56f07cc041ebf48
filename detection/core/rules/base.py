"""What every rule is given and what it gives back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from cameras.core.algorithms import CommonParameters
from cameras.core.geometry import Points
from cameras.core.schedule import ScheduleEntry
from detection.core.rules.state import IDLE, RuleState
from detection.core.scene import Scene, Want
from detection.core.tracking import Tracks

JSON: TypeAlias = "str | int | float | bool | list[JSON] | dict[str, JSON] | None"
State: TypeAlias = Mapping[str, JSON]
Phase = Literal["started", "updated", "ended"]


@dataclass(frozen=True, slots=True)
class OtherRoi:
    """An ROI that a binding's parameters name besides its own: validated points, shares of the picture."""

    roi_id: str
    roi_type: str
    points: Points


@dataclass(frozen=True, slots=True)
class Binding:
    """What a rule needs to know of a binding, from the config document.

    points: the validated points of the region, shares of the picture. params: the algorithm's own parameter model.
    time_zone: the site's, IANA. schedule: when the rule runs, None for always; the pipeline sees to it. places: the ROIs
    that `params.places()` names, whether enabled or not.
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
    time_zone: str = "UTC"
    schedule: ScheduleEntry | None = None
    places: tuple[OtherRoi, ...] = ()


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
    """The state machine of one binding. Rules of different bindings share nothing.

    A rule derives from `RuleBase`, which has a sensible answer for everything but `step`.
    """

    def step(
        self, tracks: Tracks, class_names: Sequence[str], media_time: float, wall_time: float | None = None
    ) -> list[RuleEvent]:
        """Take in one analysed frame; what it gives rise to, often nothing.

        class_names: the model's, indexed by class id. media_time: seconds, not falling; when it does fall, all
        tracks are taken for new ones. wall_time: Unix seconds of the same frame; without it media time stands for
        it. Raises ValueError when media time is not finite.
        """

    def wants(self, scene: Scene, media_time: float) -> Sequence[Want]:
        """Before the step of a frame: second looks at single objects that the rule would like; few, and seldom.

        Those that were taken are in the scene's `views` at the step; others may come in a later frame, or never.
        """

    def tracks_lost(self) -> None:
        """Tracks start anew (seam of a looping file, jump of the camera's time): what is known of the ids so far is void."""

    def reconnected(self, media_time: float) -> None:
        """Tracks start anew because the camera was away, from the latest frame to the one at `media_time`, whose step
        follows. Who is where somebody was may be taken for the same, as after a restart."""

    def unseen(self) -> None:
        """From the latest frame to the next one nothing could be seen (a covered view): that time proves nothing."""

    def clock(self, wall_time: float) -> None:
        """In place of a step, outside the schedule or under a cover: the clock goes on. wall_time: Unix seconds."""

    def suspend(self, media_time: float) -> list[RuleEvent]:
        """The schedule ends: visits end, clocks begin anew when it starts again. Events that close what was open.

        Once more in each later frame outside the schedule, when nothing is open.
        """

    def progress(self, media_time: float) -> dict[str, JSON]:
        """A small picture of the state at `media_time`, for diagnosis and the live view: numbers, no texts.

        Where they apply: `value` of `target` (seconds, objects or crossings, as the rule's page says) and
        `cooldown_left_s`.
        """

    def state(self, media_time: float) -> RuleState:
        """How far it is at `media_time`, for who watches it while setting it up; with the objects that it watches."""

    def numbers(self) -> dict[str, float]:
        """Totals that the rule adds to the camera's statistics; those of the same name are added up over the rules."""

    def present(self) -> Mapping[str, Collection[int]]:
        """Track ids of objects that are there now, by the name of the number that counts them in the camera's statistics.

        An object counts once, however many rules tell of it; without a fresh picture nobody is known to be there.
        """

    def snapshot(self) -> dict[str, JSON]:
        """The state for after a restart: JSON, with ages in seconds before the latest frame; empty for none.

        Track ids mean nothing after a restart and are left out.
        """

    def restore(self, state: State, *, media_time: float, away_s: float) -> None:
        """Take up a snapshot's state, before the first step.

        media_time: of the first frame that will be stepped. away_s: seconds of the wall clock between the latest
        frame of the snapshot and that one. Raises ValueError when the state is unusable; the rule is then as new.
        """


class RuleBase:
    """What a rule that has nothing better to say answers."""

    def wants(self, scene: Scene, media_time: float) -> Sequence[Want]:
        """None."""
        return ()

    def tracks_lost(self) -> None:
        """Nothing is known of tracks."""

    def reconnected(self, media_time: float) -> None:
        """Like tracks that are lost."""
        self.tracks_lost()

    def unseen(self) -> None:
        """Nothing is concluded from time without frames."""

    def clock(self, wall_time: float) -> None:
        """Times of day mean nothing."""

    def suspend(self, media_time: float) -> list[RuleEvent]:
        """Like tracks that are lost."""
        self.tracks_lost()
        return []

    def progress(self, media_time: float) -> dict[str, JSON]:
        return {}

    def state(self, media_time: float) -> RuleState:
        return IDLE

    def numbers(self) -> dict[str, float]:
        return {}

    def present(self) -> Mapping[str, Collection[int]]:
        return {}

    def snapshot(self) -> dict[str, JSON]:
        return {}

    def restore(self, state: State, *, media_time: float, away_s: float) -> None:
        """There is nothing to take up."""


def event_of(
    binding: Binding, phase: Phase, media_time: float, data: dict[str, JSON], track_id: int | None = None
) -> RuleEvent:
    """An event of a binding, with its identifiers and severity."""
    return RuleEvent(
        bind_id=binding.bind_id,
        roi_id=binding.roi_id,
        algo_code=binding.algo_code,
        severity=binding.severity,
        phase=phase,
        media_time=media_time,
        track_id=track_id,
        data=data,
    )
