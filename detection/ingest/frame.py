"""One decoded picture of one camera."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import cast

import av
import cv2
import numpy as np
from av.filter import Graph
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray


class _Reused:
    """Turns pictures of one shape into BGR of one size, in memory that is used again: pages of its own for each picture of
    6 MB cost four times as much as swscale itself. Bit for bit what `VideoReformatter` makes of planar 8-bit 4:2:0.
    """

    def __init__(self, picture: av.VideoFrame, width: int, height: int) -> None:
        graph = Graph()
        graph.threads = 1
        self._source = graph.add_buffer(
            width=picture.width, height=picture.height, format=picture.format, time_base=Fraction(1, 1000)
        )
        self._sink = graph.add("buffersink")
        scale, bgr = graph.add("scale", f"{width}:{height}:flags=area"), graph.add("format", "pix_fmts=bgr24")
        for one, next_one in pairwise((self._source, scale, bgr, self._sink)):
            one.link_to(next_one)
        graph.configure()
        self._graph = graph  # its filters do not keep it: without it they crash

    def scaled(self, picture: av.VideoFrame) -> av.VideoFrame:
        self._source.push(picture)
        return cast("av.VideoFrame", self._sink.pull())


class _Scaler(threading.local):
    """swscale keeps its tables in here; one for each thread, because it is not safe to share.

    It is always told to use one thread: its own threads, one a core by default, cost more than they help at these sizes.
    """

    def __init__(self) -> None:
        self.reformatter = VideoReformatter()
        self._reused: tuple[tuple[str, int, int, int, int], _Reused] | None = None

    def whole(self, picture: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
        """As large as people look at it, in BGR. Of the sizes asked for the last one's memory is kept."""
        if picture.format.name not in PLANAR or width * height > KEPT_PIXELS:
            return self.bgr(picture, width, height)
        shape = (picture.format.name, picture.width, picture.height, width, height)
        if self._reused is None or self._reused[0] != shape:
            self._reused = shape, _Reused(picture, width, height)
        return self._reused[1].scaled(picture)

    def bgr(self, picture: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
        return self.reformatter.reformat(
            picture, width=width, height=height, format="bgr24", interpolation="AREA", threads=1
        )


PLANAR = ("yuv420p", "yuvj420p")  # what nearly all cameras send
KEPT_PIXELS = 1920 * 1080  # of a larger picture no memory is kept
_scaler = _Scaler()


def _pixels(scaled: av.VideoFrame) -> NDArray[np.uint8]:
    return np.ascontiguousarray(cast("NDArray[np.uint8]", scaled.to_ndarray()))


GREY_WIDTH, GREY_HEIGHT = 160, 90


def small_grey(picture: av.VideoFrame) -> NDArray[np.uint8]:
    """The picture's light alone, uint8 ``(90, 160)``, each spot the mean of what it covers. Any thread may call it."""
    small = _scaler.reformatter.reformat(
        picture, width=GREY_WIDTH, height=GREY_HEIGHT, format="gray", interpolation="AREA", threads=1
    )
    return cast("NDArray[np.uint8]", small.to_ndarray())


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A picture, still as YUV, and its moment.

    media_time: seconds; goes up from frame to frame, over the seam of a loop and over a reconnect; only differences
    mean anything. timestamp: Unix seconds. generation: rises where the picture does not follow from the one before
    (seam, reconnect, jump): tracks start anew. same_as: the media time of an earlier picture from which this one does not
    differ to the eye, None when nobody compared. reconnects: how many of the generations so far began only because the
    camera was away for a moment. behind: seconds that it had waited before it was read, as far as the stream's stamps tell
    (`core.pace.Delay`); `timestamp` is when it was read.
    """

    camera_id: str
    picture: av.VideoFrame
    media_time: float
    timestamp: float
    generation: int
    same_as: float | None = None
    reconnects: int = 0
    behind: float = 0.0

    @property
    def width(self) -> int:
        """Pixels."""
        return self.picture.width

    @property
    def height(self) -> int:
        """Pixels."""
        return self.picture.height

    def scaled_bgr(self, width: int, height: int) -> NDArray[np.uint8]:
        """The picture as contiguous uint8 ``(height, width, 3)`` BGR, stretched to that size, straight from YUV.

        Raises ValueError for a size below one pixel. Any thread may call it.
        """
        if width < 1 or height < 1:
            raise ValueError(f"a picture is at least 1×1, not {width}×{height}")
        return _pixels(_scaler.bgr(self.picture, width, height))

    def jpeg(self, *, quality: int = 85, max_width: int = 1920, max_height: int = 1080) -> bytes:
        """The picture as JPEG, made smaller (never larger) to fit, its shape kept. quality: 1..100."""
        share = min(1.0, max_width / self.width, max_height / self.height)
        size = max(1, round(self.width * share)), max(1, round(self.height * share))
        done, encoded = cv2.imencode(
            ".jpg", _pixels(_scaler.whole(self.picture, *size)), [cv2.IMWRITE_JPEG_QUALITY, quality]
        )
        if not done:
            raise ValueError("OpenCV could not encode the picture as JPEG")
        return encoded.tobytes()
