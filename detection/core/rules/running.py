"""A rule at work: gated by its schedule, its events with the severity of today. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cameras.core.schedule import ScheduleEntry, active
from detection.core.rules.base import JSON, Binding, Rule, RuleEvent
from detection.core.rules.keeping import KeptRule, fingerprint_of, values_of
from detection.core.rules.state import OUTSIDE, RuleState
from detection.core.tracking import Tracks


@dataclass(slots=True, eq=False)
class RunningRule:
    """A binding and its state machine. binding: may be replaced by one that means the same to the rule."""

    binding: Binding
    rule: Rule
    suspended: bool = False
    _looked_at: tuple[Binding, int] | None = None
    _printed: tuple[Binding, str, dict[str, JSON]] | None = None

    def step(self, tracks: Tracks, class_names: Sequence[str], media_time: float, wall_time: float) -> list[RuleEvent]:
        """One frame: the rule's step within the schedule; its suspension outside."""
        self._heed_schedule(wall_time)
        if not self.suspended:
            return self._told(self.rule.step(tracks, class_names, media_time, wall_time))
        self.rule.clock(wall_time)
        return self._told(self.rule.suspend(media_time))

    def unseen(self, media_time: float, wall_time: float) -> list[RuleEvent]:
        """A frame that shows nothing: the schedule goes on, what the rule watches is unknown."""
        was_suspended = self.suspended
        self._heed_schedule(wall_time)
        self.rule.clock(wall_time)
        if self.suspended:
            return [] if was_suspended else self._told(self.rule.suspend(media_time))
        self.rule.unseen()
        return []

    def end(self, media_time: float) -> list[RuleEvent]:
        """The binding is gone or means something else now: what closes its alerts. The rule is not to be used again."""
        if self.suspended:
            return []
        ends = [event for event in self._told(self.rule.suspend(media_time)) if event.phase != "started"]
        return [replace(event, data={**event.data, "reason": "configuration"}) for event in ends]

    def _heed_schedule(self, wall_time: float) -> None:
        self.suspended = self.binding.schedule is not None and not self._is_scheduled(self.binding.schedule, wall_time)

    def _told(self, found: list[RuleEvent]) -> list[RuleEvent]:
        return [replace(event, severity=self.binding.severity) for event in found] if found else found

    def progress(self, media_time: float) -> dict[str, JSON]:
        """`active`: False outside the schedule; within it, what the rule tells."""
        return {"active": False} if self.suspended else {"active": True, **self.rule.progress(media_time)}

    def state(self, media_time: float) -> RuleState:
        """As `progress`, for who sets the binding up."""
        return OUTSIDE if self.suspended else self.rule.state(media_time)

    @property
    def essence(self) -> Binding:
        """What of the binding the rule's state depends on."""
        return essence_of(self.binding)

    def fingerprint(self) -> str:
        """Of the essence (see `keeping.fingerprint`)."""
        return self._print()[1]

    def kept(self, state: dict[str, JSON]) -> KeptRule:
        """That state of its rule, for after a restart."""
        _, of, values = self._print()
        return KeptRule(of=of, state=state, binding=values | {"severity": self.binding.severity})

    def _print(self) -> tuple[Binding, str, dict[str, JSON]]:
        """The essence's fingerprint and values; worked out once for a binding."""
        if self._printed is None or self._printed[0] is not self.binding:
            values = values_of(self.essence)
            self._printed = self.binding, fingerprint_of(values), values
        return self._printed

    def _is_scheduled(self, schedule: ScheduleEntry, wall_time: float) -> bool:
        looked_at = (self.binding, int(wall_time // 60))  # hours begin and end at whole minutes, in UTC as well
        if self._looked_at is not None and self._looked_at[0] is looked_at[0] and self._looked_at[1] == looked_at[1]:
            return not self.suspended
        self._looked_at = looked_at
        return active(schedule, self.binding.time_zone, wall_time)


def essence_of(binding: Binding) -> Binding:
    """What of a binding its rule's state depends on: another severity, priority or schedule costs no visit."""
    return replace(binding, severity="", priority=0, schedule=None)
