"""Privacy masks: ROIs that hide what lies in them. They are areas, and have no rules. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MASK_HAS_NO_RULES = "a privacy mask has no rules: delete them, or draw a region of its own for the mask"
LINE_IS_NO_AREA = "a line is no area"
MASK_STAYS = "only who may lift privacy masks changes or removes one"


HIDES = ("mask", "roi_type", "coordinates")


def hides_less(old: Mapping[str, Any], new: Mapping[str, Any] | None) -> bool:
    """Whether a mask would hide something else than it does, or nothing any more. Rows with the columns of `HIDES`."""
    return bool(old["mask"]) and (new is None or any(new.get(key) != old[key] for key in HIDES))


def mask_problem(roi_type: str, *, rules: bool) -> str:
    """What keeps an ROI of that shape from being a privacy mask, in English; "" when nothing does."""
    if roi_type == "line":
        return LINE_IS_NO_AREA
    return MASK_HAS_NO_RULES if rules else ""
