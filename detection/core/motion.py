"""How much of the picture changes from one frame to the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(slots=True, eq=False)
class MotionMeter:
    """Compares each small grey picture with the one before it.

    threshold: grey levels (0..255) by which a pixel must differ to count as changed; below it is sensor noise and
    compression.
    """

    threshold: int = 15
    _last: NDArray[np.int16] | None = None

    def update(self, small: NDArray[np.uint8]) -> float:
        """The share 0..1 of pixels that changed since the last picture; ``small (h, w)`` is copied, not kept.

        1.0 for the first picture and after a change of size: all of it is new. 0.0 for a picture without pixels.
        """
        grey = small.astype(np.int16)  # signed and wide enough for differences of -255..255
        last, self._last = self._last, grey
        if grey.size == 0:
            return 0.0
        if last is None or last.shape != grey.shape:
            return 1.0
        return float(np.count_nonzero(np.abs(grey - last) > self.threshold)) / grey.size

    def reset(self) -> None:
        """The next picture is a first one again."""
        self._last = None


REUSED_S = 6.5  # of media time: a picture that shows nothing new is looked at by the model at least so often

CHANGED = 12.0  # grey levels by which a quiet spot must differ: more than noise and coding, both averaged over the spot
NOISE_SHARE, NOISE_MOST, NOISE_TIMES = 0.05, 15.0, 3.0
LEAST_SPOTS = 6  # of 160×90: a person of a sixteenth of the height covers ten
KEPT_S = (
    6.0  # a reference older than this is replaced, so that a slow change is looked at by the model at least so often
)


@dataclass(slots=True, eq=False)
class ChangeMeter:
    """Compares small grey pictures of one camera with a reference, spot by spot.

    What a uniform change of light does is subtracted (the median difference), and every spot learns how much it flickers
    (foliage, a flag, a screen), so that the same flicker is no change later.
    """

    _reference: NDArray[np.float32] | None = None
    _noise: NDArray[np.float32] | None = None
    _since: float = 0.0

    def update(self, small: NDArray[np.uint8], now: float) -> str:
        """Takes a picture ``(h, w)`` at `now`, seconds of a steady clock.

        ``same``: it shows what the reference shows. ``new``: there was no fresh reference; this is it now. ``changed``:
        something came, went or moved; this is the reference now.
        """
        grey = small.astype(np.float32)
        if self._reference is None or self._noise is None or self._reference.shape != grey.shape:
            self._noise = np.zeros_like(grey)
            return self._adopt(grey, now, "new")
        difference = grey - self._reference
        difference -= np.median(difference)
        np.abs(difference, out=difference)
        spots = int(np.count_nonzero(difference > CHANGED + NOISE_TIMES * self._noise))
        self._noise += NOISE_SHARE * (np.minimum(difference, NOISE_MOST) - self._noise)
        if spots >= LEAST_SPOTS:
            return self._adopt(grey, now, "changed")
        return self._adopt(grey, now, "new") if not 0 <= now - self._since < KEPT_S else "same"

    def _adopt(self, grey: NDArray[np.float32], now: float, verdict: str) -> str:
        self._reference, self._since = grey, now
        return verdict

    def reset(self) -> None:
        """The next picture is a first one again; what flickers is still known."""
        self._reference = None
