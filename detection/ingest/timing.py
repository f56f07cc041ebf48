"""Time of pictures: media time that only goes forward, and an even rate.

No clock is read here; every moment comes in as an argument.
"""

from __future__ import annotations

DRIFT_LIMIT_S = 5.0
LEAD_SHARE = 0.001
SMALLEST_STEP_S = 0.001
LONGEST_INTERVAL_S = 1e9  # an infinite one would let every picture through
FAULTS_UNTIL_ARRIVAL = 3
FAULTS_WINDOW_S = 600.0  # a clock that runs 10 to 20 % wrong parts from ours once in a minute or two


class MediaClock:
    """Turns a stream's time stamps into media time (seconds) that always goes up, whatever the camera sends.

    Media time starts at the wall clock of the first picture and goes on by the stream's own stamps. A stamp that is
    missing, goes back, or parts from the arrival by more than `DRIFT_LIMIT_S` is a fault: media time goes on by
    arrival and `generation` rises, because what follows may be another scene. After three faults within ten minutes the
    stamps of this connection are no longer used. A connection may begin without stamps (RTSP sends none before the
    first sender report); that is no fault. `reconnects`: how many of the generations began with a new connection.

    The camera's clock never runs exactly like ours. So that a day's honest drift is not taken for a jump, the lead of
    the stamps over the arrival is followed slowly (exponential smoothing by `LEAD_SHARE` a picture).
    """

    def __init__(self) -> None:
        self.generation = self.reconnects = 0
        self._media: float | None = None
        self._arrived = 0.0
        self._anchor: tuple[float, float, float] | None = None  # stamp, media time and arrival of the same picture
        self._lead = 0.0
        self._last_stamp = 0.0
        self._faults: list[float] = []
        self._arrival_only = False

    def seam(self) -> None:
        """The next picture does not follow from the last one, but its stamp does (a loop starts again)."""
        self.generation += 1

    def reconnect(self) -> None:
        """A new connection: its stamps start anywhere, and the time in between is added."""
        if self._media is not None:
            self.generation += 1
            self.reconnects += 1
        self._anchor = None
        self._arrival_only = False
        self._faults.clear()

    def place(self, stamp: float | None, *, arrived: float, wall: float) -> float:
        """The media time of a picture.

        stamp: the stream's seconds, or None. arrived: seconds of a monotonic clock. wall: Unix seconds.
        """
        if self._media is None:
            media = wall
        else:
            by_arrival = self._media + max(arrived - self._arrived, SMALLEST_STEP_S)
            by_stamp = self._by_stamp(stamp, arrived)
            media = max(by_arrival if by_stamp is None else by_stamp, self._media + SMALLEST_STEP_S)
        if stamp is not None:
            self._last_stamp = stamp
            if self._anchor is None and not self._arrival_only:
                self._anchor, self._lead = (stamp, media, arrived), 0.0
        self._media, self._arrived = media, arrived
        return media

    def _by_stamp(self, stamp: float | None, arrived: float) -> float | None:
        """Media time by the stream's stamps, or None when they cannot be used for this picture."""
        if self._anchor is None:
            return None
        first_stamp, first_media, first_arrived = self._anchor
        if stamp is not None and stamp > self._last_stamp:
            drift = (stamp - first_stamp) - (arrived - first_arrived)
            self._lead += (drift - self._lead) * LEAD_SHARE
            if abs(drift - self._lead) <= DRIFT_LIMIT_S:
                return first_media + stamp - first_stamp
        self.generation += 1
        self._anchor = None
        self._faults = [at for at in self._faults if arrived - at < FAULTS_WINDOW_S] + [arrived]
        self._arrival_only = len(self._faults) >= FAULTS_UNTIL_ARRIVAL
        return None


class RateGate:
    """Lets pictures through at most `per_second` times a second of media time, evenly."""

    def __init__(self, per_second: float) -> None:
        if per_second <= 0:
            raise ValueError(f"a rate is above zero, not {per_second}")
        self._interval = min(1.0 / per_second, LONGEST_INTERVAL_S)
        self._next = float("-inf")

    def admits(self, media_time: float) -> bool:
        """Whether the picture of that moment goes through. A tenth of an interval too early is on time (jitter)."""
        if media_time < self._next - 0.1 * self._interval:
            return False
        # The schedule goes on from where it was, else 25 pictures a second through a gate of 10 would make 8.3.
        on_schedule = media_time < self._next + self._interval
        self._next = (self._next if on_schedule else media_time) + self._interval
        return True
