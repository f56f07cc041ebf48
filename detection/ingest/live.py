"""Cameras that send in their own time: RTSP and webcams."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from cameras.streams.errors import IngestError, explain
from cameras.streams.stop import StopSignal
from detection.ingest.adaptive import REST_ASLEEP_S, AdaptiveDecoder
from detection.ingest.attention import Attention, WatchBudget
from detection.ingest.pictures import Decoded
from detection.ingest.stuck import READS, STUCK_S, OwnSockets, Reading

# A webcam's read returns at least this often to look at the stop event. FFmpeg hands out the picture that its parser still
# holds when a read is interrupted, and goes on well afterwards. What this costs keeps RTSP from it (`stuck`).
READ_TIMEOUT_S = 1.3
STALL_S = 5.0
LAST_S = 3.0  # for what was kept of a camera that is lost
WAITED_S = 0.003  # a read that took longer found nothing in the socket
NO_PICTURE_S = 30.0  # packets but no picture: the first key frame of a thrifty camera may take that long


class LiveSource:
    """A camera that sends in its own time."""

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        *,
        stop: StopSignal,
        on_damage: Callable[[], None],
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        attention: Attention,
        budget: WatchBudget,
        sleeps: bool,
        rests: bool,
        sockets: OwnSockets | None = None,
    ) -> None:
        """rests: what is not read at once waits in a socket that keeps it, so that several packets can be read together.

        sockets: of a container whose reads have no limit but FFmpeg's own, STALL_S for a silent socket.
        """
        self._container, self._stream = container, stream
        self._stop, self._clock, self._monotonic = stop, clock, monotonic
        self._decoder = AdaptiveDecoder(
            stream.codec_context, attention=attention, budget=budget, sleeps=sleeps, on_damage=on_damage
        )
        self._packets = container.demux(stream)
        self._rests = rests
        self._reading = Reading(sockets, stop) if sockets else None
        self._limit_s = STALL_S if sockets else READ_TIMEOUT_S
        if self._reading:
            READS.join(self._reading)

    def pictures(self) -> Iterator[Decoded]:
        try:
            yield from self._live()
        except IngestError:
            yield from self._last()
            raise

    def _last(self) -> Iterator[Decoded]:
        """What led to the loss of a camera may be just what was kept: nobody else has it any more."""
        end = self._monotonic() + LAST_S
        while self._decoder.catching_up and not self._stop.is_set() and self._monotonic() < end:
            yield from self._decoder.pump()

    def _live(self) -> Iterator[Decoded]:
        heard = seen = self._monotonic()
        stamped, waited = False, 0.0
        while not self._stop.is_set():
            if self._rests and (rest := self._decoder.rest_s) and (waited > WAITED_S or self._has_read_all(rest)):
                self._stop.wait(rest)
            asked = self._monotonic()
            packet = self._read()
            now = self._monotonic()
            waited = now - asked
            if packet is not None and waited < self._limit_s:  # slower ones were flushed by the interruption
                heard = now
            for decoded in self._decoded(packet, now):
                seen = now
                # An interrupted read costs the next picture its stamp; that one is left out. Where none has a stamp
                # (before the first sender report, a camera slower than our reads) they all count.
                if stamped and decoded.stamp is None:
                    stamped = False
                    continue
                stamped = decoded.stamp is not None
                yield decoded
            self._check_silence(now - heard, now - seen)

    def _has_read_all(self, rest: float) -> bool:
        """Whether who may rest so long need not even find out by waiting for a picture, part by part."""
        return rest >= REST_ASLEEP_S and self._reading is not None and self._reading.sockets.empty()

    def _decoded(self, packet: av.Packet[VideoStream] | None, now: float) -> Iterator[Decoded]:
        if packet is None:
            return self._decoder.pump()
        return self._decoder.feed(packet, arrived=now, wall=self._clock())

    def _check_silence(self, unheard: float, unseen: float) -> None:
        if unheard > STALL_S:
            raise IngestError(f"no picture for {STALL_S:.0f} s", retryable=True)
        if unseen > NO_PICTURE_S:
            raise IngestError(f"data comes, but no picture for {NO_PICTURE_S:.0f} s", retryable=True)

    def _read(self) -> av.Packet[VideoStream] | None:
        """The next packet; None when none came in time."""
        reading = self._reading
        try:
            if reading is None:
                return next(self._packets)
            reading.since = time.monotonic()
            try:
                return next(self._packets)
            finally:
                reading.since = None
        except StopIteration:
            reason = "the camera ended the stream"
            if reading is not None and reading.was_cut:
                reason = f"data comes, but no picture for {STUCK_S:.0f} s"
            raise IngestError(reason, retryable=True) from None
        except (av.error.ExitError, av.error.TimeoutError, av.error.BlockingIOError):
            self._packets = self._container.demux(self._stream)
            return None
        except av.FFmpegError as error:
            raise explain(error) from None

    def close(self) -> None:
        if self._reading:
            READS.part(self._reading)
        self._decoder.close()
        with contextlib.suppress(av.FFmpegError):
            self._container.close()
