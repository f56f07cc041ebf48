"""The live numbers of a camera, over the last two seconds. `now` is any steady clock, in seconds."""

from __future__ import annotations

import functools
import json
import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.core.detections import Detections

MAX_SAMPLES = 1000  # a bound for memory: 500 frames a second over the window
PERSON_SCORE = 0.4
MOST_NUMBERS = 32  # of rules, in one message
BINDINGS_BYTES = 8000  # of a message; the hub takes 16 kB
OF_RULES = ("hairnets", "handwash")  # numbers that are 0 until a rule gives them (DESIGN 5.5)
STALE_S = 10.0  # the age at which the hub takes statistics for no statistics; persons seen before that are history

Number = int | float | None


def count_persons(detections: Detections, class_names: Sequence[str]) -> int:
    """Detections of class `person` with a score of at least 0.4."""
    certain = detections.scores >= PERSON_SCORE - 1e-6  # scores are float32
    return int(np.count_nonzero(certain & _are_persons(tuple(class_names)).take(detections.class_ids, mode="clip")))


@functools.lru_cache(maxsize=16)
def _are_persons(class_names: tuple[str, ...]) -> NDArray[np.bool_]:
    """By class id; one more at the end, so that there is always one."""
    return np.array([name == "person" for name in class_names] + [False])


def with_rules(
    data: Mapping[str, Any], numbers: Mapping[str, float], bindings: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The `data` of a statistics message with what the rules tell, bounded in size.

    numbers: fill `hairnets` and `handwash`, otherwise never replace what is there. bindings: as many as there is room
    for, first ones first; `bindings_left_out` counts the others.
    """
    finite = {name: _short(value) for name, value in numbers.items() if math.isfinite(value)}
    own = {**data, **{name: finite.pop(name) for name in OF_RULES if name in finite}}
    more = dict(list(finite.items())[:MOST_NUMBERS])
    room, kept = BINDINGS_BYTES, {}
    for bind_id, told in bindings.items():
        room -= len(json.dumps({bind_id: told}))
        if room < 0:
            break
        kept[bind_id] = dict(told)
    left_out = {"bindings_left_out": len(bindings) - len(kept)} if len(kept) < len(bindings) else {}
    return more | own | {"bindings": kept} | left_out


def _short(value: float) -> float:
    """Counts without a decimal point."""
    return int(value) if float(value).is_integer() else round(float(value), 3)


@dataclass(slots=True)
class _Counter:
    """A growing count from somebody who may start at 0 again (a camera that reconnects)."""

    total: int = 0
    last: int | None = None

    def read(self, value: int) -> int:
        """The growth since the last reading; all of it at the first one."""
        grown = value if self.last is None or value < self.last else value - self.last
        self.last = value
        self.total += grown
        return grown


@dataclass(slots=True, eq=False)
class StatsWindow:
    """Rates over the last `window_s` seconds; while there is less history than that, over what there is.

    It belongs to one thread; `SharedStats` is for several. A clock that goes back by more than the window begins a new
    one; totals stay.
    """

    window_s: float = 2.0
    _analysed: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=MAX_SAMPLES))
    _decoded: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=MAX_SAMPLES))
    _decoded_count: _Counter = field(default_factory=_Counter)
    _dropped_count: _Counter = field(default_factory=_Counter)
    _started: float | None = None
    _read_at: float = 0.0
    _latest: float = -math.inf
    _persons: int = 0
    _persons_at: float | None = None
    _motion: float = 0.0
    _motion_at: float = -math.inf

    def analysed(self, now: float, *, latency_s: float, persons: int) -> None:
        """One analysed frame. latency_s: from capture to result. persons: `count_persons` of it."""
        self._tick(now)
        self._analysed.append((now, latency_s))
        self._persons, self._persons_at = persons, now

    def moved(self, share: float, *, now: float) -> None:
        """How much of the newest frame changed, 0..1, analysed or not."""
        self._motion, self._motion_at = min(max(share, 0.0), 1.0), now

    def reader(self, now: float, *, decoded: int, dropped: int) -> None:
        """The reader's counters since it started: frames decoded, and frames dropped before analysis."""
        self._tick(now)
        known = self._decoded_count.last is not None
        grown = self._decoded_count.read(decoded)
        self._dropped_count.read(dropped)
        if known and now > self._read_at:  # when the rest was decoded nobody knows, so it is in no rate
            self._decoded.append((now, grown / (now - self._read_at)))
        self._read_at = now

    def snapshot(self, now: float, *, hairnets: int = 0, handwash: int = 0) -> dict[str, Number]:
        """The `data` of a statistics message.

        fps, decode_fps: frames a second, one decimal. persons: in the newest frame, 0 once it is 10 s old.
        hairnets, handwash: counts of the rules of that kind, as given. dropped: frames since the start.
        latency_ms: mean, None when nothing was analysed within the window. motion: 0..1, of the
        newest frame, 0 once that is 10 s old.
        """
        if now < self._latest - self.window_s:
            self._tick(now)
        _prune(self._analysed, now - self.window_s)
        _prune(self._decoded, now - self.window_s)
        latencies = [latency for _, latency in self._analysed]
        span = self._span(now)
        fresh = self._persons_at is not None and now - self._persons_at <= STALE_S
        return {
            "fps": round(len(latencies) / span, 1),
            "decode_fps": round(sum(rate for _, rate in self._decoded) / max(len(self._decoded), 1), 1),
            "persons": self._persons if fresh else 0,
            "hairnets": hairnets,
            "handwash": handwash,
            "dropped": self._dropped_count.total,
            "latency_ms": round(1000 * sum(latencies) / len(latencies), 1) if latencies else None,
            "motion": round(self._motion, 4) if now - self._motion_at <= STALE_S else 0.0,
        }

    def _tick(self, now: float) -> None:
        if now < self._latest - self.window_s:
            self._analysed.clear()
            self._decoded.clear()
            self._started = None
        if self._started is None:
            self._started = now
        self._latest = now

    def _span(self, now: float) -> float:
        """Seconds that the samples cover. Half a second at least, so that two early frames are no thousand a second."""
        lived = self.window_s if self._started is None else now - self._started
        return min(max(lived, 0.5), self.window_s)


def _prune(samples: deque[tuple[float, float]], start: float) -> None:
    while samples and samples[0][0] <= start:
        samples.popleft()
