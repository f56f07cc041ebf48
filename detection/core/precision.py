"""How often a binding's alerts were right, from the verdicts of people. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

Z = 1.96  # of the normal distribution: 95 %
FEWEST = 5  # verdicts: with less nothing is said
SUSPICIOUS_BELOW = 0.5


@dataclass(frozen=True, slots=True)
class Precision:
    """right, wrong: verdicts. low, high: the 95 % interval of the share of right ones, 0..1."""

    right: int
    wrong: int
    low: float
    high: float

    @property
    def judged(self) -> int:
        return self.right + self.wrong

    @property
    def share(self) -> float | None:
        """Right ones of those judged, 0..1; None without a verdict."""
        return self.right / self.judged if self.judged else None

    @property
    def enough(self) -> bool:
        return self.judged >= FEWEST

    @property
    def suspicious(self) -> bool:
        """Whether enough people found it wrong more often than right."""
        share = self.share
        return self.enough and share is not None and share < SUSPICIOUS_BELOW


def precision(*, right: int, wrong: int) -> Precision:
    """With the score interval of E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    J. Amer. Stat. Assoc. 22 (1927): it holds for few verdicts and near 0 and 1 too. Without verdicts 0 to 1.

    Raises ValueError for negative counts.
    """
    if right < 0 or wrong < 0:
        raise ValueError("counts are not negative")
    n = right + wrong
    if n == 0:
        return Precision(0, 0, 0.0, 1.0)
    p, z2 = right / n, Z * Z
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return Precision(right, wrong, max(0.0, centre - half), min(1.0, centre + half))
