"""Films of pictures: which are taken, on what canvas; a real film, decoded to its end."""

from __future__ import annotations

import threading
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.core.films import HIGHEST, WIDEST, canvas_of, fitted, picked
from recordings.timelapses.film import Made, make_film
from tests.recordings.snapshot_rows import jpeg

SIDES = st.integers(1, 8000)


@given(st.integers(0, 3000), st.integers(1, 400))
def test_pictures_are_picked_evenly(count: int, most: int) -> None:
    found = list(picked(range(count), count, most))
    assert found == sorted(set(found))
    assert len(found) == min(count, most)
    if count and most > 1:
        assert (found[0], found[-1]) == (0, count - 1)
        steps = [b - a for a, b in zip(found, found[1:], strict=False)]  # noqa: RUF007  one or two values
        assert not steps or max(steps) - min(steps) <= 1


@given(SIDES, SIDES)
def test_a_canvas_is_even_and_at_most_full_hd(width: int, height: int) -> None:
    canvas = canvas_of(width, height)
    assert all(side % 2 == 0 and side >= 2 for side in canvas)
    assert canvas[0] <= WIDEST
    assert canvas[1] <= HIGHEST
    assert canvas[0] <= max(2, width)
    assert canvas[1] <= max(2, height)


@given(SIDES, SIDES, SIDES, SIDES)
def test_a_picture_fits_its_canvas_and_touches_two_of_its_edges(w: int, h: int, cw: int, ch: int) -> None:
    canvas = canvas_of(cw, ch)
    size = fitted((w, h), canvas)
    assert size[0] == canvas[0] or size[1] == canvas[1]
    assert 1 <= size[0] <= canvas[0]
    assert 1 <= size[1] <= canvas[1]


def broken_off() -> bytes:
    """Half a picture, of which some decoders make a whole one with grey below."""
    noise = np.random.default_rng(1).integers(0, 255, (49, 65, 3), dtype=np.uint8)
    done, encoded = cv2.imencode(".jpg", noise)
    assert done
    return encoded.tobytes()[: encoded.size // 2]


def film(tmp_path: Path, pictures: list[bytes | None], *, fps: int = 10) -> tuple[Made, Path]:
    target = tmp_path / "film.mp4"
    return make_film(iter(pictures), target=target, fps=fps, preset="ultrafast", go_on=lambda done: None), target


def test_a_real_film_plays_to_its_end_in_a_browsers_format(tmp_path: Path) -> None:
    shades = [20, 60, 100, 140, 180, 220]
    pictures: list[bytes | None] = [jpeg(shade, (65, 49)) for shade in shades]
    pictures[2:2] = [None, b"no picture", broken_off(), b"\xff\xd8 nothing \xff\xd9"]
    made, target = film(tmp_path, pictures, fps=5)
    assert made == Made(pictures=6, skipped=4, seconds=1.2)
    with av.open(str(target)) as file:
        stream = file.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.codec_context.width, stream.codec_context.height) == (64, 48)
        frames = list(file.decode(stream))
    assert [frame.time for frame in frames] == pytest.approx([n / 5 for n in range(6)])
    luma = [float(frame.to_ndarray(format="gray").mean()) for frame in frames]
    assert luma == pytest.approx(shades, abs=8)
    content = target.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # a browser begins at once


def test_pictures_of_other_shapes_stand_in_the_middle(tmp_path: Path) -> None:
    made, target = film(tmp_path, [jpeg(200, (64, 48)), jpeg(200, (24, 48)), jpeg(200, (640, 120))])
    assert made.pictures == 3
    with av.open(str(target)) as file:
        frames = [frame.to_ndarray(format="gray") for frame in file.decode(video=0)]
    assert {frame.shape for frame in frames} == {(48, 64)}
    assert frames[0].min() > 150
    assert (frames[1][24, 2] < 60, frames[1][24, 32] > 150, frames[1][24, 61] < 60) == (True, True, True)
    assert (frames[2][2, 32] < 60, frames[2][24, 32] > 150, frames[2][45, 32] < 60) == (True, True, True)


def test_nothing_readable_makes_no_film(tmp_path: Path) -> None:
    assert film(tmp_path, [None, b""])[0] == Made(pictures=0, skipped=2, seconds=0.0)


def test_the_maker_is_asked_before_each_picture_and_holds_one(tmp_path: Path) -> None:
    read = 0
    seen: list[int] = []

    def pictures() -> object:
        nonlocal read
        for number in range(5):
            read = number + 1
            yield jpeg(100)

    def go_on(done: int) -> None:
        seen.append(done)
        assert read == done + 1  # one at a time
        if done == 3:
            raise threading.BrokenBarrierError

    with pytest.raises(threading.BrokenBarrierError):
        make_film(pictures(), target=tmp_path / "f.mp4", fps=5, preset="ultrafast", go_on=go_on)  # type: ignore[arg-type]
    assert seen == [0, 1, 2, 3]
