"""The arithmetic of reports: shifts, figures, rates, trends. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

HOURS = 24
FEWEST_PERSON_S = 3600.0  # observed: with less there is no rate
FEWEST_VIOLATIONS = 10  # of both periods together: with fewer nothing is said of a difference
Z = 1.96  # of the normal distribution: 95 %
LOW_COVERAGE = 0.8
MOST_SHIFTS = 12


class ShiftError(ValueError):
    """What was given are no shifts. kind: `time` (not a full hour such as 06:00), `twice` or `many`. text: the part meant."""

    def __init__(self, kind: str, text: str = "") -> None:
        super().__init__(kind)
        self.kind = kind
        self.text = text


@dataclass(frozen=True, slots=True)
class Shifts:
    """begins: hours of the day at which a shift begins, rising; each lasts until the next one does. One lasts all day."""

    begins: tuple[int, ...]

    @classmethod
    def read(cls, text: str) -> Shifts:
        """From `06:00, 14:00, 22:00`. Raises ShiftError."""
        begins = [_hour(part.strip()) for part in text.split(",") if part.strip()]
        if not begins:
            raise ShiftError("time", text)
        if len(begins) > MOST_SHIFTS:
            raise ShiftError("many")
        if len(set(begins)) < len(begins):
            raise ShiftError("twice", next(f"{h:02}:00" for h in begins if begins.count(h) > 1))
        return cls(tuple(sorted(begins)))

    def __str__(self) -> str:
        return ", ".join(f"{hour:02}:00" for hour in self.begins)

    def of(self, hour: int) -> int:
        """The number of the shift, from 0, to which an hour of the day (0 to 23) belongs."""
        return max((n for n, begin in enumerate(self.begins) if begin <= hour), default=len(self.begins) - 1)

    def hours(self, number: int) -> list[int]:
        """The hours of the day that belong to a shift."""
        return [hour for hour in range(HOURS) if self.of(hour) == number]

    def name(self, number: int) -> str:
        """Such as `22:00-06:00`, with a dash."""
        end = self.begins[(number + 1) % len(self.begins)]
        return f"{self.begins[number]:02}:00–{end:02}:00"


def _hour(text: str) -> int:
    hours, colon, minutes = text.partition(":")
    if len(text) == 5 and text.isascii() and colon and hours.isdigit() and minutes == "00" and int(hours) < HOURS:
        return int(hours)
    raise ShiftError("time", text)


@dataclass(slots=True)
class Figures:
    """What happened somewhere in some time. violations: alerts, but those found to be false, which `false` counts. Seconds
    are those of `detection.core.coverage.Sums`. raised: alerts as the boxes counted them. rated: of the violations, those since
    their box began to tell whom it observed: the others have no denominator. repeats: alerts that are part of another one."""

    violations: int = 0
    false: int = 0
    wanted_s: float = 0.0
    seen_s: float = 0.0
    coarse_s: float = 0.0
    person_s: float = 0.0
    raised: int = 0
    rated: int = 0
    repeats: int = 0

    def add(self, other: Figures) -> None:
        self.violations += other.violations
        self.false += other.false
        self.wanted_s += other.wanted_s
        self.seen_s += other.seen_s
        self.coarse_s += other.coarse_s
        self.person_s += other.person_s
        self.raised += other.raised
        self.rated += other.rated
        self.repeats += other.repeats

    @property
    def coverage(self) -> float | None:
        """The share of the wanted time in which the rules could see, 0..1; None where none is known."""
        return min(self.seen_s / self.wanted_s, 1.0) if self.wanted_s > 0 else None

    @property
    def rate(self) -> float | None:
        """Violations per 100 observed person-hours; None where too little was observed."""
        return self.rated * 100 * 3600 / self.person_s if self.person_s >= FEWEST_PERSON_S else None

    @property
    def low(self) -> bool:
        """Whether so much was not seen that the violations are too few."""
        return self.coverage is not None and self.coverage < LOW_COVERAGE

    @property
    def missing(self) -> int:
        """Alerts that the boxes raised and that are not here: dropped, deleted, or on their way."""
        return max(self.raised - self.violations - self.false - self.repeats, 0)


class Change(NamedTuple):
    """share: how the rate changed, 0.5 is half as much again, -1 is none any more. clear: more than chance explains."""

    share: float
    clear: bool


def change(now: Figures, before: Figures) -> Change | None:
    """From one period to the next; None where a rate is missing, was none before, or too few violations are behind it.

    Clear is what 95 of 100 pairs of equal rates would not show: the logarithm of the ratio of two rates of Poisson counts has
    about the variance 1/n + 1/m (K. J. Rothman, S. Greenland, T. L. Lash, "Modern Epidemiology", chapter 14). None counts
    as half a one.
    """
    rate, was = now.rate, before.rate
    if rate is None or not was or now.rated + before.rated < FEWEST_VIOLATIONS:
        return None
    n, m = max(now.rated, 0.5), before.rated
    ratio = (n / now.person_s) / (m / before.person_s)
    return Change(rate / was - 1.0, abs(math.log(ratio)) > Z * math.sqrt(1 / n + 1 / m))


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart 100 high in which each bar has 10: x, y from the top left, width and height. known: there is a
    value at all."""

    x: float
    y: float
    width: float
    height: float
    known: bool


def bars(values: Sequence[float | None], most: float) -> list[Bar]:
    """most: the value that fills the height; values above it do, too. Least height for what is more than nothing: 1."""
    found = []
    for number, value in enumerate(values):
        share = 0.0 if value is None or most <= 0 else min(max(value / most, 0.0), 1.0)
        height = max(100.0 * share, 1.0) if value else 0.0
        found.append(Bar(10.0 * number + 1.0, 100.0 - height, 8.0, height, value is not None))
    return found


def scale(values: Sequence[float | None]) -> float:
    """The end of an axis for these values: 1, 2 or 5 times a power of ten, not below the largest; 1 for none."""
    largest = max((value for value in values if value is not None), default=0.0)
    step = 1.0
    while largest > step * 5:
        step *= 10
    while largest <= step / 2 and step > 1:
        step /= 10
    return next(step * factor for factor in (1, 2, 5) if largest <= step * factor)
