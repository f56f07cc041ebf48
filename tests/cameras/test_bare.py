"""Documents as other control planes write them."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cameras.core.algorithms import Registry
from cameras.core.bare import is_bare, parse_bare, scaled_to
from cameras.core.strict_json import DocumentError
from detection.core.rules.registry import register_all

REGISTRY = Registry()
register_all(REGISTRY)


def bare(**changes: Any) -> dict[str, Any]:
    return {
        "cameras": [{"camera_id": "c1", "rtsp_url": "rtsp://10.0.0.5/live", "vendor": "acme"}],
        "rois": [
            {"roi_id": 7, "camera_id": "c1", "roi_type": "polygon", "coordinates": [{"x": 0, "y": 0}, [1, 0], [1, 1]]}
        ],
        "binds": [{"bind_id": 9, "roi_id": 7, "algo_code": "intrusion", "params": {"dwell_s": 2, "colour": "red"}}],
    } | changes


def test_points_identifiers_defaults_and_unknown_keys() -> None:
    parsed = parse_bare(bare(note="x"), REGISTRY)
    assert parsed.content.rois[0].roi_id == "7"
    assert parsed.content.rois[0].coordinates == ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
    assert parsed.content.binds[0].severity == "warning"
    assert parsed.content.binds[0].params == {"dwell_s": 2}
    assert parsed.content.cameras[0].enabled is True
    assert parsed.warnings == (
        "unknown key 'note'",
        "unknown key cameras[0].vendor",
        "unknown parameter binds[0].params.colour",
    )


def test_pixels_wait_for_the_pictures_size() -> None:
    points = [[0, 0], [640, 0], [640, 480]]
    roi = {"roi_id": "r", "camera_id": "c1", "roi_type": "polygon", "coordinates": points}
    parsed = parse_bare(bare(rois=[roi], binds=[]), REGISTRY)
    assert scaled_to(parsed.pixels["r"], 1280, 480) == ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0))
    assert scaled_to(parsed.pixels["r"], 320, 240)[1] == (1.0, 0.0)


def test_the_hash_is_that_of_the_content_as_it_was_written() -> None:
    assert parse_bare(bare(), REGISTRY).sha256 != parse_bare(bare(note="x"), REGISTRY).sha256
    assert parse_bare(bare(), REGISTRY).sha256 == parse_bare(bare(version=5), REGISTRY).sha256


@pytest.mark.parametrize("value", [2**63, "\ud800"])
def test_what_is_ignored_may_be_anything_that_json_knows(value: Any) -> None:
    row = {"camera_id": 2**60 + 1, "rtsp_url": "rtsp://10.0.0.5/live", "row": value}
    parsed = parse_bare(bare(cameras=[row], rois=[], binds=[]), REGISTRY)
    assert parsed.content.cameras[0].camera_id == str(2**60 + 1)
    assert parsed.warnings == ("unknown key cameras[0].row",)
    other = parse_bare(bare(cameras=[row | {"row": 7}], rois=[], binds=[]), REGISTRY)
    assert parsed.sha256 != other.sha256
    assert parsed.sha256 == parse_bare(bare(cameras=[dict(reversed(row.items()))], rois=[], binds=[]), REGISTRY).sha256


def test_a_header_makes_a_document_of_ours() -> None:
    assert is_bare(bare())
    assert is_bare(bare(version=3, device_id="d1"))
    assert not is_bare(bare(schema=1))


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"cameras": None}, "cameras"),
        ({"rois": {}}, "rois"),
        ({"binds": ["x"]}, "binds[0]"),
        ({"cameras": [{"camera_id": "c1"}]}, "cameras[0].rtsp_url"),
        ({"cameras": [{"camera_id": "c1", "rtsp_url": "http://x/"}]}, "cameras[0].rtsp_url"),
        ({"binds": [{"bind_id": "b", "roi_id": "7", "algo_code": "magic"}]}, "binds[0].algo_code"),
        ({"binds": [{"bind_id": "b", "roi_id": "8", "algo_code": "intrusion"}]}, "binds[0].roi_id"),
        ({"binds": [{"bind_id": "b", "roi_id": "7", "algo_code": "intrusion", "params": []}]}, "binds[0].params"),
    ],
)
def test_what_is_wrong_refuses_the_whole(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(DocumentError) as error:
        parse_bare(bare(**changes), REGISTRY)
    assert error.value.path == path
    assert error.value.reason


@pytest.mark.parametrize(
    "points", [[], None, [[1, 2], [3]], [[0, 0], [1, "a"], [1, 1]], [[-1, 0], [1, 0], [1, 1]], "x"]
)
def test_bad_points_are_named(points: Any) -> None:
    roi = {"roi_id": "7", "camera_id": "c1", "roi_type": "polygon", "coordinates": points}
    with pytest.raises(DocumentError) as error:
        parse_bare(bare(rois=[roi]), REGISTRY)
    assert error.value.path.startswith("rois[0].coordinates")


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(cameras=JSON, rois=JSON, binds=JSON)
def test_nothing_but_document_errors(cameras: Any, rois: Any, binds: Any) -> None:
    raw = bare(cameras=cameras, rois=rois, binds=binds)
    with contextlib.suppress(DocumentError):
        assert parse_bare(raw, REGISTRY).sha256
