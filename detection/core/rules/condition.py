"""How long something has been so that should not be so, and when it is over. Pure; all times are media time.

Only time that was seen counts: the stretch between two frames that both show it, when they are close together. What was
not seen is unknown, neither so nor not so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from detection.core.rules.base import JSON, State
from detection.core.rules.handover import SLACK_S
from detection.core.rules.state import RuleState
from detection.core.rules.visits import cooling_s

MAX_GAP_S = 10.0  # frames that are further apart leave the time between them unknown

Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    held_s: Seconds
    unseen_s: Seconds
    alerting: bool
    alerted_s_ago: Seconds | None


class Change(NamedTuple):
    """An alert of a condition begins or ends. held_s: how long it was seen to hold; unseen_s: unknown time within."""

    phase: Literal["started", "ended"]
    held_s: float
    unseen_s: float


@dataclass(slots=True, eq=False)
class Condition:
    """One alert each time the condition holds long enough; after it was over, it may have the next.

    after_s: how long it must have been seen to hold. clear_s: it is over when it does not hold for so long; a shorter
    break neither ends nor resets it. grace_s: while it clears, a relapse shorter than this is overlooked.
    max_gap_s: frames further apart leave the time between them unknown. cooldown_s: between two alerts.

    Unknown time stops the clock. A single stretch of it longer than `after_s` resets it, unless an alert is raised.
    """

    after_s: float
    clear_s: float
    cooldown_s: float
    grace_s: float = 0.0
    max_gap_s: float = MAX_GAP_S
    held_s: float = 0.0
    unseen_s: float = 0.0
    alerting: bool = False
    alerted_at: float | None = None
    _time: float | None = None
    _held: bool = False
    _blind: bool = False
    _clear_since: float | None = None
    _clear_at: float = -math.inf

    def step(self, holds: bool, now: float) -> Change | None:
        """Take in one frame. `started` in a frame that shows it; `ended` in one that does not."""
        gap = self._seen_gap(now)
        if not holds:
            return self._clear(now)
        if self._held and gap is not None:
            self.held_s += gap
        if self._is_over(self._clear_at) or now - self._clear_at >= self.grace_s - SLACK_S:
            self._clear_since = None
        self._held = True
        if self.alerting or self.held_s < self.after_s - SLACK_S or self.cooling_s(now) > SLACK_S:
            return None
        self.alerting, self.alerted_at = True, now
        return Change("started", self.held_s, self.unseen_s)

    def unseen(self) -> None:
        """Nothing could be seen from the latest frame to the next one."""
        self._blind = True

    def reset(self, now: float) -> Change | None:
        """Begin anew, but for the cool-down. The end of an alert that was raised and had not ended.

        To be called in each frame that it does not get until it goes on: the cool-down's age is told of the latest one.
        """
        change = Change("ended", self.held_s, self.unseen_s) if self.alerting else None
        self.held_s = self.unseen_s = 0.0
        self.alerting = self._held = False
        self._clear_since = None
        self._seen_gap(now)
        return change

    def cooling_s(self, now: float) -> float:
        """Seconds until there may be an alert again."""
        return cooling_s(self.alerted_at, now, self.cooldown_s)

    def progress(self, now: float) -> dict[str, JSON]:
        """`value` of `target` seconds, `alerting`, `cooldown_left_s`."""
        return {
            "value": round(min(self.held_s, self.after_s), 2),
            "target": self.after_s,
            "alerting": self.alerting,
            "cooldown_left_s": round(self.cooling_s(now), 2),
        }

    def state(self, now: float, **counts: int) -> RuleState:
        """Seconds that it has held; counts: for the state's."""
        value, left = round(min(self.held_s, self.after_s), 2), self.cooling_s(now)
        if self.alerting:
            return RuleState("open", value, self.after_s, counts=counts)
        if self._held and value >= self.after_s - SLACK_S and left > SLACK_S:
            return RuleState("cooling", value, self.after_s, left_s=round(left, 2), counts=counts)
        return RuleState("counting" if self._held or value > 0 else "idle", value, self.after_s, counts=counts)

    def snapshot(self) -> dict[str, JSON]:
        """What `restore` takes: JSON."""
        ago = None
        if self.alerted_at is not None and self._time is not None and self.cooling_s(self._time) > 0:
            ago = max(self._time - self.alerted_at, 0.0)
        return {
            "held_s": self.held_s,
            "unseen_s": self.unseen_s,
            "alerting": self.alerting,
            "alerted_s_ago": ago,
        }

    def restore(self, state: State, *, media_time: float, away_s: float) -> None:
        """Go on after `away_s` unknown seconds (see `base.Rule`). Raises ValueError when the state is unusable."""
        try:
            kept = _Kept.model_validate(dict(state))
        except ValidationError as error:
            raise ValueError(f"unusable state: {error.errors()[0]['msg']}") from None
        self.held_s, self.unseen_s, self.alerting = kept.held_s, kept.unseen_s, kept.alerting
        if kept.alerted_s_ago is not None:
            self.alerted_at = media_time - kept.alerted_s_ago - away_s
        self._unknown(away_s)

    def _seen_gap(self, now: float) -> float | None:
        """Seconds since the frame before, None when they are unknown."""
        before, blind = self._time, self._blind
        self._time, self._blind = now, False
        if before is None:
            return None
        gap = now - before
        if gap < 0:  # media time begins anew: the latest alert is as old as it was
            self.alerted_at = None if self.alerted_at is None else self.alerted_at + gap
            self._clear_at = -math.inf
        if not blind and 0 <= gap <= self.max_gap_s + SLACK_S:
            return gap
        self._unknown(max(gap, 0.0))
        return None

    def _unknown(self, stretch: float) -> None:
        self._held, self._clear_since = False, None
        if stretch > self.after_s and not self.alerting:
            self.held_s = self.unseen_s = 0.0
        elif self.held_s > 0:
            self.unseen_s += stretch

    def _clear(self, now: float) -> Change | None:
        self._held = False
        self._clear_since = now if self._clear_since is None else self._clear_since
        self._clear_at = now
        if not self._is_over(now):
            return None
        change = Change("ended", self.held_s, self.unseen_s) if self.alerting else None
        self.held_s = self.unseen_s = 0.0
        self.alerting = False
        return change

    def _is_over(self, now: float) -> bool:
        return self._clear_since is not None and now - self._clear_since >= self.clear_s - SLACK_S
