"""Who goes on for whom: a track that breaks off hands what is known of it to one that begins at its place. Pure.

What is kept of an object is the rule's own; this is the one place that says when it changes hands and when it comes back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, Protocol, TypeVar

from detection.core.scene import Box, Sight

SLACK_S = 1e-6  # media times are sums of frame durations: 0.1 twenty times is not exactly 2
KNOWN_S = 10.0  # a track unseen for longer than any tracker bridges may count as new when its id comes again
BRIDGE_S = 1.0  # so long may detections of somebody who stays be missing; a longer absence is time spent elsewhere
RESUME_S = 30.0  # after a restart that took longer, whoever stands there may be anybody
EDGE = 0.01  # a box so near to the picture's edge is cut off by it: who is lost there may have walked out
MOST_KEPT = 200  # visits of one region over a restart: some 30 kB
MAX_VISITORS = 2000  # a bound for memory; far more than one picture shows within a cool-down


class Followed(Protocol):
    """What is kept of one object. seen_at, box: when and where its track was last seen."""

    class_id: int
    box: Box
    seen_at: float


V = TypeVar("V", bound=Followed)


class Loan(NamedTuple, Generic[V]):
    """What was handed over: as it was then, to which track, and when."""

    lent: V
    heir: int
    at: float


@dataclass(slots=True, eq=False)
class Known:
    """Every track of the frames so far, also those that a rule does not count: who existed beside a lost one is another
    object, and goes on for nobody. Its length is how many are remembered."""

    _at: dict[int, float] = field(default_factory=dict)  # when it was last seen
    _noted_at: float = -math.inf
    _tidied_at: float = -math.inf

    def __len__(self) -> int:
        return len(self._at)

    def clear(self) -> None:
        """Forget all tracks."""
        self._at = {}
        self._noted_at = self._tidied_at = -math.inf

    def newborn(self, seen: Mapping[int, Sight]) -> list[Sight]:
        """Those of a frame that did not exist before it."""
        at, forgotten = self._at, self._noted_at - KNOWN_S
        return [sight for track_id, sight in seen.items() if track_id not in at or at[track_id] < forgotten]

    def note(self, seen: Iterable[int], now: float) -> None:
        """A frame is over."""
        self._at.update(dict.fromkeys(seen, now))
        self._noted_at = now
        if now - self._tidied_at > KNOWN_S:
            self._at = {track_id: at for track_id, at in self._at.items() if now - at <= KNOWN_S}
            self._tidied_at = now


@dataclass(slots=True, eq=False)
class HandOver(Generic[V]):
    """exit_s: a track may go on for one lost so lately. copy: of what is kept. farthest: the largest `gap_between`.

    Its length is the number of open loans: for KNOWN_S, a lost track that comes back has its own again.
    """

    exit_s: float
    copy: Callable[[V], V]
    farthest: float = math.inf
    _loans: dict[int, Loan[V]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._loans)

    def clear(self) -> None:
        """Forget all loans."""
        self._loans = {}

    def pass_on(
        self,
        kept: dict[int, V],
        seen: Container[int],
        newborn: Iterable[Sight],
        now: float,
        goes_on: Callable[[V], bool] = lambda _: True,
    ) -> list[V]:
        """Let tracks that begin where another one broke off take over what is kept of it; what changed hands.

        kept: by track id; changed in place. seen: the ids in this frame. newborn: of those, as `Known` gives them.
        goes_on: whether there is still something to take over. Who was lost at the picture's edge is followed only within
        BRIDGE_S: later it is the next one who comes in there.
        """
        lost = [
            (track_id, each.class_id, each.box)
            for track_id, each in kept.items()
            if track_id not in seen
            and now - each.seen_at < self.exit_s - SLACK_S
            and not (now - each.seen_at > BRIDGE_S + SLACK_S and at_edge(each.box))
            and goes_on(each)
        ]
        if not lost:
            return []
        passed = []
        for old_id, new_id in heirs(lost, newborn, farthest=self.farthest):
            each = kept.pop(old_id)
            self._loans[old_id] = Loan(self.copy(each), new_id, now)
            kept[new_id] = each
            passed.append(each)
        return passed

    def give_back(self, kept: dict[int, V], seen: Container[int]) -> Iterator[Loan[V]]:
        """A lost track that comes back was only hidden: it has its own again, and its heir is somebody else.

        Gives each such loan; what is kept of the heir is for the caller to mend. Where the heir was lost too, that is who
        went on for it in the end.
        """
        for old_id in reversed([track_id for track_id in self._loans if track_id in seen]):
            loan = self._loans.pop(old_id)
            kept[old_id], heir = loan.lent, loan.heir
            while (further := self._loans.pop(heir, None)) is not None:
                heir = further.heir
            yield loan._replace(heir=heir)

    def forget(self, now: float) -> None:
        """Close the loans of tracks that have been away for too long."""
        self._loans = {track_id: loan for track_id, loan in self._loans.items() if now - loan.at <= KNOWN_S}


def forget_unseen(kept: dict[int, V], seen: Container[int], now: float, *, exit_s: float) -> None:
    """Drop who was not seen for KNOWN_S and for whom no track may go on any more, and who is above the bound.

    seen: the ids in this frame, also of those that the rule does not count in it. exit_s: as in `HandOver`.
    """
    most = max(KNOWN_S, exit_s)
    for track_id in [i for i, each in kept.items() if now - each.seen_at > most and i not in seen]:
        del kept[track_id]
    keep_bounded(kept)


def keep_bounded(kept: dict[int, V]) -> None:
    """Above MAX_VISITORS, who was unseen longest goes."""
    if len(kept) > MAX_VISITORS:
        for track_id, _ in sorted(kept.items(), key=lambda item: item[1].seen_at)[:-MAX_VISITORS]:
            del kept[track_id]


def heirs(
    lost: Iterable[tuple[int, int, Box]], newborn: Iterable[Sight], *, farthest: float = math.inf
) -> list[tuple[int, int]]:
    """Which new track goes on for which lost one: `(lost id, new id)`, closest first, each id once.

    lost: id, class and last box. farthest: the largest `gap_between`.
    """
    fresh = list(newborn)
    pairs = [
        (gap, old_id, sight.track_id)
        for old_id, class_id, box in lost
        for sight in fresh
        if sight.class_id == class_id and (gap := gap_between(box, sight.box)) is not None and gap <= farthest
    ]
    chosen: dict[int, int] = {}
    for _, old_id, new_id in sorted(pairs):
        if old_id not in chosen and new_id not in chosen.values():
            chosen[old_id] = new_id
    return list(chosen.items())


def at_edge(box: Box) -> bool:
    """Whether the picture's edge cuts an object off, or a step of half its width to a side takes it out."""
    step = (box[2] - box[0]) / 2
    return min(box) <= EDGE or max(box) >= 1 - EDGE or box[0] <= step or box[2] >= 1 - step


def gap_between(last: Box, new: Box) -> float | None:
    """How far a box is from the place where a track broke off, to order candidates; None when too far.

    Near is: the boxes overlap, or the bottom centre moved by no more than a box width across and half a height down.
    The gap is in those units, so 0 is the same place.
    """
    width = max(last[2] - last[0], new[2] - new[0], 1e-9)
    height = max(last[3] - last[1], new[3] - new[1], 1e-9)
    across = abs((new[0] + new[2]) - (last[0] + last[2])) / 2 / width
    down = abs(new[3] - last[3]) / (height / 2)
    overlaps = min(last[2], new[2]) > max(last[0], new[0]) and min(last[3], new[3]) > max(last[1], new[1])
    if overlaps or (across <= 1 and down <= 1):
        return across + down
    return None
