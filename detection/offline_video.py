"""A stored video from its first picture to its last, as fast as somebody takes them, in the file's own time."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import av
from av.video.stream import VideoStream

from cameras.streams.errors import IngestError, explain
from detection.ingest.frame import Frame
from detection.ingest.pictures import decode, stamp_of, video_stream
from detection.ingest.source import FILE_FORMATS

DEFAULT_RATE = 25.0  # of a file that does not say its own
MOST_STILL = 4  # pictures in a row: if more have the same stamp, stamps say nothing
SHORT_BY_S = 0.2  # a file that ends earlier than it says by more than this, or by two pictures, was cut off


class VideoFile:
    """An open video file. Use it as a context manager; one thread at a time.

    length_s: seconds that the file says it lasts, None when it does not say. damaged: packets so far that could not be
    decoded. cut_short: after the last frame, in words for people, where the file ends before its time; else empty.

    Raises IngestError: no such file, no video. FFmpeg gets the same narrow list of formats as for a camera's file.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise IngestError(f"no such file: {path}", retryable=False)
        options = {"protocol_whitelist": "file", "format_whitelist": FILE_FORMATS}
        try:
            self._container = av.open(f"file:{path}", "r", options=options)
        except (av.error.InvalidDataError, av.error.ArgumentError):
            raise IngestError(f"{path} is not a video that can be played", retryable=False) from None
        except av.FFmpegError as error:
            raise explain(error) from None
        try:
            # Slices, one thread, as live: threads by frames would make what a damaged file shows a matter of luck.
            self._stream = video_stream(self._container)
        except IngestError:
            self._container.close()
            raise
        self._rate = float(self._stream.average_rate or self._stream.guessed_rate or DEFAULT_RATE)
        self._packets = 0
        self._heard_s = 0.0
        self.length_s = self._length()
        self.damaged = 0
        self.cut_short = ""

    def __enter__(self) -> VideoFile:
        return self

    def __exit__(self, *exception: object) -> None:
        with contextlib.suppress(av.FFmpegError):
            self._container.close()

    def frames(self, camera_id: str, *, began_at: float = 0.0) -> Iterator[tuple[int, Frame]]:
        """Every picture with its index (0-based, among those that can be decoded). Once.

        media_time: seconds since the first picture, by the file's stamps. timestamp: `began_at` (Unix seconds) and that.
        Where a stamp is missing or goes back, time goes on by one picture's duration; after one that goes back the
        generation rises, because another scene may follow. One that only stands still (of recorders that keep a rate by
        repeating pictures) puts its picture between its neighbours. Raises IngestError when there is no picture at all.
        """
        step = 1.0 / self._rate
        index, time, origin, generation, still = 0, -step, 0.0, 0, 0
        newest = -math.inf
        for picture in self._pictures():
            stamp = stamp_of(picture)
            if not index and stamp is not None:
                origin = stamp
            at = time + step if stamp is None else stamp - origin
            still = still + 1 if index and at <= time else 0
            if stamp is not None and stamp < newest:
                at, generation, still = time + step, generation + 1, 0
                origin = stamp - at
            elif still:
                at = time + (step / 2 if still <= MOST_STILL else step)
            time, newest = at, newest if stamp is None else stamp
            yield index, Frame(camera_id, picture, round(time, 6), began_at + time, generation)
            index += 1
        if not index:
            raise IngestError("the file holds no picture that can be decoded", retryable=False)
        self._judge(time + step)

    def _pictures(self) -> Iterator[av.VideoFrame]:
        sound = () if self._has_own_length else self._container.streams.audio
        try:
            for packet in self._container.demux(self._stream, *sound):
                if packet.stream.index != self._stream.index:
                    self._hear(packet)
                    continue
                self._packets += bool(packet.size)
                yield from decode(cast("av.Packet[VideoStream]", packet), self._damage)
        except av.FFmpegError as error:
            self.cut_short = f"the file breaks off: {explain(error).reason}"

    def _damage(self) -> None:
        self.damaged += 1

    def _hear(self, packet: av.Packet[Any]) -> None:
        """Sound may last longer than the pictures: then the file does, too."""
        if packet.pts is not None and packet.time_base is not None:
            began = (self._container.start_time or 0) / av.time_base
            end = float((packet.pts + (packet.duration or 0)) * packet.time_base) - began
            self._heard_s = max(self._heard_s, end)

    def _judge(self, end: float) -> None:
        if self.cut_short or not self.length_s:
            return
        if (
            self._container.format.name == "avi"
        ):  # its length follows what is there, only the number of pictures does not
            missing = max(self._stream.frames - self._packets, 0) / self._rate
        else:
            missing = self.length_s - max(end, self._heard_s)
        if missing > max(SHORT_BY_S, 2.0 / self._rate):
            self.cut_short = f"the file breaks off after {end:.1f} s, {missing:.1f} s before its end"

    @property
    def _has_own_length(self) -> bool:
        """Whether the file tells the video stream's length; what ASF (WMV) gives as such is the whole file's."""
        return bool(self._stream.duration and self._stream.time_base) and self._container.format.name != "asf"

    def _length(self) -> float | None:
        """Of the video stream, else of the container."""
        stream = self._stream
        if stream.duration and stream.time_base:
            return float(stream.duration * stream.time_base)
        return self._container.duration / av.time_base if self._container.duration else None
