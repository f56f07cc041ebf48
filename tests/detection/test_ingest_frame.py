import threading
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from detection.ingest.frame import Frame
from tests.servers.clips import FIRST_SHADE, SHADE_STEP, make_clip


@pytest.fixture
def frame(tmp_path: Path) -> Frame:
    """Picture number 3 of a 320×240 clip."""
    with av.open(str(make_clip(tmp_path / "clip.mp4", frames=4, size=(320, 240)))) as container:
        picture = list(container.decode(video=0))[3]
    return Frame("c", picture, media_time=1.0, timestamp=2.0, generation=0)


def limited(luma: int) -> int:
    """8-bit grey of a BT.601 limited-range luma."""
    return round((luma - 16) * 255 / 219)


def test_a_frame_is_scaled_to_bgr(frame: Frame) -> None:
    picture = frame.scaled_bgr(100, 50)
    assert (frame.width, frame.height) == (320, 240)
    assert (picture.shape, picture.dtype.name, picture.flags.c_contiguous) == ((50, 100, 3), "uint8", True)
    assert np.abs(picture.astype(int) - limited(FIRST_SHADE + 3 * SHADE_STEP)).max() <= 2


def test_colours_keep_their_order() -> None:
    blue = np.zeros((32, 32, 3), dtype=np.uint8)
    blue[..., 0] = 255
    picture = av.VideoFrame.from_ndarray(blue, format="bgr24").reformat(format="yuv420p")
    seen = Frame("c", picture, media_time=0, timestamp=0, generation=0).scaled_bgr(8, 8).reshape(-1, 3).mean(axis=0)
    assert seen[0] > 240
    assert seen[1:].max() < 20


def test_a_size_of_nothing_is_an_error(frame: Frame) -> None:
    with pytest.raises(ValueError, match="at least 1×1, not 0×10"):
        frame.scaled_bgr(0, 10)


@pytest.mark.parametrize(
    ("limits", "expected"), [((1920, 1080), (320, 240)), ((160, 1080), (160, 120)), ((1920, 60), (80, 60))]
)
def test_a_jpeg_fits_and_keeps_its_shape(frame: Frame, limits: tuple[int, int], expected: tuple[int, int]) -> None:
    encoded = frame.jpeg(max_width=limits[0], max_height=limits[1])
    picture = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert (picture.shape[1], picture.shape[0]) == expected
    assert abs(float(picture.mean()) - limited(FIRST_SHADE + 3 * SHADE_STEP)) < 3


def test_threads_scale_at_the_same_time(frame: Frame) -> None:
    expected = frame.scaled_bgr(64, 64)
    same: list[bool] = []

    def scale() -> None:
        same.extend(bool(np.array_equal(frame.scaled_bgr(64, 64), expected)) for _ in range(50))

    threads = [threading.Thread(target=scale) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert same == [True] * 200


def street(name: str, width: int, height: int, seed: int) -> av.VideoFrame:
    """Noise of many colours."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    blurred = cv2.blur(pixels, (9, 9)).astype(np.uint8)
    return av.VideoFrame.from_ndarray(blurred, format="bgr24").reformat(format=name)


@pytest.mark.parametrize("name", ["yuv420p", "yuvj420p", "nv12", "yuv420p10le", "yuv422p", "gray"])
def test_a_jpeg_shows_what_the_scaler_makes_whatever_was_encoded_before(name: str) -> None:
    """Also when memory is used again: of other sizes, other colours, and while an earlier picture is still held."""
    sizes = [(640, 360), (640, 360), (321, 243), (1920, 1080), (2560, 1440), (640, 360)]
    for seed, (width, height) in enumerate(sizes):
        picture = street(name, width, height, seed)
        picture.colorspace, picture.color_range = (1, 5, 2)[seed % 3], (1, 2, 0)[seed % 3]
        frame = Frame("c", picture, media_time=0, timestamp=0, generation=0)
        for most in ((width, height), (1920, 1080), (width // 2, height)):
            share = min(1.0, most[0] / width, most[1] / height)
            pixels = frame.scaled_bgr(round(width * share), round(height * share))
            expected = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
            assert frame.jpeg(max_width=most[0], max_height=most[1]) == expected
            assert frame.picture.width == width
