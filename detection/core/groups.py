"""Which cameras are analysed together: a device's cameras into groups that stay as they are while others come and go."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["starting", "running", "crashed", "stopping", "waiting"]


@dataclass(frozen=True, slots=True)
class Group:
    """Cameras that one executor's unit (threads, a process) analyses.

    cameras: sorted. share: of the machine's cores, 0..1.
    """

    name: str
    cameras: tuple[str, ...]
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Condition:
    """How a group is. restarts: ends in a row that nobody asked for. since: Unix seconds.

    fault: the last of them was the program's own doing, not somebody's signal.

    ``starting``: on its way. ``running``: gives signs of life. ``crashed``: ended, and is started again after a pause.
    ``stopping``: was told to end. ``waiting``: something else has to end or come first.
    """

    state: State
    since: float
    restarts: int = 0
    reason: str = ""
    fault: bool = False

    def message(self) -> dict[str, Any]:
        return {"state": self.state, "restarts": self.restarts, "reason": self.reason, "since": round(self.since, 3)}


@dataclass(frozen=True, slots=True)
class GroupReport:
    """What a group tells of itself. sha256: of the document that it runs, empty before the first.

    cameras: state by camera. details: since, reason and last_frame_at by camera. broken: why the document is not healthy
    there; empty when it is. waiting: for what it waits before it can begin. inference: how it infers (`Detector.describe`).
    model: the mark of the model with which it was started (`model_mark`). obeyed: the cameras of the order that it has taken
    up, so that it analyses none of an earlier one any more; None from programs that did not tell.
    """

    sha256: str = ""
    cameras: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    broken: str = ""
    waiting: str = ""
    inference: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""
    obeyed: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Grouping:
    """left_out: cameras for which no group has room."""

    groups: tuple[Group, ...]
    left_out: tuple[str, ...] = ()


def names(most: int) -> list[str]:
    """Of that many groups."""
    return [f"g{number}" for number in range(1, most + 1)]


def assign(cameras: Collection[str], known: Iterable[Group], *, most: int, largest: int | None = None) -> Grouping:
    """The cameras in at most `most` groups, of at most `largest` cameras each (None: no limit).

    known: the groups until now. A camera stays where it is as long as its group may exist; a new one joins the group with
    the fewest. Without known groups the result depends on the cameras alone. Raises ValueError unless both limits are 1 or
    more.
    """
    if most < 1 or (largest is not None and largest < 1):
        raise ValueError(f"there must be room: most={most}, largest={largest}")
    limit = len(cameras) if largest is None else largest
    members: dict[str, list[str]] = {name: [] for name in names(most)}
    open_ = set(cameras)
    for group in known:
        for camera in sorted(group.cameras):
            if camera in open_ and group.name in members and len(members[group.name]) < limit:
                members[group.name].append(camera)
                open_.discard(camera)
    left_out = []
    for camera in sorted(open_):
        name = min(members, key=lambda n: len(members[n]))  # of equals the first
        if len(members[name]) < limit:
            members[name].append(camera)
        else:
            left_out.append(camera)
    groups = tuple(Group(name, tuple(sorted(own)), round(1 / most, 6)) for name, own in members.items() if own)
    return Grouping(groups, tuple(left_out))


def crash_reason(*, crashes: int, how: str, delay_s: float) -> str:
    """For people: how often in a row an analysis process ended, how the last time, and when it is started again."""
    times = "" if crashes == 1 else f" {crashes} times"
    return f"analysis process crashed{times}: {how}; next start in {max(1, round(delay_s))} s"
