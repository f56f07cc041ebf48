"""What of a film is hidden: shapes that hide what lies in them, and shapes outside which everything is hidden. Pure."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from cameras.core.geometry import Points, validate_shape

MOST_SHAPES = 100
MOST_POINTS = 1200  # of all shapes: as many as an order holds for certain (`edgesite.commands.LONGEST_BODY`)


def _polygon(value: Any) -> Points:
    return validate_shape("polygon", value)


Shape = Annotated[Points, BeforeValidator(_polygon)]
Shapes = Annotated[tuple[Shape, ...], Field(max_length=MOST_SHAPES)]


class Hide(BaseModel):
    """Polygons, their points as shares (0..1) of the picture's width and height, whatever its size.

    inside: what lies in any of them is hidden. outside: what lies in none of them is hidden too; None: nothing is for that.
    A key that this version does not know refuses all of it: it may hide something.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    inside: Shapes = ()
    outside: Annotated[Shapes, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _hides_something(self) -> Hide:
        if not self.inside and self.outside is None:
            raise ValueError("hides nothing")
        if sum(map(len, (*self.inside, *(self.outside or ())))) > MOST_POINTS:
            raise ValueError(f"has more than {MOST_POINTS} points")
        return self

    def body(self) -> dict[str, Any]:
        """As it is stored and sent."""
        return self.model_dump(mode="json")

    def digest(self) -> str:
        """SHA-256 that names what is hidden: the box says with it what it did hide."""
        return hashlib.sha256(json.dumps(self.body(), sort_keys=True).encode()).hexdigest()
