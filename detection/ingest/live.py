"""Cameras that send in their own time: RTSP and webcams."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from detection.ingest.errors import IngestError, explain
from detection.ingest.pictures import Decoded, decode, stamp_of
from detection.ingest.stop import StopSignal

# A read returns at least this often to look at the stop event. FFmpeg hands out the picture that its parser still
# holds when a read is interrupted, and goes on well afterwards.
READ_TIMEOUT_S = 1.3
STALL_S = 5.0
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
        monotonic: Callable[[], float],
    ) -> None:
        self._container, self._stream = container, stream
        self._stop, self._on_damage, self._monotonic = stop, on_damage, monotonic
        self._packets = container.demux(stream)

    def pictures(self) -> Iterator[Decoded]:
        heard = seen = self._monotonic()
        stamped = False
        while not self._stop.is_set():
            asked = self._monotonic()
            packet = self._read()
            now = self._monotonic()
            if packet is not None and now - asked < READ_TIMEOUT_S:  # slower ones were flushed by the interruption
                heard = now
            for picture in decode(packet, self._on_damage) if packet is not None else ():
                seen = now
                # An interrupted read costs the next picture its stamp; that one is left out. Where none has a stamp
                # (before the first sender report, a camera slower than our reads) they all count.
                stamp = stamp_of(picture)
                if stamped and stamp is None:
                    stamped = False
                    continue
                stamped = stamp is not None
                yield Decoded(picture, stamp)
            self._check_silence(now - heard, now - seen)

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
        with contextlib.suppress(av.FFmpegError):
            self._container.close()
