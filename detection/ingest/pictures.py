"""What every kind of source shares: its pictures, its stream's settings, decoding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from cameras.streams.errors import IngestError


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A picture as its source yields it.

    stamp: the stream's seconds, None when it has none. wall: Unix seconds where the source knows them (a loop).
    seam: it does not follow from the picture before. late: it came too late to be shown. arrived: monotonic seconds at
    which it came, where that is not now. keep: it belongs to what woke the camera, no newer picture replaces it.
    look: of a sleeping camera's heartbeat, what `ChangeMeter` says: ``same``, ``new`` or ``changed``. behind: as in Frame.
    """

    picture: av.VideoFrame
    stamp: float | None
    wall: float | None = None
    seam: bool = False
    late: bool = False
    arrived: float | None = None
    keep: bool = False
    look: str = ""
    behind: float = 0.0


class Source(Protocol):
    """An open camera. `pictures` ends when the stop event is set and raises IngestError when the camera is lost."""

    def pictures(self) -> Iterator[Decoded]: ...

    def close(self) -> None: ...


def video_stream(container: InputContainer) -> VideoStream:
    """The first video stream, set to one decoding thread with slices: frame threads cost 16 % more and add delay."""
    stream = next(iter(container.streams.video), None)
    if stream is None:
        raise IngestError("no video stream", retryable=True)
    if stream.codec_context is None:
        raise IngestError("the video's codec is not known here", retryable=False)
    stream.thread_type = "SLICE"
    stream.codec_context.thread_count = 1
    return stream


def decode(packet: av.Packet[VideoStream], on_damage: Callable[[], None]) -> list[av.VideoFrame]:
    """The packet's pictures; a damaged packet has none and is counted."""
    try:
        return packet.decode()
    except av.FFmpegError:
        on_damage()
        return []


def stamp_of(picture: av.VideoFrame) -> float | None:
    """The picture's seconds in its stream; None where it has none, which PyAV's own types leave out."""
    return picture.time
