"""A file that plays for ever, in step with the wall clock."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from cameras.streams.errors import IngestError, explain
from cameras.streams.files import loop_length
from cameras.streams.stop import StopSignal
from detection.ingest.pictures import Decoded, decode, stamp_of

RESYNC_S = 2.0  # further from the clock than this: seek instead of catching up
LATE_S = 0.25  # a picture that is overdue by this much is not shown ...
SHOW_AT_LEAST_EVERY_S = 1.0  # ... unless nothing was shown for so long


class LoopingFile:
    """A file whose position is the wall clock modulo its length, so that every process sees the same moment.

    A picture's stamp is the Unix time at which it is due, hence it goes on over the seam. Opening in the middle, a
    clock that is set and a decoder that cannot keep up all mean the same: seek to where the clock is.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        *,
        stop: StopSignal,
        on_damage: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self.length = loop_length(container, stream)
        self._container, self._stream = container, stream
        self._stop, self._on_damage, self._clock = stop, on_damage, clock
        self._first = (container.start_time or 0) / av.time_base
        self._shown = float("-inf")

    def pictures(self) -> Iterator[Decoded]:
        in_step = False
        number = 0
        while not self._stop.is_set():
            if in_step:
                number, position = number + 1, 0.0
            else:
                rounds, position = divmod(self._clock(), self.length)
                number = int(rounds)
            in_step = yield from self._round(number, position)

    def close(self) -> None:
        with contextlib.suppress(av.FFmpegError):
            self._container.close()

    def _round(self, number: int, position: float) -> Generator[Decoded, None, bool]:
        """From `position` to the end of the file; its value is whether file and clock are still in step."""
        start, before, fresh = number * self.length, position, True
        for at, picture in self._decode_from(position):
            due = start + at
            behind = self._clock() - due
            if -behind > RESYNC_S + at - before or (behind < 0 and self._stop.wait(-behind)):
                return False
            late = behind > LATE_S and self._clock() - self._shown < SHOW_AT_LEAST_EVERY_S
            if not late:
                self._shown = self._clock()
            yield Decoded(picture, due, wall=due, seam=fresh, late=late and behind <= RESYNC_S)
            if behind > RESYNC_S:
                return False
            before, fresh = at, False
        rest = start + self.length - self._clock()  # long where a damaged file ends before its time
        return rest <= self.length and not self._stop.wait(max(rest, 0.0))

    def _decode_from(self, position: float) -> Iterator[tuple[float, av.VideoFrame]]:
        """The pictures at and after `position` with their seconds from the file's start."""
        decoded = 0
        try:
            self._container.seek(int((self._first + position) * av.time_base), backward=True)
            for packet in self._container.demux(self._stream):
                for picture in decode(packet, self._on_damage):
                    decoded += 1
                    stamp = stamp_of(picture)
                    if stamp is not None and position <= stamp - self._first < self.length:
                        yield stamp - self._first, picture
                if self._stop.is_set():
                    return
        except av.FFmpegError as error:
            raise explain(error) from None
        if not decoded:
            raise IngestError("the file holds no picture that can be decoded", retryable=False)
