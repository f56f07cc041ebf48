"""The registry that algorithms put their parameter models in.

`cameras` decides WHAT runs WHERE and must know which `algo_code` exists, on which shapes, with which parameters; how an
algorithm works is `detection`'s business. So the algorithms register themselves here when their app starts.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]


class Place(NamedTuple):
    """Where parameters name another ROI of the same camera. path: keys and indexes below `params`."""

    path: tuple[str | int, ...]
    roi_id: str


class CommonParameters(BaseModel):
    """Parameters that every detection algorithm understands (DESIGN 5.4). Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    classes: tuple[Annotated[str, Field(min_length=1, max_length=64)], ...] = Field(
        default=("person",),
        strict=False,
        min_length=1,
        max_length=80,
        title="Classes",
        description="Objects that count.",
    )
    min_score: float = Field(
        default=0.4,
        ge=0,
        le=1,
        allow_inf_nan=False,
        title="Smallest score",
        description="Detections below it are ignored.",
    )
    dwell_s: Seconds = Field(
        default=1.0, title="Dwell (s)", description="How long the object must stay before the alert is raised."
    )
    exit_s: Seconds = Field(default=2.0, title="Exit (s)", description="A shorter absence does not end a visit.")
    cooldown_s: Seconds = Field(
        default=30.0, title="Cool-down (s)", description="Shortest time between two alerts for the same tracked object."
    )

    def places(self) -> tuple[Place, ...]:
        """The other areas (polygons, rectangles) of the same camera that these parameters name; each must exist."""
        return ()


Anchor = Literal["bottom_center", "center", "overlap"]


class RegionParameters(CommonParameters):
    """What algorithms about an area take besides: which part of an object decides whether it is inside."""

    anchor: Anchor = Field(
        default="bottom_center",
        title="Anchor",
        description="What of an object must be inside: the bottom centre of its box, the centre, or a share of the box.",
    )
    min_overlap: float = Field(
        default=0.5,
        gt=0,
        le=1,
        allow_inf_nan=False,
        title="Smallest overlap",
        description="For the anchor “overlap”: the share of the box that must lie inside.",
    )


@dataclass(frozen=True, slots=True)
class Algorithm:
    """What the configuration needs to know of an algorithm.

    code: the `algo_code`. label, summary: for people, in English, translated where they are shown.
    roi_types: the shapes that it can be bound to. unit: of `value` and `target` in what its rules tell of their progress;
    empty for a plain number. ends: its rule tells when an alert is over.
    """

    code: str
    label: str
    summary: str
    roi_types: frozenset[str]
    parameters: type[CommonParameters] = CommonParameters
    unit: Literal["", "s"] = ""
    ends: bool = False


class StrangeClass(NamedTuple):
    """The name of a class that the model does not know, and those that it knows and that are spelled most alike."""

    name: str
    near: str


STRANGE_CLASS = "the model knows no class “%(name)s”; those spelled most alike: %(near)s"


@dataclass(slots=True)
class Registry:
    """Algorithms by code. Registering a code twice is a programming error (ValueError).

    classes: gives the names that the boxes' model knows; none where nobody told.
    """

    classes: Callable[[], Sequence[str]] = tuple
    _by_code: dict[str, Algorithm] = field(default_factory=dict)

    def register(self, algorithm: Algorithm) -> None:
        known = self._by_code.get(algorithm.code)
        if known is not None and known != algorithm:
            raise ValueError(f"algorithm {algorithm.code!r} is registered twice")
        self._by_code[algorithm.code] = algorithm

    def get(self, code: str) -> Algorithm | None:
        return self._by_code.get(code)

    def strange_class(self, params: CommonParameters) -> StrangeClass | None:
        """The first class that the model does not know; None when it knows all, or nobody told which it knows."""
        known = self.classes()
        strange = next((name for name in params.classes if known and name not in known), None)
        if strange is None:
            return None
        return StrangeClass(strange, ", ".join(difflib.get_close_matches(strange, known, n=3, cutoff=0.0)))

    def all(self) -> list[Algorithm]:
        """Every registered algorithm, by code."""
        return [self._by_code[code] for code in sorted(self._by_code)]

    def parameters(self, code: str, given: dict[str, Any]) -> CommonParameters:
        """The validated parameters. Raises KeyError for an unknown code, pydantic.ValidationError for bad values."""
        return self._by_code[code].parameters.model_validate(given)


registry = Registry()
