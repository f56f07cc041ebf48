"""Tiny videos, made in the test: each picture is one shade, so that a test can tell which one it sees."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

FIRST_SHADE, SHADE_STEP = 30, 8


def make_clip(
    path: Path,
    *,
    frames: int = 20,
    fps: int = 10,
    size: tuple[int, int] = (64, 48),
    gop: int = 5,
    container: str | None = None,
) -> Path:
    """H.264 of `frames` (at most 25) pictures; picture i has luma ``FIRST_SHADE + SHADE_STEP * i``.

    The kind of file follows from `container` (FFmpeg's name) or else from the path.
    """
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {"preset": "ultrafast", "bf": "0", "sc_threshold": "0", "crf": "10"}
        stream.codec_context.gop_size = gop
        for number in range(frames):
            file.mux(stream.encode(_shade(number, size, fps)))
        file.mux(stream.encode(None))
    return path


def make_audio(path: Path) -> Path:
    """An MP4 with sound and no picture."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), dtype=np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 8000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def shade_number(picture: av.VideoFrame) -> int:
    """Which picture of `make_clip` this is."""
    luma = picture.to_ndarray()[: picture.height]  # yuv420p: the first rows are the luma plane
    return round((float(luma.mean()) - FIRST_SHADE) / SHADE_STEP)


def _shade(number: int, size: tuple[int, int], fps: int) -> av.VideoFrame:
    width, height = size
    luma = np.full((height, width), FIRST_SHADE + SHADE_STEP * number, dtype=np.uint8)
    chroma = np.full((height // 2, width), 128, dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(np.vstack([luma, chroma]), format="yuv420p")
    frame.pts, frame.time_base = number, Fraction(1, fps)
    return frame
