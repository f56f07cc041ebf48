"""What the rules of a camera tell people: live numbers, and how far each is. Pure but for the guard's log."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from detection.core.rules.base import JSON
from detection.core.rules.running import RunningRule
from detection.rule_guard import RuleGuard


@dataclass(frozen=True, slots=True)
class Told:
    """totals: added up by name. present: how many objects are there now, by name. bindings: `progress` with the algorithm
    and the region's name, by `bind_id`, in the order of priority."""

    totals: Mapping[str, float] = field(default_factory=dict)
    present: Mapping[str, int] = field(default_factory=dict)
    bindings: Mapping[str, Mapping[str, JSON]] = field(default_factory=dict)

    def numbers(self, *, fresh: bool) -> dict[str, float]:
        """All by name. fresh: False when no picture has come lately: nobody is known to be there, totals stay."""
        present = self.present if fresh else dict.fromkeys(self.present, 0)
        return {**present, **{name: value + present.get(name, 0) for name, value in self.totals.items()}}


def tell(
    rules: Sequence[RunningRule], roi_names: Mapping[str, str], media_time: float, guard: RuleGuard, *, visible: bool
) -> Told:
    """visible: False under a cover, where nobody is known to be there."""
    totals: dict[str, float] = {}
    present: dict[str, set[int]] = {}
    bindings: dict[str, dict[str, JSON]] = {}
    no_totals: dict[str, float] = {}
    nobody: Mapping[str, Collection[int]] = {}
    unknown: dict[str, JSON] = {"active": True}
    for running in rules:
        b = running.binding
        for name, value in guard.call(b.bind_id, running.rule.numbers, no_totals).items():
            totals[name] = totals.get(name, 0) + value
        for name, track_ids in guard.call(b.bind_id, running.rule.present, nobody).items():
            # Below zero: somebody of an earlier run, who has not been seen again so far.
            present.setdefault(name, set()).update(i for i in track_ids if visible and i > 0)
        far = guard.call(b.bind_id, functools.partial(running.progress, media_time), unknown)
        bindings[b.bind_id] = {"algo_code": b.algo_code, "roi": roi_names.get(b.roi_id) or b.roi_id, **far}
    return Told(totals, {name: len(ids) for name, ids in present.items()}, bindings)
