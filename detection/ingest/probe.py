"""Opens a camera's URL once, looks at what comes for a moment and says what it is, with a picture. Its own connection."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from cameras.core.probe import StreamFacts
from cameras.streams.errors import IngestError, explain
from cameras.streams.stop import StopSignal
from cameras.streams.target import parse_target
from detection.ingest.pictures import decode, video_stream
from detection.ingest.source import open_container

WATCH_S = 5.0
ENOUGH_KEYS = 3  # two whole groups of pictures
FILE_PACKETS = 2000


@dataclass(slots=True)
class _Seen:
    """Packets of the video stream: their stamps in seconds and which are key frames.

    picture: who still wants the first one; None when nobody does, or not any more.
    """

    picture: Callable[[av.VideoFrame], None] | None = None
    stamps: list[float] = field(default_factory=list)
    keys: list[float] = field(default_factory=list)

    def add(self, packet: av.Packet[VideoStream]) -> None:
        if packet.pts is None or packet.time_base is None:
            return
        stamp = float(packet.pts * packet.time_base)
        self.stamps.append(stamp)
        if packet.is_keyframe:
            self.keys.append(stamp)
        if self.keys:
            self._decode(packet)

    def _decode(self, packet: av.Packet[VideoStream]) -> None:
        """From the first key frame on until a picture comes: codecs with pictures out of order give it some packets late."""
        if self.picture is None:
            return
        pictures = decode(packet, lambda: None)
        if pictures:
            self.picture(pictures[0])
            self.picture = None

    @property
    def enough(self) -> bool:
        return len(self.keys) >= ENOUGH_KEYS

    def rate(self) -> float | None:
        """Pictures a second, over what was seen."""
        long = max(self.stamps) - min(self.stamps) if len(self.stamps) > 1 else 0.0
        return round((len(self.stamps) - 1) / long, 2) if long > 0 else None

    def group(self) -> float | None:
        """Seconds between key frames; the longest, where they differ."""
        gaps = [b - a for a, b in zip(self.keys, self.keys[1:], strict=False)]
        return round(max(gaps), 2) if gaps and max(gaps) > 0 else None


def size_of(url: str, *, stop: StopSignal, transport: str = "tcp") -> tuple[int, int]:
    """Width and height of a stream's picture, 0 where it does not say. Raises IngestError in plain words."""
    container = open_container(parse_target(url), transport, stop)
    try:
        context = video_stream(container).codec_context
        return context.width, context.height
    finally:
        with contextlib.suppress(av.FFmpegError):
            container.close()


def probe(
    url: str,
    *,
    stop: StopSignal,
    transport: str = "tcp",
    seconds: float = WATCH_S,
    picture: Callable[[av.VideoFrame], None] | None = None,
) -> StreamFacts:
    """What the stream is, looked at for at most so many seconds after it was opened. Raises IngestError in plain words.

    picture: gets the first whole picture, if any can be decoded meanwhile.
    """
    target = parse_target(url)
    if target.kind == "file" and not Path(target.location).is_file():
        raise IngestError(f"no such file: {target.location}", retryable=True)
    began = time.monotonic()
    container = open_container(target, transport, stop, audio=True)
    try:
        stream = video_stream(container)
        seen, opened = _Seen(picture), time.monotonic()
        _watch(container, seen, stop, opened + seconds, most=FILE_PACKETS if target.kind == "file" else None)
        if not seen.stamps:
            raise IngestError("the connection stands, but no picture comes", retryable=True)
        audio = next(iter(container.streams.audio), None)
        context = stream.codec_context
        return StreamFacts(
            codec=context.name[:64],
            profile=(context.profile or "")[:64],
            width=context.width,
            height=context.height,
            fps=seen.rate(),
            gop_s=seen.group(),
            audio=audio.codec_context.name[:64] if audio is not None and audio.codec_context else "",
            connect_s=round(opened - began, 3),
            watched_s=round(time.monotonic() - opened, 3),
        )
    finally:
        with contextlib.suppress(av.FFmpegError):
            container.close()


def _watch(container: InputContainer, seen: _Seen, stop: StopSignal, end: float, *, most: int | None) -> None:
    """Takes packets until enough is known. A silent stream ends it as well: FFmpeg's reads return by themselves."""
    stream = container.streams.video[0]
    packets = container.demux(stream)
    while not stop.is_set() and time.monotonic() < end and not seen.enough:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (av.error.ExitError, av.error.TimeoutError, av.error.BlockingIOError):
            packets = container.demux(stream)
            continue
        except av.FFmpegError as error:
            raise explain(error) from None
        seen.add(packet)
        if most is not None and len(seen.stamps) >= most:
            return
