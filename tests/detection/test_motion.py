"""How much of the picture changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.core.motion import MotionMeter


def test_the_first_picture_is_all_new_and_the_same_again_is_still() -> None:
    meter, picture = MotionMeter(), np.full((52, 52), 90, np.uint8)
    assert meter.update(picture) == 1.0
    assert meter.update(picture) == 0.0
    meter.reset()
    assert meter.update(picture) == 1.0


@given(st.integers(0, 40), st.integers(0, 50), st.sampled_from([(2, 250), (250, 2)]))
def test_the_share_is_that_of_the_pixels_that_changed(rows: int, columns: int, greys: tuple[int, int]) -> None:
    meter = MotionMeter()
    picture = np.full((40, 50), greys[0], np.uint8)
    meter.update(picture)
    picture[:rows, :columns] = greys[1]
    assert meter.update(picture) == pytest.approx(rows * columns / 2000)


def test_noise_below_the_threshold_is_no_motion() -> None:
    meter = MotionMeter(threshold=15)
    meter.update(np.full((10, 10), 100, np.uint8))
    assert meter.update(np.full((10, 10), 115, np.uint8)) == 0.0
    assert meter.update(np.full((10, 10), 131, np.uint8)) == 1.0


def test_the_buffer_may_be_reused_by_the_caller() -> None:
    buffer = np.zeros((80, 80, 3), np.uint8)
    view = buffer[::8, ::8, 1]
    meter = MotionMeter()
    meter.update(view)
    buffer[:] = 200
    assert meter.update(view) == 1.0


def test_a_change_of_size_is_all_new_and_no_picture_is_no_motion() -> None:
    meter = MotionMeter()
    meter.update(np.zeros((10, 10), np.uint8))
    assert meter.update(np.zeros((10, 12), np.uint8)) == 1.0
    assert meter.update(np.zeros((0, 0), np.uint8)) == 0.0
