"""Which of a camera's streams is read: the sub-stream as long as it serves, else the main one. No clock and no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from django.utils.translation import gettext_noop

from cameras.core.probe import same_shape
from cameras.streams.errors import IngestError

TRIES = 3  # connections to the sub-stream that fail in a row
STEADY_S = 20.0  # one that ends sooner after its first picture failed as well: a camera may break off again and again
# On the main stream until the sub-stream is tried again, each time twice as long: a try in vain costs some seconds of sight.
AGAIN_S, LONGEST_S = 1800.0, 86_400.0
SOON_S = 60.0  # instead, once, after both were lost: then the camera was away, which says nothing of the sub-stream

FAILS = gettext_noop("The sub-stream cannot be read, the main stream is analysed instead")
TOO_SMALL = gettext_noop("its picture is smaller than what the model takes")
OTHER_SHAPE = gettext_noop("The sub-stream's picture has another shape than the main stream's; regions may not fit")


@dataclass(slots=True)
class Streams:
    """A camera's streams. `now` is any steady clock, in seconds.

    main, sub: URLs; sub empty for none. least: width and height that the model takes: a sub-stream whose picture is smaller
    on both sides would cost it what it could see. note: why the main stream is read, or what is wrong with the sub-stream,
    for people; else empty.
    """

    main: str
    sub: str = ""
    least: tuple[int, int] = (0, 0)
    note: str = ""
    _failures: int = 0
    _fallen_back: bool = False
    _again_at: float | None = None
    _pause: float = AGAIN_S
    _both_away: bool = False
    _main_size: tuple[int, int] | None = None
    _begun_at: float | None = None

    @property
    def word(self) -> Literal["main", "sub"]:
        """Which one it is now."""
        return "sub" if self.sub and not self._fallen_back else "main"

    @property
    def url(self) -> str:
        """Of that one."""
        return self.sub if self.word == "sub" else self.main

    @property
    def shape_wanted(self) -> bool:
        """Whether `compare` waits for the main stream's size: before the sub-stream is opened for the first time."""
        return self.word == "sub" and self._main_size is None

    def compare(self, width: int, height: int) -> None:
        """The size of the main stream's picture; zeros where it could not be seen."""
        self._main_size = width, height

    def begun(self, width: int, height: int, now: float) -> None:
        """The first picture of a connection, in pixels. Raises IngestError for a sub-stream that is too small."""
        if self.word == "main":
            return
        if width < self.least[0] and height < self.least[1]:
            raise IngestError(TOO_SMALL, retryable=False)
        self._begun_at = now
        self.note = "" if same_shape(width, height, *(self._main_size or (0, 0))) else OTHER_SHAPE

    def ended(self, error: IngestError, now: float) -> bool:
        """A connection that could not be made, or that ended; whether another stream is the next to be tried.

        A sub-stream is given up after three tries in vain (also with a picture, if they end soon), at once for what only a
        person can mend. When the main stream is lost as well, the next try is the sub-stream's again; what fails then says
        nothing of the sub-stream.
        """
        begun_at, self._begun_at = self._begun_at, None
        if not self.sub:
            return False
        if begun_at is not None and now - begun_at >= STEADY_S:
            self._failures, self._pause, self._both_away = 0, AGAIN_S, False
        if self.word == "main":
            self._return()
            self._both_away = True
            return True
        self._failures += 1 if error.retryable else TRIES
        if self._failures < TRIES:
            return False
        self._fallen_back, self.note = True, f"{FAILS}: {error.reason}"
        pause = SOON_S if self._both_away else self._pause
        self._again_at = now + pause if error.retryable else None
        if not self._both_away:
            self._pause = min(2 * self._pause, LONGEST_S)
        self._both_away = False
        return True

    def is_time(self, now: float) -> bool:
        """Whether to leave the main stream for another try; asked while it is read. True at most once."""
        if self._again_at is None or now < self._again_at:
            return False
        self._return()
        return True

    def _return(self) -> None:
        self._fallen_back, self._again_at = False, None
        self._failures = TRIES - 1  # one more failure is enough
