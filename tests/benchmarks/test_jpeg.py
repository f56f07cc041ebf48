"""`make bench`: what a capture costs, and why its colours are converted first: the planes of a video are no JPEG's planes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from detection.ingest.frame import Frame
from edgesite.heap import keep_flat
from tests.benchmarks.pipeline import make_hd
from tests.benchmarks.stages import QUALITY, ROUNDS, _tenth, _timed

MOST_SHARE = 0.5  # of a conversion in pages of its own; it measures a fifth


def costs(clip: Path) -> dict[str, float]:
    """CPU ms of each part. In a process of its own, whose heap is set as a detector's is."""
    cv2.setNumThreads(1)
    keep_flat()
    picture, scaler = _tenth(clip), VideoReformatter()
    frame = Frame("vid1", picture, 0.0, 0.0, 0)
    whole = frame.scaled_bgr(1920, 1080)
    works: dict[str, Callable[[], object]] = {
        "a capture, as the product makes it": lambda: frame.jpeg(quality=85),
        "YUV to BGR, in pages of its own": lambda: frame.scaled_bgr(1920, 1080),
        "the encoder (OpenCV's)": lambda: cv2.imencode(".jpg", whole, QUALITY),
        "instead of BGR: JPEG's own planes": lambda: scaler.reformat(
            picture, format="yuvj420p", dst_colorspace=Colorspace.ITU601, dst_color_range=ColorRange.JPEG, threads=1
        ),
    }
    least = dict.fromkeys(works, float("inf"))
    for _ in range(ROUNDS):
        for name, work in works.items():
            least[name] = min(least[name], _timed(work))
    return least


@pytest.mark.bench
@pytest.mark.timeout(600)
def test_a_capture_costs_its_encoder_and_little_more(street_clip: Path, tmp_path: Path) -> None:
    """Encoding planes directly could save no more than that, whatever encoder did it."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        least = pool.apply(costs, [make_hd(street_clip, tmp_path / "street.mp4")])
    print("\nJPEG of a 1080p picture, quality 85, CPU ms")
    for name, milliseconds in least.items():
        print(f"  {name:<36}{milliseconds:>8.2f}")
    ours, bgr, encoder, _ = least.values()
    assert ours <= encoder + MOST_SHARE * bgr
