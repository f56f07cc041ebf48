"""The packets that a sleeping camera keeps, and the decoder that they go through when it wakes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias, cast

import av
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from detection.ingest.pictures import Decoded

MOST_KEPT, MOST_BYTES = 600, 8_000_000
MOST_MOMENTS = 64  # more pictures than any decoder holds back; the rest belongs to damaged packets

Packet: TypeAlias = "av.Packet[VideoStream]"  # av's own class knows no parameter at run time


@dataclass(slots=True, eq=False)
class Kept:
    """A packet with the moment it came (monotonic and Unix seconds). shown: its picture went on, or need not. key: frame.

    behind: seconds, as in Frame.
    """

    packet: Packet
    arrived: float
    wall: float
    shown: bool = False
    behind: float = 0.0
    key: bool = field(init=False)

    def __post_init__(self) -> None:
        self.key = self.packet.is_keyframe

    @property
    def sent(self) -> float:
        """Monotonic seconds at which it could have been read."""
        return self.arrived - self.behind


Pictures = list[tuple[av.VideoFrame, Kept]]


class Backlog:
    """Packets in order, oldest first. The first `fed` of them went through the decoder already.

    linked: the decoder's state is that after them, so that decoding can go on; else it must begin at a key frame.
    hidden: pictures decoded again that had been shown before. light: the decoder leaves out what only comparing at a
    glance can do without: smoothing of block edges (a quarter of the cost) and pictures that no other one needs.
    """

    def __init__(self, context: VideoCodecContext, on_damage: Callable[[], None]) -> None:
        # The stream's own decoder is never opened: it would hold its pictures' memory as long as the connection lasts.
        self._template, self._on_damage = context, on_damage
        self.light = self._whole = False
        self.context = self._new_decoder()
        self.kept: deque[Kept] = deque()
        self.fed = 0
        self.linked = True
        self.hidden = 0
        self._bytes = 0
        self._moments: dict[int, Kept] = {}

    def append(self, item: Kept) -> None:
        self.kept.append(item)
        self._bytes += item.packet.size

    def pop(self) -> Kept:
        item = self.kept.popleft()
        self._bytes -= item.packet.size
        self.fed = max(0, self.fed - 1)
        return item

    @property
    def full(self) -> bool:
        return len(self.kept) > MOST_KEPT or self._bytes > MOST_BYTES

    def clear(self) -> None:
        self.kept.clear()
        self._bytes = self.fed = 0

    def begin_at(self, item: Kept) -> None:
        """Keeps from this packet on, which the decoder has just seen; nothing of it unless it is a key frame."""
        self.clear()
        self.linked = True
        if item.key:
            item.shown = True
            self.append(item)
            self.fed = 1

    def trim(self, item: Kept) -> None:
        """Forgets what waking no longer needs, now that everything up to this packet, the newest, was looked at."""
        if item.key and self.linked:
            self.begin_at(item)
        elif item.key:
            while self.kept[0] is not item:
                self.pop()
            self.fed = 0
        elif self.full and self.linked:
            self.clear()

    def rewind(self, *, everything: bool) -> None:
        """Makes the first of the kept the next to be decoded.

        everything: from the oldest key frame on; else from the newest, or from where the decoder is if it is past that, with
        all care.
        """
        newest = max((index for index, item in enumerate(self.kept) if item.key), default=-1)
        past = self.linked and newest < self.fed and not (self.light and newest >= 0)
        if not everything:
            for _ in range(self.fed if past else max(newest, 0)):
                self.pop()
        if everything or not past:
            self.renew() if self.light else self.restart()
        self.fed, self.linked = 0, True

    def renew(self, *, light: bool = False) -> None:
        """Another decoder: one that has decoded in full holds many pictures' memory and never gives it back."""
        self.light = light
        self.context, self.linked, self.fed = self._new_decoder(), False, 0
        self._moments.clear()

    def take_care(self) -> None:
        """For a person's eyes what came since the key frame is decoded again, in full."""
        if self.light and self.kept[0].key:
            self.renew()

    def leave_none_out(self) -> None:
        """For a stream most of whose pictures no other one needs: a light decoder would hardly see it."""
        self.context.skip_frame, self._whole = "DEFAULT", True

    def _new_decoder(self) -> VideoCodecContext:
        context = cast("VideoCodecContext", av.CodecContext.create(self._template.codec, "r"))
        if self._template.extradata:
            context.extradata = self._template.extradata
        context.thread_type, context.thread_count = self._template.thread_type, self._template.thread_count
        if self.light:
            context.options = {"skip_loop_filter": "all"}
            context.skip_frame = "DEFAULT" if self._whole else "NONREF"
        # Raw pictures of a webcam say their shape nowhere but here.
        if self._template.width and self._template.pix_fmt:
            context.width, context.height, context.pix_fmt = (
                self._template.width,
                self._template.height,
                self._template.pix_fmt,
            )
        return context

    def restart(self) -> None:
        """The decoder forgets everything; what it gets next must be a key frame."""
        self.context.flush_buffers()
        self._moments.clear()
        self.fed = 0

    def decode(self, item: Kept) -> Pictures:
        """The pictures that this packet brings out, each with the packet it came in; not those shown before."""
        if item.packet.pts is not None:
            self._moments[item.packet.pts] = item
            if len(self._moments) > MOST_MOMENTS:
                del self._moments[next(iter(self._moments))]
        try:
            pictures = self.context.decode(item.packet)
        except av.FFmpegError:  # a damaged packet has none and is counted
            self._on_damage()
            pictures = []
        return self._matched(pictures, item)

    def decode_rest(self) -> Pictures:
        """Decodes what was not fed yet; the last picture of it."""
        if not self.linked:
            self.restart()
            self.linked = True
        found: Pictures = []
        for item in list(self.kept)[self.fed :]:
            found += self.decode(item)
            self.hidden += max(0, len(found) - 1)
            del found[:-1]
        self.fed = len(self.kept)
        return found

    def decode_alone(self, item: Kept) -> Pictures:
        """Decodes the newest packet, a key frame, without those before it."""
        self.restart()
        found = self.decode(item)
        self.linked, self.fed = bool(found), len(self.kept)
        if found:
            return found
        try:  # a decoder that puts pictures in order holds it back
            pictures = self.context.decode(None)
        except av.FFmpegError:
            self._on_damage()
            pictures = []
        found = self._matched(pictures, item)
        self.restart()
        return found

    def _matched(self, pictures: list[av.VideoFrame], item: Kept) -> Pictures:
        found: Pictures = []
        for picture in pictures:
            kept = self._moments.pop(picture.pts, item) if picture.pts is not None else item
            if kept.shown:
                self.hidden += 1
            else:
                found.append((picture, kept))
        return found


def offered(picture: av.VideoFrame, item: Kept, *, keep: bool = False, look: str = "") -> Decoded:
    """A picture and the packet it came in, as a source yields it."""
    # Of a drained decoder's picture PyAV knows the number of its stamp, but not the unit.
    base = item.packet.time_base
    stamp = None if picture.pts is None or base is None else float(picture.pts * base)
    return Decoded(picture, stamp, wall=item.wall, arrived=item.arrived, keep=keep, look=look, behind=item.behind)
