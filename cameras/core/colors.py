"""Which of the eight ROI colours (LOOK.md) a shape has. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

COLORS = 8


def shown_colors(chosen: Sequence[int | None]) -> list[int]:
    """The colours (0 to COLORS - 1) of one camera's ROIs in the order in which they were made.

    Who chose one keeps it; the others get, one after the other, the colour that the fewest have, the first of equals: up to
    eight shapes all differ.
    """
    used = Counter(color for color in chosen if color is not None)
    shown: list[int] = []
    for color in chosen:
        if color is None:
            color = min(range(COLORS), key=lambda c: (used[c], c))  # noqa: PLW2901  one name for one thing
            used[color] += 1
        shown.append(color)
    return shown
