"""Which alerts of two configurations are the same, and what of a document is compared."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cameras.core.document import parse_content
from detection.core.comparison import NO_STREAM, align, camera_part
from tests.cameras.documents import REGISTRY, content


def alert(t: float, bind_id: str = "b") -> dict[str, Any]:
    return {"t": t, "bind_id": bind_id}


def times(pairs: Any) -> list[tuple[float | None, float | None]]:
    return [(d and d["t"], p and p["t"]) for d, p in pairs]


@pytest.mark.parametrize(
    ("draft", "published", "expected"),
    [
        ([], [], []),
        ([5.0], [], [(5.0, None)]),
        ([5.0], [6.0], [(5.0, 6.0)]),
        ([6.0], [5.0], [(6.0, 5.0)]),
        ([5.0], [6.1], [(5.0, None), (None, 6.1)]),
        ([5.0, 5.5], [5.2], [(5.0, 5.2), (5.5, None)]),
        ([1.0, 2.0, 3.0], [1.9, 2.9, 3.9], [(1.0, 1.9), (2.0, 2.9), (3.0, 3.9)]),
        ([9.0, 1.0], [1.5, 20.0], [(1.0, 1.5), (9.0, None), (None, 20.0)]),
    ],
)
def test_the_same_moment_is_one_row(draft: Any, published: Any, expected: Any) -> None:
    assert times(align([alert(t) for t in draft], [alert(t) for t in published])) == expected


def test_alerts_of_different_bindings_are_never_the_same() -> None:
    assert times(align([alert(5.0, "a")], [alert(5.0, "b")])) == [(5.0, None), (None, 5.0)]


MOMENTS = st.lists(st.builds(alert, st.integers(0, 60).map(lambda n: n / 4), st.sampled_from("ab")), max_size=12)


@given(draft=MOMENTS, published=MOMENTS)
def test_nothing_is_lost_or_doubled_and_pairs_are_as_many_as_possible(draft: Any, published: Any) -> None:
    pairs = align(draft, published)
    assert sorted(id(d) for d, _ in pairs if d) == sorted(map(id, draft))
    assert sorted(id(p) for _, p in pairs if p) == sorted(map(id, published))
    assert all(d["bind_id"] == p["bind_id"] and abs(d["t"] - p["t"]) <= 1.0 for d, p in pairs if d and p)
    assert sum(bool(d and p) for d, p in pairs) == _most_pairs(draft, published)


def _most_pairs(draft: Any, published: Any) -> int:
    """Augmenting paths (Berge): slow and surely right."""
    partner: dict[int, int] = {}

    def place(i: int, tried: set[int]) -> bool:
        for j, other in enumerate(published):
            fits = other["bind_id"] == draft[i]["bind_id"] and abs(other["t"] - draft[i]["t"]) <= 1.0
            if fits and j not in tried:
                tried.add(j)
                if j not in partner or place(partner[j], tried):
                    partner[j] = i
                    return True
        return False

    return sum(place(i, set()) for i in range(len(draft)))


def test_a_camera_s_part_holds_no_stream_and_nothing_of_other_cameras() -> None:
    part = camera_part(content(), "vid1")
    assert part is not None
    assert [camera["rtsp_url"] for camera in part["cameras"]] == [NO_STREAM]
    assert {roi["camera_id"] for roi in part["rois"]} == {"vid1"}
    assert {bind["roi_id"] for bind in part["binds"]} <= {roi["roi_id"] for roi in part["rois"]}
    assert parse_content(part, REGISTRY).cameras[0].enabled is True


def test_one_binding_alone_and_an_unknown_camera() -> None:
    whole = camera_part(content(), "vid1")
    assert whole is not None
    bind_id = whole["binds"][0]["bind_id"]
    part = camera_part(content(), "vid1", bind_id=bind_id)
    assert part is not None
    assert [bind["bind_id"] for bind in part["binds"]] == [bind_id]
    assert camera_part(content(), "vid9") is None
    assert camera_part({}, "vid1") is None
