"""How long to wait before the next try."""

from __future__ import annotations

import math
import random


class Backoff:
    """Exponential back-off with full jitter and a floor, in seconds.

    The n-th delay is uniform between `base / 2` and `min(cap, base * 2**n)`: the spread keeps many boxes from coming
    back in one wave, the floor keeps a series of lucky draws from becoming a busy loop. After the "full jitter" of
    M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.

    Raises ValueError unless `0 < base <= cap`.
    """

    def __init__(self, base: float, cap: float, rng: random.Random | None = None) -> None:
        if not 0 < base <= cap:
            raise ValueError(f"back-off needs 0 < base <= cap, not base={base}, cap={cap}")
        self._base = base
        self._cap = cap
        self._rng = rng or random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._ceiling = base

    def next(self, *, at_most: float = math.inf) -> float:
        """The delay before the next try; each call doubles the ceiling of the following one, up to `cap`.

        at_most: a lower cap for this one delay, not below `base`.
        """
        ceiling = self._ceiling
        self._ceiling = min(self._cap, ceiling * 2)
        return self._rng.uniform(self._base / 2, min(ceiling, max(at_most, self._base)))

    def reset(self) -> None:
        """Start again at `base`: call it after a success."""
        self._ceiling = self._base


class RestartPolicy:
    """The delay before a dead process is started again; one that lived for `settled_s` seconds starts afresh."""

    def __init__(self, backoff: Backoff, *, settled_s: float = 30.0) -> None:
        self._backoff = backoff
        self._settled_s = settled_s

    def delay(self, *, lived_s: float) -> float:
        """Seconds to wait, for a process that lived `lived_s` seconds."""
        if lived_s >= self._settled_s:
            self._backoff.reset()
        return self._backoff.next()
