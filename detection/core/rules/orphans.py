"""Rules of an earlier run whose bindings are no longer what they were: made once more, to end what they had open. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from pydantic import BaseModel, ConfigDict, ValidationError

from cameras.core.geometry import Points
from detection.core.rules.base import JSON, Binding, OtherRoi
from detection.core.rules.keeping import Kept
from detection.core.rules.registry import RULES, make_rule
from detection.core.rules.running import RunningRule


class _Place(BaseModel):
    model_config = ConfigDict(extra="forbid")

    roi_id: str
    roi_type: str
    points: Points


class _Values(BaseModel):
    """What `keeping.values_of` gives."""

    model_config = ConfigDict(extra="forbid")

    bind_id: str
    roi_id: str
    camera_id: str
    algo_code: str
    severity: str
    priority: int
    roi_type: str
    points: Points
    params: dict[str, object]
    time_zone: str
    schedule: None
    places: tuple[_Place, ...]


def binding_from(values: Mapping[str, JSON]) -> Binding:
    """The binding of which `keeping.values_of` gave the values. Raises ValueError when they are none that could be made."""
    try:
        given = _Values.model_validate(dict(values))
        models = {algorithm.code: algorithm.parameters for algorithm, _ in RULES}
        if given.algo_code not in models:
            raise ValueError(f"there is no algorithm {given.algo_code!r}")
        params = models[given.algo_code].model_validate(given.params)
    except ValidationError as error:
        raise ValueError(f"unusable binding: {error.errors()[0]['msg']}") from None
    places = tuple(OtherRoi(place.roi_id, place.roi_type, place.points) for place in given.places)
    return Binding(
        bind_id=given.bind_id,
        roi_id=given.roi_id,
        camera_id=given.camera_id,
        algo_code=given.algo_code,
        severity=given.severity,
        priority=given.priority,
        roi_type=given.roi_type,
        points=given.points,
        params=params,
        time_zone=given.time_zone,
        places=places,
    )


def kept_bindings(kept: Kept) -> Iterator[tuple[str, Binding | ValueError]]:
    """Of each rule with a state: its `bind_id` and its binding as it was, or why that cannot be made. An older program
    kept none; those are left out."""
    for bind_id, rule in kept.rules.items():
        if rule.binding is not None:
            try:
                yield bind_id, binding_from(rule.binding)
            except ValueError as error:
                yield bind_id, error


def orphans(
    kept: Kept, running: Collection[str], *, media_time: float, wall_time: float
) -> Iterator[tuple[str, RunningRule | ValueError]]:
    """The rules in `kept` that run no longer as they were, each with its state, or why there is none.

    running: fingerprints of the rules that do.
    """
    for bind_id, binding in kept_bindings(kept):
        if kept.rules[bind_id].of in running:
            continue
        if isinstance(binding, ValueError):
            yield bind_id, binding
            continue
        try:
            rule = make_rule(binding)
            rule.restore(kept.rules[bind_id].state, media_time=media_time, away_s=kept.away_s(wall_time))
        except ValueError as error:
            yield bind_id, error
        else:
            yield bind_id, RunningRule(binding, rule)
