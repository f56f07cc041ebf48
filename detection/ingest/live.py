"""Cameras that send in their own time: RTSP and webcams."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from cameras.streams.errors import IngestError, explain
from cameras.streams.stop import StopSignal
from detection.ingest.adaptive import AdaptiveDecoder
from detection.ingest.attention import Attention, WatchBudget
from detection.ingest.pictures import Decoded

# A read returns at least this often to look at the stop event. FFmpeg hands out the picture that its parser still
# holds when a read is interrupted, and goes on well afterwards.
READ_TIMEOUT_S = 1.3
STALL_S = 5.0
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
    ) -> None:
        """rests: what is not read at once waits in a socket that keeps it, so that several packets can be read together."""
        self._container, self._stream = container, stream
        self._stop, self._clock, self._monotonic = stop, clock, monotonic
        self._decoder = AdaptiveDecoder(
            stream.codec_context, attention=attention, budget=budget, sleeps=sleeps, on_damage=on_damage
        )
        self._packets = container.demux(stream)
        self._rests = rests

    def pictures(self) -> Iterator[Decoded]:
        heard = seen = self._monotonic()
        stamped, waited = False, 0.0
        while not self._stop.is_set():
            if self._rests and waited > WAITED_S and (rest := self._decoder.rest_s):
                self._stop.wait(rest)
            asked = self._monotonic()
            packet = self._read()
            now = self._monotonic()
            waited = now - asked
            if packet is not None and waited < READ_TIMEOUT_S:  # slower ones were flushed by the interruption
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
        try:
            return next(self._packets)
        except StopIteration:
            raise IngestError("the camera ended the stream", retryable=True) from None
        except (av.error.ExitError, av.error.TimeoutError, av.error.BlockingIOError):
            self._packets = self._container.demux(self._stream)
            return None
        except av.FFmpegError as error:
            raise explain(error) from None

    def close(self) -> None:
        self._decoder.close()
        with contextlib.suppress(av.FFmpegError):
            self._container.close()
