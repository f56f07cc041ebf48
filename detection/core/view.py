"""Whether a camera's picture shows anything: a covered lens and a frozen picture prove neither presence nor absence. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Trouble = Literal["", "covered", "frozen"]

SAMPLING = 8
FLAT, CLEAR = 12, 18  # grey levels between the darkest and the lightest hundredth: below the one nothing is left to see
COVERED_S = 3.0  # so long: somebody who walks by the lens is no cover
FROZEN_S = 15.0  # so long exactly the same: still pictures of a coder that repeats itself end with the next key frame
FROZEN_PAIRS = 3
PAIRS = 64  # pairs of pictures that say how a camera's pictures usually differ
ALIVE, MOSTLY = 0.2, 0.8  # share of the spots that noise changes from picture to picture, in most pairs


@dataclass(slots=True, eq=False)
class Lens:
    """One camera's pictures, each made small and grey; times are media time in seconds.

    trouble: ``covered``: for `COVERED_S` the picture has been nearly one shade, black or not, and nothing was recognised in
    it. ``frozen``: for `FROZEN_S` it has been the same in every spot, of a camera whose sensor's noise had been seen to
    change most spots until then. A drawn or composed picture has no such noise, so that it may stand still. Trouble that
    was told goes on over a new connection whose first picture still shows it: nobody has taken the cover off meanwhile.
    """

    trouble: Trouble = ""
    _last: NDArray[np.uint8] | None = None
    _generation: int | None = None
    _time: float = 0.0
    _flat_since: float | None = None
    _same_since: float | None = None
    _same: int = 0
    _shares: deque[float] = field(default_factory=lambda: deque(maxlen=PAIRS))

    def step(self, small: NDArray[np.uint8], now: float, *, generation: int = 0, recognised: bool = False) -> Trouble:
        """Takes in a picture ``(h, w)`` of at least one spot, which is kept; the trouble with it.

        generation: where it changes, the picture does not follow from the one before. recognised: the model saw something in
        it, so it is not covered.
        """
        if now < self._time:
            self.trouble = ""  # of which moments it was told means nothing any more
        if generation != self._generation or now < self._time:
            self._begin_anew(small)
        self._generation, self._time = generation, now
        self._compare(small, now)
        self._weigh(small, now)
        if recognised:
            self._flat_since = None
        if self._is_frozen(now):
            self.trouble = "frozen"
        else:
            flat = self._flat_since is not None and now - self._flat_since >= COVERED_S
            self.trouble = "covered" if flat else ""
        return self.trouble

    def _begin_anew(self, small: NDArray[np.uint8]) -> None:
        if self.trouble != "covered":
            self._flat_since = None
        if self.trouble != "frozen" or self._last is None or not np.array_equal(self._last, small):
            self._last, self._same_since, self._same = None, None, 0

    def _weigh(self, small: NDArray[np.uint8], now: float) -> None:
        spread = spread_of(small)
        if spread >= (FLAT if self._flat_since is None else CLEAR):
            self._flat_since = None
        elif self._flat_since is None:
            self._flat_since = now

    def _compare(self, small: NDArray[np.uint8], now: float) -> None:
        last, self._last = self._last, small
        if last is None or last.shape != small.shape:
            self._same_since, self._same = now, 0
            return
        share = float(np.count_nonzero(last != small)) / small.size
        if share == 0.0:
            self._same += 1
            return
        # Repetitions count once they are over: they say how this camera's pictures are, not that it has frozen.
        self._shares.extend([0.0] * min(self._same, PAIRS))
        self._shares.append(share)
        self._same_since, self._same = now, 0

    def _is_frozen(self, now: float) -> bool:
        if self._same < FROZEN_PAIRS or self._same_since is None or now - self._same_since < FROZEN_S:
            return False
        return sum(share >= ALIVE for share in self._shares) >= MOSTLY * PAIRS


def shrunk(scaled: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A small grey copy of a picture ``(h, w, 3)`` that was scaled for the model: the green of every eighth pixel both ways."""
    return scaled[::SAMPLING, ::SAMPLING, 1].copy()


def spread_of(small: NDArray[np.uint8]) -> int:
    """Grey levels between the darkest and the lightest hundredth of the spots."""
    spots, hundredth = small.ravel(), small.size // 100
    ordered = np.partition(spots, (hundredth, spots.size - 1 - hundredth))
    return int(ordered[spots.size - 1 - hundredth]) - int(ordered[hundredth])
