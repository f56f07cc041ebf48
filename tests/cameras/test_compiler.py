"""Rows to content: the order of rows never makes a version."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cameras.core.compiler import DeviceRows, compile_content
from cameras.core.document import content_hash, parse_content
from tests.cameras.documents import CONTENT, REGISTRY

identifiers = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8)
priorities = st.integers(-2, 2)


def rows(kind: str, ids: list[str], data: st.DataObject) -> list[dict[str, Any]]:
    return [{kind: i, "priority": data.draw(priorities), "name": f"row {i}"} for i in ids]


@given(identifiers, identifiers, identifiers, st.data())
def test_the_order_of_rows_does_not_matter(
    cameras: list[str], rois: list[str], binds: list[str], data: st.DataObject
) -> None:
    c = [{"camera_id": i} for i in cameras]
    r, b = rows("roi_id", rois, data), rows("bind_id", binds, data)
    first = compile_content(DeviceRows({"name": "x"}, c, r, b))
    shuffled = [data.draw(st.permutations(part)) for part in (c, r, b)]
    again = compile_content(DeviceRows({"name": "x"}, *shuffled))
    assert first == again
    assert content_hash(first) == content_hash(again)


def test_larger_priority_comes_first_then_the_identifier() -> None:
    given: list[dict[str, Any]] = [
        {"roi_id": "b"},
        {"roi_id": "c", "priority": 5},
        {"roi_id": "a"},
        {"roi_id": "d", "priority": -1},
    ]
    assert [r["roi_id"] for r in compile_content(DeviceRows({}, rois=given))["rois"]] == ["c", "a", "b", "d"]


def test_every_change_of_a_row_changes_the_hash() -> None:
    base: dict[str, Any] = {"roi_id": "a", "priority": 0, "enabled": True}
    hashes = {
        content_hash(compile_content(DeviceRows({}, rois=[base | change])))
        for change in ({}, {"priority": 1}, {"enabled": False}, {"roi_id": "b"})
    }
    assert len(hashes) == 4


def test_it_changes_no_row_and_says_that_there_is_no_schedule() -> None:
    bind = {"bind_id": "b"}
    compiled = compile_content(DeviceRows({}, binds=[bind]))
    assert compiled["binds"] == [{"bind_id": "b", "schedule_id": None}]
    assert bind == {"bind_id": "b"}


def test_what_it_makes_of_sound_rows_is_sound() -> None:
    compiled = compile_content(DeviceRows(CONTENT["site"], CONTENT["cameras"], CONTENT["rois"], CONTENT["binds"]))
    assert len(parse_content(compiled, REGISTRY).rois) == 2
