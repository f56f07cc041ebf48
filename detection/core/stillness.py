"""Which pictures of a stored video a live camera would have shown: all while something happens, few while nothing does.

The counterpart of `detection.ingest.adaptive` for a video that is decoded anyway, in media time and without a clock: pictures
are compared as those of a watched stream, heartbeats come as they do live. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from detection.core.heartbeat import Heartbeat
from detection.core.motion import ChangeMeter

HOLD_S = 4.0  # awake for so long after the last movement or track
SAMPLE_S = 0.15  # pictures are compared so often: twice within the shortest event that counts

Look = Literal["awake", "new", "same", "skip"]


class StillGate:
    """One video, picture by picture: `sample`, then `look`; `wanted` whenever something was tracked in a picture.

    A picture's look depends on all tracks of the pictures before it: while `is_awake` is already true, those that are not
    known yet can change nothing.
    """

    def __init__(self) -> None:
        self.reference_time = float("-inf")
        self._change, self._heartbeat = ChangeMeter(), Heartbeat()
        self._active_at = self._wanted_at = self._sampled_at = float("-inf")
        self._generation: int | None = None
        self._verdict = ""

    def sample(self, small: Callable[[], NDArray[np.uint8]], now: float, generation: int) -> None:
        """Takes in the picture at `now`, seconds of media time. small: makes it small and grey, where it is compared.

        generation: where it changes the picture does not follow from the one before; that counts as a movement.
        """
        if self._generation not in (None, generation):
            self._change.reset()
            self._sampled_at, self._active_at = float("-inf"), now
        self._generation, self._verdict = generation, ""
        if now - self._sampled_at < SAMPLE_S - 1e-6:
            return
        self._sampled_at = now
        self._verdict = self._change.update(small(), now)
        if self._verdict == "changed":
            self._active_at = now
        if self._verdict != "same":
            self.reference_time = now

    def wanted(self, at: float) -> None:
        """Somebody was seen in the picture of that moment: what follows matters."""
        self._wanted_at = max(self._wanted_at, at)

    def is_awake(self, now: float) -> bool:
        """Whether something moved or was tracked lately, as far as is known."""
        return now - max(self._active_at, self._wanted_at) < HOLD_S

    def look(self, now: float) -> Look:
        """What becomes of the picture that was sampled last.

        ``awake``, ``new``: the model looks at it. ``same``: rules see it; it shows what the picture at `reference_time`
        shows. ``skip``: nobody sees it.
        """
        if self.is_awake(now):
            self._heartbeat.seen(now)
            return "awake"
        if self._verdict == "new" or (self._verdict == "same" and self._heartbeat.due(now, key=False)):
            self._heartbeat.seen(now)
            return "new" if self._verdict == "new" else "same"
        return "skip"
