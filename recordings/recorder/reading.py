"""What a segment's file holds, read packet by packet and not decoded."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext

from recordings.core.damage import Packet, parts, unreadable
from recordings.core.segments import Segment

FILES_ONLY = {"protocol_whitelist": "file"}
# Else each is opened by decoding its first pictures: 38 ms of CPU at 1080p, a file.
UNDECODED: Any = [{"skip_frame": "all"}] * 8  # of each stream; PyAV's own types are wrong


@dataclass(frozen=True, slots=True)
class Kind:
    """What must be equal for pieces to be copied one behind the other."""

    codec: str
    pixels: str
    width: int
    height: int
    extra: bytes


@dataclass(frozen=True, slots=True)
class Content:
    """left: what of the segment can be played; itself, where nothing is missing. whole: whether the file can be read to its
    end and each packet is whole: ffmpeg ends a clip at the first that is not, without an error. sound: whether it has any.
    """

    kind: Kind
    left: tuple[Segment, ...]
    whole: bool
    sound: bool


class Formats:
    """Pixel formats, which stand in no header: a picture is decoded to know one, once for all files with the same header."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, int, bytes], str] = {}

    def of(self, file: Path, context: VideoCodecContext) -> str:
        """Empty where no picture tells. Raises FFmpegError, OSError."""
        head = context.name, context.width, context.height, bytes(context.extradata or b"")
        if head in self._known:
            return self._known[head]
        with av.open(str(file), "r", options=FILES_ONLY) as container:
            found = container.streams.video[0].codec_context.pix_fmt or ""
        if found and head[-1]:
            self._known[head] = found
        return found


def content_of(segment: Segment, *, folder: Path, formats: Formats) -> Content | None:
    """None when nothing of it can be read. folder: where segments lie. formats: of those that are read together.

    Seen: a file that ends early, lacks a part, or has packets that are cut off or whose units do not fill them. Damage
    within a unit is not.
    """
    file = folder / segment.path
    try:
        with av.open(str(file), "r", options=FILES_ONLY, stream_options=UNDECODED) as container:
            if not container.streams.video:
                return None
            context = container.streams.video[0].codec_context
            kind = _kind(context, formats.of(file, context))
            sound = bool(container.streams.audio)
            packets, ended = _packets(container, _length_bytes(kind))
    except (av.FFmpegError, OSError, ValueError):  # the last: what is no MP4 takes no options of streams
        return None
    missing = unreadable(packets, seconds=segment.end - segment.start) if packets else [(0.0, float("inf"))]
    left = tuple(parts(segment, missing)) if missing else (segment,)
    return Content(kind, left, ended and all(packet.whole for packet in packets), sound) if left else None


def rescue(file: Path, target: Path) -> bool:
    """Copies what is whole of a damaged segment, up to a damage and from the next key frame on, into a file with the same
    streams and times. False when that cannot be done. Raises OSError on a full disk.
    """
    try:
        with (
            av.open(str(file), "r", options=FILES_ONLY) as given,
            av.open(str(target), "w", format="mp4", options={"movflags": "frag_keyframe+empty_moov"}) as made,
        ):
            video, spoiled = given.streams.video[0], False
            length_bytes = _length_bytes(_kind(video.codec_context, ""))
            streams: dict[int, Any] = {}
            for stream in (*given.streams.video[:1], *given.streams.audio[:1]):
                streams[stream.index] = made.add_stream_from_template(stream)
                streams[stream.index].time_base = stream.time_base  # a list of files has that of the first
            for packet in _Reading(given, *streams):
                if packet.dts is None:
                    continue
                if packet.stream_index != video.index:
                    if packet.is_corrupt or not packet.size:
                        continue
                elif spoiled := not _is_whole(packet, length_bytes) or (spoiled and not packet.is_keyframe):
                    continue
                packet.stream = streams[packet.stream_index]
                made.mux(packet)
    except (av.FFmpegError, ValueError) as error:
        if getattr(error, "errno", None) == errno.ENOSPC:
            raise OSError(errno.ENOSPC, "No space left on device") from error
        return False
    return True


def pictures_a_second(file: Path) -> float:
    """As its headers say; 0 where they do not."""
    try:
        with av.open(str(file), "r", options=FILES_ONLY, stream_options=UNDECODED) as container:
            return float(container.streams.video[0].average_rate or 0)
    except (av.FFmpegError, OSError, ValueError, IndexError):
        return 0.0


def _kind(context: VideoCodecContext, pixels: str) -> Kind:
    return Kind(context.name, pixels, context.width, context.height, bytes(context.extradata or b""))


class _Reading:
    """The packets of some streams of a file as far as it can be read. ended: whether that was its end."""

    def __init__(self, container: InputContainer, *streams: int) -> None:
        self._packets = container.demux(streams=list(streams))
        self.ended = False

    def __iter__(self) -> Iterator[av.Packet[Any]]:
        while True:
            try:
                packet = next(self._packets)
            except StopIteration:
                self.ended = True
                return
            except (av.FFmpegError, OSError):  # nothing behind it can be read
                return
            yield packet


def _packets(container: InputContainer, length_bytes: int) -> tuple[list[Packet], bool]:
    """Those of the video, and whether they could be read to the end."""
    stream, found = container.streams.video[0], list[Packet]()
    unit, reading = float(stream.time_base or 1), _Reading(container, stream.index)
    for packet in reading:
        if packet.dts is not None:
            at = packet.dts * unit
            until = at + (packet.duration or 0) * unit
            found.append(Packet(at, until, packet.is_keyframe, _is_whole(packet, length_bytes)))
    return found, reading.ended


def _length_bytes(kind: Kind) -> int:
    """Bytes of the number before each unit of a packet (ISO/IEC 14496-15, 5.3.3.1 and 8.3.3.1); 0: it has no units."""
    if kind.codec == "h264" and len(kind.extra) > 4 and kind.extra[0] == 1:
        return (kind.extra[4] & 3) + 1
    if kind.codec == "hevc" and len(kind.extra) > 21 and kind.extra[0] == 1:
        return (kind.extra[21] & 3) + 1
    return 0


def _is_whole(packet: av.Packet[av.VideoStream], length_bytes: int) -> bool:
    if packet.is_corrupt or not packet.size:
        return False
    data, at = memoryview(packet), 0
    while length_bytes and at < len(data):
        length = int.from_bytes(data[at : at + length_bytes], "big")
        if not length:  # a block of zeros
            return False
        at += length_bytes + length
    return not length_bytes or at == len(data)
