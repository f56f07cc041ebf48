"""Segments: where they lie on the wall clock, what is missing between them, which of them a clip needs. Pure."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from recordings.core.names import unique_name

SEGMENT_SECONDS = 4.0  # a segment ends at the first key frame after so long
FRAGMENT_SECONDS = 0.5  # what a kill may cost
HOLE_SECONDS = 1.0  # less between two segments is the clocks' and the network's jitter
JUMP_SECONDS = 2.0
WINDOW = 16  # segments: about a minute
_PATH = re.compile(r"(?P<at>\d{8}T\d{6}\.\d{3})Z_(?P<run>.+)_\d+\.mp4")
PART = ".part"  # of a file that is still being written, or was never taken into the index


@dataclass(frozen=True, slots=True)
class Segment:
    """A finished piece of a camera's recording.

    path: below the recorder's folder. start, end: Unix seconds. size: bytes. run: of one ffmpeg; pieces of one run follow
    one another without a gap. ring: recorded only so that there is something before an alert.
    """

    camera_id: str
    path: str
    run: str
    start: float
    end: float
    size: int
    ring: bool = False


@dataclass(frozen=True, slots=True)
class Closed:
    """What ffmpeg's segment list says of a file that it closed: name, and media seconds of the run."""

    name: str
    start: float
    end: float


def parse_list_line(line: str) -> Closed | None:
    """A line of ffmpeg's segment list of type csv (`name,start,end`); None for anything else."""
    try:
        [[name, start, end]] = csv.reader([line])
        closed = Closed(name, float(start), float(end))
    except ValueError:
        return None
    return closed if 0 <= closed.start < closed.end < float("inf") else None


class WallClock:
    """Where a run's media seconds lie on the wall clock.

    What arrives arrives late, never early: of the newest segments the one that came quickest counts. A wall clock that was
    set shows in two segments in a row.
    """

    def __init__(self) -> None:
        self._offsets: deque[float] = deque(maxlen=WINDOW)
        self._odd = 0

    def begins(self, at: float) -> None:
        """The first fragment was on disk at this Unix time."""
        self._offsets.append(at - FRAGMENT_SECONDS)

    def place(self, closed: Closed, *, at: float) -> tuple[float, float]:
        """Start and end, Unix seconds, of a segment whose last picture was there at `at`."""
        offset = at - closed.end
        late = bool(self._offsets) and offset - min(self._offsets) > JUMP_SECONDS
        self._odd = self._odd + 1 if late else 0
        if self._odd >= 2 or (self._offsets and min(self._offsets) - offset > JUMP_SECONDS):
            self._offsets.clear()
            self._odd = 0
        self._offsets.append(offset)
        best = min(self._offsets)
        return best + closed.start, best + closed.end


def stamp(at: float) -> str:
    """A moment for file names: UTC, to the millisecond, in the order of time."""
    moment = datetime.fromtimestamp(round(at, 3), UTC)
    return f"{moment:%Y%m%dT%H%M%S}.{moment.microsecond // 1000:03d}Z"


def segment_path(*, camera_id: str, run: str, name: str, start: float) -> str:
    """`{camera}/{day}/{start}_{run}_{number}.mp4`, the day and the time in UTC."""
    number = name.removesuffix(PART).rpartition("_")[2]
    at = stamp(start)
    return f"{unique_name(camera_id)}/{at[:8]}/{at}_{run}_{number}.mp4"


def part_pattern(*, camera_id: str, run: str) -> str:
    """Where ffmpeg writes the segments of a run, with its `%06d` for their number; relative, like `segment_path`."""
    return f"{unique_name(camera_id)}/{run}_%06d{PART}"


def holes(segments: Sequence[Segment], *, start: float, end: float) -> list[tuple[float, float]]:
    """What of the time between is in no segment, as (start, end) in Unix seconds. segments: in the order of time."""
    found, reached = [], start
    for segment in segments:
        if segment.start - reached > HOLE_SECONDS:
            found.append((reached, min(segment.start, end)))
        reached = max(reached, segment.end)
    if end - reached > HOLE_SECONDS:
        found.append((reached, end))
    return found


def place_orphan(*, duration: float, written: float, before: Segment | None) -> tuple[float, float]:
    """Start and end of a file that a killed ffmpeg left. written: when its last byte was. before: the one it may follow."""
    start = written - duration
    if before is not None and abs(start - before.end) < JUMP_SECONDS:
        start = before.end
    return start, start + duration


def parse_path(path: str) -> tuple[str, float] | None:
    """`(run, start)` of what `segment_path` made; None for anything else."""
    name = path.rpartition("/")[2]
    match = _PATH.fullmatch(name)
    if match is None:
        return None
    moment = datetime.strptime(match["at"], "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)
    return match["run"], moment.timestamp()


def part_run(name: str) -> str:
    """The run that wrote a file `{run}_{number}.part`; "" for anything else."""
    return name.rpartition("_")[0] if name.endswith(PART) else ""
