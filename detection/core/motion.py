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
