"""`make bench`: what a capture costs, and why its colours are converted first: the planes of a video are no JPEG's planes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from detection.ingest.frame import Frame
from tests.benchmarks.pipeline import make_hd
from tests.benchmarks.stages import QUALITY, ROUNDS, _tenth, _timed

NOISE = 1.25  # a shared machine's, on a sum of two stages


@pytest.mark.bench
@pytest.mark.timeout(600)
def test_a_capture_costs_its_conversion_and_its_encoder(street_clip: Path, tmp_path: Path) -> None:
    """Encoding planes directly could save no more than the conversion to BGR, whatever encoder did it."""
    cv2.setNumThreads(1)
    picture, scaler = _tenth(make_hd(street_clip, tmp_path / "street.mp4")), VideoReformatter()
    frame = Frame("vid1", picture, 0.0, 0.0, 0)
    whole = frame.scaled_bgr(1920, 1080)
    works: dict[str, Callable[[], object]] = {
        "a capture, as the product makes it": lambda: frame.jpeg(quality=85),
        "of it YUV to BGR": lambda: frame.scaled_bgr(1920, 1080),
        "of it the encoder (OpenCV's)": lambda: cv2.imencode(".jpg", whole, QUALITY),
        "instead of BGR: JPEG's own planes": lambda: scaler.reformat(
            picture, format="yuvj420p", dst_colorspace=Colorspace.ITU601, dst_color_range=ColorRange.JPEG, threads=1
        ),
    }
    least = dict.fromkeys(works, np.inf)
    for _ in range(ROUNDS):
        for name, work in works.items():
            least[name] = min(least[name], _timed(work))
    print("\nJPEG of a 1080p picture, quality 85, CPU ms")
    for name, milliseconds in least.items():
        print(f"  {name:<36}{milliseconds:>8.2f}")
    ours, bgr, encoder, _ = least.values()
    assert ours <= NOISE * (bgr + encoder)
