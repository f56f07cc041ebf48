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
