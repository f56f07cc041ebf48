"""Which rules exist. A new rule is one file beside this one and one line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from cameras.core.algorithms import Algorithm, Registry
from detection.core.rules import attribute, intrusion, leave_post, line_crossing, loitering, occupancy, procedure
from detection.core.rules.base import Binding, Rule, RuleBase, RuleEvent
from detection.core.tracking import Tracks

RULES: tuple[tuple[Algorithm, Callable[[Binding], Rule]], ...] = (
    (intrusion.ALGORITHM, intrusion.Intrusion),
    (loitering.ALGORITHM, loitering.Loitering),
    (leave_post.ALGORITHM, leave_post.LeavePost),
    (occupancy.ALGORITHM, occupancy.Occupancy),
    (line_crossing.ALGORITHM, line_crossing.LineCrossing),
    (procedure.ALGORITHM, procedure.Procedure),
    (attribute.ALGORITHM, attribute.Attribute),
)


def register_all(registry: Registry) -> None:
    """Tell the configuration which algorithms there are. Doing it twice changes nothing."""
    for algorithm, _ in RULES:
        registry.register(algorithm)


def make_rule(binding: Binding) -> Rule:
    """The state machine for a binding.

    Raises ValueError when there is no such algorithm, the shape of the region does not suit it, or the parameters
    are not of its model.
    """
    for algorithm, rule in RULES:
        if algorithm.code != binding.algo_code:
            continue
        if binding.roi_type not in algorithm.roi_types:
            raise ValueError(f"algorithm {algorithm.code!r} cannot be bound to a {binding.roi_type}")
        if not isinstance(binding.params, algorithm.parameters):
            raise ValueError(f"algorithm {algorithm.code!r} needs parameters of {algorithm.parameters.__name__}")  # noqa: TRY004 - a bad binding, whatever is wrong with it
        return rule(binding)
    raise ValueError(f"there is no algorithm {binding.algo_code!r}")


def check_rules(bindings: Iterable[Binding]) -> None:
    """Raises ValueError when a binding's rule cannot be made."""
    for binding in bindings:
        make_rule(binding)


class UnmadeRule(RuleBase):
    """In place of a rule that cannot be made, such as one of a region outside a smaller picture: fails in every frame."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def step(
        self, tracks: Tracks, class_names: Sequence[str], media_time: float, wall_time: float | None = None
    ) -> list[RuleEvent]:
        """Raises ValueError with the reason."""
        raise ValueError(f"the rule cannot be made: {self._reason}")
