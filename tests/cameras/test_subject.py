"""What a place in a document is called by people."""

from __future__ import annotations

from typing import Any

import pytest

from cameras.core.strict_json import DocumentError
from cameras.core.subject import check_rows, subject_of
from tests.cameras.documents import REGISTRY, content


def named() -> dict[str, Any]:
    rows = content()
    rows["cameras"][0]["camera_name"] = "Line 1"
    rows["rois"][0]["roi_name"] = "Door"
    return rows


def spoilt(change: Any) -> DocumentError:
    rows = named()
    change(rows)
    with pytest.raises(DocumentError) as raised:
        check_rows(rows, REGISTRY)
    return raised.value


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda rows: rows["binds"][0]["params"].update(dwell_s=-1),
            "binding intrusion · Door, Dwell (s): must be 0 or",
        ),
        (lambda rows: rows["binds"][0].update(algo_code="magic"), "binding magic · Door, algorithm: unknown algorithm"),
        (
            lambda rows: rows["binds"][0]["params"].update(dwel=1),
            "binding intrusion · Door, dwel: is an unknown parameter",
        ),
        (lambda rows: rows["rois"][0].update(coordinates=[[0, 0]]), "ROI Door, coordinates: a polygon needs"),
        (lambda rows: rows["cameras"][0].update(max_fps=0), "camera Line 1, analyses per second: must be"),
        (lambda rows: rows["cameras"][0].update(rtsp_url="ftp://x"), "camera Line 1, stream URL: "),
    ],
)
def test_a_place_is_told_by_the_rows_name(change: Any, told: str) -> None:
    error = spoilt(change)
    assert error.told(str).startswith(told)
    assert "[0]" not in error.told(str)
    assert str(error) == f"{error.path}: {error.reason}"  # logs and machines get the path


def test_its_words_are_translated() -> None:
    error = spoilt(lambda rows: rows["binds"][0]["params"].update(dwell_s=-1))
    assert error.told(lambda text: {"binding": "Regel", "Dwell (s)": "Verweildauer (s)"}.get(text, text)).startswith(
        "Regel intrusion · Door, Verweildauer (s): "
    )


@pytest.mark.parametrize("path", ["", "site.time_zone", "schema", "binds", "models[0].name"])
def test_what_is_about_no_row_keeps_its_path(path: str) -> None:
    assert subject_of(path, named(), REGISTRY) is None
    assert DocumentError(path, "is missing").told(str) == (f"{path}: is missing" if path else "is missing")
