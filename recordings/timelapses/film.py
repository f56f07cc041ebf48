"""From pictures to one file that a browser plays: H.264, 4:2:0, its index first. One picture is in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace

from recordings.core.films import canvas_of, fitted

BT709 = 1  # ITU-T H.273: primaries, transfer and matrix of HD video
Pixels = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True, slots=True)
class Made:
    """pictures: in the film; skipped: that were not there or no pictures. seconds: of video."""

    pictures: int
    skipped: int
    seconds: float


def make_film(
    pictures: Iterable[bytes | None], *, target: Path, fps: int, preset: str, go_on: Callable[[int], None]
) -> Made:
    """Writes the film of JPEGs (None: one that is not there) in their order. All have the canvas of the first one; others are
    scaled and padded. What is no whole picture is skipped and counted.

    go_on: called before each with how many were looked at; what it raises ends the making. Raises av.FFmpegError, OSError.
    """
    used = looked_at = 0
    with av.open(str(target), "w", format="mp4", container_options={"movflags": "+faststart"}) as file:
        stream: Any = None
        canvas = (0, 0)
        for content in pictures:
            go_on(looked_at)
            looked_at += 1
            pixels = None if content is None else _decoded(content)
            if pixels is None:
                continue
            if stream is None:
                canvas = canvas_of(pixels.shape[1], pixels.shape[0])
                stream = _stream(file, canvas, fps=fps, preset=preset)
            frame = av.VideoFrame.from_ndarray(_on_canvas(pixels, canvas), format="bgr24").reformat(
                format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
            )
            frame.pts, frame.time_base = used, Fraction(1, fps)
            file.mux(stream.encode(frame))
            used += 1
        if stream is not None:
            file.mux(stream.encode(None))
    return Made(used, looked_at - used, used / fps)


def _stream(file: OutputContainer, canvas: tuple[int, int], *, fps: int, preset: str) -> Any:
    """One encoding thread: the hub has other work."""
    stream = file.add_stream("libx264", rate=fps)
    stream.width, stream.height, stream.pix_fmt = *canvas, "yuv420p"
    stream.options = {"preset": preset, "crf": "23"}
    context: Any = stream.codec_context
    context.gop_size, context.thread_count = 2 * fps, 1
    context.color_primaries = context.color_trc = context.colorspace = BT709
    context.color_range = ColorRange.MPEG
    return stream


def _decoded(content: bytes) -> Pixels | None:
    """BGR, None for what is no picture or breaks off."""
    try:
        return cv2.imdecode(np.frombuffer(content, dtype=np.uint8), cv2.IMREAD_COLOR)  # type: ignore[return-value]
    except cv2.error:
        return None


def _on_canvas(pixels: Pixels, canvas: tuple[int, int]) -> Pixels:
    """The picture in the canvas' middle, as large as its shape allows; black around it."""
    width, height = fitted((pixels.shape[1], pixels.shape[0]), canvas)
    if (pixels.shape[1], pixels.shape[0]) != (width, height):
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    if (width, height) == canvas:
        return pixels
    left, top = (canvas[0] - width) // 2, (canvas[1] - height) // 2
    whole = np.zeros((canvas[1], canvas[0], 3), dtype=np.uint8)
    whole[top : top + height, left : left + width] = pixels
    return whole
