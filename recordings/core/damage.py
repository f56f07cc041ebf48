"""Damage inside a segment, as its packets tell without being decoded: what is missing, and what is cut off or spoiled. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from recordings.core.segments import HOLE_SECONDS, Segment

SPACINGS = 3.0  # so many times the usual time between two pictures is no hole: some cameras send one in five seconds


@dataclass(frozen=True, slots=True)
class Packet:
    """One picture's data. at, until: seconds from the segment's beginning. key: decoding can begin here."""

    at: float
    until: float
    key: bool
    whole: bool


def unreadable(packets: Sequence[Packet], *, seconds: float) -> list[tuple[float, float]]:
    """What cannot be played of a segment that should be so long, as (from, to) in seconds from its beginning.

    packets: in the order in which they are decoded. Behind one that is spoiled nothing counts up to the next key frame.
    """
    found, reached = list[tuple[float, float]](), 0.0
    broken_at: float | None = None
    spacing = median([b.at - a.at for a, b in pairwise(packets)] or [seconds])
    most = max(HOLE_SECONDS, SPACINGS * spacing)
    for packet in packets:
        if broken_at is None and packet.at - reached > most:
            found.append((reached, packet.at))
        if broken_at is None and not packet.whole:
            broken_at = packet.at
        elif broken_at is not None and packet.whole and packet.key:
            found.append((broken_at, packet.at))
            broken_at = None
        reached = max(reached, packet.until)
    if broken_at is not None:
        found.append((broken_at, seconds))
    elif seconds - reached > most:
        found.append((reached, seconds))
    return found


def parts(segment: Segment, missing: Sequence[tuple[float, float]]) -> list[Segment]:
    """What is left of a segment, in the order of time. missing: as `unreadable` says it."""
    left, reached = list[Segment](), segment.start
    for begin, end in missing:
        if segment.start + begin > reached:
            left.append(replace(segment, start=reached, end=segment.start + begin))
        reached = max(reached, segment.start + end)
    if segment.end > reached:
        left.append(replace(segment, start=reached))
    return left
