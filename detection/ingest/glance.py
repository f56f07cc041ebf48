"""The newest picture of a camera, for somebody who asks now and then: also of one that sleeps, without waking it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import av

SET_BACK_S = 30.0  # a clock that jumped back by more than this: what is newer by it is not newer
LOOK_S = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A decoded picture and its Unix seconds."""

    picture: av.VideoFrame
    wall: float


class Glance:
    """Whoever decodes shows every picture to `see`, any thread may ask. One picture is kept.

    wanted: somebody waits; a sleeping camera's decoder then looks at what came last.
    """

    def __init__(self) -> None:
        self._waiting = 0
        self._newest: Shown | None = None
        self._news = threading.Condition()

    @property
    def wanted(self) -> bool:
        return self._waiting > 0

    def see(self, picture: av.VideoFrame, wall: float) -> None:
        """Takes in a picture; an older one than the newest (kept packets that are decoded late) changes nothing."""
        with self._news:
            newest = self._newest
            if newest is not None and 0 < newest.wall - wall < SET_BACK_S:
                return
            self._newest = Shown(picture, wall)
            if self.wanted:
                self._news.notify_all()

    def young(
        self, is_young: Callable[[float], bool], timeout: float, *, in_vain: Callable[[], bool] = lambda: False
    ) -> Shown | None:
        """The newest picture if `is_young` of its time, else the first such one within `timeout` seconds; None without any.

        in_vain: whether to wait no longer; asked several times a second.
        """

        def there() -> bool:
            return self._newest is not None and is_young(self._newest.wall)

        with self._news:
            if there():
                return self._newest
            end = time.monotonic() + timeout
            self._waiting += 1
            while not there() and not in_vain() and (left := end - time.monotonic()) > 0:
                self._news.wait(min(left, LOOK_S))
            self._waiting -= 1
            return self._newest if there() else None
