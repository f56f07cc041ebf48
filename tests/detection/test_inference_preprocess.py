"""Scaling, letterbox and normalisation."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from detection.inference.manifest import InputSpec
from detection.inference.preprocess import MAX_BUFFERS, Letterbox, Preprocessor

MEAN = (103.53, 116.28, 123.675)
STD = (57.375, 57.12, 58.395)


def _spec(**changes: Any) -> InputSpec:
    fields: dict[str, Any] = {
        "name": "image", "width": 128, "height": 96, "trim_to": 32, "layout": "nchw", "color": "bgr",
        "letterbox": "top-left", "mean": MEAN, "std": STD,
    }  # fmt: skip
    return InputSpec(**(fields | changes))


def _picture(width: int, height: int, seed: int = 1) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def _expected(picture: NDArray[np.uint8], width: int, height: int, order: Sequence[int]) -> NDArray[np.float64]:
    canvas = np.zeros((height, width, 3))
    canvas[: picture.shape[0], : picture.shape[1]] = picture[..., order]
    return ((canvas - MEAN) / STD).transpose(2, 0, 1)[None]


@pytest.mark.parametrize(
    ("picture", "fitted"),
    [((1280, 960), (128, 96)), ((1920, 1080), (128, 72)), ((1080, 1920), (54, 96)), ((64, 32), (128, 64)),
     ((100_000, 1), (128, 1))],
)  # fmt: skip
def test_pictures_keep_their_shape(picture: tuple[int, int], fitted: tuple[int, int]) -> None:
    assert Preprocessor(_spec(), trim=True).fit(*picture) == fitted


@given(st.integers(1, 10_000), st.integers(1, 10_000), st.booleans())
def test_every_picture_fits_and_touches(width: int, height: int, trim: bool) -> None:
    preprocessor = Preprocessor(_spec(), trim=trim)
    fitted = preprocessor.fit(width, height)
    assert fitted[0] == 128 or fitted[1] == 96
    box = preprocessor.letterbox(*fitted)
    assert box.width <= box.blob_width <= 128
    assert box.height <= box.blob_height <= 96
    assert (box.blob_width % 32, box.blob_height % 32) == (0, 0)


@pytest.mark.parametrize(("width", "height"), [(0, 10), (10, -1)])
def test_a_picture_without_pixels_is_refused(width: int, height: int) -> None:
    with pytest.raises(ValueError, match="pixels large"):
        Preprocessor(_spec(), trim=True).fit(width, height)


@pytest.mark.parametrize(
    ("trim", "trim_to", "box"),
    [
        (True, 32, Letterbox(128, 50, 128, 64)),
        (False, 32, Letterbox(128, 50, 128, 96)),
        (True, None, Letterbox(128, 50, 128, 96)),
    ],
)
def test_filling_is_left_out_where_the_model_and_the_caller_allow_it(
    trim: bool, trim_to: int | None, box: Letterbox
) -> None:
    preprocessor = Preprocessor(_spec(trim_to=trim_to), trim=trim)
    assert preprocessor.letterbox(128, 50) == box
    assert preprocessor.prepare(_picture(128, 50)).shape == (1, 3, box.blob_height, box.blob_width)


@pytest.mark.parametrize("size", [(128, 50), (70, 96), (128, 96), (128, 1)])
@pytest.mark.parametrize(("color", "order"), [("bgr", (0, 1, 2)), ("rgb", (2, 1, 0))])
def test_pixels_are_normalised_and_the_rest_is_black(size: tuple[int, int], color: str, order: Sequence[int]) -> None:
    preprocessor = Preprocessor(_spec(color=color), trim=False)
    picture = _picture(*size)
    blob = preprocessor.prepare(picture)
    assert blob.dtype == np.float32
    assert blob.flags["C_CONTIGUOUS"]
    np.testing.assert_allclose(blob, _expected(picture, 128, 96, order), atol=1e-5)


def test_the_picture_may_lie_in_the_centre_of_a_filling_that_is_not_black() -> None:
    preprocessor = Preprocessor(_spec(letterbox="centre", fill=114, trim_to=None), trim=True)
    picture = _picture(128, 51)
    assert preprocessor.letterbox(128, 51) == Letterbox(128, 51, 128, 96, 0, 22)
    canvas = np.full((96, 128, 3), 114, np.uint8)
    canvas[22:73] = picture
    np.testing.assert_allclose(preprocessor.prepare(picture), _expected(canvas, 128, 96, (0, 1, 2)), atol=1e-5)


def test_a_centred_picture_is_trimmed_around_itself() -> None:
    preprocessor = Preprocessor(_spec(letterbox="centre"), trim=True)
    assert preprocessor.letterbox(40, 96) == Letterbox(40, 96, 64, 96, 12, 0)


def test_a_stretched_picture_has_no_filling() -> None:
    preprocessor = Preprocessor(_spec(letterbox="stretch", trim_to=None), trim=True)
    assert preprocessor.fit(1920, 1080) == (128, 96)
    assert preprocessor.letterbox(128, 96) == Letterbox(128, 96, 128, 96)
    with pytest.raises(ValueError, match="was not scaled to fit"):
        preprocessor.letterbox(128, 72)


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_pixels_may_go_from_0_to_1(layout: str) -> None:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    spec = _spec(pixels="0..1", mean=mean, std=std, color="rgb", layout=layout, fill=114)
    picture = _picture(128, 96)
    blob = Preprocessor(spec, trim=False).prepare(picture)
    expected = ((picture[..., ::-1] / 255.0 - mean) / std)[None]
    np.testing.assert_allclose(blob, expected if layout == "nhwc" else expected.transpose(0, 3, 1, 2), atol=1e-5)
    assert blob.flags["C_CONTIGUOUS"]


def test_bytes_stay_as_they_are() -> None:
    spec = _spec(type="uint8", mean=(0, 0, 0), std=(1, 1, 1), color="rgb", layout="nhwc", fill=7, trim_to=None)
    picture = _picture(128, 50)
    blob = Preprocessor(spec, trim=True).prepare(picture)
    assert (str(blob.dtype), blob.shape) == ("uint8", (1, 96, 128, 3))
    np.testing.assert_array_equal(blob[0, :50], picture[..., ::-1])
    assert set(np.unique(blob[0, 50:])) == {7}


def test_rows_may_have_a_stride() -> None:
    wide = _picture(150, 50)
    view = wide[:, :128]
    assert not view.flags["C_CONTIGUOUS"]
    blob = Preprocessor(_spec(), trim=True).prepare(view)
    np.testing.assert_allclose(blob, _expected(view, 128, 64, (0, 1, 2)), atol=1e-5)


def test_buffers_are_reused_and_sizes_do_not_disturb_each_other() -> None:
    preprocessor = Preprocessor(_spec(), trim=False)
    first = preprocessor.prepare(_picture(128, 50))
    preprocessor.prepare(_picture(70, 96))
    second = preprocessor.prepare(picture := _picture(128, 50, seed=2))
    assert second is first
    np.testing.assert_allclose(second, _expected(picture, 128, 96, (0, 1, 2)), atol=1e-5)


def test_many_sizes_do_not_grow_the_memory() -> None:
    preprocessor = Preprocessor(_spec(), trim=True)
    blobs = [weakref.ref(preprocessor.prepare(_picture(128, height))) for height in range(1, 3 * MAX_BUFFERS)]
    assert 1 <= sum(blob() is not None for blob in blobs) <= MAX_BUFFERS


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (np.zeros((96, 100, 4), np.uint8), "expected uint8"),
        (np.zeros((96, 128), np.uint8), "expected uint8"),
        (np.zeros((96, 128, 3), np.float32), "expected uint8"),
        (np.zeros((97, 128, 3), np.uint8), "was not scaled to fit 128 × 96"),
        (np.zeros((50, 60, 3), np.uint8), "was not scaled to fit 128 × 96"),
        (np.zeros((0, 128, 3), np.uint8), "was not scaled to fit 128 × 96"),
    ],
)
def test_another_array_is_refused(picture: NDArray[Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Preprocessor(_spec(), trim=True).prepare(picture)
